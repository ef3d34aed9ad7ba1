"""The schema registry."""

CASES: list[tuple[str, str]] = [
    ("registry: true", "registry: true is not a mapping: write keys below it, such as pods, resources, tls"),
    (
        "registry: {url: 'http://registry.example.com', secret: login}",
        "registry.secret: is sent to 'http://registry.example.com' in the clear: use https there, or remove it",
    ),
    ("registry: {pod: 1}", "registry.pod: unknown key: did you mean 'pods'?"),
    ("registry: {pods: 0}", "registry.pods: 0 is out of range: use 1 to 5"),
    ("registry: {pods: 6}", "registry.pods: 6 is out of range: use 1 to 5"),
    (
        "registry: {resources: {memory: 512Mi}}",
        "registry.resources.memory: 512Mi is too little for a schema registry: use at least 640Mi",
    ),
    ("registry: {tls: {}}", "registry.tls.certificate: missing: write the name of a Secret"),
    ("registry: {ownerOnly: 1}", "registry.ownerOnly: 1 is not true or false: write true or false"),
    (
        "{tenants: {shop: {users: {api: }}}, registry: {roles: {apo: admin}}}",
        "registry.roles.apo: 'apo' is neither a user nor a worker of this file: did you mean 'api'?",
    ),
    (
        "{tenants: {shop: {users: {api: }}}, registry: {roles: {api: root}}}",
        "registry.roles.api: 'root' is not known: use one of readonly, developer, admin",
    ),
    (
        "{tenants: {shop: {users: {registrar: }}}, registry: }",
        "tenants.shop.users.registrar: is a user of the schema registry: rename it, or remove registry",
    ),
    (
        "{tenants: {shop: {users: {schema-registry: }}}, registry: }",
        "tenants.shop.users.schema-registry: is a user of the schema registry: rename it, or remove registry",
    ),
    (
        "{topics: {schema-registry-journal: }, registry: }",
        "topics.schema-registry-journal: is a topic of the schema registry: rename it, or remove registry",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'a.example.com:9092'}, registry: }",
        "registry: it needs topics and a user, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove the key",
    ),
    (
        "images: {registry: UPPER}",
        "images.registry: 'UPPER' is not an image: write registry/name:tag, such as registry.example.com/kafka:4.3.1",
    ),
    (
        "registry: {url: registry}",
        "registry.url: 'registry' is not a URL: write one such as http://gateway.streaming.svc",
    ),
    (
        "registry: {url: 'https://r.example.com', pods: 3}",
        "registry.pods: the existing registry at url has its own: remove the key",
    ),
    (
        "{tenants: {shop: {users: {api: }}}, registry: {url: 'https://r.example.com', roles: {api: admin}}}",
        "registry.roles: the registry at url has users of its own: remove the key",
    ),
    (
        "registry: {url: 'http://registry.example.com', clientSecret: login}",
        "registry.clientSecret: is sent to 'http://registry.example.com' in the clear: use https there, or remove it",
    ),
    (
        "registry: {clientSecret: login}",
        "registry.clientSecret: the stack runs its own registry: remove the key, or write url",
    ),
    (
        "{tenants: {shop: {users: {http-gateway: }}}, registry: , gateway: }",
        "tenants.shop.users.http-gateway: is a user of the schema registry: rename it, or remove registry",
    ),
    (
        "{topics: {orders: }, gateway: {enforcedTopics: [orders]}}",
        "gateway.enforcedTopics: there is no schema registry: write registry, or remove the key",
    ),
    (
        "{topics: {orders: }, registry: , gateway: {enforcedTopics: [orders]}}",
        "gateway.enforcedTopics: topic 'orders' declares no schema for its values: write its value, or remove it here",
    ),
    (
        "{topics: {orders: }, registry: , gateway: {enforcedTopics: [ordrs]}}",
        "gateway.enforcedTopics: 'ordrs' is not a topic of this file: declare it under topics, or name one that is there: orders",
    ),
    ("registry: {secret: login}", "registry.secret: the stack runs its own registry: remove the key, or write url"),
    (
        "registry: {compatibility: backwards}",
        "registry.compatibility: 'backwards' is not known: use one of none, backward, backwardTransitive, forward, forwardTransitive, full, fullTransitive",
    ),
    (
        "{topics: {orders: {compatibility: full}}, registry: }",
        "topics.orders.compatibility: there is no schema: write value too, or remove the key",
    ),
    (
        "{topics: {orders: {value: order.xml}}, registry: }",
        "topics.orders.value: 'order.xml' is not a file of a schema: write a path that ends in .avsc, .json, .proto",
    ),
    (
        "registry: {removedSubjects: ['']}",
        "registry.removedSubjects: '' is not a subject: write one such as orders-value",
    ),
]
