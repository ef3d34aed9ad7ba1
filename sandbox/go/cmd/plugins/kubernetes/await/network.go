package await

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// settling is how long a Service may have no pods at all before that counts as intended.
const settling = 10 * time.Second

// hasEndpoints tells whether a Service directs traffic to pods that its selector finds. A headless Service only
// gives names, one without a selector is filled by somebody else.
func hasEndpoints(service *unstructured.Unstructured) bool {
	selector, _, _ := unstructured.NestedMap(service.Object, "spec", "selector")
	return len(selector) > 0 && text(service.Object, "spec", "clusterIP") != "None" &&
		text(service.Object, "spec", "type") != "ExternalName"
}

func service(seen Observation) Status {
	if text(seen.Object.Object, "spec", "type") == "LoadBalancer" && !hasAddress(seen.Object) {
		return Status{
			Progress: "Waiting for the load balancer's address",
			Problems: []string{"Service was not allocated an IP address; does your cloud provider support this?"},
		}
	}
	if !hasEndpoints(seen.Object) {
		return Status{Ready: true}
	}
	ready, pending := addresses(seen.Related[endpointSliceKind.Kind])
	switch {
	case pending == 0 && (ready > 0 || seen.Quiet >= settling):
		return Status{Ready: true}
	case pending > 0:
		return Status{
			Progress: fmt.Sprintf("Waiting for the pods behind the Service: %d ready, %d not ready", ready, pending),
			Problems: []string{"Service targets Pods that are not ready"},
		}
	}
	return Status{
		Progress: "Finding Pods to direct traffic to",
		Problems: []string{"Service does not target any Pods. Selected Pods may not be ready, or " +
			"field '.spec.selector' may not match labels on any Pods"},
	}
}

// addresses counts the endpoints that take traffic and those that do not yet. Endpoints that are ending are neither.
func addresses(slices []*unstructured.Unstructured) (ready, pending int) {
	for _, slice := range slices {
		endpoints, _, _ := unstructured.NestedSlice(slice.Object, "endpoints")
		for _, element := range endpoints {
			endpoint, _ := element.(map[string]any)
			isReady, known, _ := unstructured.NestedBool(endpoint, "conditions", "ready")
			switch {
			case isReady || !known:
				ready++
			case !flag(endpoint, "conditions", "terminating"):
				pending++
			}
		}
	}
	return ready, pending
}

func hasAddress(object *unstructured.Unstructured) bool {
	ingress, _, _ := unstructured.NestedSlice(object.Object, "status", "loadBalancer", "ingress")
	return len(ingress) > 0
}

func ingress(seen Observation) Status {
	status := Status{Progress: "Waiting for the Ingress"}
	for _, name := range backends(seen.Object) {
		if !serves(name, seen) {
			status.Problems = append(status.Problems, fmt.Sprintf("Ingress leads to Service %q, which has no ready pods", name))
		}
	}
	if !hasAddress(seen.Object) {
		status.Problems = append(status.Problems, "Ingress has no address: is there an ingress controller for its class?")
	}
	status.Ready = len(status.Problems) == 0
	return status
}

// backends are the names of the Services that an Ingress leads to.
func backends(ingress *unstructured.Unstructured) []string {
	var names []string
	note := func(backend map[string]any) {
		if name := text(backend, "service", "name"); name != "" {
			names = merge(names, []string{name})
		}
	}
	standard, _, _ := unstructured.NestedMap(ingress.Object, "spec", "defaultBackend")
	note(standard)
	rules, _, _ := unstructured.NestedSlice(ingress.Object, "spec", "rules")
	for _, element := range rules {
		rule, _ := element.(map[string]any)
		paths, _, _ := unstructured.NestedSlice(rule, "http", "paths")
		for _, element := range paths {
			path, _ := element.(map[string]any)
			backend, _ := path["backend"].(map[string]any)
			note(backend)
		}
	}
	return names
}

// serves tells whether a Service answers: by a pod, or by a name outside the cluster.
func serves(name string, seen Observation) bool {
	for _, service := range seen.Related[serviceKind.Kind] {
		if service.GetName() == name && text(service.Object, "spec", "type") == "ExternalName" {
			return true
		}
	}
	var slices []*unstructured.Unstructured
	for _, slice := range seen.Related[endpointSliceKind.Kind] {
		if slice.GetLabels()["kubernetes.io/service-name"] == name {
			slices = append(slices, slice)
		}
	}
	ready, _ := addresses(slices)
	return ready > 0
}
