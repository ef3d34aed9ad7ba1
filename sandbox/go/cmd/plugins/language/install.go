package language

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc"

	"kafka-platform.dev/sandbox/cmd/plugins/hosting"
)

// InstallDependencies makes the virtual environment and installs what the program or plugin requires.
func (h *host) InstallDependencies(
	req *pulumirpc.InstallDependenciesRequest, server grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	_, tools, err := resolve(req.GetInfo(), req.GetIsPlugin())
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(server, req.GetIsTerminal())
	if err != nil {
		return err
	}
	defer hosting.CloseQuietly(closer)
	ctx, directory := server.Context(), req.GetInfo().GetProgramDirectory()
	if req.GetIsPlugin() {
		buildable, err := toolchain.IsBuildablePackage(directory)
		if err != nil {
			return fmt.Errorf("reading %s/pyproject.toml: %w", directory, err)
		}
		if buildable {
			if err := tools.EnsureVenv(ctx, directory, req.GetUseLanguageVersionTools(), true, stdout, stderr); err != nil {
				return err
			}
			command, err := tools.ModuleCommand(ctx, "pip", "install", directory)
			if err != nil {
				return err
			}
			command.Stdout, command.Stderr = stdout, stderr
			if err := command.Run(); err != nil {
				return fmt.Errorf("installing %s: %w", directory, err)
			}
		}
	}
	if err := tools.InstallDependencies(ctx, directory, req.GetUseLanguageVersionTools(), true, stdout, stderr); err != nil {
		return err
	}
	return closer.Close()
}

// RuntimeOptionsPrompts asks `pulumi new` for the toolchain and, with pip, for the environment.
func (h *host) RuntimeOptionsPrompts(
	_ context.Context, req *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	text := func(value string) *pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue {
		return &pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue{
			PromptType: pulumirpc.RuntimeOptionPrompt_STRING, StringValue: value, DisplayName: value,
		}
	}
	response := &pulumirpc.RuntimeOptionsResponse{}
	options := req.GetInfo().GetOptions().AsMap()
	chosen, hasToolchain := options["toolchain"]
	if !hasToolchain {
		response.Prompts = append(response.Prompts, &pulumirpc.RuntimeOptionPrompt{
			Key: "toolchain", Description: "The toolchain to use for installing dependencies and running the program",
			PromptType: pulumirpc.RuntimeOptionPrompt_STRING, Default: text("pip"),
			Choices: append([]*pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue{text("pip")},
				plugin.MakeExecutablePromptChoices("poetry", "uv")...),
		})
	}
	if _, hasEnvironment := options["virtualenv"]; chosen == "pip" && !hasEnvironment {
		response.Prompts = append(response.Prompts, &pulumirpc.RuntimeOptionPrompt{
			Key: "virtualenv", Description: "The virtualenv to use",
			PromptType: pulumirpc.RuntimeOptionPrompt_STRING, Default: text(defaultPluginEnvironment),
			Choices: []*pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue{text(defaultPluginEnvironment)},
		})
	}
	return response, nil
}

// About describes the Python that programs run with.
func (h *host) About(ctx context.Context, req *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	info := req.GetInfo()
	if info == nil {
		info = &pulumirpc.ProgramInfo{}
	}
	options, tools, err := resolve(info, false)
	if err != nil {
		return nil, err
	}
	about, err := tools.About(ctx)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{
		Executable: about.PythonExecutable,
		Version:    about.PythonVersion.String(),
		Metadata: map[string]string{
			"toolchain":        toolchain.Name(options.Toolchain),
			"toolchainVersion": about.ToolchainVersion.String(),
			"typechecker":      toolchain.TypeCheckerName(options.Typechecker),
		},
	}, nil
}

// Template turns a freshly created project into one of the chosen toolchain.
func (h *host) Template(ctx context.Context, req *pulumirpc.TemplateRequest) (*pulumirpc.TemplateResponse, error) {
	_, tools, err := resolve(req.GetInfo(), false)
	if err != nil {
		return nil, err
	}
	err = tools.PrepareProject(ctx, req.GetProjectName(), req.GetInfo().GetProgramDirectory(), false, nil, nil)
	return &pulumirpc.TemplateResponse{}, err
}
