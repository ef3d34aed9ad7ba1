package main

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

type mocks struct{ sent chan resource.PropertyMap }

func (m mocks) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	outputs := args.Inputs.Copy()
	if args.TypeToken == "kafka-platform:index:KafkaCluster" {
		outputs["connection"] = resource.NewObjectProperty(resource.NewPropertyMapFromMap(map[string]any{
			"cluster": args.Name, "namespace": "streaming", "bootstrapServers": "events.streaming.svc:9092",
			"securityProtocol": "SASL_PLAINTEXT", "adminSecret": "events-admin", "nodes": 3.0, "replicas": 3.0,
		}))
	} else {
		m.sent <- args.Inputs
	}
	return args.Name, outputs, nil
}

func (mocks) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return resource.PropertyMap{}, nil
}

func TestAConnectionPassesAsItIs(t *testing.T) {
	m := mocks{sent: make(chan resource.PropertyMap, 2)}
	err := pulumi.RunErr(program, pulumi.WithMocks("project", "stack", m))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		connection := (<-m.sent)["connection"].ObjectValue()
		if connection["bootstrapServers"].StringValue() != "events.streaming.svc:9092" || connection["nodes"].NumberValue() != 3 {
			t.Errorf("got %v", connection)
		}
		if value, given := connection["caSecret"]; given && !value.IsNull() {
			t.Errorf("caSecret: %v", value)
		}
	}
}
