package language

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"

	"kafka-platform.dev/sandbox/cmd/plugins/hosting"
)

// GeneratePackage writes the Python SDK of a package, for `pulumi package add`.
func (h *host) GeneratePackage(
	_ context.Context, req *pulumirpc.GeneratePackageRequest,
) (*pulumirpc.GeneratePackageResponse, error) {
	return hosting.Generate(req, func(pkg *schema.Package, loader schema.ReferenceLoader) (map[string][]byte, error) {
		return python.GeneratePackage("pulumi-language-python", pkg, req.GetExtraFiles(), loader)
	})
}

// Link adds generated SDKs to the program's dependencies.
func (h *host) Link(ctx context.Context, req *pulumirpc.LinkRequest) (*pulumirpc.LinkResponse, error) {
	options, err := parseOptions(req.GetInfo(), false)
	if err != nil {
		return nil, err
	}
	if !exists(options.ProgramDir, "pyproject.toml") && exists(options.ProgramDir, "requirements.txt") {
		// The project has not been converted to its toolchain yet; the conversion reads requirements.txt.
		options.Toolchain = toolchain.Pip
	}
	tools, err := toolchain.ResolveToolchain(options)
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	var imports strings.Builder
	languages := map[string]schema.Language{"python": python.Importer}
	err = hosting.Linked(ctx, req, languages, func(pkg *schema.Package, path string) error {
		name, module := pythonNames(pkg)
		paths[name] = path
		if name != module {
			fmt.Fprintf(&imports, "  import %s as %s\n", name, module)
		} else if name != "pulumi" {
			fmt.Fprintf(&imports, "  import %s\n", module)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := tools.LinkPackages(ctx, paths); err != nil {
		return nil, fmt.Errorf("adding the packages to the project: %w", err)
	}
	return &pulumirpc.LinkResponse{
		ImportInstructions: "You can import the SDK in your Python code with:\n\n" + imports.String(),
	}, nil
}

// pythonNames are the names of a package's Python distribution and of the module that programs import.
func pythonNames(pkg *schema.Package) (distribution, module string) {
	if pkg.Name == "pulumi" {
		return "pulumi", "pulumi"
	}
	if info, known := pkg.Language["python"].(python.PackageInfo); known && info.PackageName != "" {
		return info.PackageName, info.PackageName
	}
	return python.PyPack(pkg.Namespace, pkg.Name), strings.ReplaceAll(pkg.Name, "-", "_")
}

func exists(elements ...string) bool {
	_, err := os.Stat(filepath.Join(elements...))
	return err == nil
}
