"""What pods carry and where they run."""

CASES: list[tuple[str, str]] = [
    (
        "podSettings: {nodeSelector: {pool: kafka}}",
        "podSettings.nodeSelector: unknown key: use one of pullSecrets, tolerations, nodeLabels, priorityClass, labels, annotations, runAs",
    ),
    (
        "kafka: {tolerations: [{key: dedicated}]}",
        "kafka.tolerations: unknown key: did you mean kafka.podSettings.tolerations?",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {w: {image: a:1, tenant: shop, reads: [orders], nodeLabels: {a: b}}}}",
        "workers.w.nodeLabels: unknown key: did you mean workers.w.podSettings.nodeLabels?",
    ),
    (
        "podSettings: {pullSecrets: [Registry]}",
        "podSettings.pullSecrets: 'Registry' is not a Kubernetes Secret name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    ("podSettings: {runAs: openshift}", "podSettings.runAs: 'openshift' is not known: use one of image, platform"),
    (
        "podSettings: {labels: {app.kubernetes.io/name: mine}}",
        "podSettings.labels: 'app.kubernetes.io/name' says whose the object is: remove it",
    ),
    (
        "gateway: {podSettings: {labels: {statefulset.kubernetes.io/pod-name: gateway-0}}}",
        "gateway.podSettings.labels: 'statefulset.kubernetes.io/pod-name' is set on pods by Kubernetes itself: remove it",
    ),
    (
        "kafka: {podSettings: {labels: {pod-template-hash: a}}}",
        "kafka.podSettings.labels: 'pod-template-hash' is set on pods by Kubernetes itself: remove it",
    ),
    (
        "probe: {podSettings: {annotations: {kafka-platform/config: a}}}",
        "probe.podSettings.annotations: 'kafka-platform/config' says how the object is deployed: remove it",
    ),
    (
        "podSettings: {tolerations: [{key: 'a b'}]}",
        "podSettings.tolerations[0].key: 'a b' is not the key of a taint: write one such as dedicated",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'k:9093', podSettings: {priorityClass: high}}",
        "kafka.podSettings: the engine is external: remove the key, or write engine: embedded",
    ),
]
