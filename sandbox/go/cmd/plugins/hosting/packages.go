package hosting

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Generate writes the SDK of a package, for `pulumi package add`: the files that the generator of a language makes.
func Generate(
	req *pulumirpc.GeneratePackageRequest,
	generate func(*schema.Package, schema.ReferenceLoader) (map[string][]byte, error),
) (*pulumirpc.GeneratePackageResponse, error) {
	client, err := schema.NewLoaderClient(req.GetLoaderTarget())
	if err != nil {
		return nil, err
	}
	defer CloseQuietly(client)
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
	files, err := generate(pkg, loader)
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

// Linked calls link with the definition and the path of each package that is to be added to a program.
func Linked(
	ctx context.Context, req *pulumirpc.LinkRequest, languages map[string]schema.Language,
	link func(pkg *schema.Package, path string) error,
) error {
	client, err := schema.NewLoaderClient(req.GetLoaderTarget())
	if err != nil {
		return err
	}
	defer CloseQuietly(client)
	loader := schema.NewCachedLoader(client)
	for _, dependency := range req.GetPackages() {
		pkg, err := definition(ctx, loader, dependency.GetPackage())
		if err != nil {
			return err
		}
		if err := pkg.ImportLanguages(languages); err != nil {
			return err
		}
		if err := link(pkg, dependency.GetPath()); err != nil {
			return err
		}
	}
	return nil
}

func definition(
	ctx context.Context, loader schema.ReferenceLoader, dependency *pulumirpc.PackageDependency,
) (*schema.Package, error) {
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
		return nil, err
	}
	return reference.Definition()
}
