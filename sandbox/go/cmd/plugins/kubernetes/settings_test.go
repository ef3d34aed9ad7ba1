package kubernetes

import (
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	environment := map[string]string{"PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE": "true", "PULUMI_K8S_CLIENT_QPS": "7", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true"}
	lookup := func(name string) (string, bool) {
		value, found := environment[name]
		return value, found
	}
	got, err := parseSettings(map[string]string{
		"kubernetes:config:namespace":             "n",
		"kubernetes:config:upsertExistingObjects": "false",
		"kubernetes:config:kubeClientSettings":    `{"burst": 9, "timeout": 3}`,
	}, lookup)
	if err != nil {
		t.Fatal(err)
	}
	if got.namespace != "n" || !got.mutability.ConfigMap || got.mutability.Secret || got.upsert || !got.serverSideApply {
		t.Errorf("got %+v", got)
	}
	if got.qps != 7 || got.burst != 9 || got.timeout != 3*time.Second {
		t.Errorf("got %+v", got)
	}
	for _, wrong := range []map[string]string{
		{"kubernetes:config:enableServerSideApply": "false"},
		{"kubernetes:config:renderYamlToDirectory": "x"},
		{"kubernetes:config:kubeClientSettings": "{"},
	} {
		if _, err := parseSettings(wrong, lookup); err == nil {
			t.Errorf("%v: accepted", wrong)
		}
	}
}
