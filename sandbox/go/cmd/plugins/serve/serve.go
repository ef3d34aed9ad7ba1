// Package serve starts a plugin's gRPC server as the Pulumi engine expects.
package serve

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"google.golang.org/grpc"
)

// engineCheck is how often the plugin checks whether the engine is still there. A killed engine cannot end its plugins:
// waits for the cluster would go on for minutes, and another `up` would meet them. A check is a call within the
// machine; official plugins make one every five minutes.
const engineCheck = 2 * time.Second

// Options are the command line of a plugin. The engine passes its own address as the only argument.
type Options struct {
	// Engine is the engine's gRPC address, empty if somebody runs the plugin by hand and attaches the engine later.
	Engine string
}

// Parse reads the command line of a plugin.
func Parse(args []string) (Options, error) {
	var options Options
	flags := flag.NewFlagSet("plugin", flag.ContinueOnError)
	// The engine passes its own flags for logging and tracing, the folder of the plugin and, up to 3.2xx, the options of its
	// runtime, which it also sends with each request; they change nothing here.
	for _, name := range []string{"root", "toolchain", "virtualenv", "typechecker"} {
		flags.String(name, "", "ignored")
	}
	flags.Bool("logtostderr", false, "ignored")
	flags.Int("v", 0, "ignored")
	flags.String("tracing", "", "ignored")
	if err := flags.Parse(args); err != nil {
		return options, err
	}
	if flags.NArg() > 0 {
		options.Engine = flags.Arg(0)
	}
	return options, nil
}

// Run serves until the engine goes away or interrupts the plugin, which is how it ends its plugins. The port is written to
// standard output, where the engine reads it. Ctrl-C in a terminal does not reach a plugin: the engine starts it in a
// separate process group and calls Cancel.
//
// The context that register receives ends when the plugin is to end.
func Run(engine string, register func(context.Context, *grpc.Server) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cancel := make(chan bool)
	go func() {
		<-ctx.Done()
		close(cancel)
	}()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, engineCheck, stop); err != nil {
			return fmt.Errorf("watching the engine at %s: %w", engine, err)
		}
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init:   func(server *grpc.Server) error { return register(ctx, server) },
	})
	if err != nil {
		return fmt.Errorf("starting the plugin's server: %w", err)
	}
	if _, err := fmt.Fprintln(os.Stdout, handle.Port); err != nil {
		return err
	}
	return <-handle.Done
}
