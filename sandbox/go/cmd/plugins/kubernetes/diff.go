package kubernetes

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/await"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/changes"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/object"
	"kafka-platform.dev/sandbox/cmd/plugins/properties"
)

// unreadyPath is where a preview shows that an object is replaced because it has failed.
var unreadyPath = resource.PropertyPath{"metadata", "annotations", object.ReplaceUnready}.String()

// Diff compares new inputs with the part of the last known live object that the old inputs mention. So it finds
// changes by the program and by a refresh, and ignores what the cluster filled in.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	urn := resource.URN(req.GetUrn())
	state, err := properties.Read("state", req.GetOlds())
	if err != nil {
		return nil, err
	}
	news, err := properties.Read("inputs", req.GetNews())
	if err != nil {
		return nil, err
	}
	checkpoint := object.ReadCheckpoint(state)
	wanted := object.Normalize(object.FromProperties(news))
	current := &unstructured.Unstructured{
		Object: object.Prune(object.CopyOf(checkpoint.Live).Object, object.Normalize(checkpoint.Inputs).Object),
	}
	if err := p.alignIdentity(current, wanted, checkpoint.Live); err != nil {
		return nil, err
	}
	found, err := changes.Find(current, wanted, object.IsPatch(urn, wanted), p.settings.mutability, req.GetIgnoreChanges())
	if err != nil {
		return nil, err
	}
	if object.IsTrue(wanted, object.ReplaceUnready) && p.unready(req.GetUrn(), checkpoint.Live, wanted) {
		found.Properties[unreadyPath] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_UPDATE_REPLACE}
		found.Replaces = append(found.Replaces, unreadyPath)
	}
	response := &pulumirpc.DiffResponse{
		Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true,
		DetailedDiff: found.Properties, Replaces: found.Replaces,
		DeleteBeforeReplace: len(found.Replaces) > 0 && takesItsPlace(wanted, checkpoint.Live),
	}
	if len(found.Properties) > 0 {
		response.Changes = pulumirpc.DiffResponse_DIFF_SOME
	}
	return response, nil
}

// alignIdentity removes spurious differences of identity: no namespace means "default", cluster-wide kinds
// have none, and a name that the program now specifies may be the generated one.
func (p *provider) alignIdentity(current, wanted, live *unstructured.Unstructured) error {
	namespaced, err := p.cluster.Namespaced(kindOf(wanted))
	if err != nil {
		return err
	}
	for _, side := range []*unstructured.Unstructured{current, wanted} {
		metadata, isMap := side.Object["metadata"].(map[string]any)
		switch {
		case !isMap:
		case !namespaced:
			delete(metadata, "namespace")
		case metadata["namespace"] == nil || metadata["namespace"] == "":
			metadata["namespace"] = metav1.NamespaceDefault
		}
	}
	if wanted.GetName() != "" {
		current.SetName(live.GetName())
	}
	if current.GetKind() == "" {
		current.SetGroupVersionKind(wanted.GroupVersionKind())
	}
	return nil
}

// takesItsPlace tells whether a replacement has the same name as what it replaces, so that the old one must go first.
func takesItsPlace(wanted, live *unstructured.Unstructured) bool {
	return object.Named(wanted) && !object.IsTrue(wanted, object.Autonamed) &&
		wanted.GetName() == live.GetName() && wanted.GetNamespace() == live.GetNamespace()
}

// unready tells whether an object that requests it is to be replaced because it is not ready.
func (p *provider) unready(urn string, live, wanted *unstructured.Unstructured) bool {
	switch {
	case p.cluster == nil:
		p.warn(urn, "Cluster is unreachable, skipping replaceUnready check")
		return false
	case wanted.GetKind() != "Job":
		p.warn(urn, "replaceUnready annotation is not supported for this resource")
		return false
	}
	client, err := p.cluster.ClientFor(live)
	if err != nil {
		return false
	}
	now, err := client.Get(p.ctx, live.GetName(), metav1.GetOptions{})
	if err != nil {
		// Refresh finds a missing Job; a diff only replaces what it has seen to be unready.
		return false
	}
	return !await.For(now.GroupVersionKind()).Evaluate(await.Observation{Object: now}).Ready
}
