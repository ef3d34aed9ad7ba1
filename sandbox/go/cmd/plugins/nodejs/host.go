// Package nodejs is a stand-in for Pulumi's language host for Node, which is not published as a Go module. It runs npm's own
// @pulumi/pulumi with the arguments that the official host gives it.
//
// It is stricter in two ways: a TypeScript program has to pass the compiler with `strict` before it runs, and the SDK of an
// added package has to compile. It leaves out what the components do not need: synchronous invokes, debuggers, policy packs,
// component packages written in Node, and package managers other than npm.
package nodejs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	codegen "github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/nodejs/npm"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"

	"kafka-platform.dev/sandbox/cmd/plugins/hosting"
)

// runner is the module of the Pulumi SDK that connects a program to the engine and runs it.
const runner = "@pulumi/pulumi/cmd/run"

// Main runs the language host.
func Main(args []string) error {
	return hosting.Serve(args, func(shared hosting.Host) pulumirpc.LanguageRuntimeServer { return &host{Host: shared} })
}

type host struct {
	hosting.Host
}

// options are `runtime.options` of a Pulumi.yaml, as the official host knows them.
type options struct {
	typescript bool
	tsconfig   string
	nodeargs   []string
	production bool
}

func parseOptions(info *pulumirpc.ProgramInfo) (options, error) {
	parsed := options{typescript: true, tsconfig: "tsconfig.json"}
	for name, value := range info.GetOptions().AsMap() {
		text, isText := value.(string)
		truth, isTruth := value.(bool)
		switch name {
		case "typescript", "production":
			if !isTruth {
				return parsed, fmt.Errorf("runtime.options.%s: %v is not a boolean: write true or false", name, value)
			}
			if name == "typescript" {
				parsed.typescript = truth
			} else {
				parsed.production = truth
			}
		case "tsconfig", "nodeargs", "packagemanager":
			if !isText {
				return parsed, fmt.Errorf("runtime.options.%s: %v is not a string: write a string", name, value)
			}
			switch {
			case name == "tsconfig":
				parsed.tsconfig = text
			case name == "nodeargs":
				parsed.nodeargs = strings.Fields(text)
			case text != "npm" && text != "auto":
				return parsed, fmt.Errorf("runtime.options.packagemanager: %q: this stand-in knows only npm", text)
			}
		}
	}
	return parsed, nil
}

// node runs Node or one of its tools in a folder and returns what it writes to standard output.
func node(ctx context.Context, folder, program string, args ...string) (string, error) {
	var output, problems bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Dir, command.Stdout, command.Stderr = folder, &output, &problems
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", program, err, output.String(), problems.String())
	}
	return strings.TrimSpace(output.String()), nil
}

// Run type-checks the program and runs it to its end.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	info := req.GetInfo()
	folder := info.GetProgramDirectory()
	parsed, err := parseOptions(info)
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	script, err := node(ctx, folder, "node", "-p", fmt.Sprintf("require.resolve(%q)", runner))
	if err != nil {
		return &pulumirpc.RunResponse{Error: "the Pulumi SDK is not installed: run `pulumi install`: " + err.Error()}, nil
	}
	if _, missing := os.Stat(filepath.Join(folder, parsed.tsconfig)); missing == nil && parsed.typescript {
		// The official host leaves this to ts-node, which goes by tsconfig.json alone.
		if err := compile(ctx, folder, parsed.tsconfig); err != nil {
			return &pulumirpc.RunResponse{Error: err.Error()}, nil
		}
	}
	environment, err := hosting.Configuration(req)
	if err != nil {
		return nil, err
	}
	if parsed.typescript {
		environment = append(environment, "PULUMI_NODEJS_TYPESCRIPT=true", "PULUMI_NODEJS_TSCONFIG_PATH="+parsed.tsconfig)
	}
	arguments := append(parsed.nodeargs, h.arguments(req, script)...)
	return h.RunProgram(ctx, environment, func(running context.Context) (*exec.Cmd, error) {
		return exec.CommandContext(running, "node", arguments...), nil
	})
}

// compile checks the program's types with the TypeScript that the project requires.
func compile(ctx context.Context, folder, tsconfig string) error {
	compiler, err := node(ctx, folder, "node", "-p", `require.resolve("typescript/bin/tsc")`)
	if err != nil {
		return fmt.Errorf("no TypeScript: add it to devDependencies: %w", err)
	}
	_, err = node(ctx, folder, "node", compiler, "--project", tsconfig, "--noEmit", "--strict")
	return err
}

// arguments is the command line of the runner.
func (h *host) arguments(req *pulumirpc.RunRequest, script string) []string {
	arguments := []string{script}
	for _, option := range []struct{ name, value string }{
		{"monitor", req.GetMonitorAddress()},
		{"engine", h.Engine},
		{"organization", req.GetOrganization()},
		{"project", req.GetProject()},
		{"root-directory", req.GetInfo().GetRootDirectory()},
		{"stack", req.GetStack()},
		{"pwd", req.GetInfo().GetProgramDirectory()},
		{"parallel", strconv.Itoa(int(req.GetParallel()))},
	} {
		if option.value != "" {
			arguments = append(arguments, "--"+option.name, option.value)
		}
	}
	if req.GetDryRun() {
		arguments = append(arguments, "--dry-run")
	}
	arguments = append(arguments, req.GetInfo().GetEntryPoint())
	return append(arguments, req.GetArgs()...)
}

// InstallDependencies installs what package.json requires.
func (h *host) InstallDependencies(
	req *pulumirpc.InstallDependenciesRequest, server grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	if req.GetIsPlugin() {
		return errors.New("this stand-in runs programs of Node, and no packages")
	}
	parsed, err := parseOptions(req.GetInfo())
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(server, req.GetIsTerminal())
	if err != nil {
		return err
	}
	defer hosting.CloseQuietly(closer)
	folder := req.GetInfo().GetProgramDirectory()
	if _, err := npm.Install(server.Context(), npm.NpmPackageManager, folder, parsed.production, stdout, stderr); err != nil {
		return err
	}
	return closer.Close()
}

// GeneratePackage writes the TypeScript SDK of a package, for `pulumi package add`.
func (h *host) GeneratePackage(
	_ context.Context, req *pulumirpc.GeneratePackageRequest,
) (*pulumirpc.GeneratePackageResponse, error) {
	return hosting.Generate(req, func(pkg *schema.Package, loader schema.ReferenceLoader) (map[string][]byte, error) {
		return codegen.GeneratePackage(
			"pulumi-language-nodejs", pkg, req.GetExtraFiles(), req.GetLocalDependencies(), req.GetLocal(), loader)
	})
}

// Link adds generated SDKs to the program's package.json.
func (h *host) Link(ctx context.Context, req *pulumirpc.LinkRequest) (*pulumirpc.LinkResponse, error) {
	folder := req.GetInfo().GetProgramDirectory()
	manager, err := npm.ResolvePackageManager(npm.NpmPackageManager, folder)
	if err != nil {
		return nil, err
	}
	var imports strings.Builder
	languages := map[string]schema.Language{"nodejs": codegen.Importer}
	err = hosting.Linked(ctx, req, languages, func(pkg *schema.Package, path string) error {
		name := packageName(pkg)
		fmt.Fprintf(&imports, "  import * as %s from \"%s\";\n", strings.ReplaceAll(pkg.Name, "-", "_"), name)
		return manager.Link(ctx, folder, name, path)
	})
	if err != nil {
		return nil, fmt.Errorf("adding the packages to the project: %w", err)
	}
	return &pulumirpc.LinkResponse{
		ImportInstructions: "You can import the SDK in your TypeScript code with:\n\n" + imports.String(),
	}, nil
}

func packageName(pkg *schema.Package) string {
	if info, known := pkg.Language["nodejs"].(codegen.NodePackageInfo); known && info.PackageName != "" {
		return info.PackageName
	}
	if pkg.Namespace != "" {
		return "@" + pkg.Namespace + "/" + pkg.Name
	}
	return "@pulumi/" + pkg.Name
}

// manifest is what of a package.json says which plugin the package needs.
type manifest struct {
	Name    string                  `json:"name"`
	Version string                  `json:"version"`
	Pulumi  plugin.PulumiPluginJSON `json:"pulumi"`
}

// GetRequiredPackages names the plugins that the packages in node_modules need.
func (h *host) GetRequiredPackages(
	_ context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	response := &pulumirpc.GetRequiredPackagesResponse{}
	modules := filepath.Join(req.GetInfo().GetProgramDirectory(), "node_modules")
	// Neither npm's own files, which begin with a dot, nor the files of packages count.
	for _, pattern := range []string{"[^.@]*", "@*/*"} {
		folders, err := filepath.Glob(filepath.Join(modules, pattern))
		if err != nil {
			return nil, err
		}
		for _, folder := range folders {
			needed, err := requirement(filepath.Join(folder, "package.json"))
			if err != nil {
				return nil, err
			}
			if needed != nil {
				response.Packages = append(response.Packages, needed)
			}
		}
	}
	return response, nil
}

// requirement is the plugin that a package needs, nil if none.
func requirement(path string) (*pulumirpc.PackageDependency, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found manifest
	if err := json.Unmarshal(content, &found); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if !found.Pulumi.Resource {
		return nil, nil
	}
	needed := &pulumirpc.PackageDependency{
		Kind: "resource", Name: found.Pulumi.Name, Version: found.Pulumi.Version, Server: found.Pulumi.Server,
	}
	if needed.Name == "" {
		var ours bool
		if needed.Name, ours = strings.CutPrefix(found.Name, "@pulumi/"); !ours {
			return nil, fmt.Errorf("%s: pulumi.name is missing: only packages of Pulumi are called like their plugin", path)
		}
	}
	if needed.Version == "" {
		needed.Version = found.Version
	}
	needed.Version = "v" + strings.TrimPrefix(needed.Version, "v")
	if found.Pulumi.Parameterization != nil || found.Pulumi.ExtensionParameterization != nil {
		return nil, fmt.Errorf("%s: this stand-in knows no parameterized packages", path)
	}
	return needed, nil
}
