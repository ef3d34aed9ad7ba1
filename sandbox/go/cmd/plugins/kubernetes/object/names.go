package object

import (
	"errors"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Named tells whether the inputs give a name, known or not.
func Named(inputs *unstructured.Unstructured) bool {
	if HasUnknown(inputs.Object["metadata"]) {
		metadata, isMap := inputs.Object["metadata"].(map[string]any)
		if !isMap || HasUnknown(metadata["name"]) {
			return true
		}
	}
	return inputs.GetName() != ""
}

// Name names an unnamed object: as before if it was created under a generated name, otherwise by the resource's
// name and a random suffix, or by the engine's own naming rules.
func Name(
	inputs, previous *unstructured.Unstructured, exists bool, resourceName string,
	seed []byte, rules *pulumirpc.CheckRequest_AutonamingOptions,
) error {
	if Named(inputs) || inputs.GetGenerateName() != "" {
		return nil
	}
	if exists {
		if IsTrue(previous, Autonamed) && previous.GetName() != "" {
			setName(inputs, previous.GetName())
		}
		return nil
	}
	var name string
	if rules != nil {
		if rules.GetMode() == pulumirpc.CheckRequest_AutonamingOptions_DISABLE {
			return errors.New("autonaming is disabled, resource requires the .metadata.name field to be set")
		}
		name = rules.GetProposedName()
	}
	if name == "" {
		var err error
		if name, err = resource.NewUniqueName(seed, resourceName+"-", 0, 0, nil); err != nil {
			return err
		}
	}
	setName(inputs, name)
	return nil
}

func setName(inputs *unstructured.Unstructured, name string) {
	if inputs.Object["metadata"] == nil {
		inputs.Object["metadata"] = map[string]any{}
	}
	if metadata, isMap := inputs.Object["metadata"].(map[string]any); isMap {
		metadata["name"] = name
		annotate(inputs, Autonamed, "true")
	}
}

// ID identifies an object in Pulumi: namespace/name, or the name alone without a namespace.
func ID(object *unstructured.Unstructured) string {
	if object.GetNamespace() == "" {
		return object.GetName()
	}
	return object.GetNamespace() + "/" + object.GetName()
}

// ParseID is the reverse of ID.
func ParseID(id string) (namespace, name string) {
	if namespace, name, found := strings.Cut(id, "/"); found {
		return namespace, name
	}
	return "", id
}

// NewFieldManager generates the name under which one resource's inputs are applied.
func NewFieldManager() (string, error) {
	return resource.NewUniqueName(nil, "pulumi-kubernetes-", 0, 0, nil)
}
