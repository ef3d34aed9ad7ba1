package changes

import (
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestFind(t *testing.T) {
	cases := map[string]struct {
		current, wanted string
		ignored         []string
		patch           bool
		mutability      Mutability
		changes         map[string]pulumirpc.PropertyDiff_Kind
		replaces        []string
	}{
		"nothing": {
			current: "{apiVersion: v1, kind: Service, spec: {ports: [{port: 80}]}}",
			wanted:  "{apiVersion: v1, kind: Service, spec: {ports: [{port: 80.0}]}}",
		},
		"one key of a ConfigMap": {
			current:  "{apiVersion: v1, kind: ConfigMap, data: {a: x, b: y}}",
			wanted:   "{apiVersion: v1, kind: ConfigMap, data: {a: z, b: y}}",
			changes:  map[string]pulumirpc.PropertyDiff_Kind{"data.a": pulumirpc.PropertyDiff_UPDATE_REPLACE},
			replaces: []string{"data.a"},
		},
		"a mutable ConfigMap": {
			current:    "{apiVersion: v1, kind: ConfigMap, data: {a: x}}",
			wanted:     "{apiVersion: v1, kind: ConfigMap, data: {a.b: x}}",
			mutability: Mutability{ConfigMap: true},
			changes:    map[string]pulumirpc.PropertyDiff_Kind{"data.a": deleted, `data["a.b"]`: added},
		},
		"an immutable ConfigMap": {
			current:    "{apiVersion: v1, kind: ConfigMap, immutable: true, data: {a: x}}",
			wanted:     "{apiVersion: v1, kind: ConfigMap, immutable: true, data: {a: y}}",
			mutability: Mutability{ConfigMap: true},
			changes:    map[string]pulumirpc.PropertyDiff_Kind{"data.a": pulumirpc.PropertyDiff_UPDATE_REPLACE},
			replaces:   []string{"data.a"},
		},
		"below a field that cannot change": {
			current:  "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {containers: [{name: a, image: x}]}}}}",
			wanted:   "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {containers: [{name: a, image: y}]}}}}",
			changes:  map[string]pulumirpc.PropertyDiff_Kind{"spec.template.spec.containers[0].image": pulumirpc.PropertyDiff_UPDATE_REPLACE},
			replaces: []string{"spec.template.spec.containers[0].image"},
		},
		"above a field that cannot change": {
			current:  "{apiVersion: v1, kind: Service}",
			wanted:   "{apiVersion: v1, kind: Service, spec: {clusterIP: None}}",
			changes:  map[string]pulumirpc.PropertyDiff_Kind{"spec": pulumirpc.PropertyDiff_ADD_REPLACE},
			replaces: []string{"spec"},
		},
		"elements of a list": {
			current: "{apiVersion: v1, kind: Service, spec: {ports: [{port: 1}, {port: 2}]}}",
			wanted:  "{apiVersion: v1, kind: Service, spec: {ports: [{port: 3}]}}",
			changes: map[string]pulumirpc.PropertyDiff_Kind{"spec.ports[0].port": updated, "spec.ports[1]": deleted},
		},
		"every container of a pod": {
			current:  "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a}, {name: b, image: x}]}}",
			wanted:   "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a}, {name: b, image: y}]}}",
			changes:  map[string]pulumirpc.PropertyDiff_Kind{"spec.containers[1].image": pulumirpc.PropertyDiff_UPDATE_REPLACE},
			replaces: []string{"spec.containers[1].image"},
		},
		"what is ignored": {
			current: "{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 1}, metadata: {labels: {a: b}}}",
			wanted:  "{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 2}, metadata: {labels: {a: c}}}",
			ignored: []string{"spec.replicas", "metadata.labels"},
		},
		"a patch of a field that cannot change": {
			current: "{apiVersion: v1, kind: ConfigMap, data: {a: x}}",
			wanted:  "{apiVersion: v1, kind: ConfigMap, data: {a: y}}",
			patch:   true,
			changes: map[string]pulumirpc.PropertyDiff_Kind{"data.a": updated},
		},
		"another name": {
			current:  "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
			wanted:   "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}",
			patch:    true,
			changes:  map[string]pulumirpc.PropertyDiff_Kind{"metadata.name": pulumirpc.PropertyDiff_UPDATE_REPLACE},
			replaces: []string{"metadata.name"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			found, err := Find(parse(t, c.current), parse(t, c.wanted), c.patch, c.mutability, c.ignored)
			if err != nil {
				t.Fatal(err)
			}
			kinds := map[string]pulumirpc.PropertyDiff_Kind{}
			for path, change := range found.Properties {
				kinds[path] = change.GetKind()
			}
			if len(kinds) != len(c.changes) {
				t.Errorf("changes %v, want %v", kinds, c.changes)
			}
			for path, kind := range c.changes {
				if kinds[path] != kind {
					t.Errorf("changes %v, want %v", kinds, c.changes)
				}
			}
			if !slices.Equal(found.Replaces, c.replaces) {
				t.Errorf("replaces %v, want %v", found.Replaces, c.replaces)
			}
		})
	}
}

func TestUnknownValuesDiffer(t *testing.T) {
	current := parse(t, "{apiVersion: v1, kind: ConfigMap, data: {a: x}}")
	wanted := parse(t, "{apiVersion: v1, kind: ConfigMap, data: {}}")
	wanted.Object["data"].(map[string]any)["a"] = resource.Computed{Element: resource.NewStringProperty("")}
	found, err := Find(current, wanted, false, Mutability{ConfigMap: true}, nil)
	if err != nil || found.Properties["data.a"].GetKind() != updated {
		t.Errorf("changes %v, error %v", found.Properties, err)
	}
}
