"""Tenants and their users."""

from tests.unit.settings.broken.strimzi import strimzi

CASES: list[tuple[str, str]] = [
    (
        "{topics: {orders: }, tenants: {shop: {quotas: {produce: 1MB/s}, users: {app: {writes: [orders], quotas: }}}}}",
        "tenants.shop.users.app.quotas: has no value: write one, or remove the key",
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
        "{tenants: {shop: {users: {latency-probe: }}}, probe: }",
        "tenants.shop.users.latency-probe: is the user of the probe: rename it, or remove probe",
    ),
    (
        "tenants: {shop: {users: {app: {namespace: shop}}}}",
        "tenants.shop.users.app.namespace: unknown key: write namespace at the tenant, tenants.shop.namespace",
    ),
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
        "tenants.shop.users.Order_API.secret: missing, no Secret can be called 'Order_API-kafka': name one of up to 253 of a-z, 0-9, - and .",
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
        "tenants: {shop: {users: {app: {adopt: please}}}}",
        "tenants.shop.users.app.adopt: 'please' is not true or false: write true or false",
    ),
    (
        strimzi() + "\ntenants: {shop: {users: {app: {adopt: true}}}}",
        "tenants.shop.users.app.adopt: Strimzi's operator takes over every user that is declared: remove the key",
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
        "tenants.shop.quotas.produce: '0MB/s' is not a rate: write a rate above zero, such as 20MB/s",
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
        "tenants.shop.users.app.acls[1]: group 'a' is in this list already: merge the operations into one entry",
    ),
    (
        "tenants: {shop: {users: {app: {acls: [{resource: group, name: a, operations: [READ, READ]}]}}}}",
        "tenants.shop.users.app.acls[0].operations: 'READ' is listed 2 times: keep one",
    ),
    ("tenants: [shop]", "tenants: a list is not a mapping: write names below it, each followed by a colon"),
    (
        "tenants: {shop: {users: [app]}}",
        "tenants.shop.users: a list is not a mapping: write names below it, each followed by a colon",
    ),
    (
        "tenants: {shop: {users: {app: {auth: mttls}}}}",
        "tenants.shop.users.app.auth: 'mttls' is not known: use one of scram, mtls, custom",
    ),
]
