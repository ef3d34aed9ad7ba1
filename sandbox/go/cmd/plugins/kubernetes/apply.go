package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/object"
)

// creationManager owns the fields of a newly created object: only applying can set the resource's own
// manager, but only creating can detect that the object exists already.
const creationManager = "pulumi-kubernetes"

// handedOver are the prefixes of managers whose fields an update takes over: earlier ways in which this
// object's inputs were sent, and, like in the official provider, everything changed by kubectl.
var handedOver = []string{creationManager, "pulumi-resource-kubernetes", "kubectl", "before-first-apply"}

// handsOver tells whether an update takes over what this manager owns. This covers kubectl apply and kubectl patch alike.
func handsOver(entry metav1.ManagedFieldsEntry) bool {
	if entry.Subresource != "" || entry.Operation != metav1.ManagedFieldsOperationUpdate && !strings.HasPrefix(entry.Manager, "kubectl") {
		return false
	}
	return slices.ContainsFunc(handedOver, func(prefix string) bool { return strings.HasPrefix(entry.Manager, prefix) })
}

func dryRun(preview bool) []string {
	if preview {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// fieldManager is the name under which inputs are applied: the annotation's, the one of the state, or a new one.
func fieldManager(inputs *unstructured.Unstructured, known string) (string, error) {
	if name := object.Annotation(inputs, object.PatchFieldManager); name != "" {
		return name, nil
	}
	if known != "" {
		return known, nil
	}
	return object.NewFieldManager()
}

// apply sends inputs by server-side apply.
func apply(
	ctx context.Context, client dynamic.ResourceInterface, inputs *unstructured.Unstructured, manager string, force, preview bool,
) (*unstructured.Unstructured, error) {
	body, err := json.Marshal(inputs.Object)
	if err != nil {
		return nil, err
	}
	applied, err := client.Patch(ctx, inputs.GetName(), types.ApplyPatchType, body,
		metav1.PatchOptions{FieldManager: manager, Force: &force, DryRun: dryRun(preview)})
	if apierrors.IsConflict(err) {
		return nil, fmt.Errorf("server-side apply field conflict detected: another manager has set fields that this resource "+
			"sets, too: leave them out (or use ignoreChanges), or set the annotation %s to \"true\" to take them over\n"+
			"The resource managed by field manager %q had an apply conflict: %w", object.PatchForce, manager, err)
	}
	return applied, err
}

// relinquish gives up every field that a manager owns; a field that nobody else owns falls back to its default.
func relinquish(
	ctx context.Context, client dynamic.ResourceInterface, live *unstructured.Unstructured, manager string,
) error {
	empty := &unstructured.Unstructured{Object: map[string]any{}}
	empty.SetGroupVersionKind(live.GroupVersionKind())
	empty.SetNamespace(live.GetNamespace())
	empty.SetName(live.GetName())
	_, err := apply(ctx, client, empty, manager, false, false)
	return err
}

// takeOver makes the resource's manager the owner of what earlier managers of the same inputs own, so that a field
// removed from the inputs is also removed from the object.
func takeOver(
	ctx context.Context, client dynamic.ResourceInterface, live *unstructured.Unstructured, manager string,
) (*unstructured.Unstructured, error) {
	others := sets.New[string]()
	known := live.DeepCopy()
	entries := known.GetManagedFields()
	for number, entry := range entries {
		if entry.Manager != manager && handsOver(entry) {
			others.Insert(entry.Manager)
			entries[number].Operation = metav1.ManagedFieldsOperationUpdate
		}
	}
	known.SetManagedFields(entries)
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(known, others, manager)
	if err != nil || len(patch) == 0 {
		return live, err
	}
	return client.Patch(ctx, live.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{})
}

// pendingTakeOver tells whether an update will take fields over from a provider. For kubectl's fields the preview reports
// a conflict, and the update takes them over anyway, like the official provider.
func pendingTakeOver(live *unstructured.Unstructured) bool {
	return slices.ContainsFunc(live.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return handsOver(entry) && strings.HasPrefix(entry.Manager, "pulumi-")
	})
}

// forced tells whether an apply overrides other managers. A preview has to where the real run would take over first.
func (p *provider) forced(inputs, live *unstructured.Unstructured, preview bool) bool {
	return p.settings.patchForce || object.IsTrue(inputs, object.PatchForce) || len(live.GetManagedFields()) == 0 ||
		preview && pendingTakeOver(live)
}

// keepIgnored adapts inputs to ignoreChanges: an ignored field that another manager owns is left alone, any other
// keeps its live value, because omitting it would remove it.
func keepIgnored(inputs, live *unstructured.Unstructured, manager string, ignored []string) error {
	if len(ignored) == 0 {
		return nil
	}
	ours, theirs, err := owners(live, manager)
	if err != nil {
		return err
	}
	for _, text := range ignored {
		path, err := resource.ParsePropertyPath(text)
		if err != nil {
			return fmt.Errorf("ignoreChanges: %q is not a property path: %w", text, err)
		}
		names := make([]string, 0, len(path))
		elements := make([]any, 0, len(path))
		for _, element := range path {
			name, isName := element.(string)
			if !isName {
				// Elements of lists are kept as the engine has filled them in: with the values of the last deployment.
				names = nil
				break
			}
			names, elements = append(names, name), append(elements, name)
		}
		if len(names) == 0 {
			continue
		}
		field, err := fieldpath.MakePath(elements...)
		if err != nil {
			return fmt.Errorf("ignoreChanges: %q: %w", text, err)
		}
		if theirs.Has(field) && !ours.Has(field) {
			unstructured.RemoveNestedField(inputs.Object, names...)
			continue
		}
		if value, found, err := unstructured.NestedFieldCopy(live.Object, names...); err == nil && found {
			if err := unstructured.SetNestedField(inputs.Object, value, names...); err != nil {
				return fmt.Errorf("ignoreChanges: %q: %w", text, err)
			}
		}
	}
	return nil
}

// owners are the fields, with all that contain them, of one manager and of all others.
func owners(live *unstructured.Unstructured, manager string) (ours, theirs *fieldpath.Set, err error) {
	ours, theirs = fieldpath.NewSet(), fieldpath.NewSet()
	for _, entry := range live.GetManagedFields() {
		if entry.FieldsV1 == nil {
			continue
		}
		var set fieldpath.Set
		if err := set.FromJSON(bytes.NewReader(entry.FieldsV1.Raw)); err != nil {
			return nil, nil, fmt.Errorf("reading the managed fields of %s: %w", live.GetName(), err)
		}
		into := theirs
		if entry.Manager == manager {
			into = ours
		}
		set.Iterate(func(path fieldpath.Path) {
			for end := range path {
				into.Insert(path[:end+1].Copy())
			}
		})
	}
	return ours, theirs, nil
}
