"""A Kafka that Strimzi runs."""

POOLS = (
    "controllers: {roles: [controller], nodes: 3, storage: 20Gi}, brokers: {roles: [broker], nodes: 3, storage: 100Gi}"
)


def strimzi(keys: str = "", pools: str = POOLS) -> str:
    return f"kafka: {{engine: strimzi, pools: {{{pools}}}{keys}}}"


_OAUTH = "{auth: custom, custom: {config: {sasl.enabled.mechanisms: OAUTHBEARER}}}"


def outside(keys: str) -> str:
    return strimzi(f", listeners: {{external: {{{keys}}}}}")


CASES: list[tuple[str, str]] = [
    (
        "kafka: {engine: strimzi}",
        "kafka.pools: missing: write pools such as all: {roles: [controller, broker], nodes: 3, storage: 100Gi}",
    ),
    (strimzi(", nodes: 3"), "kafka.nodes: the engine is strimzi: remove the key, or write engine: embedded"),
    ("kafka: {rack: zone}", "kafka.rack: the engine is embedded: remove the key, or write engine: strimzi"),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', version: 4.3.1}",
        "kafka.version: the engine is external: remove the key, or write engine: embedded",
    ),
    (
        strimzi(", version: 4.1.0"),
        "kafka.version: Strimzi 1.2.0 does not run Kafka 4.1.0: use one of 4.2.0, 4.2.1, 4.3.0, 4.3.1",
    ),
    (
        strimzi(", config: {ssl.truststore.location: /x}"),
        "kafka.config.'ssl.truststore.location': cannot be set here, Strimzi decides on it and would leave it out: remove the key",
    ),
    (
        strimzi(pools="brokers: {roles: [broker], nodes: 3, storage: 1Ti}"),
        "kafka.pools: no node is a controller: write a pool with the role controller",
    ),
    (
        strimzi(pools="all: {roles: [broker, controller], nodes: 4, storage: 1Ti}"),
        "kafka.pools: 4 controllers are no safer than 3, a majority has to be up: use an odd number",
    ),
    (
        strimzi(pools="all: {roles: [broker, kontroller], nodes: 3, storage: 1Ti}"),
        "kafka.pools.all.roles[1]: 'kontroller' is not known: did you mean 'controller'?",
    ),
    (
        strimzi(pools="all: {roles: [broker, controller], nodes: 3}"),
        "kafka.pools.all.storage: missing: write a size such as 100Gi",
    ),
    (
        strimzi(pools="all: {roles: [broker, controller], nodes: 3, storage: 10Mi}"),
        "kafka.pools.all.storage: 10Mi is too little, one segment of a log is 1Gi: use at least 1Gi",
    ),
    (
        strimzi(pools=f"{POOLS}, more: {{roles: [broker], nodes: 3, storage: 1Ti, autoscaled: true}}"),
        "kafka.pools.more.autoscaled: unknown key: write kafka.scaling with the pool's name",
    ),
    (
        strimzi(", defaults: {replicas: 5}"),
        "kafka.defaults.replicas: 5 replicas on 3 brokers: use at most 3, or add nodes to kafka.pools.brokers",
    ),
    (
        strimzi(", defaults: {minInsyncReplicas: 3}"),
        "kafka.defaults.minInsyncReplicas: 3 of 3 replicas: one broker down would stop every writer: use 2",
    ),
    (
        strimzi() + "\ntopics: {orders: {replicas: 5}}",
        "topics.orders.replicas: 5 replicas on 3 brokers: use at most 3, or add nodes to kafka.pools.brokers",
    ),
    (
        strimzi() + "\ntopics: {orders: {partitions: 100, retentionSize: 10Gi}}",
        "topics.orders.retentionSize: 10Gi in 100 partitions, 3 copies, is 1000Gi on each broker, whose volume has 100Gi: "
        "keep less, or raise kafka.pools.brokers",
    ),
    (
        outside("expose: loadBalancer, host: kafka.example.com"),
        "kafka.listeners.external.host: 'kafka.example.com' is the same for all brokers: put {nodeId} in it, as in "
        "broker-{nodeId}.kafka.example.com",
    ),
    (
        outside("expose: tlsRoute, host: 'broker-{nodeId}.example.com'"),
        "kafka.listeners.external.gatewayClass: missing: write one, or gateway",
    ),
    (
        outside("expose: tlsRoute, host: 'b-{nodeId}.example.com', gatewayClass: traefik, routeVersion: v1alpha2"),
        "kafka.listeners.external.routeVersion: Strimzi's operator makes the routes, in the version that it knows: remove the key",
    ),
    (
        outside("expose: ingress, host: 'broker-{nodeId}.example.com'"),
        "kafka.listeners.external.ingressClass: missing: write the class of the controller, such as nginx",
    ),
    (
        outside("expose: loadBalancer, host: 'b-{nodeId}.example.com', gatewayClass: envoy"),
        "kafka.listeners.external.gatewayClass: cannot be combined with loadBalancer: remove the key, or expose by tlsRoute",
    ),
    (
        outside("expose: loadBalancer, host: 'b-{nodeId}.example.com', port: 9404"),
        "kafka.listeners.external.port: 9404 is that of the metrics: use another one, such as 9094",
    ),
    (
        strimzi(", listeners: {certificate: x}"),
        "kafka.listeners.certificate: Strimzi makes the brokers' certificates: remove the key; one for clients outside "
        "goes under external",
    ),
    (
        strimzi(", listeners: {internal: {auth: mtls, tls: false}}"),
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
        strimzi(", scaling: {pool: broker, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.pool: 'broker' is not a pool of this file: did you mean 'brokers'?",
    ),
    (
        strimzi(", scaling: {pool: controllers, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.pool: 'controllers' has controllers, whose number cannot change: use a pool of brokers only",
    ),
    (
        strimzi(", scaling: {pool: brokers, min: 4, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.pool: 'brokers' begins with 3 nodes, which is not between min (4) and max (9): change one of them",
    ),
    (
        strimzi(", scaling: {pool: brokers, max: 3, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling.max: 3 is out of range: use 4 to 900",
    ),
    (
        strimzi(", scaling: {pool: brokers, max: 9}") + "\nkeda: {}",
        "kafka.scaling.diskAbove: nothing says when to scale: write diskAbove, networkAbove or cpuAbove",
    ),
    (
        strimzi(", scaling: {pool: brokers, max: 9, diskAbove: 120%}") + "\nkeda: {}",
        "kafka.scaling.diskAbove: '120%' is not a share: write 1% to 99%, such as 70%",
    ),
    (
        strimzi(", unbalanced: true, scaling: {pool: brokers, max: 9, diskAbove: 70%}") + "\nkeda: {}",
        "kafka.scaling: records would never move to the brokers that are added: remove the key, or kafka.unbalanced",
    ),
    (
        strimzi(", scaling: {pool: brokers, max: 9, diskAbove: 70%}"),
        "kafka.scaling: KEDA scales the brokers: write keda: {} if it is in the cluster, or install: true",
    ),
    *(
        (
            strimzi(f", listeners: {{internal: {_OAUTH}}}") + f"\n{section}",
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
        strimzi(", listeners: {internal: {auth: mtls}}") + "\ntenants: {shop: {users: {api: {}}}}",
        "tenants.shop.users.api.auth: no listener takes passwords: write auth: mtls or custom, or kafka.listeners.internal.auth: scram",
    ),
    (
        strimzi() + "\ntenants: {shop: {users: {api: {auth: custom}}}}",
        "tenants.shop.users.api.auth: no listener has a way of its own to log in: write kafka.listeners.internal.auth: custom",
    ),
    (
        "tenants: {shop: {users: {api: {auth: custom}}}}",
        "tenants.shop.users.api.auth: no listener has a way of its own to log in: use scram, or engine: strimzi",
    ),
    ("strimzi: {install: true}", "strimzi: the engine is embedded: remove the key, or write kafka.engine: strimzi"),
    (
        strimzi() + "\nstrimzi: {replicas: 3}",
        "strimzi.replicas: the operator is in the cluster already: remove the key, or write install: true",
    ),
    (
        strimzi() + "\nstrimzi: {install: true, replicas: 9}",
        "strimzi.replicas: 9 is out of range: use 1 to 5",
    ),
    (
        strimzi() + "\nstrimzi: {install: true, watchNamespaces: [other]}",
        "strimzi.watchNamespaces: 'streaming' is not among them, and the Kafka is there: add it, or remove the key",
    ),
    (
        strimzi() + "\nstrimzi: {install: true, namespace: streaming}",
        "strimzi.namespace: 'streaming' is made by this file already: write createNamespace: false, or another name",
    ),
    (
        strimzi(", quotas: {leastFree: 5}"),
        "kafka.quotas.leastFree: 5 is a bare number: write a share such as 5%",
    ),
    (
        strimzi(", balance: {throttle: 50}"),
        "kafka.balance.throttle: 50 is a bare number: write a rate such as 50MB/s",
    ),
    (
        strimzi(", maintenance: ['* * 1']"),
        "kafka.maintenance: '* * 1' is not a time window: write six or seven parts, such as '* * 1-4 ? * SUN *'",
    ),
    (
        "tenants: {shop: {users: {app: {auth: mtls}}}}",
        "tenants.shop.users.app.auth: no listener takes certificates: use scram, or engine: strimzi",
    ),
    (
        strimzi() + "\ntenants: {shop: {users: {app: {auth: mtls}}}}",
        "tenants.shop.users.app.auth: no listener takes certificates: write kafka.listeners.internal.certificates: true",
    ),
    (
        strimzi() + "\ntenants: {shop: {users: {kafka-passwords: {}}}}",
        "tenants.shop.users.kafka-passwords: Strimzi keeps the credentials in a Secret of that name, and those that begin "
        "with kafka- are the cluster's own: choose another name",
    ),
    (
        strimzi() + "\ntenants: {shop: {users: {app: {}, app-kafka: {}}}}",
        "tenants.shop.users.app: Strimzi keeps the credentials of user 'app-kafka' in the Secret that this one is given: "
        "rename one",
    ),
    (
        strimzi() + "\ntenants: {shop: {quotas: {requestPercentage: 0.5}, users: {app: {}}}}",
        "tenants.shop.quotas.requestPercentage: 0.5: Strimzi takes whole percentages only: use 1",
    ),
    (
        strimzi(", listeners: {internal: {auth: mtls}}") + "\ngateway: {}",
        "kafka.listeners.internal.auth: the gateway logs in with the passwords of its callers: use scram, and certificates: "
        "true for others",
    ),
    (
        strimzi() + "\ngateway: {bearer: true}",
        "gateway.bearer: the brokers do not accept tokens: remove the key, or write kafka.listeners.internal with auth: custom",
    ),
    (
        outside("expose: nodePort, host: h, port: 30080") + "\ngateway: {expose: {nodePort: 30080}}",
        "gateway.expose.nodePort: 30080 is that of the brokers, by kafka.listeners.external: use another one",
    ),
]
