"""Topics and their settings."""

from tests.unit.settings.broken.strimzi import strimzi

CASES: list[tuple[str, str]] = [
    (
        "tenants: {shop: {}}\ntopics: {orders: {tenant: shpo}}",
        "topics.orders.tenant: 'shpo' is not a tenant of this file: declare it under tenants, or name one that is "
        "there: shop",
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
        'kafka: {engine: external, bootstrapServers: "a:9092", adminSecret: x}\ntopics: {'
        + ", ".join(f"t{number}: {{partitions: 10000, replicas: 3}}" for number in range(101))
        + "}",
        "topics: 1,010,000 partitions altogether are out of range: use at most 1,000,000",
    ),
    (
        r'topics: {orders: {config: {"segment.bytes ": 1}}}',
        "topics.orders.config: 'segment.bytes ' is not the name of a setting: use letters, digits, '.', '_' and '-', such as num.io.threads",
    ),
    ("topics: {orders: {partition: 3}}", "topics.orders.partition: unknown key: did you mean 'partitions'?"),
    (
        "topics: {orders: {min_insync_replicas: 1}}",
        "topics.orders.min_insync_replicas: unknown key: did you mean 'minInsyncReplicas'?",
    ),
    (
        "topics: {orders: {colour: red}}",
        "topics.orders.colour: unknown key: use one of partitions, replicas, minInsyncReplicas, retention, retentionSize, cleanup, maxMessageSize, config, deletion, adopt, description, tenant, value, key, compatibility, load",
    ),
    (
        "{topics: {latency-probe: }, probe: }",
        "topics.latency-probe: is the topic of the probe: rename it, or remove probe",
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
        "topics.__consumer_offsets: '__consumer_offsets' is an internal topic of Kafka or of this platform: choose another name",
    ),
    (
        "topics: {_kafka-platform-ledger: {}}",
        "topics._kafka-platform-ledger: '_kafka-platform-ledger' is an internal topic of Kafka or of this platform: choose another name",
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
        "topics: 40,000 partition replicas on each broker: use at most 30,000: fewer partitions, or more nodes in kafka.nodes",
    ),
    (
        strimzi() + "\ntopics: {orders: {adopt: true}}",
        "topics.orders.adopt: Strimzi's operator takes over every topic that is declared: remove the key",
    ),
    (
        "topics: {orders: {partitions: 99999999999999999999}}",
        "topics.orders.partitions: 99999999999999999999 is too large for a number: use a smaller one, or put it in quotes",
    ),
    (
        "topics: {orders: {retention: 2026-01-01}}",
        "topics.orders.retention: 2026-01-01 has no quotes, and Pulumi reads 2026-01-01 00:00:00 +0000 UTC: put it in quotes",
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
