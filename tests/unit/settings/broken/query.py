"""The query engine."""

CASES: list[tuple[str, str]] = [
    (
        "{topics: {orders: }, query: {}}",
        "query: no user with a password may read a topic without a schema: write tenants with users that have reads",
    ),
    (
        "{topics: {orders: , Orders: }, tenants: {shop: {users: {ann: {reads: [orders, Orders]}}}}, query: {}}",
        "query: 'Orders' and 'orders' would both be the table 'orders': let users read one of them",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {users: [an]}}",
        "query.users[0]: 'an' is not a user of this file: did you mean 'ann'?",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}, bob: {writes: [orders]}}}}, query: {users: [ann, bob]}}",
        "query.users[1]: 'bob' may read no topic without a schema: name one in its reads, or remove it here",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}, 'a:b': {secret: ab, reads: [orders]}}}}, query: {users: [ann, 'a:b']}}",
        "query.users[1]: 'a:b' has a colon, which ends the name where a login is sent by HTTP: choose another user",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}, old: {adopt: true, reads: [orders]}}}}, query: {users: [ann, old]}}",
        "query.users[1]: 'old' has no password that the platform knows: name users with one",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}, query-engine: {}}}}, query: {}}",
        "tenants.shop.users.query-engine: is a user of the query engine: rename it, or remove query",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}, query-engine-metrics: {}}}}, query: {}}",
        "tenants.shop.users.query-engine-metrics: is a user of the query engine: rename it, or remove query",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {tables: {order: {}}}}",
        "query.tables.order: 'order' is not a topic of this file: declare it under topics, or name one that is there: orders",
    ),
    (
        "{topics: {orders: , payments: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {tables: {payments: {}}}}",
        "query.tables.payments: nobody who may query may read it: add it to a user's reads, or remove it here",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {tables: {orders: {columns: [id TEXT]}}}}",
        "query.tables.orders.columns: 'TEXT' is not a type of a column: use one of BIGINT, BOOLEAN, DATE, DOUBLE, INTEGER, SMALLINT, TIMESTAMP, TINYINT, VARCHAR",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {tables: {orders: {columns: [id BIGINT, id VARCHAR]}}}}",
        "query.tables.orders.columns: 'id' is there twice: keep one of them",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {resources: {memory: 1Gi}}}",
        "query.resources.memory: 1Gi is too little for a query engine: use at least 1536Mi",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {limits: {concurrent: 3}}}",
        "query.limits.tenantConcurrent: 5 of 3: use up to 3",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {clientNamespaces: [tools]}}",
        "query.clientNamespaces: passwords are only taken over TLS: write tls, or remove the key",
    ),
]
