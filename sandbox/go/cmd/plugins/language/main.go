// Package language is a Pulumi language host for Python: it reports which plugins a program needs, runs
// the program, and serves component packages written in Python.
package language

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/pulumi/pulumi/sdk/v3"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"kafka-platform.dev/sandbox/cmd/plugins/serve"
)

// executor is the Python script of the Pulumi SDK that connects a program to the engine and runs it.
const executor = "pulumi-language-python-exec"

// cancelGrace is how long a program may take to end by itself after a cancelled deployment.
const cancelGrace = 3 * time.Second

// Main runs the language host.
func Main(args []string) error {
	options, err := serve.Parse(args)
	if err != nil {
		return err
	}
	script, err := findExecutor()
	if err != nil {
		return err
	}
	return serve.Run(options.Engine, func(ctx context.Context, server *grpc.Server) error {
		pulumirpc.RegisterLanguageRuntimeServer(server, newHost(ctx, script, options.Engine))
		return nil
	})
}

// findExecutor looks for the script beside the name this program was called by, beside the program itself, and on PATH.
func findExecutor() (string, error) {
	var candidates []string
	if called, err := exec.LookPath(os.Args[0]); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(called), executor))
	}
	if self, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(self), executor))
	}
	for _, candidate := range candidates {
		if _, err := os.Stat(candidate); err == nil {
			return filepath.Abs(candidate)
		}
	}
	if found, err := exec.LookPath(executor); err == nil {
		return filepath.Abs(found)
	}
	return "", fmt.Errorf("%s is missing: put the file of that name from the Pulumi SDK beside %s", executor, os.Args[0])
}

// host serves the engine for one Python program or plugin.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	executor string
	engine   string
	ctx      context.Context
	cancel   context.CancelFunc
}

func newHost(parent context.Context, executor, engine string) *host {
	ctx, cancel := context.WithCancel(parent)
	return &host{executor: executor, engine: engine, ctx: ctx, cancel: cancel}
}

// Handshake takes the address of the engine that attached.
func (h *host) Handshake(
	_ context.Context, req *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine = req.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// GetPluginInfo names the version of the SDK that this host was compiled with.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: sdk.Version.String()}, nil
}

// Cancel ends the running program, unless it ends by itself first: a program that waits for a resource ends
// quietly when the engine gives that resource up.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	time.AfterFunc(cancelGrace, h.cancel)
	return &emptypb.Empty{}, nil
}
