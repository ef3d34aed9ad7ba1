// Package cluster talks to one Kubernetes API server: which kinds it has, and a client for each.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// rediscovery is the minimum time between two discoveries of the API server's kinds because one is unknown.
const rediscovery = 2 * time.Second

// Cluster is one API server.
type Cluster struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper

	lock      sync.Mutex
	refreshed time.Time
}

// Connect prepares to talk to an API server, and makes sure that it answers before the context ends.
func Connect(ctx context.Context, config *rest.Config) (*Cluster, error) {
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfigAndClient(config, http)
	if err != nil {
		return nil, err
	}
	finder, err := discovery.NewDiscoveryClientForConfigAndClient(config, http)
	if err != nil {
		return nil, err
	}
	if err := finder.RESTClient().Get().AbsPath("/version").Do(ctx).Error(); err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(finder))
	return &Cluster{client: client, mapper: mapper, refreshed: time.Now()}, nil
}

// Refresh forgets the API server's kinds, so that the next lookup discovers them again.
func (c *Cluster) Refresh() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.refreshed = time.Now()
	c.mapper.Reset()
}

// mapping looks up a kind. An unknown kind is looked up once more after asking the API server again, but many
// unknown kinds at once do not ask for each.
func (c *Cluster) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if !meta.IsNoMatchError(err) {
		return mapping, err
	}
	c.lock.Lock()
	if time.Since(c.refreshed) > rediscovery {
		c.refreshed = time.Now()
		c.mapper.Reset()
	}
	c.lock.Unlock()
	return c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

// Has tells whether the API server knows a kind.
func (c *Cluster) Has(kind schema.GroupVersionKind) bool {
	_, err := c.mapping(kind)
	return err == nil
}

// Client reads and writes objects of a kind. A namespace is ignored if the kind has none.
func (c *Cluster) Client(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapping(kind)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if namespace == "" {
			namespace = "default"
		}
		return c.client.Resource(mapping.Resource).Namespace(namespace), nil
	}
	return c.client.Resource(mapping.Resource), nil
}

// ClientFor is the client of an object's kind and namespace.
func (c *Cluster) ClientFor(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	return c.Client(object.GroupVersionKind(), object.GetNamespace())
}

// Namespaced tells whether objects of a kind have a namespace. Without an API server (nil), or for a kind that it
// does not have yet, a kind counts as namespaced unless it is known not to be.
func (c *Cluster) Namespaced(kind schema.GroupVersionKind) (bool, error) {
	if c == nil {
		return !clusterWide[kind.GroupKind()], nil
	}
	mapping, err := c.mapping(kind)
	switch {
	case meta.IsNoMatchError(err):
		return !clusterWide[kind.GroupKind()], nil
	case err != nil:
		return false, fmt.Errorf("asking the API server whether %s is namespaced: %w", kind.Kind, err)
	}
	return mapping.Scope.Name() == meta.RESTScopeNameNamespace, nil
}

// clusterWide are Kubernetes' own kinds without a namespace.
var clusterWide = map[schema.GroupKind]bool{
	{Kind: "Namespace"}:        true,
	{Kind: "Node"}:             true,
	{Kind: "PersistentVolume"}: true,
	{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"}:     true,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicy"}:        true,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicyBinding"}: true,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}:   true,
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:                 true,
	{Group: "apiregistration.k8s.io", Kind: "APIService"}:                             true,
	{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}:                 true,
	{Group: "flowcontrol.apiserver.k8s.io", Kind: "FlowSchema"}:                       true,
	{Group: "flowcontrol.apiserver.k8s.io", Kind: "PriorityLevelConfiguration"}:       true,
	{Group: "networking.k8s.io", Kind: "IngressClass"}:                                true,
	{Group: "node.k8s.io", Kind: "RuntimeClass"}:                                      true,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:                         true,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}:                  true,
	{Group: "scheduling.k8s.io", Kind: "PriorityClass"}:                               true,
	{Group: "storage.k8s.io", Kind: "CSIDriver"}:                                      true,
	{Group: "storage.k8s.io", Kind: "CSINode"}:                                        true,
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                                   true,
	{Group: "storage.k8s.io", Kind: "VolumeAttachment"}:                               true,
}

// IsGone tells whether an error says that an object, or its whole kind, does not exist.
func IsGone(err error) bool {
	return apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
}

// IsNamespaceMissing tells whether an error says that an object's namespace does not exist yet.
func IsNamespaceMissing(err error) bool {
	var status *apierrors.StatusError
	return apierrors.IsNotFound(err) && errors.As(err, &status) &&
		status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}
