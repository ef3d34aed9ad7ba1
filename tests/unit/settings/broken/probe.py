"""The latency probe."""

CASES: list[tuple[str, str]] = [
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
        "probe.gatewayAuthority: the probe uses TLS with no gateway: remove the key, or write gateway.tls",
    ),
    (
        "{gateway: {tls: {certificate: a, clientAuthority: b}}, probe: }",
        "probe.gateway: callers of the gateway need a certificate (gateway.tls.clientAuthority), and the probe has none: write gateway: false",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'a.example.com:9092'}, probe: }",
        "probe: it needs a topic and a user, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove the key",
    ),
]
