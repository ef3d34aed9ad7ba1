package language

import (
	"fmt"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// defaultPluginEnvironment is where a plugin keeps its virtual environment unless its options name another folder.
const defaultPluginEnvironment = "venv"

// parseOptions reads `runtime.options` of a Pulumi.yaml or PulumiPlugin.yaml.
func parseOptions(info *pulumirpc.ProgramInfo, plugin bool) (toolchain.PythonOptions, error) {
	options := toolchain.PythonOptions{Root: info.GetRootDirectory(), ProgramDir: info.GetProgramDirectory()}
	for name, value := range info.GetOptions().AsMap() {
		text, isText := value.(string)
		if !isText {
			return options, fmt.Errorf("runtime.options.%s: %v is not a string: write a string", name, value)
		}
		unknown := func(allowed string) error {
			return fmt.Errorf("runtime.options.%s: %q is not known: use %s", name, text, allowed)
		}
		switch name {
		case "virtualenv":
			options.Virtualenv = text
		case "toolchain":
			switch text {
			case "pip":
				options.Toolchain = toolchain.Pip
			case "poetry":
				options.Toolchain = toolchain.Poetry
			case "uv":
				options.Toolchain = toolchain.Uv
			default:
				return options, unknown("pip, poetry or uv")
			}
		case "typechecker":
			switch text {
			case "mypy":
				options.Typechecker = toolchain.TypeCheckerMypy
			case "pyright":
				options.Typechecker = toolchain.TypeCheckerPyright
			default:
				return options, unknown("mypy or pyright")
			}
		}
	}
	ownEnvironment := options.Toolchain == toolchain.Pip || options.Toolchain == toolchain.Auto
	if plugin && ownEnvironment && options.Virtualenv == "" {
		options.Virtualenv = defaultPluginEnvironment
	}
	return options, nil
}

// resolve turns the options of a program or plugin into the toolchain that runs its Python.
func resolve(info *pulumirpc.ProgramInfo, plugin bool) (toolchain.PythonOptions, toolchain.Toolchain, error) {
	options, err := parseOptions(info, plugin)
	if err != nil {
		return options, nil, err
	}
	tools, err := toolchain.ResolveToolchain(options)
	return options, tools, err
}
