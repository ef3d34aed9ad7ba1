// Package properties converts a resource's properties between their wire form and the form that the providers
// work with. Unknown values and secrets are kept in both directions.
package properties

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/protobuf/types/known/structpb"
)

// Read takes properties from a request; label names them in an error.
func Read(label string, message *structpb.Struct) (resource.PropertyMap, error) {
	values, err := plugin.UnmarshalProperties(message, plugin.MarshalOptions{
		Label: label, KeepUnknowns: true, KeepSecrets: true,
	})
	if err != nil {
		return nil, fmt.Errorf("reading the %s: %w", label, err)
	}
	return values, nil
}

// Write prepares properties for a response; label names them in an error.
func Write(label string, values resource.PropertyMap) (*structpb.Struct, error) {
	message, err := plugin.MarshalProperties(values, plugin.MarshalOptions{
		Label: label, KeepUnknowns: true, KeepSecrets: true,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the %s: %w", label, err)
	}
	return message, nil
}
