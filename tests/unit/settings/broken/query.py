"""The query engine."""

CASES: list[tuple[str, str]] = [
    (
        "{topics: {orders: }, query: {}}",
        "query: no user with a password may read a topic with JSON or Avro: write tenants with users that have reads",
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
        "query.users[1]: 'bob' may read no topic with JSON or Avro: name one in its reads, or remove it here",
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
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {tables: {orders: {format: avro}}}}",
        "query.tables.orders.format: there is no registry with its schema: write registry: {}, or registry.url of one that is there",
    ),
    (
        "{topics: {orders: }, registry: {}, tenants: {shop: {users: {ann: {reads: [orders]}}}}, query: {tables: {orders: {format: avro, columns: [id BIGINT]}}}}",
        "query.tables.orders.columns: follow from the schema in the registry: remove the key",
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
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {shop: {postgres: {host: db, database: shop, secret: s, tables: [public.a]}}}, query: {connectors: {shpo: {secret: r}}}}",
        "query.connectors.shpo: 'shpo' is not a connector of this file: did you mean 'shop'?",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {shop: {postgres: {host: db, database: shop, secret: s, tables: [public.a]}}}, query: {connectors: {shop: {secret: r, store: s}}}}",
        "query.connectors.shop.store: is for an Iceberg sink: remove the key",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {shop: {postgres: {host: db, database: shop, secret: s, tables: [public.a], config: {column.exclude.list: public.a.iban}}}}, query: {connectors: {shop: {secret: r}}}}",
        "query.connectors.shop: its topics show less than its tables (column.exclude.list), and queries would show the rest: remove it",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {system: {postgres: {host: db, database: shop, secret: s, tables: [public.a]}}}, query: {connectors: {system: {secret: r}}}}",
        "query.connectors.system: 'system' is a catalog already: choose another name than kafka, registry, system",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/x', secret: s}, reads: [orders]}}, query: {connectors: {out: {secret: r}}}}",
        "query.connectors.out: queries read databases of `postgres` connectors and tables of `iceberg` sinks: remove it",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {lake: {iceberg: {catalog: {url: 'https://c.example.com'}, warehouse: 's3://lake/w', table: shop.orders, s3: {endpoint: 'https://s3.example.com', secret: s}}, reads: [orders]}}, query: {connectors: {lake: {secret: r, store: s}}}}",
        "query.connectors.lake: queries read tables whose catalog is a database of PostgreSQL, and this one has a REST catalog: remove it",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {lake: {iceberg: {catalog: {url: 'jdbc:postgresql://db/c', secret: s}, warehouse: 's3://lake/w', table: shop.orders, s3: {endpoint: 'https://s3.example.com', secret: s}}, reads: [orders]}}, query: {connectors: {lake: {secret: r}}}}",
        "query.connectors.lake.store: missing: name the Secret of a key that may read the bucket",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {ann: {reads: [orders]}}}}, connectors: {lake: {iceberg: {catalog: {url: 'jdbc:postgresql://db/c', secret: s}, warehouse: 's3://lake/w', table: acme.shop.orders, s3: {endpoint: 'https://s3.example.com', secret: s}}, reads: [orders]}}, query: {connectors: {lake: {secret: r, store: s}}}}",
        "query.connectors.lake: its tables have more than one name before theirs (acme.shop.orders), and queries know one: use such as shop.orders",
    ),
]
