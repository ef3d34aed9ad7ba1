// Package kubernetes is a Pulumi provider for the objects of a Kubernetes API server. It behaves like the official
// kubernetes provider where programs rely on it; it has no Helm, YAML or Kustomize resources.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/await"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/cluster"
	"kafka-platform.dev/sandbox/cmd/plugins/serve"
)

// version is the release of the official provider that this one behaves like.
const version = "4.34.2"

// Main runs the provider.
func Main(args []string) error {
	options, err := serve.Parse(args)
	if err != nil {
		return err
	}
	return serve.Run(options.Engine, func(ctx context.Context, server *grpc.Server) error {
		provider, err := newProvider(ctx, options.Engine)
		if err != nil {
			return err
		}
		pulumirpc.RegisterResourceProviderServer(server, provider)
		return nil
	})
}

// provider serves the engine for the objects of one API server.
type provider struct {
	pulumirpc.UnimplementedResourceProviderServer

	// ctx ends when the engine cancels the deployment.
	ctx    context.Context
	cancel context.CancelFunc

	lock   sync.Mutex
	engine pulumirpc.EngineClient

	settings settings
	// cluster is nil while the API server cannot be reached; unreachable then says why.
	cluster     *cluster.Cluster
	unreachable string
}

func newProvider(parent context.Context, engine string) (*provider, error) {
	ctx, cancel := context.WithCancel(parent)
	p := &provider{ctx: ctx, cancel: cancel}
	if engine != "" {
		if err := p.attach(engine); err != nil {
			cancel()
			return nil, err
		}
	}
	return p, nil
}

func (p *provider) attach(engine string) error {
	connection, err := grpc.NewClient(engine, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connecting to the engine at %s: %w", engine, err)
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.engine = pulumirpc.NewEngineClient(connection)
	return nil
}

// Attach lets an engine use a provider that somebody started by hand.
func (p *provider) Attach(_ context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, p.attach(req.GetAddress())
}

// GetPluginInfo names the version.
func (p *provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// GetSchema returns no schema: the Python SDK carries the types, and generated code needs the official plugin.
func (p *provider) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return nil, status.Error(codes.Unimplemented,
		"this stand-in of the kubernetes provider carries no schema: install the official plugin to generate code")
}

// GetMappings knows no other ecosystem's names.
func (p *provider) GetMappings(context.Context, *pulumirpc.GetMappingsRequest) (*pulumirpc.GetMappingsResponse, error) {
	return &pulumirpc.GetMappingsResponse{}, nil
}

// Cancel ends all waits. What has been created is kept in the state.
func (p *provider) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	p.cancel()
	return &emptypb.Empty{}, nil
}

// Construct refuses the official provider's components.
func (p *provider) Construct(_ context.Context, req *pulumirpc.ConstructRequest) (*pulumirpc.ConstructResponse, error) {
	return nil, fmt.Errorf("%s: this stand-in of the kubernetes provider has no components: install the official plugin", req.GetType())
}

// Invoke refuses the official provider's functions.
func (p *provider) Invoke(_ context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	return nil, fmt.Errorf("%s: this stand-in of the kubernetes provider has no functions: install the official plugin", req.GetTok())
}

// Call refuses methods.
func (p *provider) Call(_ context.Context, req *pulumirpc.CallRequest) (*pulumirpc.CallResponse, error) {
	return nil, fmt.Errorf("%s: this stand-in of the kubernetes provider has no methods: install the official plugin", req.GetTok())
}

// errUnreachable is returned by every operation that needs the API server while it cannot be reached.
func (p *provider) errUnreachable() error {
	return errors.New("configured Kubernetes cluster is unreachable: " + p.unreachable)
}

// log shows a message beside a resource; a transient one is replaced by the next.
func (p *provider) log(severity pulumirpc.LogSeverity, urn, message string, passing bool) {
	p.lock.Lock()
	engine := p.engine
	p.lock.Unlock()
	if engine == nil {
		return
	}
	// Losing a message must not fail the operation that it is about.
	_, _ = engine.Log(context.WithoutCancel(p.ctx), &pulumirpc.LogRequest{
		Severity: severity, Urn: urn, Message: message, Ephemeral: passing,
	})
}

func (p *provider) warn(urn, message string) {
	p.log(pulumirpc.LogSeverity_WARNING, urn, message, false)
}

// reporter shows what an operation waits for.
func (p *provider) reporter(urn string) await.Reporter {
	return func(message string, warning bool) {
		severity := pulumirpc.LogSeverity_INFO
		if warning {
			severity = pulumirpc.LogSeverity_WARNING
		}
		p.log(severity, urn, message, true)
	}
}
