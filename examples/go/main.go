// A Kafka with two topics and a worker that reads one and writes the other.
package main

import (
	"github.com/kafka-platform/sdk-go/kafkaplatform"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(program)
}

func program(ctx *pulumi.Context) error {
	allow := kafkaplatform.DeletionAllow
	events, err := kafkaplatform.NewKafkaCluster(ctx, "events", &kafkaplatform.KafkaClusterArgs{
		Namespace: pulumi.String("streaming"),
		Nodes:     pulumi.IntRef(1),
		Storage:   pulumi.StringRef("5Gi"),
		Deletion:  &allow,
		Resources: &kafkaplatform.ResourcesArgs{Cpu: pulumi.StringRef("100m"), Memory: pulumi.StringRef("1Gi")},
	})
	if err != nil {
		return err
	}
	topics, err := kafkaplatform.NewKafkaResources(ctx, "topics", &kafkaplatform.KafkaResourcesArgs{
		Connection: events.Connection,
		Topics: map[string]kafkaplatform.TopicInput{
			"readings": kafkaplatform.TopicArgs{Partitions: pulumi.IntRef(6), Retention: pulumi.StringRef("1d"), Deletion: &allow},
			"alerts":   kafkaplatform.TopicArgs{Partitions: pulumi.IntRef(6), Retention: pulumi.StringRef("30d"), Deletion: &allow},
		},
		Users: map[string]kafkaplatform.UserInput{
			"operator": kafkaplatform.UserArgs{
				Writes: []string{"readings"}, Reads: []string{"alerts"}, Groups: []string{"operator*"},
			},
		},
	})
	if err != nil {
		return err
	}
	_, err = kafkaplatform.NewStreamWorker(ctx, "sensors-alerts", &kafkaplatform.StreamWorkerArgs{
		Connection: events.Connection,
		Image:      pulumi.String("sensors-alerts:1"),
		Reads:      []string{"readings"},
		Writes:     []string{"alerts"},
		Replicas:   pulumi.IntRef(1),
		Resources:  &kafkaplatform.WorkerResourcesArgs{Cpu: pulumi.StringRef("20m"), Memory: pulumi.StringRef("64Mi")},
	}, pulumi.DependsOn([]pulumi.Resource{topics}))
	ctx.Export("bootstrapServers", events.Connection.BootstrapServers())
	return err
}
