package language

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc"

	"kafka-platform.dev/sandbox/cmd/plugins/hosting"
)

// RunPlugin runs a component package or a policy pack written in Python.
func (h *host) RunPlugin(
	req *pulumirpc.RunPluginRequest, server grpc.ServerStreamingServer[pulumirpc.RunPluginResponse],
) error {
	ctx := server.Context()
	policy := req.GetKind() == string(apitype.AnalyzerPlugin)
	options, tools, err := resolve(req.GetInfo(), !policy)
	if err != nil {
		return err
	}
	command, err := pluginCommand(ctx, req, options, tools, policy)
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(server, false)
	if err != nil {
		return err
	}
	defer hosting.CloseQuietly(closer)
	if command.Env == nil {
		command.Env = os.Environ()
	}
	run := command.Run
	if policy {
		// A policy pack reads the stack's configuration from its environment, so the proxy asks the engine for it
		// before the pack starts and passes on the pack's port afterwards.
		proxy, proxied, err := sdk.NewPolicyProxy(ctx, stdout)
		if err != nil {
			return fmt.Errorf("starting the policy pack's proxy: %w", err)
		}
		stdout = proxied
		settings, err := proxy.AwaitConfiguration(ctx)
		if err != nil {
			return fmt.Errorf("waiting for the stack's configuration: %w", err)
		}
		environment, err := policyEnvironment(settings)
		if err != nil {
			return err
		}
		command.Env = append(command.Env, environment...)
		run = func() error {
			if err := command.Start(); err != nil {
				return err
			}
			return proxy.Attach(ctx, command)
		}
	}
	command.Env = append(command.Env, req.GetEnv()...)
	command.Stdout, command.Stderr = stdout, stderr
	err = run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return closer.Close()
	case errors.As(err, &exit):
		return server.Send(&pulumirpc.RunPluginResponse{
			Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(exit.ExitCode())},
		})
	}
	return fmt.Errorf("the plugin in %s could not be run: %w", req.GetInfo().GetProgramDirectory(), err)
}

// pluginCommand is the Python command line of a plugin: its __main__.py, or its package if it has a pyproject.toml
// and no __main__.py, or the policy runner.
func pluginCommand(
	ctx context.Context, req *pulumirpc.RunPluginRequest,
	options toolchain.PythonOptions, tools toolchain.Toolchain, policy bool,
) (*exec.Cmd, error) {
	directory := req.GetInfo().GetProgramDirectory()
	var command *exec.Cmd
	var err error
	if policy {
		arguments := append([]string{"-u", "-m", "pulumi.policy"}, req.GetArgs()...)
		if command, err = tools.Command(ctx, append(arguments, directory)...); err != nil {
			return nil, err
		}
		command.Dir = directory
		return command, nil
	}
	if _, missing := os.Stat(filepath.Join(options.Root, "__main__.py")); missing == nil {
		command, err = tools.Command(ctx, append([]string{directory}, req.GetArgs()...)...)
	} else {
		var project *toolchain.Pyproject
		if project, err = packageOf(options.Root); err != nil {
			return nil, err
		}
		arguments := append([]string{project.Project.Name}, req.GetArgs()...)
		command, err = tools.ModuleCommand(ctx, "pulumi.run.plugin", arguments...)
	}
	if err != nil {
		return nil, err
	}
	command.Dir = req.GetPwd()
	return command, nil
}

func packageOf(root string) (*toolchain.Pyproject, error) {
	buildable, err := toolchain.IsBuildablePackage(root)
	if err != nil {
		return nil, fmt.Errorf("reading %s/pyproject.toml: %w", root, err)
	}
	if !buildable {
		return nil, fmt.Errorf("%s is not runnable: add a __main__.py, or a pyproject.toml with a [build-system]", root)
	}
	project, err := toolchain.LoadPyproject(root)
	if err != nil {
		return nil, fmt.Errorf("reading %s/pyproject.toml: %w", root, err)
	}
	return &project, nil
}

func policyEnvironment(settings *pulumirpc.AnalyzerStackConfigureRequest) ([]string, error) {
	if settings == nil {
		return nil, nil
	}
	environment := []string{
		"PULUMI_ORGANIZATION=" + settings.GetOrganization(),
		"PULUMI_PROJECT=" + settings.GetProject(),
		"PULUMI_STACK=" + settings.GetStack(),
		"PULUMI_DRY_RUN=" + strconv.FormatBool(settings.GetDryRun()),
	}
	if settings.GetConfig() != nil {
		values, err := json.Marshal(settings.GetConfig())
		if err != nil {
			return nil, fmt.Errorf("encoding the configuration: %w", err)
		}
		environment = append(environment, "PULUMI_CONFIG="+string(values))
	}
	return environment, nil
}
