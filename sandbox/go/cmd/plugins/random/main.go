// Package random is a Pulumi provider with the resources, inputs and outputs of the official random provider.
// Values come from the operating system's generator and change only by replacement.
package random

import (
	"context"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"kafka-platform.dev/sandbox/cmd/plugins/properties"
	"kafka-platform.dev/sandbox/cmd/plugins/serve"
)

// version is the release of the official provider whose resources this one has.
const version = "4.21.4"

// Main runs the provider.
func Main(args []string) error {
	options, err := serve.Parse(args)
	if err != nil {
		return err
	}
	return serve.Run(options.Engine, func(_ context.Context, server *grpc.Server) error {
		pulumirpc.RegisterResourceProviderServer(server, &provider{})
		return nil
	})
}

// provider answers the engine. It has no configuration and no state.
type provider struct {
	pulumirpc.UnimplementedResourceProviderServer
}

// Handshake accepts what this provider supports.
func (*provider) Handshake(
	context.Context, *pulumirpc.ProviderHandshakeRequest,
) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

// Attach lets an engine use a provider that somebody started by hand.
func (*provider) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// GetPluginInfo names the version.
func (*provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// Cancel has nothing to stop: every operation ends at once.
func (*provider) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// GetMappings knows no other ecosystem's names.
func (*provider) GetMappings(
	context.Context, *pulumirpc.GetMappingsRequest,
) (*pulumirpc.GetMappingsResponse, error) {
	return &pulumirpc.GetMappingsResponse{}, nil
}

// CheckConfig accepts any configuration: there is none.
func (*provider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: req.GetNews()}, nil
}

// DiffConfig finds no significant change.
func (*provider) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
}

// Configure has nothing to set up.
func (*provider) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true}, nil
}

func find(urn string) (kind, error) {
	token := string(resource.URN(urn).Type())
	found, known := kinds[token]
	if !known {
		return kind{}, fmt.Errorf("%s is not a resource of this random provider", token)
	}
	return found, nil
}

// read extracts from a request its kind of resource, its inputs, and its state if it has one already.
func read(urn string, news, olds *structpb.Struct) (found kind, inputs, state resource.PropertyMap, err error) {
	if found, err = find(urn); err != nil {
		return kind{}, nil, nil, err
	}
	if inputs, err = properties.Read("inputs", news); err != nil {
		return kind{}, nil, nil, err
	}
	if state, err = properties.Read("state", olds); err != nil {
		return kind{}, nil, nil, err
	}
	return found, inputs, state, nil
}

// write prepares the state for a response, its secrets hidden.
func (k kind) write(state resource.PropertyMap) (*structpb.Struct, error) {
	k.hide(state)
	return properties.Write("state", state)
}

// Check refuses inputs that no value can satisfy.
func (*provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	found, inputs, _, err := read(req.GetUrn(), req.GetNews(), nil)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	for _, name := range found.required {
		if value, given := inputs[name]; !given || value.IsNull() {
			response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
				Property: string(name), Reason: fmt.Sprintf("%s is missing: set it", name),
			})
		}
	}
	if len(response.Failures) == 0 && found.check != nil && !inputs.ContainsUnknowns() {
		response.Failures = found.check(settings(inputs))
	}
	return response, nil
}

// Diff compares inputs: every change requires a new value, so it replaces the resource.
func (*provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	found, inputs, state, err := read(req.GetUrn(), req.GetNews(), req.GetOlds())
	if err != nil {
		return nil, err
	}
	return found.diff(state, inputs, req.GetIgnoreChanges())
}

// Create draws a value.
func (*provider) Create(_ context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	found, inputs, _, err := read(req.GetUrn(), req.GetProperties(), nil)
	if err != nil {
		return nil, err
	}
	state := found.withDefaults(inputs)
	var id string
	if req.GetPreview() {
		for _, name := range found.outputs {
			state[name] = resource.MakeComputed(resource.NewStringProperty(""))
		}
	} else {
		outputs, drawn, err := found.create(settings(state))
		if err != nil {
			return nil, err
		}
		maps.Copy(state, outputs)
		id = drawn
	}
	message, err := found.write(state)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: message}, nil
}

// Update accepts inputs whose change does not affect the value.
func (*provider) Update(_ context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	found, inputs, state, err := read(req.GetUrn(), req.GetNews(), req.GetOlds())
	if err != nil {
		return nil, err
	}
	maps.Copy(state, found.withDefaults(inputs))
	message, err := found.write(state)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.UpdateResponse{Properties: message}, nil
}

// Read keeps a known resource as it is and imports an unknown one, whose id is its value.
func (*provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	if len(req.GetProperties().GetFields()) > 0 {
		return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: req.GetProperties(), Inputs: req.GetInputs()}, nil
	}
	found, err := find(req.GetUrn())
	if err != nil {
		return nil, err
	}
	if found.read == nil {
		return nil, fmt.Errorf("%s cannot be imported: its value cannot be told from an id", resource.URN(req.GetUrn()).Type())
	}
	inputs, outputs, id, err := found.read(req.GetId())
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", resource.URN(req.GetUrn()).Name(), err)
	}
	state := found.withDefaults(inputs)
	maps.Copy(state, outputs)
	stateMessage, err := found.write(state)
	if err != nil {
		return nil, err
	}
	inputsMessage, err := properties.Write("inputs", inputs)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.ReadResponse{Id: id, Properties: stateMessage, Inputs: inputsMessage}, nil
}

// Delete forgets the value.
func (*provider) Delete(context.Context, *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
