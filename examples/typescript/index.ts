import * as kafka from "@kafka-platform/components";

const events = new kafka.KafkaCluster("events", {
    namespace: "streaming",
    nodes: 1,
    storage: "5Gi",
    deletion: "allow",
    resources: { cpu: "100m", memory: "1Gi" },
});

const topics = new kafka.KafkaResources("topics", {
    connection: events.connection,
    topics: {
        readings: { partitions: 6, retention: "1d", deletion: "allow" },
        alerts: { partitions: 6, retention: "30d", deletion: "allow" },
    },
    users: {
        operator: { writes: ["readings"], reads: ["alerts"], groups: ["operator*"] },
    },
});

new kafka.StreamWorker("sensors-alerts", {
    connection: events.connection,
    image: "sensors-alerts:1",
    reads: ["readings"],
    writes: ["alerts"],
    replicas: 1,
    resources: { cpu: "20m", memory: "64Mi" },
}, { dependsOn: topics });

export const bootstrapServers = events.connection.bootstrapServers;
