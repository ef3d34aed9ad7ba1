"""What concerns the stack as a whole."""

CASES: list[tuple[str, str]] = [
    (
        r'kubernetes: {context: "a\u202eb"}',
        "kubernetes.context: 'a\\u202eb' is not one line of printable characters, as a name has to be: remove line breaks and control characters",
    ),
    ("kafak: {nodes: 3}", "kafak: unknown key: did you mean 'kafka'?"),
    ("kubernetes: {ctx: prod}", "kubernetes.ctx: unknown key: did you mean 'context'?"),
    (
        "images: {broker: apache/kafka}",
        "images.broker: unknown key: use one of kafka, runtime, registry, connect, objectStore, flink, trino, collector, prometheus, alertmanager",
    ),
    ("gatway: {pods: {min: 3}}", "gatway: unknown key: did you mean 'gateway'?"),
    (
        "services: {fraud: {image: a}}",
        "services: unknown key: use one of environment, namespace, createNamespace, kubernetes, adopt, images, podSettings, kafka, topics, topicFiles, tenants, tenantFiles, registry, gateway, strimzi, drainCleaner, certManager, prometheus, alerts, keda, ...",
    ),
    ("createNamespace: yes", "createNamespace: 'yes' is not true or false: write true or false"),
    (
        "images: {kafka: 'apache kafka'}",
        "images.kafka: 'apache kafka' is not an image: write registry/name:tag, such as registry.example.com/kafka:4.3.1",
    ),
    ("kubernetes: {context: ''}", "kubernetes.context: is empty: write a value, or remove the key"),
    (
        "namespace: Streaming",
        "namespace: 'Streaming' is not a Kubernetes namespace: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "namespace: kube-system",
        "namespace: 'kube-system' is of Kubernetes itself, whose programs may read all Secrets in it: choose another namespace",
    ),
    (
        "{namespace: kube-public, createNamespace: false}",
        "namespace: 'kube-public' is of Kubernetes itself, whose programs may read all Secrets in it: choose another namespace",
    ),
    (
        "namespace: default",
        "namespace: 'default' is in every Kubernetes cluster already: write createNamespace: false, or another name",
    ),
    (
        "adopt: [streaming]",
        "adopt: 'streaming' is not an object: write Kind/name, or Kind/namespace/name for one in a namespace, such as "
        "Namespace/streaming or Secret/streaming/api-kafka",
    ),
    (
        "adopt: [ConfigMap/streaming/*]",
        "adopt: 'ConfigMap/streaming/*' is not an object: write Kind/name, or Kind/namespace/name for one in a namespace, "
        "such as Namespace/streaming or Secret/streaming/api-kafka",
    ),
    (
        "adopt: [Namespace/streamin]",
        "adopt: Namespace/streamin: this file does not make that namespace: use streaming",
    ),
    (
        "{createNamespace: false, adopt: [Namespace/streaming]}",
        "adopt: Namespace/streaming: this file does not make that namespace: remove it",
    ),
    (
        "adopt: [Namespace/streaming, Namespace/streaming]",
        "adopt: 'Namespace/streaming' is listed 2 times: keep one",
    ),
    (
        "- kafka",
        "config.kafka-platform:platform: a list is not a mapping: write keys below it, such as kafka, topics and tenants",
    ),
    (
        "production",
        "config.kafka-platform:platform: 'production' is not a mapping: write keys below it, such as kafka, topics and tenants",
    ),
    ("nodes: 3", "nodes: unknown key: did you mean kafka.nodes?"),
    (
        "source: strimzi",
        "source: unknown key: did you mean strimzi.source, drainCleaner.source, certManager.source, prometheus.source or keda.source?",
    ),
    ("environment: prd", "environment: 'prd' is not known: use one of dev, staging, prod"),
]
