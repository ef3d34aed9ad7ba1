package language

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// GeneratePackage writes the Python SDK of a package, for `pulumi package add`.
func (h *host) GeneratePackage(
	_ context.Context, req *pulumirpc.GeneratePackageRequest,
) (*pulumirpc.GeneratePackageResponse, error) {
	client, err := schema.NewLoaderClient(req.GetLoaderTarget())
	if err != nil {
		return nil, err
	}
	defer closeQuietly(client)
	loader := schema.NewCachedLoader(client)
	var spec schema.PackageSpec
	if err := json.Unmarshal([]byte(req.GetSchema()), &spec); err != nil {
		return nil, fmt.Errorf("reading the package's schema: %w", err)
	}
	pkg, diagnostics, err := schema.BindSpec(spec, loader, schema.ValidationOptions{AllowDanglingReferences: true})
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GeneratePackageResponse{Diagnostics: plugin.HclDiagnosticsToRPCDiagnostics(diagnostics)}
	if diagnostics.HasErrors() {
		return response, nil
	}
	files, err := python.GeneratePackage("pulumi-language-python", pkg, req.GetExtraFiles(), loader)
	if err != nil {
		return nil, err
	}
	for name, content := range files {
		path := filepath.Join(req.GetDirectory(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	return response, nil
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
	client, err := schema.NewLoaderClient(req.GetLoaderTarget())
	if err != nil {
		return nil, err
	}
	defer closeQuietly(client)
	loader := schema.NewCachedLoader(client)
	paths := map[string]string{}
	var imports strings.Builder
	for _, dependency := range req.GetPackages() {
		name, module, err := pythonNames(ctx, loader, dependency.GetPackage())
		if err != nil {
			return nil, err
		}
		paths[name] = dependency.GetPath()
		if name != module {
			fmt.Fprintf(&imports, "  import %s as %s\n", name, module)
		} else if name != "pulumi" {
			fmt.Fprintf(&imports, "  import %s\n", module)
		}
	}
	if err := tools.LinkPackages(ctx, paths); err != nil {
		return nil, fmt.Errorf("adding the packages to the project: %w", err)
	}
	return &pulumirpc.LinkResponse{
		ImportInstructions: "You can import the SDK in your Python code with:\n\n" + imports.String(),
	}, nil
}

// pythonNames are the names of a package's Python distribution and of the module that programs import.
func pythonNames(
	ctx context.Context, loader schema.ReferenceLoader, dependency *pulumirpc.PackageDependency,
) (distribution, module string, err error) {
	if dependency.GetName() == "pulumi" {
		return "pulumi", "pulumi", nil
	}
	descriptor := &schema.PackageDescriptor{Name: dependency.GetName(), DownloadURL: dependency.GetServer()}
	if version, err := semver.ParseTolerant(dependency.GetVersion()); err == nil {
		descriptor.Version = &version
	}
	if parameter := dependency.GetParameterization(); parameter != nil {
		descriptor.Parameterization = &schema.ParameterizationDescriptor{Name: parameter.GetName(), Value: parameter.GetValue()}
		if version, err := semver.ParseTolerant(parameter.GetVersion()); err == nil {
			descriptor.Parameterization.Version = version
		}
	}
	reference, err := schema.LoadPackageReferenceV2(ctx, loader, descriptor)
	if err != nil {
		return "", "", err
	}
	pkg, err := reference.Definition()
	if err != nil {
		return "", "", err
	}
	if err := pkg.ImportLanguages(map[string]schema.Language{"python": python.Importer}); err != nil {
		return "", "", err
	}
	if info, known := pkg.Language["python"].(python.PackageInfo); known && info.PackageName != "" {
		return info.PackageName, info.PackageName, nil
	}
	return python.PyPack(reference.Namespace(), reference.Name()), strings.ReplaceAll(reference.Name(), "-", "_"), nil
}

func exists(elements ...string) bool {
	_, err := os.Stat(filepath.Join(elements...))
	return err == nil
}
