package language

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"

	"kafka-platform.dev/sandbox/cmd/plugins/hosting"
)

// listPackages is the Python program that lists installed packages. One run of it replaces `pip list` and a
// search for pulumi-plugin.json, and it needs no pip in the environment.
//
//go:embed packages.py
var listPackages string

// installed is one Python package of the program's environment.
type installed struct {
	Name    string                   `json:"name"`
	Version string                   `json:"version"`
	Direct  bool                     `json:"direct"`
	Plugin  *plugin.PulumiPluginJSON `json:"plugin"`
}

func installedPackages(ctx context.Context, tools toolchain.Toolchain) ([]installed, error) {
	command, err := tools.Command(ctx, "-c", listPackages)
	if err != nil {
		return nil, err
	}
	output, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("listing the installed Python packages: %w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("listing the installed Python packages: %w", err)
	}
	var packages []installed
	if err := json.Unmarshal(output, &packages); err != nil {
		return nil, fmt.Errorf("listing the installed Python packages: %w", err)
	}
	return packages, nil
}

// release is the part of a Python version that is also a plugin version. Pre-releases are excluded: the plugin's
// version then contains a commit that the Python version does not show.
var release = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?$`)

// dependency is the plugin that a Python package needs, nil if none.
func dependency(pkg installed) *pulumirpc.PackageDependency {
	manifest := pkg.Plugin
	switch {
	case manifest == nil && (!strings.HasPrefix(pkg.Name, "pulumi-") || pluginless[pkg.Name]):
		return nil
	case manifest == nil:
		manifest = &plugin.PulumiPluginJSON{Resource: true}
	case !manifest.Resource:
		return nil
	}
	result := &pulumirpc.PackageDependency{
		Kind: "resource", Name: manifest.Name, Version: manifest.Version, Server: manifest.Server,
		Parameterization: parameterization(manifest.Parameterization),
		Extension:        parameterization(manifest.ExtensionParameterization),
	}
	if result.Name == "" {
		result.Name = strings.TrimPrefix(pkg.Name, "pulumi-")
	}
	if result.Version == "" {
		parts := release.FindStringSubmatch(pkg.Version)
		if parts == nil {
			return nil
		}
		if parts[3] == "" {
			parts[3] = "0"
		}
		result.Version = strings.Join(parts[1:], ".")
	}
	if !strings.HasPrefix(result.Version, "v") {
		result.Version = "v" + result.Version
	}
	return result
}

// pluginless are packages of Pulumi that have neither a plugin nor a manifest that says so.
var pluginless = map[string]bool{"pulumi-policy": true, "pulumi-esc-sdk": true}

func parameterization(value *plugin.PulumiParameterizationJSON) *pulumirpc.PackageParameterization {
	if value == nil {
		return nil
	}
	return &pulumirpc.PackageParameterization{Name: value.Name, Version: value.Version, Value: value.Value}
}

// GetRequiredPackages names the plugins that the program's Python packages need, after making sure that the
// environment exists.
func (h *host) GetRequiredPackages(
	ctx context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	_, tools, err := resolve(req.GetInfo(), false)
	if err != nil {
		return nil, err
	}
	engine, closer, err := h.Connect()
	if err != nil {
		return nil, err
	}
	defer hosting.CloseQuietly(closer)
	progress := &engineLog{ctx: ctx, engine: engine, severity: pulumirpc.LogSeverity_INFO}
	problems := &engineLog{ctx: ctx, engine: engine, severity: pulumirpc.LogSeverity_ERROR}
	if err := tools.EnsureVenv(ctx, req.GetInfo().GetProgramDirectory(), false, true, progress, problems); err != nil {
		return nil, err
	}
	packages, err := installedPackages(ctx, tools)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, pkg := range packages {
		if needed := dependency(pkg); needed != nil {
			response.Packages = append(response.Packages, needed)
		}
	}
	return response, nil
}

// GetRequiredPlugins answers engines that do not know packages yet.
func (h *host) GetRequiredPlugins(
	ctx context.Context, req *pulumirpc.GetRequiredPluginsRequest,
) (*pulumirpc.GetRequiredPluginsResponse, error) {
	packages, err := h.GetRequiredPackages(ctx, &pulumirpc.GetRequiredPackagesRequest{Info: req.GetInfo()})
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPluginsResponse{}
	for _, pkg := range packages.GetPackages() {
		response.Plugins = append(response.Plugins, &pulumirpc.PluginDependency{
			Kind: pkg.GetKind(), Name: pkg.GetName(), Version: pkg.GetVersion(), Server: pkg.GetServer(),
		})
	}
	return response, nil
}

// GetProgramDependencies lists the installed Python packages, for `pulumi about`.
func (h *host) GetProgramDependencies(
	ctx context.Context, req *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	_, tools, err := resolve(req.GetInfo(), false)
	if err != nil {
		return nil, err
	}
	packages, err := installedPackages(ctx, tools)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, pkg := range packages {
		if pkg.Direct || req.GetTransitiveDependencies() {
			response.Dependencies = append(response.Dependencies,
				&pulumirpc.DependencyInfo{Name: pkg.Name, Version: pkg.Version})
		}
	}
	return response, nil
}

// engineLog shows what is written to it as a transient message of the engine.
type engineLog struct {
	ctx      context.Context
	engine   pulumirpc.EngineClient
	severity pulumirpc.LogSeverity
}

var _ io.Writer = (*engineLog)(nil)

func (w *engineLog) Write(data []byte) (int, error) {
	_, err := w.engine.Log(w.ctx, &pulumirpc.LogRequest{
		Message: strings.ToValidUTF8(string(data), "\uFFFD"), Ephemeral: true, Severity: w.severity,
	})
	if err != nil {
		return 0, err
	}
	return len(data), nil
}
