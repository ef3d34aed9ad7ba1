package kubernetes

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/object"
	"kafka-platform.dev/sandbox/cmd/plugins/properties"
)

// Update applies new inputs to an object and waits until it is ready again; a preview asks the API server for
// the result.
func (p *provider) Update(_ context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	urn := resource.URN(req.GetUrn())
	state, err := properties.Read("state", req.GetOlds())
	if err != nil {
		return nil, err
	}
	news, err := properties.Read("inputs", req.GetNews())
	if err != nil {
		return nil, err
	}
	inputs := object.Normalize(object.FromProperties(news))
	asIs := &pulumirpc.UpdateResponse{Properties: req.GetNews()}
	if req.GetPreview() {
		if p.cluster == nil || object.HasUnknown(inputs.Object) || !p.cluster.Has(kindOf(inputs)) {
			return asIs, nil
		}
	} else if p.cluster == nil {
		return nil, p.errUnreachable()
	}
	before := object.ReadCheckpoint(state)
	checkpoint := object.Checkpoint{Inputs: inputs, InitialAPIVersion: before.InitialAPIVersion}
	if checkpoint.FieldManager, err = fieldManager(inputs, before.FieldManager); err != nil {
		return nil, err
	}
	client, err := p.cluster.ClientFor(inputs)
	if err == nil {
		checkpoint.Live, err = p.update(client, urn, before.Live.GetName(), checkpoint, req)
	}
	switch {
	case err == nil:
	case req.GetPreview() && apierrors.IsForbidden(err):
		return asIs, nil
	case meta.IsNoMatchError(err):
		return nil, fmt.Errorf("update of resource %q failed because the Kubernetes API server reported that the apiVersion "+
			"for this resource does not exist. Verify that any required CRDs have been created: %w", urn, err)
	default:
		return nil, fmt.Errorf("update of resource %q failed: %w", urn, err)
	}
	var waitErr error
	if !req.GetPreview() {
		checkpoint.Live, waitErr = p.await(req.GetUrn(), inputs, checkpoint.Live, false, req.GetTimeout())
	}
	message, err := properties.Write("state", checkpoint.Properties(news))
	if err != nil {
		return nil, err
	}
	if waitErr != nil {
		id := object.ID(checkpoint.Live)
		return nil, unfinished(id, fmt.Sprintf(
			"the Kubernetes API server reported that %q failed to fully initialize or become live", id),
			waitErr, &pulumirpc.ErrorResourceInitFailed{Properties: message})
	}
	if before.FieldManager != "" && before.FieldManager != checkpoint.FieldManager && !req.GetPreview() {
		if err := relinquish(p.ctx, client, checkpoint.Live, before.FieldManager); err != nil {
			return nil, err
		}
	}
	return &pulumirpc.UpdateResponse{Properties: message}, nil
}

// update sends the inputs to the live object.
func (p *provider) update(
	client dynamic.ResourceInterface, urn resource.URN, name string, checkpoint object.Checkpoint, req *pulumirpc.UpdateRequest,
) (*unstructured.Unstructured, error) {
	live, err := client.Get(p.ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	inputs := object.CopyOf(checkpoint.Inputs)
	if kindOf(inputs).Kind == "CustomResourceDefinition" {
		// A definition is replaced as a whole, like `kubectl replace` does: applying could leave old versions behind.
		inputs.SetResourceVersion(live.GetResourceVersion())
		updated, err := client.Update(p.ctx, inputs,
			metav1.UpdateOptions{FieldManager: checkpoint.FieldManager, DryRun: dryRun(req.GetPreview())})
		if err == nil && !req.GetPreview() {
			p.cluster.Refresh()
		}
		return updated, err
	}
	if !req.GetPreview() && !object.IsPatch(urn, inputs) {
		if live, err = takeOver(p.ctx, client, live, checkpoint.FieldManager); err != nil {
			return nil, err
		}
	}
	if err := keepIgnored(inputs, live, checkpoint.FieldManager, req.GetIgnoreChanges()); err != nil {
		return nil, err
	}
	return apply(p.ctx, client, inputs, checkpoint.FieldManager, p.forced(inputs, live, req.GetPreview()), req.GetPreview())
}
