package await

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Rule says when an object of a kind is ready.
type Rule struct {
	// Evaluate judges readiness; nil if an object is ready as soon as it exists.
	Evaluate func(Observation) Status
	// Timeout is how long to wait unless the program says otherwise; zero means the provider's default.
	Timeout time.Duration
	// OnRead tells that a refresh judges readiness, too.
	OnRead bool

	// relations are the other objects to watch.
	relations func(*unstructured.Unstructured) []relation
}

func (r Rule) related(object *unstructured.Unstructured) []relation {
	if r.relations == nil {
		return nil
	}
	return r.relations(object)
}

var (
	podKind           = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	serviceKind       = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	replicaSetKind    = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}
	endpointSliceKind = schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}
	storageClassKind  = schema.GroupVersionKind{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"}
)

// Timeouts that are shorter than the provider's default.
const (
	volumeTimeout = 5 * time.Minute
	quotaTimeout  = time.Minute
	tokenTimeout  = 5 * time.Second
)

// rules are the kinds that are not ready as soon as they exist.
var rules = map[schema.GroupKind]Rule{
	{Group: "apps", Kind: "Deployment"}:                               {Evaluate: deployment, OnRead: true, relations: selected(podKind, replicaSetKind)},
	{Group: "apps", Kind: "StatefulSet"}:                              {Evaluate: statefulSet, OnRead: true, relations: selected(podKind)},
	{Group: "apps", Kind: "DaemonSet"}:                                {Evaluate: daemonSet, OnRead: true, relations: selected(podKind)},
	{Group: "batch", Kind: "Job"}:                                     {Evaluate: job, OnRead: true, relations: selected(podKind)},
	{Kind: "Pod"}:                                                     {Evaluate: pod, OnRead: true},
	{Kind: "ReplicationController"}:                                   {Evaluate: replicationController},
	{Kind: "Service"}:                                                 {Evaluate: service, OnRead: true, relations: endpointSlices},
	{Kind: "PersistentVolume"}:                                        {Evaluate: volume, Timeout: volumeTimeout},
	{Kind: "PersistentVolumeClaim"}:                                   {Evaluate: claim, Timeout: volumeTimeout, relations: all(storageClassKind)},
	{Kind: "ResourceQuota"}:                                           {Evaluate: quota, Timeout: quotaTimeout},
	{Kind: "Secret"}:                                                  {Evaluate: token, Timeout: tokenTimeout},
	{Group: "networking.k8s.io", Kind: "Ingress"}:                     {Evaluate: ingress, OnRead: true, relations: all(serviceKind, endpointSliceKind)},
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: {Evaluate: definition},
}

// For is the rule of a kind.
func For(kind schema.GroupVersionKind) Rule {
	return rules[kind.GroupKind()]
}

// selected are the objects in the namespace that match the object's selector.
func selected(kinds ...schema.GroupVersionKind) func(*unstructured.Unstructured) []relation {
	return func(object *unstructured.Unstructured) []relation {
		raw, found, _ := unstructured.NestedMap(object.Object, "spec", "selector")
		if !found {
			return nil
		}
		var selector metav1.LabelSelector
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &selector); err != nil {
			return nil
		}
		labels := metav1.FormatLabelSelector(&selector)
		relations := make([]relation, 0, len(kinds))
		for _, kind := range kinds {
			relations = append(relations, relation{kind, labels})
		}
		return relations
	}
}

// all are the objects in the namespace.
func all(kinds ...schema.GroupVersionKind) func(*unstructured.Unstructured) []relation {
	return func(*unstructured.Unstructured) []relation {
		relations := make([]relation, 0, len(kinds))
		for _, kind := range kinds {
			relations = append(relations, relation{kind: kind})
		}
		return relations
	}
}

func endpointSlices(service *unstructured.Unstructured) []relation {
	if !hasEndpoints(service) {
		return nil
	}
	return []relation{{endpointSliceKind, "kubernetes.io/service-name=" + service.GetName()}}
}
