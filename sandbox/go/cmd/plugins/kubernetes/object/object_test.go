package object

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	return FromProperties(resource.NewPropertyMapFromMap(values))
}

func TestNormalize(t *testing.T) {
	cases := map[string]struct{ inputs, normal string }{
		"quantities": {
			"{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, resources: {requests: {cpu: 1000m, memory: 1024Mi}}}]}}",
			`{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, resources: {requests: {cpu: "1", memory: 1Gi}}}]}}`,
		},
		"texts of a Secret": {
			"{apiVersion: v1, kind: Secret, stringData: {a: b}, data: {c: ZA==}}",
			"{apiVersion: v1, kind: Secret, data: {a: Yg==, c: ZA==}}",
		},
		"what only the server writes": {
			"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, uid: b, generation: 1}}",
			"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
		},
		"kinds of others": {
			"{apiVersion: example.com/v1, kind: Thing, spec: {cpu: 1000m}}",
			"{apiVersion: example.com/v1, kind: Thing, spec: {cpu: 1000m}}",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, want := Normalize(parse(t, c.inputs)).Object, parse(t, c.normal).Object; !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestPruneKeepsWhatTheInputsMention(t *testing.T) {
	live := parse(t, "{a: 1, b: {c: 2, d: 3}, list: [{x: 1, y: 2}, {x: 3}], filled: in}")
	inputs := parse(t, "{a: 9, b: {c: 9}, list: [{x: 9}], missing: 1}")
	want := parse(t, "{a: 1, b: {c: 2}, list: [{x: 1}]}")
	if got := Prune(live.Object, inputs.Object); !reflect.DeepEqual(got, want.Object) {
		t.Errorf("got %v, want %v", got, want.Object)
	}
}

func TestName(t *testing.T) {
	rules := &pulumirpc.CheckRequest_AutonamingOptions{ProposedName: "ruled", Mode: pulumirpc.CheckRequest_AutonamingOptions_PROPOSE}
	cases := map[string]struct {
		inputs, previous string
		exists           bool
		rules            *pulumirpc.CheckRequest_AutonamingOptions
		name             string
		autonamed        bool
	}{
		"given":          {inputs: "{metadata: {name: mine}}", name: "^mine$"},
		"made up":        {inputs: "{}", name: "^res-[0-9a-f]{8}$", autonamed: true},
		"kept":           {inputs: "{}", previous: `{metadata: {name: res-1, annotations: {pulumi.com/autonamed: "true"}}}`, exists: true, name: "^res-1$", autonamed: true},
		"by the engine":  {inputs: "{}", rules: rules, name: "^ruled$", autonamed: true},
		"by the cluster": {inputs: "{metadata: {generateName: x-}}", name: "^$"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inputs := parse(t, c.inputs)
			if err := Name(inputs, parse(t, c.previous), c.exists, "res", nil, c.rules); err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(c.name).MatchString(inputs.GetName()) || IsTrue(inputs, Autonamed) != c.autonamed {
				t.Errorf("got %v", inputs.Object)
			}
		})
	}
}

func TestKind(t *testing.T) {
	for token, want := range map[string]string{
		"kubernetes:core/v1:ConfigMap":              "/v1, Kind=ConfigMap",
		"kubernetes:core/v1:ConfigMapPatch":         "/v1, Kind=ConfigMap",
		"kubernetes:apps/v1:Deployment":             "apps/v1, Kind=Deployment",
		"kubernetes:example.com/v1:DispatchedPatch": "example.com/v1, Kind=DispatchedPatch",
		"kubernetes:core/v1:ConfigMapList":          "",
		"kubernetes:helm.sh/v3:Release":             "",
		"aws:s3/bucket:Bucket":                      "",
	} {
		kind, err := Kind(resource.URN("urn:pulumi:stack::project::" + token + "::name"))
		if (err != nil) != (want == "") || want != "" && kind.String() != want {
			t.Errorf("%s: got %v, %v", token, kind, err)
		}
	}
}

func TestSecretsStaySecret(t *testing.T) {
	inputs := resource.PropertyMap{
		"kind": resource.NewStringProperty("ConfigMap"),
		"data": resource.NewObjectProperty(resource.PropertyMap{
			"open": resource.NewStringProperty("a"), "hidden": resource.MakeSecret(resource.NewStringProperty("b")),
		}),
		"list": resource.NewArrayProperty([]resource.PropertyValue{resource.MakeSecret(resource.NewStringProperty("c"))}),
	}
	live := FromProperties(inputs)
	state := Checkpoint{Live: live, Inputs: live, InitialAPIVersion: "v1", FieldManager: "me"}.Properties(inputs)
	data := state["data"].ObjectValue()
	if data["open"].IsSecret() || !data["hidden"].IsSecret() || !state["list"].IsSecret() {
		t.Errorf("got %v", state)
	}
	if !state["__inputs"].ObjectValue()["data"].ObjectValue()["hidden"].IsSecret() {
		t.Errorf("the inputs are in the open: %v", state["__inputs"])
	}
	back := ReadCheckpoint(state)
	if !reflect.DeepEqual(back.Live.Object, live.Object) || back.FieldManager != "me" || back.InitialAPIVersion != "v1" {
		t.Errorf("got %+v", back)
	}
}

func TestDataOfASecretIsSecret(t *testing.T) {
	state := ToProperties(parse(t, "{apiVersion: v1, kind: Secret, data: {a: Yg==}}").Object)
	MarkSecrets(state, nil)
	if !state["data"].IsSecret() {
		t.Errorf("got %v", state)
	}
}

func TestUnderscoresStandForDashes(t *testing.T) {
	object := FromProperties(resource.NewPropertyMapFromMap(map[string]any{"x_kubernetes_int_or_string": true}))
	if object.Object["x-kubernetes-int-or-string"] != true {
		t.Errorf("got %v", object.Object)
	}
	if back := ToProperties(object.Object); !back.HasValue("x_kubernetes_int_or_string") {
		t.Errorf("got %v", back)
	}
}

func TestID(t *testing.T) {
	for id, want := range map[string][2]string{"a/b": {"a", "b"}, "b": {"", "b"}} {
		if namespace, name := ParseID(id); namespace != want[0] || name != want[1] {
			t.Errorf("%s: got %q, %q", id, namespace, name)
		}
	}
}
