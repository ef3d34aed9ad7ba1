// Package hosting is what the language hosts share: how they hear from the engine, run a program, and write and link SDKs.
package hosting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"kafka-platform.dev/sandbox/cmd/plugins/serve"
)

const (
	// Bailed is the exit code with which the executors of Pulumi's SDKs report that they have shown the error themselves.
	Bailed = 32
	// cancelGrace is how long a program may take to end by itself after a cancelled deployment.
	cancelGrace = 3 * time.Second
	// endGrace is how long a terminated program may take to end before it is killed.
	endGrace = 2 * time.Second
)

// Host serves the engine for one program or plugin.
type Host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	// Engine is the engine's address.
	Engine string
	ctx    context.Context
	cancel context.CancelFunc
}

// New makes the host of an engine; its programs end with the context.
func New(parent context.Context, engine string) Host {
	ctx, cancel := context.WithCancel(parent)
	return Host{Engine: engine, ctx: ctx, cancel: cancel}
}

// Serve runs a language host until its engine goes away.
func Serve(args []string, make func(Host) pulumirpc.LanguageRuntimeServer) error {
	options, err := serve.Parse(args)
	if err != nil {
		return err
	}
	return serve.Run(options.Engine, func(ctx context.Context, server *grpc.Server) error {
		pulumirpc.RegisterLanguageRuntimeServer(server, make(New(ctx, options.Engine)))
		return nil
	})
}

// Handshake takes the address of the engine that attached.
func (h *Host) Handshake(
	_ context.Context, req *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.Engine = req.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// GetPluginInfo names the version of the SDK that this host was compiled with.
func (h *Host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: sdk.Version.String()}, nil
}

// Cancel ends the running program, unless it ends by itself first: a program that waits for a resource ends
// quietly when the engine gives that resource up.
func (h *Host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	time.AfterFunc(cancelGrace, h.cancel)
	return &emptypb.Empty{}, nil
}

// Connect returns a client of the engine.
func (h *Host) Connect() (pulumirpc.EngineClient, io.Closer, error) {
	if h.Engine == "" {
		return nil, nil, errors.New("no engine is attached: pass its address or call Handshake first")
	}
	connection, err := grpc.NewClient(h.Engine,
		grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to the engine at %s: %w", h.Engine, err)
	}
	return pulumirpc.NewEngineClient(connection), connection, nil
}

// RunProgram runs a program's command, with an environment, to its end, which also comes with the request's or a Cancel.
func (h *Host) RunProgram(
	ctx context.Context, environment []string, command func(context.Context) (*exec.Cmd, error),
) (*pulumirpc.RunResponse, error) {
	running, stop := context.WithCancel(h.ctx)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	program, err := command(running)
	if err != nil {
		return nil, err
	}
	// The engine interrupts the process group of a plugin that it no longer needs; in its own group the program
	// only hears from this host. It is terminated rather than interrupted, because Python would answer an
	// interrupt with a traceback of the SDK, and wait for calls that nobody answers any more.
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.WaitDelay = endGrace
	program.Stdout, program.Stderr = os.Stdout, os.Stderr
	if program.Env == nil {
		program.Env = os.Environ()
	}
	program.Env = append(program.Env, environment...)
	return outcome(program.Run()), nil
}

// outcome words how the program ended as the engine shows it.
func outcome(err error) *pulumirpc.RunResponse {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}
	case !errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program could not be started: %v", err)}
	case exit.ExitCode() == Bailed:
		return &pulumirpc.RunResponse{Bail: true}
	}
	if status, known := exit.Sys().(syscall.WaitStatus); known && status.Exited() {
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("program exited with non-zero exit code: %d", status.ExitStatus())}
	}
	return &pulumirpc.RunResponse{Error: fmt.Sprintf("program exited unexpectedly: %v", exit)}
}

// Configuration passes the stack's configuration to the program through its environment, where the SDK looks for it.
func Configuration(req *pulumirpc.RunRequest) ([]string, error) {
	secrets := req.GetConfigSecretKeys()
	if secrets == nil {
		secrets = []string{}
	}
	secretKeys, err := json.Marshal(secrets)
	if err != nil {
		return nil, fmt.Errorf("encoding the names of secret configuration: %w", err)
	}
	environment := []string{"PULUMI_CONFIG_SECRET_KEYS=" + string(secretKeys)}
	if req.GetConfig() != nil {
		values, err := json.Marshal(req.GetConfig())
		if err != nil {
			return nil, fmt.Errorf("encoding the configuration: %w", err)
		}
		environment = append(environment, "PULUMI_CONFIG="+string(values))
	}
	return environment, nil
}

// CloseQuietly closes what nothing depends on any more.
func CloseQuietly(closer io.Closer) {
	_ = closer.Close()
}
