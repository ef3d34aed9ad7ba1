"""Workers."""

CASES: list[tuple[str, str]] = [
    *(
        (
            "{topics: {orders: }, tenants: {shop: }, keda: {}, exporter: {surge: true}, "
            f"workers: {{fraud: {{image: a:1, tenant: shop, reads: [orders]{scale}}}}}}}",
            "exporter.surge: no worker can be given pods at once: that takes recordsPerSecondPerPod, a min of at least 1 and one topic; "
            "write these, or remove the key",
        )
        for scale in (
            "",
            ", scale: {lagThreshold: 5}",
            ", scale: {min: 0, recordsPerSecondPerPod: 5, acceptableDelay: 10s}",
        )
    ),
    *(
        (
            f"{{topics: {{orders: }}, tenants: {{shop: }}, workers: {{{name}: {{image: a:1, tenant: shop, reads: [orders]}}}}}}",
            f"workers.{name}: {name!r} is the name of a part of the platform: choose another name",
        )
        for name in (
            "gateway-pods",
            "gateway-external",
            "kafka-nodes",
            "kafka-external-0",
            "kafka-provisioner",
            "kafka-certificates",
        )
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders], egress: [{ports: [5432], network: 10}]}}}",
        "workers.fraud.egress[0].network: 10 is a bare number: write it as in 10.20.0.0/16",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders], probes: {liveness: }}}}",
        "workers.fraud.probes.liveness.path: missing: write one with its port, or a command",
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
        "workers.fraud.scale: needs KEDA: write keda: {install: true}, or keda: {} where the cluster has it",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {Fraud: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.Fraud: 'Fraud' is not a Kubernetes name: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {gateway: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.gateway: 'gateway' is the name of a part of the platform: choose another name",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {fraud: }}}, workers: {fraud: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.fraud: its user 'fraud' is a tenant's user already: rename one, or let the worker log in as that user by user",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {a: {image: a:1, tenant: shop, reads: [orders]}, b: {image: a:1, tenant: shop, reads: [orders], group: a}}}",
        "workers.b.group: worker 'a' is in group 'a' too, and each would get only part of the records: use another group",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {namespace: shop}, other: {users: {app: {reads: [orders], groups: [fraud]}}}}, workers: {fraud: {image: a:1, tenant: shop, reads: [orders], user: app}}}",
        "workers.fraud.user: the Secret of 'app' is delivered to namespace 'streaming', and the worker is in 'shop': use a user of tenant 'shop'",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'k:9092'}, tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders]}}}",
        "workers.fraud.user: missing, an administrator makes users: name an existing one, or the administrator's Secret in kafka.adminSecret",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'k:9092'}, keda: , tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders], user: app, scalerUser: keda, scale: {lagThreshold: 5}}}}",
        "workers.fraud.scale.max: missing, and the topics' partitions are not known: write it",
    ),
]

WORKER = """\
{keda: , topics: {orders: {partitions: 4}, done: }, tenants: {shop: {users: {api: {reads: [orders], groups: [api]}}}},
 workers: {fraud: {image: a:1, tenant: shop, %s}}}"""
CASES += [
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
        ("replicas: 2", "reads: missing, as is writes: name the topics that it reads or writes"),
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
            "scale.onlyLaggingPartitions: it runs fewer pods than partitions, and allowIdle more: keep one of them",
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
            "scale: lag needs topics to read, and there are none: name them, or scale by cpu",
        ),
        (
            "reads: [orders], scale: {cpu: , min: 0, max: 3}",
            "scale.min: 0 pods use no CPU, so CPU never starts the first one: use at least 1",
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
            "environment: API_TOKEN: secrets do not belong in variables: name its Secret in secretFiles",
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
            "user: 'api' may not read group 'fraud': allow it, or leave the key out, then a user with that right is made",
        ),
        ("reads: [orders], termination: 60", "termination: 60 is a bare number: write a duration such as 60s"),
    ]
]

STATE = """\
{topics: {orders: {partitions: 4}, totals-archive: }, tenants: {shop: , billing: {users: {api: {writes: [orders], transactions: [totals-*]}}}},
 %s workers: {totals: {image: a:1, tenant: shop, reads: [orders], replicas: 2, probes: {readiness: {path: /ready, port: 8080}}, %s}}}"""
OTHER = (
    "{size: 1Gi}}, bills: {image: a:1, tenant: billing, reads: [orders], group: shop-bills, replicas: 2, "
    "probes: {readiness: {path: /ready, port: 8080}}, state: {size: 1Gi}"
)
CASES += [
    (
        STATE % ("", "state: {size: 1Gi}"),
        "workers.totals: its own topics begin with 'totals-', and so does topic 'totals-archive', which its user could then write "
        "and delete: use another group, such as totals-app, or rename the topic",
    ),
    (
        STATE % ("", "group: orders-app, state: {size: 1Gi, standbyReplicas: 2}"),
        "workers.totals.state.standbyReplicas: 2 besides the pod that works on it need 3 pods, and there are at most 2: use at most "
        "1, or more pods",
    ),
    (
        STATE % ("", f"group: shop, state: {OTHER}"),
        "workers.totals.group: its own topics begin with 'shop-', and so do those of worker 'bills' in group 'shop-bills', which its "
        "user could then read and delete: use a group with which no other one begins, such as shop-app",
    ),
    (
        STATE % ("", "transactional: true, group: totals-app, state: {size: 1Gi}"),
        "workers.totals.group: its transactional ids begin with 'totals-app-', and user 'api' may use totals-*: each would end the "
        "other's producers: use another group, or other ids there",
    ),
    (
        STATE % ("kafka: {version: 4.1.0},", "group: app, state: {size: 1Gi, protocol: streams}"),
        "workers.totals.state.protocol: needs Kafka 4.2, and kafka.version is 4.1.0: use that version, or classic",
    ),
]
