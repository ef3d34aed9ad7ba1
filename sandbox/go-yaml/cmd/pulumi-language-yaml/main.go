// Command pulumi-language-yaml is Pulumi's own language host for YAML, in the version that is published as a Go module.
// Engines since then ask a host to link an added package into the program; later versions answer, as this does, that YAML
// needs nothing of that kind.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi-yaml/pkg/server"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// engineCheck is how often the host checks whether the engine is still there: a killed engine cannot end it.
const engineCheck = 2 * time.Second

type host struct {
	pulumirpc.LanguageRuntimeServer
}

// Link has nothing to do.
func (host) Link(context.Context, *pulumirpc.LinkRequest) (*pulumirpc.LinkResponse, error) {
	return &pulumirpc.LinkResponse{}, nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-language-yaml: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	tracing := flag.String("tracing", "", "where traces go")
	for _, name := range []string{"root", "compiler"} {
		flag.String(name, "", "ignored")
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cancel := make(chan bool)
	go func() {
		<-ctx.Done()
		close(cancel)
	}()
	engine := flag.Arg(0)
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, engineCheck, stop); err != nil {
			return fmt.Errorf("watching the engine at %s: %w", engine, err)
		}
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(grpcServer *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(grpcServer, host{server.NewLanguageHost(engine, *tracing, false)})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}
