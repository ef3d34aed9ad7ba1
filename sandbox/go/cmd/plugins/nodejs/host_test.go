package nodejs

import (
	"os"
	"path/filepath"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestOptions(t *testing.T) {
	info := func(options map[string]any) *pulumirpc.ProgramInfo {
		encoded, err := structpb.NewStruct(options)
		if err != nil {
			t.Fatal(err)
		}
		return &pulumirpc.ProgramInfo{Options: encoded}
	}
	parsed, err := parseOptions(info(map[string]any{"typescript": false, "nodeargs": "--a --b", "packagemanager": "npm"}))
	if err != nil || parsed.typescript || len(parsed.nodeargs) != 2 {
		t.Errorf("got %+v, %v", parsed, err)
	}
	for _, wrong := range []map[string]any{{"typescript": "yes"}, {"tsconfig": 1}, {"packagemanager": "yarn"}} {
		if _, err := parseOptions(info(wrong)); err == nil {
			t.Errorf("%v: accepted", wrong)
		}
	}
}

func TestRequiredPackages(t *testing.T) {
	modules := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(modules, "node_modules", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(".package-lock.json", "{}")
	write("other/package.json", `{"name": "other", "version": "1.0.0"}`)
	write("@pulumi/random/package.json", `{"name": "@pulumi/random", "version": "4.21.0", "pulumi": {"resource": true}}`)
	write("@own/sdk/package.json", `{"name": "@own/sdk", "pulumi": {"resource": true, "name": "own", "version": "0.1.0"}}`)
	request := &pulumirpc.GetRequiredPackagesRequest{Info: &pulumirpc.ProgramInfo{ProgramDirectory: modules}}
	response, err := (&host{}).GetRequiredPackages(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, each := range response.GetPackages() {
		found[each.GetName()] = each.GetVersion()
	}
	if len(found) != 2 || found["random"] != "v4.21.0" || found["own"] != "v0.1.0" {
		t.Errorf("got %v", found)
	}
	write("third/package.json", `{"name": "third", "version": "1.0.0", "pulumi": {"resource": true}}`)
	if _, err := (&host{}).GetRequiredPackages(t.Context(), request); err == nil {
		t.Error("a package of somebody else that names no plugin is accepted")
	}
}
