"""Broken stack files, and the one line that each is answered with."""

_POOLS = (
    "controllers: {roles: [controller], nodes: 3, storage: 20Gi}, brokers: {roles: [broker], nodes: 3, storage: 100Gi}"
)


def _strimzi(keys: str = "", pools: str = _POOLS) -> str:
    return f"kafka: {{engine: strimzi, pools: {{{pools}}}{keys}}}"


_OAUTH = "{auth: custom, custom: {config: {sasl.enabled.mechanisms: OAUTHBEARER}}}"


def _outside(keys: str) -> str:
    return _strimzi(f", listeners: {{external: {{{keys}}}}}")


_STRIMZI: list[tuple[str, str]] = [
    (
        "kafka: {engine: strimzi}",
        "kafka.pools: missing: write pools such as all: {roles: [controller, broker], nodes: 3, storage: 100Gi}",
    ),
    (_strimzi(", nodes: 3"), "kafka.nodes: the engine is strimzi: remove the key, or write engine: embedded"),
    ("kafka: {rack: zone}", "kafka.rack: the engine is embedded: remove the key, or write engine: strimzi"),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', version: 4.3.1}",
        "kafka.version: the engine is external: remove the key, or write engine: embedded",
    ),
    (
        _strimzi(", version: 4.1.0"),
        "kafka.version: Strimzi 1.2.0 does not run Kafka 4.1.0: use one of 4.2.0, 4.2.1, 4.3.0, 4.3.1",
    ),
    (
        _strimzi(", config: {ssl.truststore.location: /x}"),
        "kafka.config.'ssl.truststore.location': cannot be set here, Strimzi decides on it and would leave it out: remove the key",
    ),
    (
        _strimzi(pools="brokers: {roles: [broker], nodes: 3, storage: 1Ti}"),
        "kafka.pools: no node votes on the metadata: write a pool with the role controller",
    ),
    (
        _strimzi(pools="all: {roles: [broker, controller], nodes: 4, storage: 1Ti}"),
        "kafka.pools: 4 controllers are no safer than 3, a majority has to be up: use an odd number",
    ),
    (
        _strimzi(pools="all: {roles: [broker, kontroller], nodes: 3, storage: 1Ti}"),
        "kafka.pools.all.roles[1]: 'kontroller' is not known: did you mean 'controller'?",
    ),
    (
        _strimzi(pools="all: {roles: [broker, controller], nodes: 3}"),
        "kafka.pools.all.storage: missing: write a size such as 100Gi",
    ),
    (
        _strimzi(pools="all: {roles: [broker, controller], nodes: 3, storage: 10Mi}"),
        "kafka.pools.all.storage: 10Mi is too little, one segment of a log is 1Gi: use at least 1Gi",
    ),
    (
        _strimzi(pools=f"{_POOLS}, more: {{roles: [broker], nodes: 3, storage: 1Ti, autoscaled: true}}"),
        "kafka.pools.more.autoscaled: unknown key: write kafka.scaling with the pool's name",
    ),
    (
        _strimzi(", defaults: {replicas: 5}"),
        "kafka.defaults.replicas: 5 replicas on 3 brokers: use at most 3, or add nodes to kafka.pools.brokers",
    ),
    (
        _strimzi(", defaults: {minInsyncReplicas: 3}"),
        "kafka.defaults.minInsyncReplicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
    ),
    (
        _strimzi() + "\ntopics: {orders: {replicas: 5}}",
        "topics.orders.replicas: 5 replicas on 3 brokers: use at most 3, or add nodes to kafka.pools.brokers",
    ),
    (
        _strimzi() + "\ntopics: {orders: {partitions: 100, retentionSize: 10Gi}}",
        "topics.orders.retentionSize: 10Gi in 100 partitions, 3 copies, is 1000Gi on each broker, whose volume has 100Gi: "
        "keep less, or raise kafka.pools.brokers",
    ),
    (
        _outside("expose: loadBalancer, host: kafka.example.com"),
        "kafka.listeners.external.host: 'kafka.example.com' is the same for all brokers: put {nodeId} in it, as in "
        "broker-{nodeId}.kafka.example.com",
    ),
    (
        _outside("expose: tlsRoute, host: 'broker-{nodeId}.example.com'"),
        "kafka.listeners.external.gatewayClass: missing: write one, or gateway",
    ),
    (
        _outside("expose: ingress, host: 'broker-{nodeId}.example.com'"),
        "kafka.listeners.external.ingressClass: missing: write the class of the controller, such as nginx",
    ),
    (
        _outside("expose: loadBalancer, host: 'b-{nodeId}.example.com', gatewayClass: envoy"),
        "kafka.listeners.external.gatewayClass: does not go with loadBalancer: remove the key, or expose by tlsRoute",
    ),
    (
        _outside("expose: loadBalancer, host: 'b-{nodeId}.example.com', port: 9404"),
        "kafka.listeners.external.port: 9404 is that of the metrics: use another one, such as 9094",
    ),
    (
        _strimzi(", listeners: {certificate: x}"),
        "kafka.listeners.certificate: Strimzi makes the brokers' certificates: remove the key; one for clients outside "
        "stands at external",
    ),
    (
        _strimzi(", listeners: {internal: {auth: mtls, tls: false}}"),
        "kafka.listeners.internal.tls: a login by certificate is part of TLS: write tls true, or auth scram",
    ),
    (
        "kafka: {listeners: {internal: {tls: true}}}",
        "kafka.listeners.internal: the engine is embedded: remove the key, or write engine: strimzi",
    ),
    (
        "kafka: {nodes: 3, listeners: {external: {expose: loadBalancer, host: 'b-{nodeId}.x.com', auth: mtls}}}",
        "kafka.listeners.external.auth: the engine is embedded: remove the key, or write engine: strimzi",
    ),
    (
        _strimzi(", scaling: {pool: broker, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.pool: 'broker' is not a pool of this file: did you mean 'brokers'?",
    ),
    (
        _strimzi(", scaling: {pool: controllers, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.pool: 'controllers' has nodes that vote on the metadata, which do not come and go: use a pool of "
        "brokers alone",
    ),
    (
        _strimzi(", scaling: {pool: brokers, min: 4, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.pool: 'brokers' begins with 3 nodes, which is not between min (4) and max (9): change one of them",
    ),
    (
        _strimzi(", scaling: {pool: brokers, max: 3, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.max: 3 is out of range: use 4 to 900",
    ),
    (
        _strimzi(", scaling: {pool: brokers, max: 9}") + "\nkeda: {}",
        "kafka.scaling.diskAbove: nothing says when to scale: write diskAbove, networkAbove or cpuAbove",
    ),
    (
        _strimzi(", scaling: {pool: brokers, max: 9, diskAbove: 120%}") + "\nkeda: {}",
        "kafka.scaling.diskAbove: '120%' is not a share: write 1% to 99%, such as 70%",
    ),
    (
        _strimzi(", unbalanced: true, scaling: {pool: brokers, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling: records would never move to the brokers that are added: remove the key, or kafka.unbalanced",
    ),
    (
        _strimzi(", scaling: {pool: brokers, max: 9, diskAbove: 70%}"),
        "kafka.scaling: KEDA scales the brokers: write keda: {} if it is in the cluster, or install: true",
    ),
    *(
        (
            _strimzi(f", listeners: {{internal: {_OAUTH}}}") + f"\n{section}",
            f"kafka.listeners.internal.auth: {who} by passwords, which custom does not take: use scram, or let custom's "
            "sasl.enabled.mechanisms have SCRAM-SHA-512 too",
        )
        for section, who in (
            ("probe: {}", "the probe logs in"),
            ("gateway: {}", "the gateway's callers without bearer tokens log in"),
            (
                "topics: {a: {partitions: 1}}\ntenants: {t: {namespace: t}}\n"
                "workers: {w: {image: 'a/b:1', tenant: t, reads: [a]}}",
                "workers log in",
            ),
        )
    ),
    (
        _strimzi(", listeners: {internal: {auth: mtls}}") + "\ntenants: {shop: {users: {api: {}}}}",
        "tenants.shop.users.api.auth: no listener takes passwords: write auth: mtls or custom, or kafka.listeners.internal.auth: scram",
    ),
    (
        _strimzi() + "\ntenants: {shop: {users: {api: {auth: custom}}}}",
        "tenants.shop.users.api.auth: no listener has a way of its own to log in: write kafka.listeners.internal.auth: custom",
    ),
    (
        "tenants: {shop: {users: {api: {auth: custom}}}}",
        "tenants.shop.users.api.auth: no listener has a way of its own to log in: use scram, or engine: strimzi",
    ),
    ("strimzi: {install: true}", "strimzi: the engine is embedded: remove the key, or write kafka.engine: strimzi"),
    (
        _strimzi() + "\nstrimzi: {replicas: 3}",
        "strimzi.replicas: the operator is in the cluster already: remove the key, or write install: true",
    ),
    (
        _strimzi() + "\nstrimzi: {install: true, replicas: 9}",
        "strimzi.replicas: 9 is out of range: use 1 to 5",
    ),
    (
        _strimzi() + "\nstrimzi: {install: true, watchNamespaces: [other]}",
        "strimzi.watchNamespaces: 'streaming' is not among them, and the Kafka is there: add it, or remove the key",
    ),
    (
        _strimzi() + "\nstrimzi: {install: true, namespace: streaming}",
        "strimzi.namespace: 'streaming' is made by this file already: write createNamespace: false, or another name",
    ),
    (
        _strimzi(", quotas: {leastFree: 5}"),
        "kafka.quotas.leastFree: 5 is a bare number: write a share such as 5%",
    ),
    (
        _strimzi(", balance: {throttle: 50}"),
        "kafka.balance.throttle: 50 is a bare number: write a rate such as 50MB/s",
    ),
    (
        _strimzi(", maintenance: ['* * 1']"),
        "kafka.maintenance: '* * 1' is not a time window: write six or seven parts, such as '* * 1-4 ? * SUN *'",
    ),
    (
        "tenants: {shop: {users: {app: {auth: mtls}}}}",
        "tenants.shop.users.app.auth: no listener takes certificates: use scram, or engine: strimzi",
    ),
    (
        _strimzi() + "\ntenants: {shop: {users: {app: {auth: mtls}}}}",
        "tenants.shop.users.app.auth: no listener takes certificates: write kafka.listeners.internal.certificates: true",
    ),
    (
        _strimzi() + "\ntenants: {shop: {users: {kafka-passwords: {}}}}",
        "tenants.shop.users.kafka-passwords: Strimzi keeps the credentials in a Secret of that name, and those that begin "
        "with kafka- are the cluster's own: choose another name",
    ),
    (
        _strimzi() + "\ntenants: {shop: {users: {app: {}, app-kafka: {}}}}",
        "tenants.shop.users.app: Strimzi keeps the credentials of user 'app-kafka' in the Secret that this one is given: "
        "rename one",
    ),
    (
        _strimzi() + "\ntenants: {shop: {quotas: {requestPercentage: 0.5}, users: {app: {}}}}",
        "tenants.shop.quotas.requestPercentage: 0.5: Strimzi takes whole percents: use 1",
    ),
    (
        _strimzi(", listeners: {internal: {auth: mtls}}") + "\ngateway: {}",
        "kafka.listeners.internal.auth: the gateway logs in with the passwords of its callers: use scram, and certificates: "
        "true for others",
    ),
    (
        _strimzi() + "\ngateway: {bearer: true}",
        "gateway.bearer: the brokers know no tokens: remove the key, or write kafka.listeners.internal with auth: custom",
    ),
    (
        _outside("expose: nodePort, host: h, port: 30080") + "\ngateway: {expose: {nodePort: 30080}}",
        "gateway.expose.nodePort: 30080 is that of the brokers, by kafka.listeners.external: use another one",
    ),
]

_ABSURD: list[tuple[str, str]] = [
    (
        r"kafka: {nodes: 1000000000000}",
        "kafka.nodes: 1000000000000 is out of range: use 1 to 900",
    ),
    (
        r"kafka: {storage: 1000000000000000000000000000000}",
        "kafka.storage: 1000000000000000000000000000000 is too large for a number: use a smaller one, or put it in quotes",
    ),
    (
        r"kafka: {storage: '1000000000000000000000000000000'}",
        "kafka.storage: '1000000000000000000000000000000' is out of range: use up to 1024Pi",
    ),
    (
        r"kafka: {storage: 2000Ti}",
        "kafka.storage: '2000Ti' is out of range: use up to 1024Ti",
    ),
    (
        r"kafka: {resources: {cpu: 5000000k}}",
        "kafka.resources.cpu: '5000000k' is out of range: use 1m to 1024",
    ),
    (
        r"kafka: {resources: {memory: 1Pi}}",
        "kafka.resources.memory: '1Pi' is out of range: use up to 64Ti",
    ),
    (
        r"topics: {orders: {retention: 99999999999999999999d}}",
        "topics.orders.retention: '99999999999999999999d' is out of range: use up to 36500d",
    ),
    (
        r"topics: {orders: {retention: 36501d}}",
        "topics.orders.retention: '36501d' is out of range: use up to 36500d",
    ),
    (
        r"topics: {orders: {retentionSize: 2000Pi}}",
        "topics.orders.retentionSize: '2000Pi' is out of range: use up to 1024Pi",
    ),
    (
        r"topics: {orders: {maxMessageSize: 2Gi}}",
        "topics.orders.maxMessageSize: '2Gi' is out of range: use up to 2047Mi",
    ),
    (
        r"topics: {orders: {maxMessageSize: unlimited}}",
        "topics.orders.maxMessageSize: 'unlimited' is out of range: use up to 2047Mi",
    ),
    (
        r"tenants: {shop: {quotas: {produce: 99999999999999999999999999999999GB/s}}}",
        "tenants.shop.quotas.produce: '99999999999999999999999999999999GB' is out of range: use up to 1024Pi",
    ),
    (
        r"tenants: {shop: {quotas: {requestPercentage: 100001}}}",
        "tenants.shop.quotas.requestPercentage: 100001.0 is out of range: use 0.01 to 100000",
    ),
    (
        r"tenants: {shop: {quotas: {controllerMutations: 1e30}}}",
        "tenants.shop.quotas.controllerMutations: 1e30 is too large for a number: use a smaller one, or put it in quotes",
    ),
    (
        r'tenants: {shop: {users: {app: {groups: ["a\0b"]}}}}',
        "tenants.shop.users.app.groups: 'a\\x00b' is not a name or prefix: write a name such as orders, or a prefix such as orders-*",
    ),
    (
        "tenants: {shop: {users: {app: {groups: [" + "g" * 300 + "]}}}}",
        f"tenants.shop.users.app.groups: '{'g' * 60}...' has 300 characters: use up to 249",
    ),
    (
        r"tenants: {shop: {users: {app: {passwordVersion: 100000000000000000000}}}}",
        "tenants.shop.users.app.passwordVersion: 100000000000000000000 is too large for a number: use a smaller one, or put it in quotes",
    ),
    (
        'kafka: {engine: external, bootstrapServers: "a:9092", adminSecret: x}\ntopics: {'
        + ", ".join(f"t{number}: {{partitions: 10000, replicas: 3}}" for number in range(101))
        + "}",
        "topics: 1,010,000 partitions altogether are out of range: use at most 1,000,000",
    ),
    (
        r'kafka: {config: {"super.users ": "User:red"}}',
        "kafka.config: 'super.users ' is not the name of a setting: use letters, digits, '.', '_' and '-', such as num.io.threads",
    ),
    (
        r'kafka: {config: {"\\u0073uper.users": "User:red"}}',
        "kafka.config: '\\\\u0073uper.users' is not the name of a setting: use letters, digits, '.', '_' and '-', such as num.io.threads",
    ),
    (
        r'kafka: {config: {log.segment.bytes: "900000\nallow.everyone.if.no.acl.found=true"}}',
        "kafka.config: log.segment.bytes: its value has the character U+000A at position 7: write one line of printable characters",
    ),
    (
        r'kafka: {config: {Super.Users: "User:red"}}',
        "kafka.config.'Super.Users': cannot be set here, they are the platform's own users: remove the key",
    ),
    (
        r"kafka: {config: {config.providers: file}}",
        "kafka.config.'config.providers': cannot be set here, it would read files and classes into settings that everybody may see: remove the key",
    ),
    (
        r"kafka: {config: {principal.builder.class: x.Y}}",
        "kafka.config.'principal.builder.class': cannot be set here, a client is always the user that it logs in as: remove the key",
    ),
    (
        r'topics: {orders: {config: {"segment.bytes ": 1}}}',
        "topics.orders.config: 'segment.bytes ' is not the name of a setting: use letters, digits, '.', '_' and '-', such as num.io.threads",
    ),
    (
        r'kubernetes: {context: "a\u202eb"}',
        "kubernetes.context: 'a\\u202eb' is not one line of printable characters, as a name has to be: remove line breaks and control characters",
    ),
]
"""Numbers beyond every range, names that are none, and settings that get round a refusal."""

PLATFORM: list[tuple[str, str]] = [
    *_ABSURD,
    ("kafka: {nodez: 3}", "kafka.nodez: unknown key: did you mean 'nodes'?"),
    ("kafak: {nodes: 3}", "kafak: unknown key: did you mean 'kafka'?"),
    ("topics: {orders: {partition: 3}}", "topics.orders.partition: unknown key: did you mean 'partitions'?"),
    (
        "topics: {orders: {min_insync_replicas: 1}}",
        "topics.orders.min_insync_replicas: unknown key: did you mean 'minInsyncReplicas'?",
    ),
    (
        "topics: {orders: {colour: red}}",
        "topics.orders.colour: unknown key: use one of partitions, replicas, minInsyncReplicas, retention, retentionSize, cleanup, maxMessageSize, config, deletion, adopt",
    ),
    ("tenants: {shop: {user: {app: {}}}}", "tenants.shop.user: unknown key: did you mean 'users'?"),
    (
        "tenants: {shop: {users: {app: {write: []}}}}",
        "tenants.shop.users.app.write: unknown key: did you mean 'writes'?",
    ),
    (
        "tenants: {shop: {quotas: {produces: 1MB/s}}}",
        "tenants.shop.quotas.produces: unknown key: did you mean 'produce'?",
    ),
    (
        "kafka: {listeners: {externel: {expose: nodePort, host: a, port: 30092}}}",
        "kafka.listeners.externel: unknown key: did you mean 'external'?",
    ),
    ("kafka: {resources: {mem: 1Gi}}", "kafka.resources.mem: unknown key: did you mean 'memory'?"),
    ("kubernetes: {ctx: prod}", "kubernetes.ctx: unknown key: did you mean 'context'?"),
    ("images: {broker: apache/kafka}", "images.broker: unknown key: use one of kafka, runtime"),
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
        "drainCleaner: {install: true}",
        "drainCleaner: the engine is embedded: remove the key, or write kafka.engine: strimzi",
    ),
    (
        _strimzi() + "\ndrainCleaner: {install: true}\ncertManager: {}",
        "drainCleaner: the Kafka does not expect it and lets machines be drained without it: write kafka.drainCleaner: true",
    ),
    (
        _strimzi(", drainCleaner: true") + "\ndrainCleaner: {install: true}",
        "drainCleaner: its webhook needs a certificate: write certManager: {} if it is in the cluster, or install: true",
    ),
    (
        _strimzi(", scaling: {pool: brokers, max: 9, diskAbove: 70%}")
        + "\nkeda: {}\nprometheus: {install: true, namespace: metrics}",
        "kafka.scaling.prometheus: http://prometheus-operated.monitoring.svc:9090 is not the Prometheus of this file: "
        "write http://prometheus-operated.metrics.svc:9090",
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
        "keda.source.chart: has a login in it, which would be readable in the state: remove it, and log in by helm registry",
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
    ("keda: {install: true, source: }", "keda.source: has no value: write one, or remove the key"),
    (
        _strimzi(", drainCleaner: true")
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
    ("probe: true", "probe: true is not a mapping: write keys below it, such as interval, lostAfter, gate"),
    ("probe: {intervall: 1s}", "probe.intervall: unknown key: did you mean 'interval'?"),
    ("probe: {interval: 1}", "probe.interval: 1 is a bare number: write a duration such as 1s"),
    (
        "probe: {interval: 1ms}",
        "probe.interval: '1ms' is too short: write a duration of at least 10ms, such as 1s",
    ),
    (
        "probe: {interval: 20s}",
        "probe.interval: 20s is more than half of lostAfter (30s), and a loss is noticed by the next probe: send more often",
    ),
    ("probe: {lostAfter: 1h}", "probe.lostAfter: '1h' is out of range: use 1s to 5m"),
    (
        "probe: {partitions: 300}",
        "probe.interval: every 1s to each of 300 partitions is more than 200 probes a second: use at least 1500ms",
    ),
    (
        "{kafka: {nodes: 30}, gateway: , probe: {interval: 100ms}}",
        "probe.interval: every 100ms to each of 30 partitions is more than 200 probes a second: use at least 300ms",
    ),
    ("probe: {partitions: 0}", "probe.partitions: 0 is out of range: use 1 to 10000"),
    ("probe: {gateProbes: 0}", "probe.gateProbes: 0 is out of range: use 1 to 1000"),
    ("probe: {gateDeadline: forever}", "probe.gateDeadline: 'forever' is out of range: use 1s to 1h"),
    (
        "probe: {resources: {memory: 64Mi}}",
        "probe.resources.memory: 64Mi is too little for a probe: use at least 128Mi",
    ),
    (
        "probe: {gatewayAuthority: data-ca}",
        "probe.gatewayAuthority: the probe speaks with no gateway by TLS: remove the key, or write gateway.tls",
    ),
    (
        "{gateway: {tls: {certificate: a, clientAuthority: b}}, probe: }",
        "probe.gateway: callers of the gateway need a certificate (gateway.tls.clientAuthority), and the probe has none: write gateway: false",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'a.example.com:9092'}, probe: }",
        "probe: it needs a topic and a user, which an administrator makes: name his Secret in kafka.adminSecret, or remove the key",
    ),
    (
        "{topics: {latency-probe: }, probe: }",
        "topics.latency-probe: is the topic of the probe: rename it, or remove probe",
    ),
    (
        "{tenants: {shop: {users: {latency-probe: }}}, probe: }",
        "tenants.shop.users.latency-probe: is the user of the probe: rename it, or remove probe",
    ),
    ("gateway: {pods: 3}", "gateway.pods: 3 is not a mapping: write keys below it, such as min, max, cpuPercent"),
    ("gatway: {pods: {min: 3}}", "gatway: unknown key: did you mean 'gateway'?"),
    ("gateway: true", "gateway: true is not a mapping: write keys below it, such as pods, resources, expose"),
    (
        "gateway: {replicas: 3}",
        "gateway.replicas: unknown key: use one of pods, resources, expose, tls, limits, anonymous, bearer, recheck, cors, clientNamespaces, metricsNamespaces",
    ),
    ("gateway: {pods: {minimum: 3}}", "gateway.pods.minimum: unknown key: did you mean 'min'?"),
    ("gateway: {pods: {min: 0}}", "gateway.pods.min: 0 is out of range: use 1 to 200"),
    ("gateway: {pods: {min: 4, max: 2}}", "gateway.pods.max: 2 is out of range: use 4 (min) to 200"),
    ("gateway: {pods: {max: many}}", "gateway.pods.max: 'many' is not a whole number: write one such as 3"),
    (
        "gateway: {pods: {max: 4, cpuPercent: 170}}",
        "gateway.pods.cpuPercent: 170 is out of range: use 1 to 100",
    ),
    (
        "gateway: {pods: {min: 2, requestsInFlight: 100}}",
        "gateway.pods.requestsInFlight: the number of pods is fixed: write max too, or leave this out",
    ),
    (
        "gateway: {pods: {max: 9, requestsInFlight: 500}, limits: {requests: 500}}",
        "gateway.pods.requestsInFlight: a pod takes at most 500 requests (limits.requests): use less than that, so that pods are added before callers are refused",
    ),
    (
        "gateway: {resources: {memory: 128Mi}}",
        "gateway.resources.memory: 128Mi is too little for a gateway: use at least 256Mi",
    ),
    (
        "gateway: {resources: {memory: 512Mi}, limits: {bodies: 300Mi}}",
        "gateway.resources.memory: 512Mi is less than what a pod may take at its limits, 628Mi (limits.bodies up to 300Mi, limits.consumers up to 100Mi, limits.callers up to 12Mi): raise it, or lower these",
    ),
    ("gateway: {limits: {body: 1000000}}", "gateway.limits.body: 1000000 is a bare number: write a size such as 1Mi"),
    (
        "gateway: {limits: {body: unlimited}}",
        "gateway.limits.body: 'unlimited' is no bound: write a size such as 1Mi",
    ),
    ("gateway: {limits: {timeout: 30}}", "gateway.limits.timeout: 30 is a bare number: write a duration such as 30s"),
    (
        "gateway: {limits: {consumerIdle: forever}}",
        "gateway.limits.consumerIdle: 'forever' is not a time to wait: write a duration such as 5m",
    ),
    ("gateway: {limits: {records: 0}}", "gateway.limits.records: 0 is out of range: use 1 to 1000000"),
    (
        "gateway: {limits: {requests: 100}}",
        "gateway.limits.requestsPerCaller: 256 is more than all callers together have (100): use less",
    ),
    (
        "gateway: {limits: {consumers_per_caller: 1}}",
        "gateway.limits.consumers_per_caller: unknown key: did you mean 'consumersPerCaller'?",
    ),
    (
        "gateway: {expose: {}}",
        "gateway.expose: no way in is given: write nodePort, loadBalancer, gatewayClass, gateway or ingressClass",
    ),
    (
        "gateway: {expose: nodePort}",
        "gateway.expose: 'nodePort' is not a mapping: write keys below it, such as nodePort, loadBalancer, gatewayClass",
    ),
    ("gateway: {expose: {nodePort: 8080}}", "gateway.expose.nodePort: 8080 is out of range: use 30000 to 32767"),
    ("gateway: {expose: {nodePorts: 30080}}", "gateway.expose.nodePorts: unknown key: did you mean 'nodePort'?"),
    (
        "gateway: {expose: {nodePort: 30080, ingressClass: nginx, host: a.example.com}}",
        "gateway.expose: nodePort and ingressClass exclude each other: keep one of them",
    ),
    (
        "gateway: {expose: {nodePort: 30080, host: a.example.com}}",
        "gateway.expose.host: does not go with nodePort: remove the key, or write gatewayClass or gateway or ingressClass",
    ),
    (
        "gateway: {expose: {gatewayClass: envoy, certificate: data-tls}}",
        "gateway.expose.host: missing: write the name by which callers come, such as data.example.com",
    ),
    (
        "gateway: {expose: {gatewayClass: envoy, host: data.example.com}}",
        "gateway.expose.certificate: missing, passwords would pass in the clear: name a Secret of kubernetes.io/tls",
    ),
    (
        "gateway: {expose: {gateway: public, host: data.example.com, certificate: data-tls}}",
        "gateway.expose.certificate: does not go with gateway: remove the key, or write gatewayClass or ingressClass",
    ),
    (
        "gateway: {expose: {gateway: public, host: data.example.com, certificate: ''}}",
        "gateway.expose.certificate: '' is not a Kubernetes Secret name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "gateway: {expose: {gateway: a/b/c, host: data.example.com}}",
        "gateway.expose.gateway: 'a/b' is not a Kubernetes namespace: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "gateway: {expose: {loadBalancer: {sourceRanges: [everywhere]}}}",
        "gateway.expose.loadBalancer.sourceRanges: 'everywhere' is not a network: write one such as 203.0.113.0/24",
    ),
    (
        "gateway: {expose: {ingressClass: nginx, host: 'https://data.example.com'}}",
        "gateway.expose.host: 'https://data.example.com' is not a Kubernetes host name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "gateway: {tls: {certificate: data-tls}, expose: {ingressClass: nginx, host: data.example.com}}",
        "gateway.tls: what exposes the gateway ends TLS and speaks plain HTTP with the pods: remove tls, or expose it by a node port or load balancer",
    ),
    ("gateway: {tls: {}}", "gateway.tls.certificate: missing: write the name of a Secret"),
    (
        """\
kafka: {nodes: 3, listeners: {external: {expose: nodePort, host: localhost, port: 30092}}}
gateway: {expose: {nodePort: 30094}}
""",
        "gateway.expose.nodePort: 30094 is the port of broker 2, by kafka.listeners.external: use another one",
    ),
    (
        "gateway: {clientNamespaces: [web], expose: {nodePort: 30080}}",
        "gateway.clientNamespaces: callers outside Kubernetes come from no namespace: remove it, or do not expose the gateway by a node port or load balancer",
    ),
    (
        "gateway: {anonymous: web}",
        "gateway.anonymous: 'web' is not a user of this file: declare it under tenants",
    ),
    (
        """\
tenants: {shop: {users: {web-shop: {}}}}
gateway: {anonymous: webshop}
""",
        "gateway.anonymous: 'webshop' is not a user of this file: declare it under tenants, or name one that is there: web-shop",
    ),
    (
        """\
tenants: {shop: {namespace: shop, users: {web: {}}}}
gateway: {anonymous: web}
""",
        "gateway.anonymous: the Secret of 'web' is delivered to namespace 'shop', and the gateway is in 'streaming': use a user of a tenant without a namespace",
    ),
    (
        "gateway: {anonymous: admin}",
        "gateway.anonymous: 'admin' is a user of the platform itself: choose another name",
    ),
    (
        "gateway: {bearer: true}",
        "gateway.bearer: an embedded Kafka knows no tokens: remove the key, or write engine: external",
    ),
    (
        "kafka: {jvm: {heap: 2g}}",
        "kafka.jvm: heap 2g does not fit into 1Gi, of which Java itself needs a part: use at most 819m",
    ),
    (
        "kafka: {jvm: {options: {OnOutOfMemoryError: rm}}}",
        "kafka.jvm.options: OnOutOfMemoryError: it runs a program, or reads more options: remove it",
    ),
    (
        "kafka: {brokerPorts: [9096]}",
        "kafka.brokerPorts: the engine is embedded: remove the key, or write engine: external",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a.example.com:9092', brokerPorts: [0]}",
        "kafka.brokerPorts: 0 is out of range: use 1 to 65535",
    ),
    (
        "gateway: {cors: [shop.example.com]}",
        "gateway.cors: 'shop.example.com' is not an origin: write one such as https://shop.example.com, or '*'",
    ),
    (
        "gateway: {recheck: 0s}",
        "gateway.recheck: '0s' is not a time to wait: write a duration such as 60s",
    ),
    (
        "workers: {fraud: {tenant: shop, reads: [orders]}}",
        "workers.fraud.image: missing: write registry/name:tag",
    ),
    (
        "{topics: {orders: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.fraud.tenant: 'shop' is not a tenant of this file: declare it under tenants",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders], scale: {lagThreshold: 5}}}}",
        "workers.fraud.scale: needs KEDA: write keda: {install: true}, or an empty keda: where the cluster has it",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {Fraud: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.Fraud: 'Fraud' is not a Kubernetes name: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {gateway: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.gateway: 'gateway' is a part of the platform itself: choose another name",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {fraud: }}}, workers: {fraud: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.fraud: its user 'fraud' is a tenant's user already: rename one, or let the worker log in as that user by user",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {a: {image: a:1, tenant: shop, reads: [orders]}, b: {image: a:1, tenant: shop, reads: [orders], group: a}}}",
        "workers.b.group: worker 'a' is in group 'a' too, each would get a part of the records: write another group",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {namespace: shop}, other: {users: {app: {reads: [orders], groups: [fraud]}}}}, workers: {fraud: {image: a:1, tenant: shop, reads: [orders], user: app}}}",
        "workers.fraud.user: the Secret of 'app' is delivered to namespace 'streaming', and the worker is in 'shop': use a user of tenant 'shop'",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'k:9092'}, tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.fraud.user: missing, an administrator makes users: name one that is there, or his Secret in kafka.adminSecret",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'k:9092'}, keda: , tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders], user: app, scalerUser: keda, scale: {lagThreshold: 5}}}}",
        "workers.fraud.scale.max: missing, and the topics' partitions are not known: write it",
    ),
    (
        "services: {fraud: {image: a}}",
        "services: unknown key: use one of environment, namespace, createNamespace, kubernetes, adopt, images, kafka, topics, topicFiles, tenants, gateway, strimzi, drainCleaner, certManager, prometheus, keda, probe, workers",
    ),
    (
        "tenants: {shop: {users: {app: {namespace: shop}}}}",
        "tenants.shop.users.app.namespace: unknown key: write namespace at the tenant, tenants.shop.namespace",
    ),
    ("kafka: {nodes: three}", "kafka.nodes: 'three' is not a whole number: write one such as 3"),
    ("kafka: {nodes: '3'}", "kafka.nodes: '3' is text: write a whole number without quotes"),
    ("kafka: {nodes: 1.5}", "kafka.nodes: 1.5 is not a whole number: write one such as 3"),
    ("kafka: {nodes: true}", "kafka.nodes: true is not a whole number: write one such as 3"),
    ("kafka: {nodes: [3]}", "kafka.nodes: a list is not a whole number: write one such as 3"),
    ("kafka: {version: 4.3}", "kafka.version: 4.3 is a bare number: write three numbers such as 4.3.1"),
    ("kafka: {storage: 10}", "kafka.storage: 10 is a bare number: write a quantity such as 10Gi"),
    ("kafka: 3", "kafka: 3 is not a mapping: write keys below it, such as engine, version, nodes"),
    ("kafka: [nodes, 3]", "kafka: a list is not a mapping: write keys below it, such as engine, version, nodes"),
    (
        """\
kafka:
  nodes:
""",
        "kafka.nodes: has no value: write one, or remove the key",
    ),
    ("topics: [orders, customers]", "topics: a list is not a mapping: write names below it, each followed by a colon"),
    ("topics: orders", "topics: 'orders' is not a mapping: write names below it, each followed by a colon"),
    (
        "topics: {orders: 24}",
        "topics.orders: 24 is not a mapping: write keys below it, such as partitions, replicas, minInsyncReplicas",
    ),
    ("topics: {orders: {retention: 7}}", "topics.orders.retention: 7 is a bare number: write a duration such as 7d"),
    ("topics: {orders: {retention: true}}", "topics.orders.retention: true is not text: write a duration such as 7d"),
    (
        "topics: {orders: {cleanup: compacted}}",
        "topics.orders.cleanup: 'compacted' is not known: use one of delete, compact, compact,delete",
    ),
    (
        "topics: {orders: {cleanup: [compact, delete]}}",
        "topics.orders.cleanup: a list stands where one word belongs: use one of delete, compact, compact,delete",
    ),
    (
        "topics: {orders: {config: {segment.bytes: [1]}}}",
        "topics.orders.config.'segment.bytes': a list stands where a text belongs: write a single value",
    ),
    (
        "topics: {orders: {config: {segment.bytes: }}}",
        "topics.orders.config.'segment.bytes': has no value: write one, or remove the key",
    ),
    ("createNamespace: yes", "createNamespace: 'yes' is not true or false: write true or false"),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {writes: orders}}}}
""",
        "tenants.shop.users.app.writes: 'orders' is not a list: write [orders]",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {writes: [1]}}}}
""",
        "tenants.shop.users.app.writes[0]: 1 is not text: put it in quotes, as in '1'",
    ),
    (
        "tenants: {shop: {quotas: {produce: 20}}}",
        "tenants.shop.quotas.produce: 20 is a bare number: write a rate such as 20MB/s",
    ),
    (
        "tenants: {shop: {quotas: {requestPercentage: half}}}",
        "tenants.shop.quotas.requestPercentage: 'half' is not a number: write one such as 3",
    ),
    *_STRIMZI,
    ("kafka: {engine: embeded}", "kafka.engine: 'embeded' is not known: did you mean 'embedded'?"),
    ("kafka: {nodes: 0}", "kafka.nodes: 0 is out of range: use 1 to 900"),
    (
        "kafka: {nodes: 2}",
        "kafka.nodes: 2 nodes have no majority when one is down, so they are no safer than one: use 1 or 3",
    ),
    ("kafka: {nodes: -3}", "kafka.nodes: -3 is out of range: use 1 to 900"),
    (
        "kafka: {version: latest}",
        "kafka.version: 'latest' is not a version of Kafka: write three numbers, such as 4.3.1",
    ),
    ("kafka: {version: 3.9.0}", "kafka.version: 3.9.0 is too old: use 4.0.0 or newer, such as 4.3.1"),
    (
        "kafka: {storage: 10GB}",
        "kafka.storage: '10GB' is not a Kubernetes quantity: write a number with m, k, M, G, T, Ki, Mi, Gi or Ti, such as 10Gi",
    ),
    ("kafka: {storage: 500Mi}", "kafka.storage: 500Mi is too little, one segment of a log is 1Gi: use at least 1Gi"),
    (
        "kafka: {storageClass: Fast_SSD}",
        "kafka.storageClass: 'Fast_SSD' is not a Kubernetes object name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "kafka: {resources: {memory: 256Mi}}",
        "kafka.resources.memory: 256Mi is too little for a broker: use at least 512Mi",
    ),
    (
        "kafka: {resources: {memory: 1 GB}}",
        "kafka.resources.memory: '1 GB' is not a Kubernetes quantity: write a number with m, k, M, G, T, Ki, Mi, Gi or Ti, such as 10Gi",
    ),
    (
        "kafka: {resources: {cpu: '2', cpuLimit: '1'}}",
        "kafka.resources.cpuLimit: 1 is less than cpu (2): raise it or leave it out",
    ),
    (
        "kafka: {spread: 'by zone'}",
        "kafka.spread: 'by zone' is not a label of machines: write one such as topology.kubernetes.io/zone",
    ),
    (
        "kafka: {clusterId: abc}",
        "kafka.clusterId: 'abc' is not a Kafka cluster id: use the 22 characters of a-z A-Z 0-9 _ - that the cluster had",
    ),
    (
        "kafka: {config: {log.dirs: /data}}",
        "kafka.config.'log.dirs': cannot be set here, it is the volume: remove the key",
    ),
    (
        "kafka: {config: {min.insync.replicas: 2}}",
        "kafka.config.'min.insync.replicas': cannot be set here: write defaults.minInsyncReplicas",
    ),
    (
        "kafka: {clientNamespaces: [Shop]}",
        "kafka.clientNamespaces: 'Shop' is not a Kubernetes namespace: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    ("kafka: {deletion: yes}", "kafka.deletion: 'yes' is not known: use one of retain, allow"),
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
    ("topics: {orders: {partitions: 0}}", "topics.orders.partitions: 0 is out of range: use 1 to 10000"),
    ("topics: {orders: {partitions: 20000}}", "topics.orders.partitions: 20000 is out of range: use 1 to 10000"),
    (
        "topics: {orders: {retention: 7 days}}",
        "topics.orders.retention: '7 days' is not a duration: write a number with ms, s, m, h or d, such as 10s, 7d or 1d12h",
    ),
    (
        "topics: {orders: {retention: -1}}",
        "topics.orders.retention: -1 is a bare number: write forever, which is Kafka's -1",
    ),
    (
        "topics: {orders: {retentionSize: 10 Gi}}",
        "topics.orders.retentionSize: '10 Gi' is not a size: write a number with kB, MB, GB, TB, Ki, Mi, Gi or Ti, such as 512Mi",
    ),
    (
        "topics: {orders: {maxMessageSize: big}}",
        "topics.orders.maxMessageSize: 'big' is not a size: write a number with kB, MB, GB, TB, Ki, Mi, Gi or Ti, such as 512Mi",
    ),
    (
        "topics: {orders: {config: {retention.ms: 1000}}}",
        "topics.orders.config.'retention.ms': has a field of its own: write retention",
    ),
    (
        "topics: {orders: {config: {segment.byte: 1000000}}}",
        "topics.orders.config.'segment.byte': unknown topic setting: did you mean 'segment.bytes'?",
    ),
    (
        "topics: {'orders new': {}}",
        "topics.'orders new': 'orders new' is not a Kafka topic name: use 1 to 249 of the characters a-z A-Z 0-9 . _ -",
    ),
    (
        "topics: {__consumer_offsets: {}}",
        "topics.__consumer_offsets: '__consumer_offsets' begins with '__', which is reserved for internal topics: choose another name",
    ),
    (
        "topics: {_kafka-platform-ledger: {}}",
        "topics._kafka-platform-ledger: '_kafka-platform-ledger' begins with '_kafka-platform', which is reserved for internal topics: choose another name",
    ),
    (
        "topics: {a.b: {}, a_b: {}}",
        "topics.a_b: differs from 'a.b' only by '.' and '_', which Kafka refuses: rename one",
    ),
    (
        "topics: {customers: {cleanup: compact, retention: 7d}}",
        "topics.customers.retention: has no effect on a compacted topic, which keeps the newest record of each key for ever: remove it, or say by cleanup: 'compact,delete' that these are deleted too",
    ),
    (
        "topics: {orders: {replicas: 3}}",
        "topics.orders.replicas: 3 replicas on 1 broker: use at most 1, or add nodes to kafka.nodes",
    ),
    (
        """\
kafka: {nodes: 3}
topics: {orders: {replicas: 5}}
""",
        "topics.orders.replicas: 5 replicas on 3 brokers: use at most 3, or add nodes to kafka.nodes",
    ),
    (
        "kafka: {nodes: 3, defaults: {replicas: 4}}",
        "kafka.defaults.replicas: 4 replicas on 3 brokers: use at most 3, or add nodes to kafka.nodes",
    ),
    (
        "kafka: {nodes: 3, defaults: {replicas: 3, minInsyncReplicas: 3}}",
        "kafka.defaults.minInsyncReplicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
    ),
    (
        "kafka: {nodes: 3, defaults: {minInsyncReplicas: 3}}",
        "kafka.defaults.minInsyncReplicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
    ),
    (
        "kafka: {nodes: 3, defaults: {minInsyncReplicas: 0}}",
        "kafka.defaults.minInsyncReplicas: 0 is out of range: use 1 to 32767",
    ),
    (
        "kafka: {nodes: 3, defaults: {retention: week}}",
        "kafka.defaults.retention: 'week' is not a duration: write a number with ms, s, m, h or d, such as 10s, 7d or 1d12h",
    ),
    (
        """\
kafka: {nodes: 3}
topics: {orders: {replicas: 3, minInsyncReplicas: 3}}
""",
        "topics.orders.minInsyncReplicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
    ),
    (
        """\
kafka: {nodes: 3}
topics: {orders: {minInsyncReplicas: 3}}
""",
        "topics.orders.minInsyncReplicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
    ),
    (
        """\
kafka: {nodes: 3}
topics: {orders: {replicas: 2}}
""",
        "topics.orders.replicas: 2 replicas, and 2 have to be in sync by kafka.defaults: one broker down would stop every writer: write minInsyncReplicas: 1, or more replicas",
    ),
    (
        """\
kafka: {nodes: 3, storage: 10Gi}
topics: {orders: {partitions: 6, retentionSize: 2Gi}}
""",
        "topics.orders.retentionSize: 2Gi in 6 partitions, 3 copies, is 12Gi on each broker, whose volume has 10Gi: keep less, or raise kafka.storage",
    ),
    (
        "topics: {a: {partitions: 10000}, b: {partitions: 10000}, c: {partitions: 10000}, d: {partitions: 10000}}",
        "topics: 40,000 partitions with their copies on each broker: use at most 30,000: fewer partitions, or more nodes in kafka.nodes",
    ),
    (
        "kafka: {listeners: {external: {expose: nodePort, host: a.example.com}}}",
        "kafka.listeners.external.port: missing: write the port of broker 0, such as 30092",
    ),
    (
        "kafka: {listeners: {external: {expose: nodePort, host: a.example.com, port: 9094}}}",
        "kafka.listeners.external.port: 9094 is out of range: use 30000 to 32767",
    ),
    (
        "kafka: {nodes: 3, listeners: {external: {expose: nodePort, host: a.example.com, port: 32766}}}",
        "kafka.listeners.external.port: 32766 leaves no port for node 2: use at most 32765",
    ),
    (
        "kafka: {listeners: {external: {expose: nodePort, host: 'a b', port: 30092}}}",
        "kafka.listeners.external.host: 'a b' is not a Kubernetes host name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "kafka: {listeners: {external: {expose: nodePort, host: a.example.com, port: 30092, annotations: {a: b}}}}",
        "kafka.listeners.external.annotations: only load balancers have them: remove the key, or expose by loadBalancer",
    ),
    (
        "kafka: {listeners: {external: {expose: dns, host: a.example.com}}}",
        "kafka.listeners.external.expose: 'dns' is not known: use one of nodePort, loadBalancer, tlsRoute, ingress",
    ),
    (
        "kafka: {listeners: {external: {host: a.example.com}}}",
        "kafka.listeners.external.expose: missing: write nodePort or loadBalancer",
    ),
    (
        "kafka: {listeners: {external: {expose: loadBalancer}}}",
        "kafka.listeners.external.host: missing: write the name by which clients reach the brokers",
    ),
    (
        "kafka: {nodes: 3, listeners: {external: {expose: loadBalancer, host: kafka.example.com}}}",
        "kafka.listeners.external.host: 'kafka.example.com' is the same for all 3 nodes: put {nodeId} in it, as in broker-{nodeId}.example.com",
    ),
    (
        "kafka: {listeners: {external: {expose: loadBalancer, host: kafka.example.com, port: 70000}}}",
        "kafka.listeners.external.port: 70000 is out of range: use 1 to 65535",
    ),
    (
        "kafka: {listeners: {certificate: Kafka TLS}}",
        "kafka.listeners.certificate: 'Kafka TLS' is not a Kubernetes Secret name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "kafka: {bootstrapServers: 'a:9092'}",
        "kafka.bootstrapServers: the engine is embedded: remove the key, or write engine: external",
    ),
    (
        "kafka: {engine: external}",
        "kafka.bootstrapServers: missing: write where the Kafka is, as in kafka.example.com:9092",
    ),
    (
        "kafka: {engine: external, bootstrapServers: kafka.example.com}",
        "kafka.bootstrapServers: 'kafka.example.com' is not host:port: write kafka.example.com:9092, several with commas",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'kafka.example.com:90920'}",
        "kafka.bootstrapServers: 'kafka.example.com:90920' is not host:port: write kafka.example.com:9092, several with commas",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', nodes: 3}",
        "kafka.nodes: the engine is external: remove the key, or write engine: embedded",
    ),
    (
        """\
kafka: {engine: external, bootstrapServers: 'a:9092'}
topics: {orders: {}}
""",
        "kafka.adminSecret: missing, topics and users need an administrator: name the Secret with its username and password",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', securityProtocol: SSL, saslMechanism: PLAIN}",
        "kafka.saslMechanism: SSL has no login: remove the key, or use SASL_SSL as securityProtocol",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', securityProtocol: SASL_PLAINTEXT, saslMechanism: PLAIN}",
        "kafka.saslMechanism: PLAIN sends the password in the clear without TLS: use SCRAM-SHA-512, or SASL_SSL as securityProtocol",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', saslMechanism: SCRAM-SHA-256}",
        "kafka.saslMechanism: 'SCRAM-SHA-256' is not known: did you mean 'SCRAM-SHA-512'?",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', securityProtocol: TLS}",
        "kafka.securityProtocol: 'TLS' is not known: use one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {reads: [ordrs]}}}}
""",
        "tenants.shop.users.app.reads: 'ordrs' is not a topic of this file: declare it under topics, or name one that is there: orders",
    ),
    (
        "tenants: {shop: {users: {app: {reads: [events]}}}}",
        "tenants.shop.users.app.reads: 'events' is not a topic of this file: declare it under topics",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {writes: [shipments-*]}}}}
""",
        "tenants.shop.users.app.writes: no topic begins with 'shipments-': declare it under topics, or name one that is there: orders",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {reads: [orders, orders]}}}}
""",
        "tenants.shop.users.app.reads: 'orders' is listed 2 times: keep one",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {reads: [o*s]}}}}
""",
        "tenants.shop.users.app.reads: 'o*s' is not a name or prefix: write a name such as orders, or a prefix such as orders-*",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {groups: ['']}}}}
""",
        "tenants.shop.users.app.groups: '' is not a name or prefix: write a name such as orders, or a prefix such as orders-*",
    ),
    (
        "tenants: {shop: {users: {app: {}}}, bank: {users: {app: {}}}}",
        "tenants.bank.users.app: tenant 'shop' has a user of that name too: rename one",
    ),
    (
        "tenants: {shop: {users: {admin: {}}}}",
        "tenants.shop.users.admin: 'admin' is a user of the platform itself: choose another name",
    ),
    (
        "tenants: {shop: {users: {Order_API: {}}}}",
        "tenants.shop.users.Order_API: 'Order_API' is not a user name: use up to 200 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "tenants: {Shop: {}}",
        "tenants.Shop: 'Shop' is not a Kubernetes name: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "tenants: {shop: {namespace: my_shop}}",
        "tenants.shop.namespace: 'my_shop' is not a Kubernetes namespace: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "tenants: {shop: {createNamespace: true}}",
        "tenants.shop.createNamespace: the tenant has no namespace of its own: name it by namespace, or remove the key",
    ),
    (
        "tenants: {shop: {namespace: kube-system}}",
        "tenants.shop.namespace: 'kube-system' is of Kubernetes itself, whose programs may read all Secrets in it: choose another namespace",
    ),
    (
        "tenants: {shop: {namespace: kube-anything, createNamespace: true}}",
        "tenants.shop.namespace: 'kube-anything' is of Kubernetes itself, whose programs may read all Secrets in it: choose another namespace",
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
        "tenants: {shop: {users: {app: {adopt: please}}}}",
        "tenants.shop.users.app.adopt: 'please' is not true or false: write true or false",
    ),
    (
        _strimzi() + "\ntopics: {orders: {adopt: true}}",
        "topics.orders.adopt: Strimzi's operator takes over every topic that is declared: remove the key",
    ),
    (
        _strimzi() + "\ntenants: {shop: {users: {app: {adopt: true}}}}",
        "tenants.shop.users.app.adopt: Strimzi's operator takes over every user that is declared: remove the key",
    ),
    (
        "{tenants: {shop: {users: {web: {adopt: true}}}}, gateway: {anonymous: web}}",
        "gateway.anonymous: 'web' is adopted with its password, which is not known here: raise its passwordVersion, or use another",
    ),
    (
        "kafka: {formerStacks: [acme/streaming/old]}",
        "kafka.formerStacks: the engine is embedded: remove the key, or write engine: external",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', adminSecret: x, formerStacks: [old]}",
        "kafka.formerStacks: 'old' is not a stack: write organization/project/stack, such as acme/streaming/prod",
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
        "tenants: {shop: {namespace: default, createNamespace: true}}",
        "tenants.shop.namespace: 'default' is in every Kubernetes cluster already: write createNamespace: false, or another name",
    ),
    (
        """\
createNamespace: false
tenants: {shop: {namespace: streaming, createNamespace: true}}
""",
        "tenants.shop.createNamespace: 'streaming' is the platform's namespace, which is not to be made: remove the key",
    ),
    (
        "tenants: {shop: {quotas: {produce: 20MB}}}",
        "tenants.shop.quotas.produce: '20MB' is not a rate: write a size per second, such as 20MB/s",
    ),
    (
        "tenants: {shop: {quotas: {consume: fast/s}}}",
        "tenants.shop.quotas.consume: 'fast' is not a size: write a number with kB, MB, GB, TB, Ki, Mi, Gi or Ti, such as 512Mi",
    ),
    (
        "tenants: {shop: {quotas: {produce: 0MB/s}}}",
        "tenants.shop.quotas.produce: '0MB/s' is not a rate: write more than nothing per second, such as 20MB/s",
    ),
    (
        "tenants: {shop: {quotas: {requestPercentage: 0}}}",
        "tenants.shop.quotas.requestPercentage: 0.0 is out of range: use 0.01 to 100000",
    ),
    (
        "tenants: {shop: {users: {app: {passwordVersion: 0}}}}",
        "tenants.shop.users.app.passwordVersion: 0 is out of range: use 1 to 1000000",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {acls: [{resource: topic, name: orders, operations: []}]}}}}
""",
        "tenants.shop.users.app.acls[0].operations: none are given: name at least one, such as READ",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {acls: [{resource: topic, name: orders}]}}}}
""",
        "tenants.shop.users.app.acls[0].operations: missing: write a list such as [READ, DESCRIBE]",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {acls: [{resource: queue, name: orders, operations: [READ]}]}}}}
""",
        "tenants.shop.users.app.acls[0].resource: 'queue' is not known: use one of topic, group, transactionalId, cluster",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {acls: [{resource: topic, name: orders, operations: [read]}]}}}}
""",
        "tenants.shop.users.app.acls[0].operations[0]: 'read' is not known: write READ",
    ),
    (
        """\
topics: {orders: {}}
tenants: {shop: {users: {app: {acls: [{resource: topic, name: order, operations: [READ]}]}}}}
""",
        "tenants.shop.users.app.acls[0].name: 'order' is not a topic of this file: declare it under topics, or name one that is there: orders",
    ),
    (
        "tenants: {shop: {users: {app: {acls: [{resource: cluster, name: kafka, operations: [DESCRIBE]}]}}}}",
        "tenants.shop.users.app.acls[0].name: 'kafka' is not the cluster's name in ACLs: write kafka-cluster",
    ),
    (
        """\
tenants:
  shop:
    users:
      app:
        acls:
          - {resource: group, name: a, operations: [READ]}
          - {resource: group, name: a, operations: [DESCRIBE]}
""",
        "tenants.shop.users.app.acls[1]: group 'a' stands in this list already: put the operations together",
    ),
    (
        "tenants: {shop: {users: {app: {acls: [{resource: group, name: a, operations: [READ, READ]}]}}}}",
        "tenants.shop.users.app.acls[0].operations: 'READ' is listed 2 times: keep one",
    ),
    (
        "- kafka",
        "config.kafka-platform:platform: a list is not a mapping: write keys below it, such as kafka, topics and tenants",
    ),
    (
        "production",
        "config.kafka-platform:platform: 'production' is not a mapping: write keys below it, such as kafka, topics and tenants",
    ),
    (
        "kafka: {nodes: 3, retention: 7d}",
        "kafka.retention: unknown key: did you mean kafka.defaults.retention or prometheus.retention?",
    ),
    ("nodes: 3", "nodes: unknown key: did you mean kafka.nodes?"),
    (
        "certificate: kafka-tls",
        "certificate: unknown key: did you mean kafka.listeners.certificate, kafka.listeners.external.certificate, gateway.expose.certificate or gateway.tls.certificate?",
    ),
    (
        "kafka: {config: {compression.type: zstd, super.users: 'User:me'}}",
        "kafka.config.'super.users': cannot be set here, they are the platform's own users: remove the key",
    ),
    (
        "topics: {orders: {partitions: 99999999999999999999}}",
        "topics.orders.partitions: 99999999999999999999 is too large for a number: use a smaller one, or put it in quotes",
    ),
    (
        "topics: {orders: {retention: 2026-01-01}}",
        "topics.orders.retention: 2026-01-01 has no quotes, and Pulumi reads 2026-01-01 00:00:00 +0000 UTC: put it in quotes",
    ),
    ("tenants: [shop]", "tenants: a list is not a mapping: write names below it, each followed by a colon"),
    (
        "tenants: {shop: {users: [app]}}",
        "tenants.shop.users: a list is not a mapping: write names below it, each followed by a colon",
    ),
    (
        "kafka: {engine: [embedded]}",
        "kafka.engine: a list stands where one word belongs: use one of embedded, strimzi, external",
    ),
    (
        "topics: {orders: {cleanup: delete,compact}}",
        "topics.orders.compact: unknown key without a value: put a text that has commas in quotes, as in cleanup: 'compact,delete'",
    ),
    (
        "topics: {orders: {cleanup: compact,delete}}",
        "topics.orders.delete: unknown key without a value: put a text that has commas in quotes, as in cleanup: 'compact,delete'",
    ),
    (
        "topics: {orders: {cleanup: 'delete,compress'}}",
        "topics.orders.cleanup: 'delete,compress' is not known: use one of delete, compact, compact,delete",
    ),
    ("topics: {orders: {cleanup: Compact}}", "topics.orders.cleanup: 'Compact' is not known: write compact"),
    (
        "topics: {orders: {deletion: retained}}",
        "topics.orders.deletion: 'retained' is not known: use one of retain, allow",
    ),
    (
        "topics: {orders: {retention: '-1'}}",
        "topics.orders.retention: '-1' is not a duration: write forever, which is Kafka's -1",
    ),
    (
        "topics: {orders: {retentionSize: -1}}",
        "topics.orders.retentionSize: -1 is a bare number: write unlimited, which is Kafka's -1",
    ),
    (
        'kafka: {engine: external, bootstrapServers: "a:9092, b:9092"}',
        "kafka.bootstrapServers: 'a:9092, b:9092' is not host:port: write several with commas and no blanks, as in 'a:9092,b:9092'",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092;b:9092'}",
        "kafka.bootstrapServers: 'a:9092;b:9092' is not host:port: write several with commas and no blanks, as in 'a:9092,b:9092'",
    ),
    (
        "kafka: {engine: external, bootstrapServers: [a:9092, b:9092]}",
        "kafka.bootstrapServers: a list stands where a text belongs: write host:port, several with commas, as in 'a:9092,b:9092'",
    ),
    (
        "tenants: {shop: {users: {app: {auth: mttls}}}}",
        "tenants.shop.users.app.auth: 'mttls' is not known: use one of scram, mtls, custom",
    ),
    ("environment: prd", "environment: 'prd' is not known: use one of dev, staging, prod"),
    (
        f"topics: {{{'t' * 248}: {{}}}}",
        f"topics.{'t' * 248}: '{'t' * 60}...' has 248 characters, more than the key of a ConfigMap takes: use up to 247",
    ),
    (
        f"kafka: {{engine: external, bootstrapServers: 'a:9092', adminSecret: x}}\ntopics: {{{'t' * 249}: {{}}}}",
        f"topics.{'t' * 249}: '{'t' * 60}...' has 249 characters, more than the key of a ConfigMap takes: use up to 247",
    ),
    (
        "topics: {orders: {config: {segment.bytes: 1024}}}",
        "topics.orders.config.'segment.bytes': 1024 is out of range: use at least 1048576",
    ),
    (
        "topics: {orders: {config: {min.cleanable.dirty.ratio: 5}}}",
        "topics.orders.config.'min.cleanable.dirty.ratio': 5 is out of range: use 0 to 1",
    ),
    (
        "topics: {orders: {config: {segment.ms: 7d}}}",
        "topics.orders.config.'segment.ms': '7d' is not a whole number: write one such as 604800000",
    ),
    (
        "topics: {orders: {config: {message.format.version: '3.0'}}}",
        "topics.orders.config.'message.format.version': unknown topic setting: Kafka 4.3.1 has none of this name, remove it",
    ),
    ('topics: {"": {}}', "topics.'': '' is not a Kafka topic name: use 1 to 249 of the characters a-z A-Z 0-9 . _ -"),
    (
        "topics: {..: {}}",
        "topics.'..': '..' is not a Kafka topic name: use 1 to 249 of the characters a-z A-Z 0-9 . _ -",
    ),
]
"""What stands below `config: kafka-platform:platform:`."""

FILES: list[tuple[str, str]] = [
    ("", "config: missing, the file is empty: write `config:` and `kafka-platform:platform:` below it"),
    (
        "# only a comment\n",
        "config: missing, the file is empty: write `config:` and `kafka-platform:platform:` below it",
    ),
    ("- a\n", "config: missing, the file is a list: write `config:` and `kafka-platform:platform:` below it"),
    ("kafka-platform:platform: {}\n", "config: missing: write `config:` and `kafka-platform:platform:` below it"),
    ("config:\n", "config: missing: write `config:` and `kafka-platform:platform:` below it"),
    ("config: 3\n", "config: missing: write `config:` and `kafka-platform:platform:` below it"),
    (
        """\
cofnig:
  kafka-platform:platform: {}
""",
        "cofnig: unknown key: did you mean 'config'?",
    ),
    (
        """\
config:
  aws:region: eu-west-1
""",
        "config.kafka-platform:platform: missing: write `kafka-platform:platform:` below `config:`",
    ),
    (
        """\
config:
  kafka-platform:platfrom: {}
""",
        "config.kafka-platform:platfrom: unknown key: did you mean 'kafka-platform:platform'?",
    ),
    (
        """\
config:
  kafka-platform:platform: {}
  kafka-platform:topics: {}
""",
        "config.kafka-platform:topics: unknown key: did you mean 'kafka-platform:platform'?",
    ),
    (
        """\
config:
  kafka_platform:platform: {}
""",
        "config.kafka_platform:platform: unknown key: did you mean 'kafka-platform:platform'?",
    ),
    ("config:\n  kafka-platform:platform:\n\ttopics: {}\n", "line 3: a tab stands in the indentation: write spaces"),
    (
        """\
config:
  kafka-platform:platform:
    topics: {orders: {partitions: 3}
""",
        "line 3: a { or [ is not closed: close it, with commas between its parts",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics:
      orders: {}
      orders: {partitions: 3}
""",
        "line 5: 'orders' stands here and on line 4: keep one of them",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka: nodes: 3
""",
        "line 3: a second ': ' stands in the line: put text with ': ' in quotes, or indent keys alike",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka:
      nodes: 3
     storage: 1Gi
""",
        "line 5: the indentation does not fit: put keys of the same level below each other",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka:
      version: '4.3.1
""",
        "line 4: a quote is not closed: close it",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics: *all
""",
        "line 3: the name after * is not defined: define it as &name before it is used as *name",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics: {? [a, b] : {}}
""",
        "line 3: a key is not a single word: write `key: value`",
    ),
    (
        """\
config:
  kafka-platform:platform:
    namespace: @streaming
""",
        "line 3: text begins with a character that has a meaning in YAML: put the text in quotes",
    ),
    (
        """\
config:
  kafka-platform:platform: &a
    topics: *a
""",
        "file: a part of it contains itself: write it out plainly",
    ),
    (
        """\
config:
  kafka-platform:platform: {}
---
config: {}
""",
        "line 3: a second document begins: keep one, without ---",
    ),
    (
        """\
config:
  kafka-platform:platform:
    namespace: !!python/name:os.system
""",
        "line 3: a value has a !tag: write a plain value",
    ),
    (
        'config:\n  kafka-platform:platform:\n    namespace: "a\\x00b"\n',
        "namespace: 'a\\x00b' is not a Kubernetes namespace: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "config:\n  kafka-platform:platform:\n    namespace: a\x07b\n",
        "file: has the unprintable character U+0007: remove it",
    ),
    (
        """\
encryptionsalt: v1:abc
config:
  kafka-platform:platform:
    nodes: 3
""",
        "nodes: unknown key: did you mean kafka.nodes?",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka:
      nodes 3
      storage: 1Gi
""",
        "line 5: a second ': ' stands in the line: put text with ': ' in quotes, or indent keys alike",
    ),
    (
        """\
config:
  kafka-platform:platform:
    namespace: !!binary aGVsbG8=
""",
        "line 3: a value has a !tag: write a plain value",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics: {orders: [1, 2}
""",
        "line 3: a { or [ is not closed: close it, with commas between its parts",
    ),
]
"""Whole files."""

WORKER = """\
{keda: , topics: {orders: {partitions: 4}, done: }, tenants: {shop: {users: {api: {reads: [orders], groups: [api]}}}},
 workers: {fraud: {image: a:1, tenant: shop, %s}}}"""
PLATFORM += [
    (WORKER % text, f"workers.fraud.{line}")
    for text, line in [
        ("read: [orders]", "read: unknown key: did you mean 'reads'?"),
        (
            "reads: [order]",
            "reads: 'order' is not a topic of this file: declare it under topics, or name one that is there: orders, done",
        ),
        (
            "writes: [dnoe]",
            "writes: 'dnoe' is not a topic of this file: declare it under topics, or name one that is there: orders, done",
        ),
        ("replicas: 2", "reads: missing, and writes too: name the topics that the worker reads or writes"),
        (
            "reads: [orders], scale: {recordsPerSecondPerPod: 400, acceptableDelay: 10s, max: 5}",
            "scale.max: 5 pods, and there are 4 partitions to read: the others would have nothing to do: use at most 4, or more partitions",
        ),
        (
            "reads: [orders, done], assignment: range, scale: {lagThreshold: 10, max: 5}",
            "scale.max: 5 pods, and there are 4 partitions in the largest topic to read: the others would have nothing to do: use at most 4, or more partitions",
        ),
        (
            "reads: [orders], scale: {recordsPerSecondPerPod: 400}",
            "scale.acceptableDelay: missing: write it too, such as 10s",
        ),
        (
            "reads: [orders], scale: {recordsPerSecondPerPod: 400, acceptableDelay: 10}",
            "scale.acceptableDelay: 10 is a bare number: write a duration such as 10s",
        ),
        (
            "reads: [orders], scale: {max: 4}",
            "scale.recordsPerSecondPerPod: missing, nothing decides on the number of pods: write it with acceptableDelay, or write cpu, prometheus or cron",
        ),
        (
            "reads: [orders], scale: {lagThreshold: 10, onlyLaggingPartitions: true, allowIdle: true}",
            "scale.onlyLaggingPartitions: fewer pods than partitions, and with allowIdle more: keep one of them",
        ),
        (
            "reads: [orders], commit: never, scale: {lagThreshold: 10, min: 0}",
            "scale: lag is counted from what the group commits, and it never commits, so it would never go to zero: commit, or scale by cpu",
        ),
        (
            "reads: [orders], offsetReset: latest, scale: {lagThreshold: 10, min: 0, activationLag: 4}",
            "scale.activationLag: a group that has committed nothing counts one record for each partition, so with offsetReset latest and activationLag 4 no pod would ever start: use less than 4, or offsetReset earliest",
        ),
        (
            "writes: [done], scale: {lagThreshold: 10, max: 3}",
            "scale: lag is what waits in topics that are read, and none is: name them, or scale by cpu",
        ),
        (
            "reads: [orders], scale: {cpu: , min: 0, max: 3}",
            "scale.min: 0 pods use no cores, so cores never ask for the first one: use at least 1",
        ),
        (
            "reads: [orders], scale: {lagThreshold: 10, fallback: 0}",
            "scale.fallback: 0 is out of range: use at least 1, so that no failure ends all pods",
        ),
        (
            "reads: [orders], replicas: 2, scale: {lagThreshold: 10}",
            "replicas: scale decides on the number of pods: remove it, or scale",
        ),
        (
            "reads: [orders], scale: {lagThreshold: 9, cron: [{start: 7am, end: 0 19 * * *, pods: 2}], max: 4}",
            "scale.cron[0].start: '7am' is not a time of cron: write five fields, such as '0 7 * * 1-5'",
        ),
        (
            "reads: [orders], assignment: consumer, consumerConfig: {session.timeout.ms: 45000}",
            "consumerConfig: session.timeout.ms: the brokers decide on it in the protocol consumer: remove it, or choose another assignment",
        ),
        (
            "reads: [orders], consumerConfig: {auto.offset.reset: latest}",
            "consumerConfig: auto.offset.reset: has a field of its own: write offsetReset",
        ),
        (
            "reads: [orders], environment: {API_TOKEN: x}",
            "environment: API_TOKEN: a secret does not belong into a variable: name its Secret in secretFiles",
        ),
        (
            "writes: [done], partitioning: {by: custom}",
            "partitioning.java: missing: write the class of the partitioner, or librdkafka",
        ),
        (
            "reads: [orders], assignment: sticky",
            "assignment: 'sticky' is not known: use one of cooperative-sticky, range, roundrobin, consumer",
        ),
        (
            "reads: [orders], user: apy",
            "user: 'apy' is not a user of this file: declare it under tenants, or name one that is there: api",
        ),
        (
            "reads: [orders], user: api",
            "user: 'api' may not read group 'fraud': allow it, or leave the key out, then a user is made that may",
        ),
        ("reads: [orders], termination: 60", "termination: 60 is a bare number: write a duration such as 60s"),
    ]
]
"""What is wrong with one worker."""
