package await

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// revisionAnnotation numbers the versions of a Deployment, on it and on its ReplicaSets.
const revisionAnnotation = "deployment.kubernetes.io/revision"

func number(object map[string]any, otherwise int64, path ...string) int64 {
	if value, found, err := unstructured.NestedInt64(object, path...); found && err == nil {
		return value
	}
	return otherwise
}

func text(object map[string]any, path ...string) string {
	value, _, _ := unstructured.NestedString(object, path...)
	return value
}

func flag(object map[string]any, path ...string) bool {
	value, _, _ := unstructured.NestedBool(object, path...)
	return value
}

// condition is one entry of status.conditions.
type condition struct{ status, reason, message string }

func findCondition(object *unstructured.Unstructured, kind string) (condition, bool) {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, element := range list {
		entry, _ := element.(map[string]any)
		if text(entry, "type") == kind {
			return condition{text(entry, "status"), text(entry, "reason"), text(entry, "message")}, true
		}
	}
	return condition{}, false
}

// observed tells whether the controller has seen the current version of the object.
func observed(object *unstructured.Unstructured) bool {
	return number(object.Object, 0, "status", "observedGeneration") >= object.GetGeneration()
}

func unobserved(object *unstructured.Unstructured) Status {
	return Status{Progress: fmt.Sprintf("Waiting for the controller to see the %s", object.GetKind())}
}

func deployment(seen Observation) Status {
	object := seen.Object.Object
	if flag(object, "spec", "paused") {
		return Status{Ready: true}
	}
	if !observed(seen.Object) {
		return unobserved(seen.Object)
	}
	desired := number(object, 1, "spec", "replicas")
	total := number(object, 0, "status", "replicas")
	updated := number(object, 0, "status", "updatedReplicas")
	available := number(object, 0, "status", "availableReplicas")
	if updated >= desired && total <= updated && available >= updated {
		return Status{Ready: true}
	}
	status := Status{
		Progress: fmt.Sprintf("Waiting for the rollout: %d of %d pods updated, %d available", updated, desired, available),
		Problems: podProblems(ownedThrough(seen)),
	}
	if total > updated && updated >= desired {
		status.Progress = fmt.Sprintf("Waiting for %d old pods to end", total-updated)
	}
	if failure, found := findCondition(seen.Object, "ReplicaFailure"); found && failure.status == "True" {
		status.Problems = append(status.Problems, failure.reason+": "+failure.message)
	}
	if progressing, found := findCondition(seen.Object, "Progressing"); found && progressing.reason == "ProgressDeadlineExceeded" {
		status.Failed = progressing.reason + ": " + progressing.message
	}
	return status
}

// ownedThrough are the pods of the Deployment's current ReplicaSet.
func ownedThrough(seen Observation) []*unstructured.Unstructured {
	revision := seen.Object.GetAnnotations()[revisionAnnotation]
	for _, set := range seen.Related[replicaSetKind.Kind] {
		if owns(seen.Object, set) && set.GetAnnotations()[revisionAnnotation] == revision {
			return owned(set, seen.Related[podKind.Kind])
		}
	}
	return nil
}

func owns(owner, object *unstructured.Unstructured) bool {
	for _, reference := range object.GetOwnerReferences() {
		if reference.UID == owner.GetUID() {
			return true
		}
	}
	return false
}

func owned(owner *unstructured.Unstructured, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var result []*unstructured.Unstructured
	for _, object := range objects {
		if owns(owner, object) {
			result = append(result, object)
		}
	}
	return result
}

func statefulSet(seen Observation) Status {
	object := seen.Object.Object
	if !observed(seen.Object) {
		return unobserved(seen.Object)
	}
	desired := number(object, 1, "spec", "replicas")
	ready := number(object, 0, "status", "readyReplicas")
	available := number(object, ready, "status", "availableReplicas")
	updated := number(object, 0, "status", "updatedReplicas")
	wanted := max(0, desired-number(object, 0, "spec", "updateStrategy", "rollingUpdate", "partition"))
	if text(object, "spec", "updateStrategy", "type") == "OnDelete" ||
		text(object, "status", "currentRevision") == text(object, "status", "updateRevision") {
		updated, wanted = desired, desired
	}
	if ready >= desired && available >= desired && updated >= wanted && number(object, 0, "status", "replicas") <= desired {
		return Status{Ready: true}
	}
	return Status{
		Progress: fmt.Sprintf("Waiting for the rollout: %d of %d pods ready, %d updated", ready, desired, updated),
		Problems: podProblems(owned(seen.Object, seen.Related[podKind.Kind])),
	}
}

func daemonSet(seen Observation) Status {
	object := seen.Object.Object
	if !observed(seen.Object) {
		return unobserved(seen.Object)
	}
	desired := number(object, 0, "status", "desiredNumberScheduled")
	available := number(object, 0, "status", "numberAvailable")
	updated := number(object, 0, "status", "updatedNumberScheduled")
	if text(object, "spec", "updateStrategy", "type") == "OnDelete" {
		updated = desired
	}
	if updated >= desired && available >= desired {
		return Status{Ready: true}
	}
	return Status{
		Progress: fmt.Sprintf("Waiting for the rollout: %d of %d pods updated, %d available", updated, desired, available),
		Problems: podProblems(owned(seen.Object, seen.Related[podKind.Kind])),
	}
}

func replicationController(seen Observation) Status {
	desired := number(seen.Object.Object, 1, "spec", "replicas")
	available := number(seen.Object.Object, 0, "status", "availableReplicas")
	return Status{
		Ready:    available >= desired,
		Progress: fmt.Sprintf("Waiting for the pods: %d of %d available", available, desired),
	}
}

// finalReasons are those for which the official plugin considers a Job failed (provider/pkg/await/checker/job/check.go,
// 4.34): a Job that failed for another one, such as PodFailurePolicy, is awaited until the timeout.
var finalReasons = []string{"BackoffLimitExceeded", "DeadlineExceeded"}

func job(seen Observation) Status {
	object := seen.Object.Object
	pods := owned(seen.Object, seen.Related[podKind.Kind])
	if complete, found := findCondition(seen.Object, "Complete"); found && complete.status == "True" {
		return Status{Ready: true, Results: podResults(pods)}
	}
	status := Status{
		Results: podResults(pods),
		Progress: fmt.Sprintf("Waiting for the Job to succeed: %d of %d pods succeeded, %d running, %d failed",
			number(object, 0, "status", "succeeded"), number(object, 1, "spec", "completions"),
			number(object, 0, "status", "active"), number(object, 0, "status", "failed")),
		Problems: podProblems(pods),
	}
	failed, found := findCondition(seen.Object, "Failed")
	if found && failed.status == "True" && slices.Contains(finalReasons, failed.reason) {
		status.Failed = failed.reason + ": " + failed.message
	}
	return status
}
