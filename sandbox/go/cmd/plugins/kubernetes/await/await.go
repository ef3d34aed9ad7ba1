// Package await waits until an object is what its owner wants it to be: ready, or gone. What "ready" means for a
// kind is a pure function of the object and of what belongs to it (pods, endpoints, ...).
package await

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/cluster"
)

const (
	// tick is how often readiness is judged again without a change, for rules that depend on time.
	tick = time.Second
	// eventsEvery is how many ticks pass between two reads of the warnings that the cluster recorded.
	eventsEvery = 10
)

// Status is the result of judging an object.
type Status struct {
	// Ready ends the waiting with success.
	Ready bool
	// Failed ends it with failure, for this reason, because waiting longer will not help; empty otherwise.
	Failed string
	// Progress is what is being waited for, in one line.
	Progress string
	// Problems are the obstacles, the most telling first.
	Problems []string
	// Results are the final messages of pods that succeeded.
	Results []string
}

// Observation is the basis for judging readiness.
type Observation struct {
	// Object is the object itself.
	Object *unstructured.Unstructured
	// Related are objects that belong to it, by kind.
	Related map[string][]*unstructured.Unstructured
	// Quiet is how long nothing of this has changed.
	Quiet time.Duration
	// Creating tells that the object, or a patch of it, is new to the stack.
	Creating bool
}

// Error says that an object did not become what it should. The object exists, so its state must be kept.
type Error struct {
	// Object is its last known version.
	Object *unstructured.Unstructured
	// Reasons are the obstacles.
	Reasons []string

	summary string
}

func (e *Error) Error() string {
	return e.summary
}

// Reporter shows progress: transient one-line messages, as warnings or not.
type Reporter func(message string, warning bool)

// Ready waits until an object satisfies a rule, and returns its current version. It ends early with an Error
// when the rule says that the object has failed, at the timeout, and when the context is cancelled.
func Ready(
	ctx context.Context, target *cluster.Cluster, object *unstructured.Unstructured, rule Rule, creating bool, timeout time.Duration,
	report Reporter,
) (*unstructured.Unstructured, error) {
	if rule.Evaluate == nil || rule.relations == nil && rule.Evaluate(Observation{Object: object, Creating: creating}).Ready {
		return object, nil
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	view, err := open(limited, target, object, rule.related(object))
	if err != nil {
		return object, err
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer report("", false)
	var shown string
	var warnings, results []string
	for ticks := 0; ; {
		seen := view.observation()
		seen.Creating = creating
		status := rule.Evaluate(seen)
		for _, result := range status.Results {
			if !slices.Contains(results, result) {
				results = append(results, result)
				report(result, true)
			}
		}
		switch {
		case view.deleted:
			return seen.Object, &Error{Object: seen.Object, summary: fmt.Sprintf("'%s' was deleted while waiting for it", object.GetName())}
		case status.Ready:
			return seen.Object, nil
		case status.Failed != "":
			reasons := append([]string{status.Failed}, merge(status.Problems, recorded(ctx, target, seen))...)
			return seen.Object, &Error{
				Object: seen.Object, Reasons: reasons,
				summary: fmt.Sprintf("Resource '%s' was created but failed to initialize", object.GetName()),
			}
		}
		if line := strings.Join(append([]string{status.Progress}, merge(status.Problems, warnings)...), "; "); line != shown {
			report(line, len(status.Problems) > 0)
			shown = line
		}
		select {
		case <-limited.Done():
			summary := fmt.Sprintf("Resource operation was cancelled for %q", object.GetName())
			reasons := append([]string{status.Progress}, status.Problems...)
			if ctx.Err() == nil {
				summary = fmt.Sprintf("'%s' timed out waiting to be Ready", object.GetName())
				reasons = merge(reasons, recorded(ctx, target, seen))
			}
			return seen.Object, &Error{Object: seen.Object, Reasons: reasons, summary: summary}
		case <-view.changed:
		case <-ticker.C:
			if ticks++; ticks%eventsEvery == 0 {
				warnings = recorded(limited, target, seen)
			}
		}
	}
}

// Look judges an object once, without waiting. The error is an Error if it is not ready.
func Look(ctx context.Context, target *cluster.Cluster, object *unstructured.Unstructured, rule Rule) error {
	if rule.Evaluate == nil {
		return nil
	}
	seen := Observation{Object: object, Related: map[string][]*unstructured.Unstructured{}, Quiet: time.Hour}
	for _, relation := range rule.related(object) {
		client, err := target.Client(relation.kind, object.GetNamespace())
		if err != nil {
			return err
		}
		list, err := client.List(ctx, metav1.ListOptions{LabelSelector: relation.labels})
		if err != nil {
			return err
		}
		for i := range list.Items {
			seen.Related[relation.kind.Kind] = append(seen.Related[relation.kind.Kind], &list.Items[i])
		}
	}
	status := rule.Evaluate(seen)
	if status.Ready {
		return nil
	}
	reasons := status.Problems
	if status.Failed != "" {
		reasons = append([]string{status.Failed}, reasons...)
	} else if status.Progress != "" {
		reasons = append([]string{status.Progress}, reasons...)
	}
	return &Error{
		Object: object, Reasons: reasons,
		summary: fmt.Sprintf("Resource '%s' was created but failed to initialize", object.GetName()),
	}
}

// Gone waits until an object is deleted.
func Gone(
	ctx context.Context, target *cluster.Cluster, object *unstructured.Unstructured, timeout time.Duration, report Reporter,
) error {
	client, err := target.ClientFor(object)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	current, err := client.Get(limited, object.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) || err == nil && current.GetUID() != object.GetUID() && object.GetUID() != "":
		return nil
	case err != nil:
		return err
	}
	view, err := open(limited, target, current, nil)
	if err != nil {
		return err
	}
	defer report("", false)
	for shown := ""; ; {
		seen := view.observation().Object
		if view.deleted {
			return nil
		}
		if line := "Waiting for " + seen.GetKind() + " to be deleted" + blockers(seen); line != shown {
			report(line, false)
			shown = line
		}
		select {
		case <-limited.Done():
			summary := fmt.Sprintf("Resource operation was cancelled for %q", object.GetName())
			if ctx.Err() == nil {
				summary = fmt.Sprintf("'%s' timed out waiting to be deleted%s", object.GetName(), blockers(seen))
			}
			return &Error{Object: seen, summary: summary}
		case <-view.changed:
		}
	}
}

// blockers names what keeps a deleted object alive.
func blockers(object *unstructured.Unstructured) string {
	finalizers := slices.DeleteFunc(object.GetFinalizers(), func(name string) bool { return name == metav1.FinalizerDeleteDependents })
	if len(finalizers) == 0 {
		return ""
	}
	return " (finalizers: " + strings.Join(finalizers, ", ") + ")"
}

// recorded are the warnings that the cluster recorded about an object and what belongs to it.
func recorded(ctx context.Context, target *cluster.Cluster, seen Observation) []string {
	client, err := target.Client(schema.GroupVersionKind{Version: "v1", Kind: "Event"}, seen.Object.GetNamespace())
	if err != nil {
		return nil
	}
	events, err := client.List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		return nil
	}
	return warnings(seen, events.Items)
}

// Unfinished tells whether an error leaves an object behind that exists, and which version of it was seen last.
func Unfinished(err error) (*Error, bool) {
	var failure *Error
	found := errors.As(err, &failure)
	return failure, found
}

// merge appends the lines that are missing.
func merge(lines, more []string) []string {
	result := slices.Clone(lines)
	for _, line := range more {
		if !slices.Contains(result, line) {
			result = append(result, line)
		}
	}
	return result
}
