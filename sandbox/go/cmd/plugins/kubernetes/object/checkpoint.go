package object

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Keys that the state has besides the live object.
const (
	inputsKey            resource.PropertyKey = "__inputs"
	initialAPIVersionKey resource.PropertyKey = "__initialApiVersion"
	fieldManagerKey      resource.PropertyKey = "__fieldManager"
)

// Checkpoint is the state of one resource: the object as the API server last showed it, and what it was made from.
type Checkpoint struct {
	// Live is the object as the API server last showed it.
	Live *unstructured.Unstructured
	// Inputs are the inputs that were last applied.
	Inputs *unstructured.Unstructured
	// InitialAPIVersion is the apiVersion that the program gave when the resource was created.
	InitialAPIVersion string
	// FieldManager is the name under which the inputs are applied.
	FieldManager string
}

// Properties is the checkpoint as Pulumi stores it. Whatever is secret in the given inputs is secret in it, and so is
// all data of a Secret.
func (c Checkpoint) Properties(secretsFrom resource.PropertyMap) resource.PropertyMap {
	shown := CopyOf(c.Live)
	// Field ownership is the API server's bookkeeping; in the state it would only make every refresh look like a change.
	unstructured.RemoveNestedField(shown.Object, "metadata", "managedFields")
	state, inputs := ToProperties(shown.Object), ToProperties(c.Inputs.Object)
	MarkSecrets(state, secretsFrom)
	MarkSecrets(inputs, secretsFrom)
	state[inputsKey] = resource.NewObjectProperty(inputs)
	state[initialAPIVersionKey] = resource.NewStringProperty(c.InitialAPIVersion)
	state[fieldManagerKey] = resource.NewStringProperty(c.FieldManager)
	return state
}

// ReadCheckpoint reads a state. Every part is empty, but never nil, if the state has none.
func ReadCheckpoint(state resource.PropertyMap) Checkpoint {
	live := FromProperties(state)
	checkpoint := Checkpoint{Live: live, Inputs: &unstructured.Unstructured{Object: map[string]any{}}}
	if inputs, present := live.Object[string(inputsKey)].(map[string]any); present {
		checkpoint.Inputs.Object = inputs
	}
	checkpoint.InitialAPIVersion, _ = live.Object[string(initialAPIVersionKey)].(string)
	if checkpoint.InitialAPIVersion == "" {
		checkpoint.InitialAPIVersion = checkpoint.Inputs.GetAPIVersion()
	}
	checkpoint.FieldManager, _ = live.Object[string(fieldManagerKey)].(string)
	for _, key := range []resource.PropertyKey{inputsKey, initialAPIVersionKey, fieldManagerKey} {
		delete(live.Object, string(key))
	}
	return checkpoint
}

// MarkSecrets makes secret in `values` what is secret in `from`, and all data of a Secret in any case.
// A secret element makes its whole list secret: elements may change their place.
func MarkSecrets(values, from resource.PropertyMap) {
	if kind := values["kind"]; kind.IsString() && kind.StringValue() == "Secret" {
		for _, key := range []resource.PropertyKey{"data", "stringData"} {
			if value, present := values[key]; present && !value.IsSecret() {
				values[key] = resource.MakeSecret(value)
			}
		}
	}
	for key, source := range from {
		value, present := values[key]
		switch {
		case !present || value.IsSecret():
		case value.IsObject() && source.IsObject():
			MarkSecrets(value.ObjectValue(), source.ObjectValue())
		case source.ContainsSecrets():
			values[key] = resource.MakeSecret(value)
		}
	}
}
