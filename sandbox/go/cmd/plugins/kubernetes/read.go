package kubernetes

import (
	"context"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/await"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/cluster"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/object"
	"kafka-platform.dev/sandbox/cmd/plugins/properties"
)

// unreachableAdvice is what to do about objects of a missing cluster.
const unreachableAdvice = "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation " +
	`with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"`

// removed reports that an object no longer exists.
var removed = &pulumirpc.ReadResponse{}

// Read reads the live object: for a refresh, for an import, and for resources that a program only looks up.
func (p *provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	urn := resource.URN(req.GetUrn())
	if p.cluster == nil {
		return p.readUnreachable(req)
	}
	state, err := properties.Read("state", req.GetProperties())
	if err != nil {
		return nil, err
	}
	olds, err := properties.Read("inputs", req.GetInputs())
	if err != nil {
		return nil, err
	}
	checkpoint, inputs := object.ReadCheckpoint(state), object.Normalize(object.FromProperties(olds))
	namespace, name := object.ParseID(req.GetId())
	if name == "" {
		return nil, fmt.Errorf("id: %q has no name: write namespace/name, or name for a kind without namespaces", req.GetId())
	}
	kind := kindOf(inputs)
	if kind.Kind == "" {
		kind = kindOf(checkpoint.Live)
	}
	imported := kind.Kind == ""
	if imported {
		if kind, err = object.Kind(urn); err != nil {
			return nil, err
		}
	}
	client, err := p.cluster.Client(kind, namespace)
	if cluster.IsGone(err) {
		return removed, nil
	} else if err != nil {
		return nil, err
	}
	live, err := client.Get(p.ctx, name, metav1.GetOptions{})
	if cluster.IsGone(err) {
		return removed, nil
	} else if err != nil {
		return nil, err
	}
	checkpoint.Live = live
	if imported {
		checkpoint.Inputs = importable(live)
	} else {
		checkpoint.Inputs = &unstructured.Unstructured{Object: object.Prune(object.CopyOf(live).Object, inputs.Object)}
	}
	if checkpoint.InitialAPIVersion == "" {
		checkpoint.InitialAPIVersion = live.GetAPIVersion()
	}
	if checkpoint.FieldManager, err = fieldManager(checkpoint.Inputs, checkpoint.FieldManager); err != nil {
		return nil, err
	}
	response, err := describe(req.GetId(), checkpoint, olds)
	if err != nil || imported {
		return response, err
	}
	if rule := await.For(live.GroupVersionKind()); rule.OnRead && !object.IsTrue(inputs, object.SkipAwait) &&
		object.Annotation(inputs, object.WaitFor) == "" {
		if err := await.Look(p.ctx, p.cluster, live, rule); err != nil {
			if _, known := await.Unfinished(err); !known {
				return nil, err
			}
			return nil, unfinished(req.GetId(), fmt.Sprintf("%q is not ready", req.GetId()), err,
				&pulumirpc.ErrorResourceInitFailed{Properties: response.GetProperties(), Inputs: response.GetInputs()})
		}
	}
	return response, nil
}

func describe(id string, checkpoint object.Checkpoint, secretsFrom resource.PropertyMap) (*pulumirpc.ReadResponse, error) {
	state, err := properties.Write("state", checkpoint.Properties(secretsFrom))
	if err != nil {
		return nil, err
	}
	inputs := object.ToProperties(checkpoint.Inputs.Object)
	object.MarkSecrets(inputs, secretsFrom)
	message, err := properties.Write("inputs", inputs)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.ReadResponse{Id: id, Properties: state, Inputs: message}, nil
}

// importable are the inputs from which an imported object could have been made: everything except what only the cluster writes.
func importable(live *unstructured.Unstructured) *unstructured.Unstructured {
	inputs := object.Normalize(live)
	delete(inputs.Object, "status")
	unstructured.RemoveNestedField(inputs.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
	unstructured.RemoveNestedField(inputs.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	if len(inputs.GetAnnotations()) == 0 {
		unstructured.RemoveNestedField(inputs.Object, "metadata", "annotations")
	}
	return inputs
}

// readUnreachable responds while the API server cannot be reached, according to the provider's settings.
func (p *provider) readUnreachable(req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	p.warn(req.GetUrn(), p.errUnreachable().Error())
	switch {
	case p.settings.deleteUnreachable:
		return removed, nil
	case p.settings.skipUpdateUnreachable:
		return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: req.GetProperties(), Inputs: req.GetInputs()}, nil
	}
	return nil, errors.New("failed to read resource state due to unreachable cluster. " + unreachableAdvice)
}
