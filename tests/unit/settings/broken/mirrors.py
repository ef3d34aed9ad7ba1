"""The mirror."""

_SOURCE = "origin: {name: first, bootstrapServers: 'first:9092', username: mirror, secret: login}"

CASES: list[tuple[str, str]] = [
    ("mirror: {topics: [orders]}", "mirror.origin: missing: write a value for it"),
    (f"mirror: {{{_SOURCE}}}", "mirror.topics: missing: write a value for it"),
    (
        f"mirror: {{{_SOURCE}, topics: ['*']}}",
        "mirror.topics: '*' would give it the right to write every topic of this Kafka: name prefixes, or write names: prefixed",
    ),
    (
        f"mirror: {{{_SOURCE}, topics: ['*'], names: prefixed}}",
        "mirror.knownAs: missing: with '*' two mirrors would copy each other's copies for ever: write what a mirror of this Kafka calls it "
        "in its origin.name, or will call it",
    ),
    (
        f"mirror: {{{_SOURCE}, topics: [orders], knownAs: second}}",
        "mirror.knownAs: with names: same nothing tells copies apart: remove it, or write names: prefixed",
    ),
    (
        f"mirror: {{{_SOURCE}, topics: ['*'], names: prefixed, knownAs: first}}",
        "mirror.knownAs: 'first' is what the other Kafka is called: write another name",
    ),
    (
        "mirror: {origin: {name: first, bootstrapServers: 'first:9092', secret: login}, topics: [orders]}",
        "mirror.origin.username: missing: name the user of that Kafka that the mirror logs in as",
    ),
    (
        f"mirror: {{{_SOURCE}, topics: [orders], pods: 3}}",
        "mirror.pods: Kafka Connect runs this mirror: write connect.pods instead",
    ),
    (
        f"connectors: {{mirror: {{plugin: {{connectorClass: com.acme.Source}}}}}}\nmirror: {{{_SOURCE}, topics: [orders]}}",
        "connectors.mirror: is the mirror's own: rename it, or remove mirror",
    ),
    (
        f"tenants: {{a: {{users: {{connector-mirror: {{}}}}}}}}\nmirror: {{{_SOURCE}, topics: [orders]}}",
        "tenants.a.users.connector-mirror: is the user of the mirror: rename it, or remove mirror",
    ),
    (
        f"kafka: {{engine: external, bootstrapServers: 'first:9092', adminSecret: admin}}\nmirror: {{{_SOURCE}, topics: [orders]}}",
        "mirror.origin.bootstrapServers: is the Kafka that is mirrored to: write the servers of the other one",
    ),
    (
        f"kafka: {{engine: external, bootstrapServers: 'b:9092'}}\nmirror: {{{_SOURCE}, topics: [orders]}}",
        "mirror: it needs topics and users, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove the key",
    ),
]
