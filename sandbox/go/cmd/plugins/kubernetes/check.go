package kubernetes

import (
	"context"
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/object"
	"kafka-platform.dev/sandbox/cmd/plugins/properties"
)

// Check completes inputs: their normal form, a name, a namespace.
func (p *provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	urn := resource.URN(req.GetUrn())
	if p.cluster == nil && p.settings.skipUpdateUnreachable {
		p.warn(req.GetUrn(), "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping...")
		return &pulumirpc.CheckResponse{Inputs: req.GetOlds()}, nil
	}
	if _, err := object.Kind(urn); err != nil {
		return nil, err
	}
	olds, err := properties.Read("old inputs", req.GetOlds())
	if err != nil {
		return nil, err
	}
	news, err := properties.Read("inputs", req.GetNews())
	if err != nil {
		return nil, err
	}
	inputs, previous := object.Normalize(object.FromProperties(news)), object.FromProperties(olds)
	if object.IsPatch(urn, inputs) && !object.Named(inputs) {
		return nil, errors.New("patch resources require the `.metadata.name` field to be set")
	}
	if object.Annotation(object.FromProperties(news), object.Autonamed) != "" {
		p.warn(req.GetUrn(), `ignoring user-specified value for internal annotation "`+object.Autonamed+`"`)
	}
	err = object.Name(inputs, previous, len(previous.Object) > 0, urn.Name(), req.GetRandomSeed(), req.GetAutonaming())
	if err != nil {
		return nil, err
	}
	if inputs.GetGenerateName() != "" && !object.Named(inputs) {
		return nil, errors.New("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
	}
	if err := p.placeIn(inputs); err != nil {
		return nil, err
	}
	checked := object.ToProperties(inputs.Object)
	object.MarkSecrets(checked, news)
	message, err := properties.Write("checked inputs", checked)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: message}, nil
}

// placeIn puts an object that names no namespace into the provider's.
func (p *provider) placeIn(inputs *unstructured.Unstructured) error {
	metadata, isMap := inputs.Object["metadata"].(map[string]any)
	if inputs.Object["metadata"] != nil && !isMap || metadata["namespace"] != nil || p.settings.namespace == "" {
		return nil
	}
	namespaced, err := p.cluster.Namespaced(kindOf(inputs))
	if err != nil {
		return err
	}
	if namespaced {
		inputs.SetNamespace(p.settings.namespace)
	}
	return nil
}

// kindOf is the kind that inputs name.
func kindOf(inputs *unstructured.Unstructured) schema.GroupVersionKind {
	kind := inputs.GroupVersionKind()
	if kind.Group == "core" {
		kind.Group = ""
	}
	return kind
}
