package await

import (
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func volume(seen Observation) Status {
	phase := text(seen.Object.Object, "status", "phase")
	return Status{Ready: phase == "Available" || phase == "Bound", Progress: "Waiting for the volume to be available"}
}

func claim(seen Observation) Status {
	object := seen.Object.Object
	status := Status{Progress: "Waiting for the claim to be bound"}
	switch text(object, "status", "phase") {
	case "Bound":
		// As in the official plugin: a claim that is new to the stack must be Pending if its class waits for a
		// pod, so waiting for one that a pod already uses never ends, unless it has the annotation skipAwait.
		status.Ready = !seen.Creating || !waitsForPod(seen)
	case "Lost":
		status.Failed = "The claim has lost its volume"
	case "Pending":
		// Such a claim is bound when the first pod uses it, which may only be made after it.
		status.Ready = waitsForPod(seen)
	}
	return status
}

// waitsForPod tells whether a claim's class binds it when the first pod uses it.
func waitsForPod(seen Observation) bool {
	for _, class := range seen.Related[storageClassKind.Kind] {
		if class.GetName() == text(seen.Object.Object, "spec", "storageClassName") {
			return text(class.Object, "volumeBindingMode") == "WaitForFirstConsumer"
		}
	}
	return false
}

func quota(seen Observation) Status {
	wanted, _, _ := unstructured.NestedMap(seen.Object.Object, "spec", "hard")
	known, _, _ := unstructured.NestedMap(seen.Object.Object, "status", "hard")
	return Status{Ready: reflect.DeepEqual(wanted, known), Progress: "Waiting for the quota to be in force"}
}

// token waits for the data of a service account's token, which a controller fills in.
func token(seen Observation) Status {
	data, _, _ := unstructured.NestedMap(seen.Object.Object, "data")
	return Status{
		Ready:    text(seen.Object.Object, "type") != "kubernetes.io/service-account-token" || len(data) > 0,
		Progress: "Waiting for the token",
	}
}

func definition(seen Observation) Status {
	established, found := findCondition(seen.Object, "Established")
	status := Status{Ready: found && established.status == "True", Progress: "Waiting for the kind to be served"}
	if names, found := findCondition(seen.Object, "NamesAccepted"); found && names.status == "False" {
		status.Failed = names.reason + ": " + names.message
	}
	return status
}
