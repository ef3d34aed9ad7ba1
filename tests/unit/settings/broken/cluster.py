"""The Kafka: its engine, brokers and listeners."""

from tests.unit.settings.broken.strimzi import strimzi

CASES: list[tuple[str, str]] = [
    (
        r"kafka: {nodes: 1000000000000}",
        "kafka.nodes: 1000000000000 is out of range: use 1 to 900",
    ),
    (
        r"kafka: {metrics: reporter}",
        "kafka.metrics: the reporter is part of Strimzi's images: write jmx, or off",
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
    ("kafka: {nodez: 3}", "kafka.nodez: unknown key: did you mean 'nodes'?"),
    (
        "kafka: {listeners: {externel: {expose: nodePort, host: a, port: 30092}}}",
        "kafka.listeners.externel: unknown key: did you mean 'external'?",
    ),
    ("kafka: {resources: {mem: 1Gi}}", "kafka.resources.mem: unknown key: did you mean 'memory'?"),
    (
        strimzi(", scaling: {pool: brokers, max: 9, diskAbove: 70%}")
        + "\nkeda: {}\nprometheus: {install: true, namespace: metrics}",
        "kafka.scaling.prometheus: http://prometheus-operated.monitoring.svc:9090 is not the Prometheus of this file: "
        "write http://prometheus-operated.metrics.svc:9090",
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
    ("kafka: {nodes: three}", "kafka.nodes: 'three' is not a whole number: write one such as 3"),
    ("kafka: {nodes: '3'}", "kafka.nodes: '3' is text: write a whole number without quotes"),
    ("kafka: {nodes: 1.5}", "kafka.nodes: 1.5 is not a whole number: write one such as 3"),
    ("kafka: {nodes: true}", "kafka.nodes: true is not a whole number: write one such as 3"),
    ("kafka: {nodes: [3]}", "kafka.nodes: a list is not a whole number: write one such as 3"),
    ("kafka: {version: 4.3}", "kafka.version: 4.3 is a bare number: write it as in 4.3.1"),
    (
        "kafka: {resources: {cpu: 2}}",
        "kafka.resources.cpu: 2 is a bare number: write a quantity such as 500m or '2', in quotes if it is a bare number",
    ),
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
        "kafka: {listeners: {external: {expose: loadBalancer, host: a.example.com, sourceRanges: [10.0.0.1/8]}}}",
        "kafka.listeners.external.sourceRanges: '10.0.0.1/8' is not a network: write one such as 203.0.113.0/24",
    ),
    (
        "kafka: {listeners: {external: {expose: loadBalancer, host: a.example.com, sourceRanges: []}}}",
        "kafka.listeners.external.sourceRanges: no network is given, so nobody could connect: write those that may, such as 203.0.113.0/24; or remove the key to let all in",
    ),
    (
        "kafka: {listeners: {external: {expose: loadBalancer, host: a.example.com, sourceRanges: [10.0.0.0/8, 127.0.0.1/32]}}}",
        "kafka.listeners.external.sourceRanges: '127.0.0.1/32' is the machine itself, from which nobody can connect: write the clients' network, such as 203.0.113.0/24",
    ),
    (
        "kafka: {listeners: {external: {expose: loadBalancer, host: a.example.com, externalTrafficPolicy: machine}}}",
        "kafka.listeners.external.externalTrafficPolicy: 'machine' is not known: use one of Cluster, Local",
    ),
    (
        "kafka: {listeners: {external: {expose: nodePort, host: a.example.com, port: 30092, externalTrafficPolicy: Local}}}",
        "kafka.listeners.external.externalTrafficPolicy: cannot be combined with nodePort: remove the key, or expose by loadBalancer",
    ),
    (
        "kafka: {listeners: {external: {expose: nodePort, host: a.example.com, port: 30092, sourceRanges: [10.0.0.0/8]}}}",
        "kafka.listeners.external.sourceRanges: cannot be combined with nodePort: remove the key, or expose by loadBalancer",
    ),
    (
        "kafka: {listeners: {external: {expose: dns, host: a.example.com}}}",
        "kafka.listeners.external.expose: 'dns' is not known: use one of nodePort, loadBalancer, tlsRoute, ingress",
    ),
    (
        "kafka: {listeners: {external: {expose: tlsRoute, host: 'b-{nodeId}.example.com', gatewayClass: traefik}}}",
        "kafka.listeners.certificate: missing, a Gateway tells brokers apart by the names in TLS, which they prove themselves: name "
        "a Secret that is valid for them",
    ),
    (
        "kafka: {listeners: {certificate: tls, external: {expose: tlsRoute, host: kafka.example.com, gatewayClass: traefik}}}",
        "kafka.listeners.external.host: 'kafka.example.com' is the same for all brokers: put {nodeId} in it, as in "
        "broker-{nodeId}.kafka.example.com",
    ),
    (
        "kafka: {listeners: {certificate: tls, external: {expose: tlsRoute, host: 'b-{nodeId}.example.com', "
        "gatewayClass: traefik, auth: mtls}}}",
        "kafka.listeners.external.auth: the engine is embedded: remove the key, or write engine: strimzi",
    ),
    (
        "kafka: {listeners: {external: {expose: loadBalancer, host: 'b-{nodeId}.example.com', listenerPort: 8443}}}",
        "kafka.listeners.external.listenerPort: cannot be combined with loadBalancer: remove the key, or expose by tlsRoute",
    ),
    (
        "kafka: {listeners: {certificate: tls, external: {expose: tlsRoute, host: 'b-{nodeId}.example.com', "
        "gatewayClass: traefik, routeVersion: v2}}}",
        "kafka.listeners.external.routeVersion: 'v2' is not known: use one of v1, v1alpha2",
    ),
    (
        "kafka: {listeners: {certificate: tls, external: {expose: tlsRoute, host: 'b-{nodeId}.example.com', "
        "gatewayClass: traefik}}}\n"
        "gateway: {expose: {ingressClass: traefik, host: b-0.example.com}}",
        "gateway.expose.host: 'b-0.example.com' is a name of the brokers, by kafka.listeners.external: use another one",
    ),
    (
        "kafka: {listeners: {external: {host: a.example.com}}}",
        "kafka.listeners.external.expose: missing: use one of nodePort, loadBalancer, tlsRoute, ingress",
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
        "kafka: {engine: external, bootstrapServers: '2001:db8::1:9092'}",
        "kafka.bootstrapServers: '2001:db8::1:9092' is not host:port: put an address of IPv6 in brackets, as in '[2001:db8::1]:9092'",
    ),
    (
        "kafka: {engine: external, bootstrapServers: '[2001:db8::zz]:9092'}",
        "kafka.bootstrapServers: '[2001:db8::zz]:9092' is not host:port: write kafka.example.com:9092, several with commas",
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
        "kafka: {engine: external, bootstrapServers: 'a:9092', saslMechanism: SCRAM-SHA-384}",
        "kafka.saslMechanism: 'SCRAM-SHA-384' is not known: did you mean 'SCRAM-SHA-512'?",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092', securityProtocol: TLS}",
        "kafka.securityProtocol: 'TLS' is not known: use one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
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
        "kafka: {nodes: 3, retention: 7d}",
        "kafka.retention: unknown key: did you mean kafka.defaults.retention?",
    ),
    (
        "kafka: {config: {compression.type: zstd, super.users: 'User:me'}}",
        "kafka.config.'super.users': cannot be set here, they are the platform's own users: remove the key",
    ),
    (
        "kafka: {engine: [embedded]}",
        "kafka.engine: a list stands where one word belongs: use one of embedded, strimzi, external",
    ),
    (
        'kafka: {engine: external, bootstrapServers: "a:9092, b:9092"}',
        "kafka.bootstrapServers: 'a:9092, b:9092' is not host:port: write several with commas and no spaces, as in 'a:9092,b:9092'",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'a:9092;b:9092'}",
        "kafka.bootstrapServers: 'a:9092;b:9092' is not host:port: write several with commas and no spaces, as in 'a:9092,b:9092'",
    ),
    (
        "kafka: {engine: external, bootstrapServers: [a:9092, b:9092]}",
        "kafka.bootstrapServers: a list stands where a text belongs: write it as in kafka.example.com:9092 or a:9092,b:9092",
    ),
]
