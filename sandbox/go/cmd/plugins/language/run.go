package language

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// bailed is the exit code with which the executor reports that it has shown the error itself.
	bailed = 32
	// endGrace is how long a terminated program may take to end before it is killed.
	endGrace = 2 * time.Second
)

func (h *host) connect() (pulumirpc.EngineClient, io.Closer, error) {
	if h.engine == "" {
		return nil, nil, errors.New("no engine is attached: pass its address or call Handshake first")
	}
	connection, err := grpc.NewClient(h.engine,
		grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to the engine at %s: %w", h.engine, err)
	}
	return pulumirpc.NewEngineClient(connection), connection, nil
}

func closeQuietly(closer io.Closer) {
	_ = closer.Close()
}

// Run runs the program to its end.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if req.GetAttachDebugger() {
		return &pulumirpc.RunResponse{
			Error: "this Python language host attaches no debugger: leave out --attach-debugger, or use debugpy in the program",
		}, nil
	}
	options, tools, err := resolve(req.GetInfo(), false)
	if err != nil {
		return nil, err
	}
	if err := tools.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	if err := checkTypes(ctx, options, tools, req.GetInfo().GetProgramDirectory()); err != nil {
		return nil, err
	}
	environment, err := configuration(req)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(h.ctx)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	command, err := tools.Command(running, h.arguments(req)...)
	if err != nil {
		return nil, err
	}
	// The engine interrupts the process group of a plugin that it no longer needs; in its own group the program
	// only hears from this host. It is terminated rather than interrupted, because Python would answer an
	// interrupt with a traceback of the SDK, and wait for calls that nobody answers any more.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = endGrace
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if command.Env == nil {
		command.Env = os.Environ()
	}
	command.Env = append(command.Env, environment...)
	return outcome(command.Run()), nil
}

// outcome words how the program ended as the engine shows it.
func outcome(err error) *pulumirpc.RunResponse {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}
	case !errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program could not be started: %v", err)}
	case exit.ExitCode() == bailed:
		return &pulumirpc.RunResponse{Bail: true}
	}
	if status, known := exit.Sys().(syscall.WaitStatus); known && status.Exited() {
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("program exited with non-zero exit code: %d", status.ExitStatus())}
	}
	return &pulumirpc.RunResponse{Error: fmt.Sprintf("program exited unexpectedly: %v", exit)}
}

// arguments is the command line of the executor.
func (h *host) arguments(req *pulumirpc.RunRequest) []string {
	arguments := []string{h.executor}
	for _, option := range []struct{ name, value string }{
		{"monitor", req.GetMonitorAddress()},
		{"engine", h.engine},
		{"project", req.GetProject()},
		{"root_directory", req.GetInfo().GetRootDirectory()},
		{"stack", req.GetStack()},
		{"pwd", req.GetPwd()},
		{"dry_run", strconv.FormatBool(req.GetDryRun())},
		{"parallel", strconv.Itoa(int(req.GetParallel()))},
		{"organization", req.GetOrganization()},
	} {
		if option.value != "" {
			arguments = append(arguments, "--"+option.name, option.value)
		}
	}
	arguments = append(arguments, req.GetInfo().GetEntryPoint())
	return append(arguments, req.GetArgs()...)
}

// configuration passes the stack's configuration to the program through its environment, where the SDK looks for it.
func configuration(req *pulumirpc.RunRequest) ([]string, error) {
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

// checkTypes runs the type checker that the project asks for, before the program.
func checkTypes(ctx context.Context, options toolchain.PythonOptions, tools toolchain.Toolchain, directory string) error {
	var checker string
	switch options.Typechecker {
	case toolchain.TypeCheckerMypy:
		checker = "mypy"
	case toolchain.TypeCheckerPyright:
		checker = "pyright"
	default:
		return nil
	}
	command, err := tools.ModuleCommand(ctx, checker, directory)
	if err != nil {
		return err
	}
	command.Dir = directory
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s failed: %w\n%s", checker, err, output)
	}
	return nil
}
