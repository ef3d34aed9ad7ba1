package language

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestDependency(t *testing.T) {
	cases := map[string]struct {
		pkg  installed
		want string
	}{
		"by its manifest": {installed{Name: "x", Plugin: &plugin.PulumiPluginJSON{Resource: true, Name: "kubernetes", Version: "4.34.2"}}, "kubernetes v4.34.2"},
		"by its name":     {installed{Name: "pulumi-random", Version: "4.21"}, "random v4.21.0"},
		"no plugin":       {installed{Name: "pulumi-x", Version: "1.0.0", Plugin: &plugin.PulumiPluginJSON{}}, ""},
		"policy":          {installed{Name: "pulumi-policy", Version: "1.0.0"}, ""},
		"pre-release":     {installed{Name: "pulumi-x", Version: "1.0.0a1"}, ""},
		"not of Pulumi":   {installed{Name: "requests", Version: "1.0.0"}, ""},
	}
	for name, c := range cases {
		got := ""
		if needed := dependency(c.pkg); needed != nil {
			got = needed.GetName() + " " + needed.GetVersion()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestOptions(t *testing.T) {
	info := func(options map[string]any) *pulumirpc.ProgramInfo {
		encoded, err := structpb.NewStruct(options)
		if err != nil {
			t.Fatal(err)
		}
		return &pulumirpc.ProgramInfo{RootDirectory: "/r", ProgramDirectory: "/r/p", Options: encoded}
	}
	options, err := parseOptions(info(map[string]any{"toolchain": "uv", "virtualenv": ".venv"}), false)
	if err != nil || options.Toolchain != toolchain.Uv || options.Virtualenv != ".venv" || options.Root != "/r" {
		t.Errorf("got %+v, %v", options, err)
	}
	if options, err := parseOptions(info(nil), true); err != nil || options.Virtualenv != defaultPluginEnvironment {
		t.Errorf("got %+v, %v", options, err)
	}
	for _, wrong := range []map[string]any{{"toolchain": "x"}, {"virtualenv": 1}, {"typechecker": "x"}} {
		if _, err := parseOptions(info(wrong), false); err == nil {
			t.Errorf("%v: accepted", wrong)
		}
	}
}
