"""Operators and monitoring."""

from tests.unit.settings.broken.strimzi import strimzi

CASES: list[tuple[str, str]] = [
    ("certManager: {instal: true}", "certManager.instal: unknown key: did you mean 'install'?"),
    (
        "certManager: {replicas: 1}",
        "certManager.replicas: cert-manager is in the cluster already: remove the key, or write install: true",
    ),
    (
        "certManager: {install: true, version: '1.19'}",
        "certManager.version: '1.19' is not a version of cert-manager: write three numbers, such as 1.21.1",
    ),
    (
        "{certManager: {install: true, namespace: system}, prometheus: {install: true, namespace: system}}",
        "prometheus.namespace: 'system' is made for certManager already: write createNamespace: false, or another name",
    ),
    (
        "prometheus: {labels: {release: a b}}",
        "prometheus.labels: 'release': 'a b' is not a label: use up to 63 of a-z A-Z 0-9 . _ - for each, as in release: prometheus",
    ),
    (
        "prometheus: {install: true, retention: 1h}",
        "prometheus.retention: '1h' is not a time that Prometheus keeps metrics for: use 2h or more, such as 10d",
    ),
    (
        "prometheus: {install: true, values: {crds: {enabled: true}}}",
        "prometheus.values: crds: the chart would delete every monitor and rule when it goes: remove the key, the definitions are kept",
    ),
    (
        "prometheus: {install: true, server: {}}",
        "prometheus.server: install: true brings one: remove one of the two keys",
    ),
    (
        "prometheus: {server: {}, replicas: 2}",
        "prometheus.replicas: is not of a Prometheus without operator: remove the key; what there is to say of it is below server",
    ),
    (
        "prometheus: {server: {}, namespace: ops}",
        "prometheus.namespace: is not of a Prometheus without operator: remove the key; what there is to say of it is below server",
    ),
    (
        "prometheus: {server: {persistent: false, storageClass: fast}}",
        "prometheus.server.storageClass: there is no volume to be of that class: remove it, or write persistent: true",
    ),
    (
        "prometheus: {server: {apiPorts: []}}",
        "prometheus.server.apiPorts: none is named, and Prometheus finds pods by the API server: write its port, such as 6443",
    ),
    (
        "{prometheus: {server: {}}, kafka: {metricsNamespaces: [ops]}}",
        "kafka.metricsNamespaces: Prometheus may not connect: add 'streaming', or remove the key",
    ),
    (
        "{prometheus: {server: {}}, gateway: {metricsNamespaces: [ops]}}",
        "gateway.metricsNamespaces: Prometheus may not connect: add 'streaming', or remove the key",
    ),
    (
        "alerts: {slack: {secret: slack, channel: '#streaming'}}",
        "alerts: there is no Prometheus that would find anything wrong: write prometheus: {server: {}}",
    ),
    (
        "{alerts: {slack: {secret: slack, channel: '#streaming'}}, prometheus: {alerts: false}}",
        "alerts: there are no alerts to be sent: remove prometheus.alerts, or this section",
    ),
    ("{alerts: {}, prometheus: {}}", "alerts: no receiver is given: name slack, pagerduty, email or webhook"),
    (
        "{alerts: {slack: {channel: '#a'}}, prometheus: {}}",
        "alerts.slack.secret: missing: write a value for it",
    ),
    (
        "{alerts: {slack: {secret: slack, channel: streaming}}, prometheus: {}}",
        "alerts.slack.channel: 'streaming' is not a channel of Slack: write one in quotes, such as \"#streaming\"",
    ),
    (
        "{alerts: {pagerduty: {secret: pagerduty, severities: []}}, prometheus: {}}",
        "alerts.pagerduty.severities: it gets no alert: name some of critical, warning, or remove pagerduty",
    ),
    (
        "{alerts: {email: {to: [a@example.com], sender: b@example.com, smarthost: 'smtp:587', username: kafka}}, prometheus: {}}",
        "alerts.email.secret: the user of the mail server needs a password: name the Secret with it",
    ),
    (
        "{alerts: {webhook: {url: 'https://me:word@example.com/hook?key=word'}}, prometheus: {}}",
        "alerts.webhook.url: only https://example.com/hook may be written here, where everybody can read it: put a token into the "
        "Secret that `secret` names",
    ),
    (
        "{alerts: {webhook: {url: 'http://hook.example.com/kafka', secret: hook}}, prometheus: {}}",
        "alerts.webhook.secret: is sent to 'http://hook.example.com/kafka' in the clear: use https there, or remove it",
    ),
    (
        "{alerts: {tenants: {paymnts: {slack: {secret: slack, channel: '#a'}}}}, tenants: {payments: {}}, prometheus: {}}",
        "alerts.tenants.paymnts: unknown tenant: use payments",
    ),
    (
        "drainCleaner: {install: true}",
        "drainCleaner: the engine is embedded: remove the key, or write kafka.engine: strimzi",
    ),
    (
        strimzi() + "\ndrainCleaner: {install: true}\ncertManager: {}",
        "drainCleaner: the Kafka does not expect it and lets machines be drained without it: write kafka.drainCleaner: true",
    ),
    (
        strimzi(", drainCleaner: true") + "\ndrainCleaner: {install: true}",
        "drainCleaner: its webhook needs a certificate: write certManager: {} if it is in the cluster, or install: true",
    ),
    ("keda: true", "keda: true is not a mapping: write keys below it, such as install, namespace, createNamespace"),
    ("keda: {instal: true}", "keda.instal: unknown key: did you mean 'install'?"),
    (
        "keda: {install: true, version: 2.16.1}",
        "keda.version: 2.16.1 is too old: use 2.17.0 or newer, such as 2.20.2",
    ),
    ("keda: {install: true, replicas: 9}", "keda.replicas: 9 is out of range: use 1 to 5"),
    (
        "keda: {install: true, values: {crds: {install: true}}}",
        "keda.values: crds: the chart would delete every ScaledObject when it goes: remove the key, the definitions are kept",
    ),
    (
        "strimzi: {install: true, source: {chart: strimzi-kafka-operator}}",
        "strimzi.source.chart: 'strimzi-kafka-operator' is neither an address nor a file: write "
        "oci://registry.example.com/charts/strimzi-kafka-operator, ./strimzi-kafka-operator for a folder, or a repository",
    ),
    (
        "certManager: {install: true, source: {chart: http://files.example.com/cert-manager.tgz}}",
        "certManager.source.chart: 'http://files.example.com/cert-manager.tgz' is not an address with oci or https: "
        "write one such as oci://registry.example.com/charts/keda",
    ),
    (
        "keda: {install: true, source: {chart: charts/keda}}",
        "keda.source.chart: 'charts/keda' is not a packed chart, or a folder with Chart.yaml, in stacks: name one, or write an address",
    ),
    (
        "keda: {install: true, source: {chart: 'oci://me:secret@registry.example.com/keda'}}",
        "keda.source.chart: contains credentials, which would be readable in the state: remove them, and log in with helm registry",
    ),
    (
        "keda: {install: true, source: {repository: 'oci://registry.example.com/charts'}}",
        "keda.source.repository: 'oci://registry.example.com/charts' is not an address with https: write one such as https://charts.example.com",
    ),
    (
        "keda: {install: true, source: {chartVersion: latest}}",
        "keda.source.chartVersion: 'latest' is not the version of a chart: write three numbers, such as 1.2.3",
    ),
    (
        "prometheus: {install: true, source: {definitions: crds.yaml}}",
        "prometheus.source.definitions: 'crds.yaml' is not a file in stacks: name one, or write an address",
    ),
    (
        "prometheus: {install: true, source: {definition: crds.yaml}}",
        "prometheus.source.definition: unknown key: did you mean 'definitions'?",
    ),
    ("prometheus: {retention: 5}", "prometheus.retention: 5 is a bare number: write a duration such as 10d"),
    ("prometheus: {storage: 50}", "prometheus.storage: 50 is a bare number: write a quantity such as 50Gi"),
    ("keda: {version: 2}", "keda.version: 2 is a bare number: write it as in 2.20.2"),
    ("keda: {install: true, version: }", "keda.version: has no value: write one, or remove the key"),
    (
        strimzi(", drainCleaner: true")
        + "\ncertManager: {}\ndrainCleaner: {install: true, source: {definitions: 'https://files.example.com/crds.yaml'}}",
        "drainCleaner.source.definitions: the Drain Cleaner has no kinds of its own: remove the key",
    ),
    (
        "keda: {source: {repository: 'https://charts.example.com'}}",
        "keda.source: KEDA is in the cluster already: remove the key, or write install: true",
    ),
    (
        "keda: {replicas: 1}",
        "keda.replicas: KEDA is in the cluster already: remove the key, or write install: true",
    ),
    (
        "keda: {install: true, namespace: kube-system}",
        "keda.namespace: 'kube-system' is of Kubernetes itself, which is never made: write createNamespace: false, or another name",
    ),
    (
        "keda: {install: true, namespace: streaming}",
        "keda.namespace: 'streaming' is made by this file already: write createNamespace: false, or another name",
    ),
]
