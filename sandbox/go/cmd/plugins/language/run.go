package language

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"

	"kafka-platform.dev/sandbox/cmd/plugins/hosting"
)

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
	environment, err := hosting.Configuration(req)
	if err != nil {
		return nil, err
	}
	return h.RunProgram(ctx, environment, func(running context.Context) (*exec.Cmd, error) {
		return tools.Command(running, h.arguments(req)...)
	})
}

// arguments is the command line of the executor.
func (h *host) arguments(req *pulumirpc.RunRequest) []string {
	arguments := []string{h.executor}
	for _, option := range []struct{ name, value string }{
		{"monitor", req.GetMonitorAddress()},
		{"engine", h.Engine},
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
