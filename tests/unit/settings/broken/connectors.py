"""Connectors, and Kafka Connect."""

CASES: list[tuple[str, str]] = [
    ("connectors: [shop]", "connectors: a list is not a mapping: write names below it, each followed by a colon"),
    (
        "connectors: {shop: }",
        "connectors.shop.http: missing: write one of http, opensearch, elasticsearch, redis, mqtt, rabbitmq, s3, hdfs, cassandra, poll, postgres, mysql, mariadb, mongodb, jdbc, iceberg, plugin",
    ),
    (
        "connectors: {shop: true}",
        "connectors.shop: true is not a mapping: write keys below it, such as reads, deadLetters, tasks",
    ),
    (
        "connectors: {shop: {}}",
        "connectors.shop.http: missing: write one of http, opensearch, elasticsearch, redis, mqtt, rabbitmq, s3, hdfs, cassandra, poll, postgres, mysql, mariadb, mongodb, jdbc, iceberg, plugin",
    ),
    ("connectors: {shop: {postgress: {}}}", "connectors.shop.postgress: unknown key: did you mean 'postgres'?"),
    (
        "connectors: {Shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}",
        "connectors.Shop: 'Shop' is not a Kubernetes name: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "connectors: {1shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}",
        "connectors.1shop: '1shop' is not a Service's name: begin it with a letter",
    ),
    (
        "connectors: {sssssssssssssssssssssssssssssssssssssssss: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}",
        "connectors.sssssssssssssssssssssssssssssssssssssssss: 'sssssssssssssssssssssssssssssssssssssssss' is too long for a connector's name: use up to 40 characters",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, jdbc: {url: 'jdbc:postgresql://db/w', secret: s}}}",
        "connectors.shop.jdbc: postgres is given too: keep one of them",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, reads: [orders]}}",
        "connectors.shop.reads: postgres writes topics and reads none: remove it",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, deadLetters: dead}}",
        "connectors.shop.deadLetters: only sinks have records that they cannot write: remove it",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, tasks: 2}}",
        "connectors.shop.tasks: postgres reads the database's log in one task: remove it",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, tasks: 0}}",
        "connectors.shop.tasks: 0 is out of range: use 1 to 1000",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, tenant: shop}}",
        "connectors.shop.tenant: 'shop' is not a tenant of this file: declare it under tenants",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, state: off}}",
        "connectors.shop.state: 'off' is not known: use one of running, paused, stopped",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, passwordVersion: 0}}",
        "connectors.shop.passwordVersion: 0 is out of range: use 1 to 1000000",
    ),
    (
        "connectors: {shop: {postgres: {database: shop, secret: s, tables: [public.orders]}}}",
        "connectors.shop.postgres.host: missing: write it as in db.shop.svc",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], port: 70000}}}",
        "connectors.shop.postgres.port: 70000 is out of range: use 1 to 65535",
    ),
    (
        "connectors: {shop: {postgres: {database: shop, secret: s, tables: [public.orders], host: 'db shop'}}}",
        "connectors.shop.postgres.host: 'db shop' is not a host: write a name or an address, such as db.example.com",
    ),
    (
        "connectors: {shop: {postgres: {database: shop, secret: s, tables: [public.orders], host: 'db:5432'}}}",
        "connectors.shop.postgres.host: 'db:5432' is not a host: write a name or an address, such as db.example.com",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, tables: [public.orders], secret: 'S_1'}}}",
        "connectors.shop.postgres.secret: 'S_1' is not a Kubernetes Secret name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: []}}}",
        "connectors.shop.postgres.tables: none are given: name at least one, such as public.orders",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [orders]}}}",
        "connectors.shop.postgres.tables: 'orders' is not the full name of a table: write one such as public.orders",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders, public.orders]}}}",
        "connectors.shop.postgres.tables: 'public.orders' is listed twice: keep one",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: ['public.*']}}}",
        "connectors.shop.postgres.tables: 'public.*' is not the full name of a table: write one such as public.orders",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, secret: s, tables: [public.orders], database: 'a b'}}}",
        "connectors.shop.postgres.database: 'a b' is not the name of a database: write one such as shop",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], slot: My-Slot}}}",
        "connectors.shop.postgres.slot: 'My-Slot' is not the name of a replication slot: use up to 63 of a-z, 0-9 and _",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], publication: a-b}}}",
        "connectors.shop.postgres.publication: 'a-b' is not the name of a publication: use up to 63 letters, digits and _, such as shop",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], snapshot: always}}}",
        "connectors.shop.postgres.snapshot: 'always' is not known: use one of initial, no_data, when_needed",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], decimals: exact}}}",
        "connectors.shop.postgres.decimals: 'exact' is not known: use one of precise, string, double",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], heartbeat: 10}}}",
        "connectors.shop.postgres.heartbeat: 10 is a bare number: write a duration such as 10s",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], heartbeat: 10ms}}}",
        "connectors.shop.postgres.heartbeat: '10ms' is out of range: use 1s to 1h",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], signals: signals}}}",
        "connectors.shop.postgres.signals: 'signals' is not the full name of a table: write one such as public.orders",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], tls: true}}}",
        "connectors.shop.postgres.tls: true is not known: use one of off, preferred, required, verified",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {database.password: hunter2}}}}",
        "connectors.shop.postgres.config: 'database.password': a secret does not belong here: write ${secret:KEY} with a key of the Secret in secret",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {name: x}}}}",
        "connectors.shop.postgres.config.name: cannot be set here, it is the key of the connector: remove the key",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {topic.prefix: x}}}}",
        "connectors.shop.postgres.config.'topic.prefix': cannot be set here, the kind's other fields decide it: remove the key",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {tasks.max: 2}}}}",
        "connectors.shop.postgres.config.'tasks.max': cannot be set here: write tasks",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {producer.override.sasl.jaas.config: x}}}}",
        "connectors.shop.postgres.config.'producer.override.sasl.jaas.config': cannot be set here, each connector logs in to Kafka as its own user: remove the key",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {database.query: '${file:/etc/passwd:root}'}}}}",
        "connectors.shop.postgres.config: 'database.query': reads files that are not the connector's: write ${secret:KEY} with a key of its own Secret",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {database.query: '${directory:/mnt/connectors/other/secret:password}'}}}}",
        "connectors.shop.postgres.config: 'database.query': reads files that are not the connector's: write ${secret:KEY} with a key of its own Secret",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], config: {'a b': x}}}}",
        "connectors.shop.postgres.config: 'a b' is not the name of a setting: use letters, digits, '.', '_' and '-', such as num.io.threads",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}, shop2: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders], slot: shop}}}",
        "connectors.shop2.postgres.slot: 'shop' is that of connector 'shop' too, and each would miss changes: write another one",
    ),
    (
        "connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s}}}",
        "connectors.out.reads: missing: name the topics whose records it writes",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s}, reads: [orders, orders]}}}",
        "connectors.out.reads: 'orders' is listed twice: keep one",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s}, reads: [ordes]}}}",
        "connectors.out.reads: 'ordes' is not a topic of this file: declare it under topics, or name one that is there: orders, out-dead-letters",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s}, reads: [orders], deadLetters: orders}}}",
        "connectors.out.deadLetters: 'orders' is read too, and would grow for ever: name another topic",
    ),
    (
        "{topics: {orders: , items: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s, table: all}, reads: [orders, items]}}}",
        "connectors.out.jdbc.table: several topics would share its rows: read one topic, or remove it",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'postgresql://db/w', secret: s}, reads: [orders]}}}",
        "connectors.out.jdbc.url: 'postgresql://db/w' is not a URL of postgresql, mysql, mariadb or sqlserver without a login: write one such as jdbc:postgresql://db.example.com:5432/warehouse",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://me:hunter2@db/w', secret: s}, reads: [orders]}}}",
        "connectors.out.jdbc.url: it is not a URL of postgresql, mysql, mariadb or sqlserver without a login: write one such as jdbc:postgresql://db.example.com:5432/warehouse",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w?password=hunter2', secret: s}, reads: [orders]}}}",
        "connectors.out.jdbc.url: contains credentials: remove them, and name the Secret with username and password in secret",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:oracle:thin:@db:1521', secret: s}, reads: [orders]}}}",
        "connectors.out.jdbc.url: it is not a URL of postgresql, mysql, mariadb or sqlserver without a login: write one such as jdbc:postgresql://db.example.com:5432/warehouse",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w'}, reads: [orders]}}}",
        "connectors.out.jdbc.secret: missing: write it as in warehouse",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s, table: 'a;b'}, reads: [orders]}}}",
        "connectors.out.jdbc.table: 'a;b' is not the name of a table: write one such as orders or sales.orders",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s, evolution: full}, reads: [orders]}}}",
        "connectors.out.jdbc.evolution: 'full' is not known: use one of basic, none",
    ),
    (
        "{topics: {orders: }, connectors: {out: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s, deletes: maybe}, reads: [orders]}}}",
        "connectors.out.jdbc.deletes: 'maybe' is not true or false: write true or false",
    ),
    (
        "connectors: {p: {plugin: {}}}",
        "connectors.p.plugin.connectorClass: missing: write it as in com.example.OrdersSource",
    ),
    (
        "connectors: {p: {plugin: {connectorClass: Source}}}",
        "connectors.p.plugin.connectorClass: 'Source' is not a class of Java: write its full name, such as com.example.OrdersSource",
    ),
    (
        "connectors: {p: {plugin: {connectorClass: a.Source, hosts: [db]}}}",
        "connectors.p.plugin.hosts: 'db' is not host:port: write one such as db.example.com:5432",
    ),
    (
        "connectors: {p: {plugin: {connectorClass: a.Source, config: {token: '${secret:token}'}}}}",
        "connectors.p.plugin.secret: missing, config refers to it: name a Secret",
    ),
    (
        "connectors: {p: {plugin: {connectorClass: a.Source, config: {api.key: abc}}}}",
        "connectors.p.plugin.config: 'api.key': a secret does not belong here: write ${secret:KEY} with a key of the Secret in secret",
    ),
    (
        "{topics: {orders: }, connectors: {p: {plugin: {connectorClass: a.Source, writes: [orders]}, reads: [orders]}}}",
        "connectors.p.plugin.writes: the connector reads topics, so it is a sink: remove it, or reads",
    ),
    (
        "connectors: {p: {plugin: {connectorClass: a.Source, config: {topics: x}}}}",
        "connectors.p.plugin.config.topics: cannot be set here: write reads",
    ),
    (
        "connectors: {p: {plugin: {connectorClass: a.Source, writes: [orders]}}}",
        "connectors.p.plugin.writes: 'orders' is not a topic of this file: declare it under topics",
    ),
    ("{connect: {pods: 0}}", "connect.pods: 0 is out of range: use 1 to 50"),
    ("{connect: {pod: 1}}", "connect.pod: unknown key: did you mean 'pods'?"),
    (
        "{connect: {resources: {memory: 512Mi}}}",
        "connect.resources.memory: 512Mi is too little for Kafka Connect: use at least 768Mi",
    ),
    (
        "{connect: {removedConnectors: [A]}}",
        "connect.removedConnectors: 'A' is not a Kubernetes name: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "{connect: {removedConnectors: [shop]}, connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}}",
        "connect.removedConnectors: 'shop' is declared too: remove one of them",
    ),
    (
        "images: {connect: UPPER}",
        "images.connect: 'UPPER' is not an image: write registry/name:tag, such as registry.example.com/kafka:4.3.1",
    ),
    (
        "{topics: {connect-configs: }, connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}}",
        "topics.connect-configs: is a topic of Kafka Connect: rename it, or remove connectors",
    ),
    (
        "{tenants: {shop: {users: {connector-shop: }}}, connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}}",
        "connectors.shop: its user 'connector-shop' is a tenant's user already: rename one",
    ),
    (
        "{tenants: {shop: {users: {connect: }}}, connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}}",
        "tenants.shop.users.connect: is the user of Kafka Connect: rename it, or remove connectors",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'a.example.com:9092'}, connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}}}}",
        "connectors: they need topics and users, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove the key",
    ),
    # Connectors that are programs of their own.
    (
        "connectors: {a: {http: {url: https://example.com}}}",
        "connectors.a.reads: missing: name the topics whose records it writes",
    ),
    (
        "connectors: {a: {http: {}, reads: [orders]}}",
        "connectors.a.http.url: missing: write it as in https://api.example.com/orders",
    ),
    (
        "connectors: {a: {http: {url: ftp://example.com}, reads: [orders]}}",
        "connectors.a.http.url: 'ftp://example.com' is not a URL: write one such as https://api.example.com/orders",
    ),
    (
        "connectors: {a: {http: {url: 'https://me:secret@example.com'}, reads: [orders]}}",
        "connectors.a.http.url: contains credentials: remove them, and name the Secret with it in secret",
    ),
    (
        "connectors: {a: {http: {url: 'http://api.example.com', secret: s}, reads: [orders]}}",
        "connectors.a.http.secret: is sent to 'http://api.example.com' in the clear: use https there, or remove it",
    ),
    (
        "connectors: {a: {http: {url: 'https://example.com', method: get}, reads: [orders]}}",
        "connectors.a.http.method: 'get' is not known: use one of post, put, patch",
    ),
    (
        "connectors: {a: {http: {url: 'https://example.com', timeout: 1h}, reads: [orders]}}",
        "connectors.a.http.timeout: '1h' is out of range: use 1s to 120s",
    ),
    (
        "connectors: {a: {opensearch: {url: 'https://example.com', index: Orders}, reads: [orders]}}",
        "connectors.a.opensearch.index: 'Orders' is not the name of an index: use lower case, such as orders",
    ),
    (
        "connectors: {a: {elasticsearch: {url: 'https://example.com', ids: value}, reads: [orders]}}",
        "connectors.a.elasticsearch.ids: 'value' is not known: use one of record, key",
    ),
    (
        "connectors: {a: {redis: {host: cache, prefix: x, form: stream}, reads: [orders]}}",
        "connectors.a.redis.prefix: records become entries of a stream: write stream, or remove it",
    ),
    (
        "connectors: {a: {redis: {host: cache, stream: x}, reads: [orders]}}",
        "connectors.a.redis.stream: records become values: write form stream, or remove it",
    ),
    (
        "connectors: {a: {redis: {host: cache, port: 0}, reads: [orders]}}",
        "connectors.a.redis.port: 0 is out of range: use 1 to 65535",
    ),
    (
        "connectors: {a: {mqtt: {host: 'a b', filters: ['x/#'], writes: orders}}}",
        "connectors.a.mqtt.host: 'a b' is not a host: write a name or an address, such as db.example.com",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: ['x/#/y'], writes: orders}}}",
        "connectors.a.mqtt.filters: 'x/#/y' is not a topic filter of MQTT: write one such as plants/+/temperature or plants/#",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: [], writes: orders}}}",
        "connectors.a.mqtt.filters: none are given: name at least one, such as plants/+/temperature",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: ['x/#'], writes: orders}, tasks: 2}}",
        "connectors.a.tasks: mqtt receives in one pod, so that the order stays: remove it",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: ['x/#'], writes: orders}, reads: [orders]}}",
        "connectors.a.reads: mqtt writes topics and reads none: remove it",
    ),
    (
        "connectors: {a: {mqtt: {host: broker}, reads: [orders]}}",
        "connectors.a.mqtt.topic: missing: name that of a sink, such as devices/{key}; a source has filters and writes",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, writes: orders}}}",
        "connectors.a.mqtt.filters: missing: name at least one, such as plants/+/temperature",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: ['x/#']}}}",
        "connectors.a.mqtt.writes: missing: name the topic of Kafka that the messages are written to",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: ['x/#'], writes: orders, topic: x}}}",
        "connectors.a.mqtt.topic: writes makes it a source, which sends nothing: remove one of them",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: ['x/#'], writes: orders, retain: true}}}",
        "connectors.a.mqtt.retain: writes makes it a source, which sends nothing: remove one of them",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, topic: 'x/+'}, reads: [orders]}}",
        "connectors.a.mqtt.topic: 'x/+' is not a topic of MQTT that can be published to: write one such as devices/{key}",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, topic: 'x/{id}'}, reads: [orders]}}",
        "connectors.a.mqtt.topic: 'x/{id}' contains {id}: only {key} and {topic} stand for something",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, topic: x}}}",
        "connectors.a.reads: missing: name the topics whose records it writes",
    ),
    (
        "connectors: {a: {rabbitmq: {host: broker}, reads: [orders]}}",
        "connectors.a.rabbitmq.queue: missing: name a queue that exists; a sink may have an exchange instead",
    ),
    (
        "connectors: {a: {rabbitmq: {host: broker, writes: orders}}}",
        "connectors.a.rabbitmq.queue: missing: name a queue that exists",
    ),
    (
        "connectors: {a: {rabbitmq: {host: broker, queue: q, exchange: e}, reads: [orders]}}",
        "connectors.a.rabbitmq.exchange: queue is given too: keep one of them",
    ),
    (
        "connectors: {a: {rabbitmq: {host: broker, queue: q, routingKey: x}, reads: [orders]}}",
        "connectors.a.rabbitmq.routingKey: all records go to the queue: write exchange instead of queue, or remove it",
    ),
    (
        "connectors: {a: {rabbitmq: {host: broker, queue: q, exchange: e, writes: orders}}}",
        "connectors.a.rabbitmq.exchange: writes makes it a source, which sends nothing: remove one of them",
    ),
    (
        "connectors: {a: {rabbitmq: {host: broker, exchange: e, routingKey: '{key'}, reads: [orders]}}",
        "connectors.a.rabbitmq.routingKey: '{key' contains {: only {key} and {topic} stand for something",
    ),
    (
        "connectors: {a: {s3: {bucket: lake}, reads: [orders]}}",
        "connectors.a.s3.secret: missing: name the Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        "connectors: {a: {s3: {bucket: Lake, secret: s}, reads: [orders]}}",
        "connectors.a.s3.bucket: 'Lake' is not a bucket: use 3 to 63 of a-z, 0-9, - and .",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s, endpoint: 'http://s3.example.com'}, reads: [orders]}}",
        "connectors.a.s3.secret: is sent to 'http://s3.example.com' in the clear: use https there, or remove it",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s, endpoint: 'https://s3.example.com/lake'}, reads: [orders]}}",
        "connectors.a.s3.endpoint: 'https://s3.example.com/lake' has more than a host and a port: write one such as https://s3.example.com",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s, size: 1Gi}, reads: [orders]}}",
        "connectors.a.s3.size: 1Gi does not fit in the memory of a pod: use at most 16Mi",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s, after: delete}, reads: [orders]}}",
        "connectors.a.s3.after: only a source has it, which has writes: remove one of them",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s, writes: orders, every: 5s}}}",
        "connectors.a.s3.every: writes makes it a source: remove one of them",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s, region: 'eu central'}, reads: [orders]}}",
        "connectors.a.s3.region: 'eu central' is not a region: write one such as eu-central-1",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s}, reads: [orders], batch: 100}}",
        "connectors.a.batch: s3.size and s3.every decide on that: remove it",
    ),
    (
        "connectors: {a: {s3: {bucket: lake, secret: s}}}",
        "connectors.a.reads: missing: name the topics whose records it writes",
    ),
    (
        "connectors: {a: {hdfs: {path: /lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.urls: missing: write a value for it",
    ),
    (
        "connectors: {a: {hdfs: {urls: [], path: /lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.urls: 0 URLs: write one for each namenode, up to 8",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['hdfs://nn:8020'], path: /lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.urls: 'hdfs://nn:8020' is not spoken: write the URL of WebHDFS, such as https://namenode.example.com:9871",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871/webhdfs/v1'], path: /lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.urls: 'https://nn:9871/webhdfs/v1' has more than its beginning: end it before /webhdfs/v1",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://me:word@nn:9871'], path: /lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.urls: contains credentials: remove them, and name the Secret with it in secret",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871', 'http://nn2:9870'], path: /lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.urls: some are https and some are not: use https for all",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871', 'https://nn:9871'], path: /lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.urls: 'https://nn:9871' is listed twice: keep one",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: lake, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.path: 'lake' is not a folder: write one from the root, such as /lake/orders",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake/../other, user: me}, reads: [orders]}}",
        "connectors.a.hdfs.path: '/lake/../other' is not a folder: write one from the root, such as /lake/orders",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: '/a:b', user: me}, reads: [orders]}}",
        "connectors.a.hdfs.path: '/a:b' has a colon, which no name in HDFS has: remove it",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake}, reads: [orders]}}",
        "connectors.a.hdfs.secret: missing: name a Secret with a login, or the user of HDFS in user",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake, user: 'me&op=DELETE', secret: s}, reads: [orders]}}",
        "connectors.a.hdfs.user: 'me&op=DELETE' is not a user of HDFS: use A-Z, a-z, 0-9, ., _ and -, beginning with a letter",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['http://nn.example.com:9870'], path: /lake, secret: s}, reads: [orders]}}",
        "connectors.a.hdfs.secret: is sent to 'http://nn.example.com:9870' in the clear: use https there, or remove it",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake, user: me, datanodes: ['data.example.com']}, reads: [orders]}}",
        "connectors.a.hdfs.datanodes: 'data.example.com' is not host:port: write one such as db.example.com:5432",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake, user: me, datanodes: ['*:9865']}, reads: [orders]}}",
        "connectors.a.hdfs.datanodes: '*:9865' is not host:port: write one such as db.example.com:5432",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake, user: me, datanodes: ['d:9865', 'd:9865']}, reads: [orders]}}",
        "connectors.a.hdfs.datanodes: 'd:9865' is listed twice: keep one",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake, user: me, size: 1Gi}, reads: [orders]}}",
        "connectors.a.hdfs.size: 1Gi does not fit in the memory of a pod: use at most 16Mi",
    ),
    (
        "connectors: {a: {hdfs: {urls: ['https://nn:9871'], path: /lake, user: me, writes: orders}, reads: [orders]}}",
        "connectors.a.hdfs.writes: unknown key: use one of secret, urls, path, datanodes, user, timeout, lines, compression, size, every",
    ),
    (
        "connectors: {a: {cassandra: {datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}}, reads: [orders]}}",
        "connectors.a.cassandra.hosts: missing: write a value for it",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}}, reads: [orders]}}",
        "connectors.a.cassandra.hosts: none are given: name at least one node, such as cassandra.example.com",
    ),
    (
        "connectors: {a: {cassandra: {hosts: ['c1:9042'], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}}, reads: [orders]}}",
        "connectors.a.cassandra.hosts: 'c1:9042' is not a host: write a name or an address, such as db.example.com",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1, c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}}, reads: [orders]}}",
        "connectors.a.cassandra.hosts: 'c1' is listed twice: keep one",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], keyspace: shop, table: orders, columns: {id: key}}, reads: [orders]}}",
        "connectors.a.cassandra.datacenter: missing: write it as in dc1",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: 'shop; DROP', table: orders, columns: {id: key}}, reads: [orders]}}",
        "connectors.a.cassandra.keyspace: 'shop; DROP' is not a name in Cassandra: use up to 48 of A-Z, a-z, 0-9 and _, beginning with a letter",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: 'orders\"', columns: {id: key}}, reads: [orders]}}",
        "connectors.a.cassandra.table: 'orders\"' is not a name in Cassandra: use up to 48 of A-Z, a-z, 0-9 and _, beginning with a letter",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {}}, reads: [orders]}}",
        "connectors.a.cassandra.columns: none are given: write a line for each, such as id: key.id",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {'id) VALUES': key}}, reads: [orders]}}",
        "connectors.a.cassandra.columns: 'id) VALUES' is not a name in Cassandra: use up to 48 of A-Z, a-z, 0-9 and _, beginning with a letter",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: header.x}}, reads: [orders]}}",
        "connectors.a.cassandra.columns: id gets 'header.x', which no record has: write key, value, a member such as value.customer.name, topic, partition, offset or timestamp",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, nodes: ['10.1.2.3/16']}, reads: [orders]}}",
        "connectors.a.cassandra.nodes: '10.1.2.3/16' is not a network: write one such as 10.1.0.0/16",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, nodes: ['0.0.0.0/0']}, reads: [orders]}}",
        "connectors.a.cassandra.nodes: '0.0.0.0/0' is everywhere: write the network of the nodes, such as 10.1.0.0/16",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c.example.com], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, tls: false, secret: s}, reads: [orders]}}",
        "connectors.a.cassandra.tls: the login would be sent to c.example.com in the clear: remove it, or secret",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, tls: false, serverName: c.example.com}, reads: [orders]}}",
        "connectors.a.cassandra.serverName: there are no certificates without tls: remove it",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: value.id}, tombstones: delete}, reads: [orders]}}",
        "connectors.a.cassandra.tombstones: no column gets something of the key, by which rows are deleted: add those of the primary key",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, tombstones: drop}, reads: [orders]}}",
        "connectors.a.cassandra.tombstones: 'drop' is not known: use one of refuse, delete, ignore",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, consistency: any}, reads: [orders]}}",
        "connectors.a.cassandra.consistency: 'any' is not known: use one of local-one, local-quorum, each-quorum, quorum, all",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, expires: 30y}, reads: [orders]}}",
        "connectors.a.cassandra.expires: '30y' is not a duration: write a number with ms, s, m, h or d, such as 10s, 7d or 1d12h",
    ),
    (
        "connectors: {a: {cassandra: {hosts: [c1], datacenter: dc1, keyspace: shop, table: orders, columns: {id: key}, port: 0}, reads: [orders]}}",
        "connectors.a.cassandra.port: 0 is out of range: use 1 to 65535",
    ),
    (
        "connectors: {a: {mqtt: {host: broker, filters: ['x/#'], writes: nowhere}}}",
        "connectors.a.mqtt.writes: 'nowhere' is not a topic of this file: declare it under topics",
    ),
    (
        "connectors: {a: {rabbitmq: {host: broker, queue: '', writes: orders}}}",
        "connectors.a.rabbitmq.queue: '' is not a name: remove the blanks around it",
    ),
    (
        "connectors: {a: {poll: {url: 'https://example.com', writes: orders, cursor: {parameter: after}}}}",
        "connectors.a.poll.cursor.answer: missing: write one of answer and item",
    ),
    (
        "connectors: {a: {poll: {url: 'https://example.com', writes: orders, interval: 10ms}}}",
        "connectors.a.poll.interval: '10ms' is out of range: use 1s to 24h",
    ),
    (
        "topics: {orders: {}}\nconnectors: {a: {http: {url: 'https://example.com'}, reads: [orders], scale: {lagThreshold: 100}}}",
        "connectors.a.scale: needs KEDA: write keda: {install: true}, or keda: {} where the cluster has it",
    ),
    (
        "connectors: {a: {http: {url: 'https://example.com'}, reads: [orders], tasks: 2, scale: {lagThreshold: 100}}}",
        "connectors.a.tasks: scale decides on the number of pods: keep one of them",
    ),
    (
        "connectors: {a: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s}, reads: [orders], batch: 100}}",
        "connectors.a.batch: Kafka Connect runs jdbc connectors in its own pods: remove it",
    ),
    (
        "connectors: {a: {http: {url: 'https://example.com'}, reads: [orders], batch: 100000}}",
        "connectors.a.batch: 100000 is out of range: use 1 to 10000",
    ),
    (
        "connectors: {m: {mysql: {host: db, secret: s, tables: [shop.orders], tls: verified}}}",
        "connectors.m.mysql.tls: verified is not possible with this database: use one of preferred, required, off",
    ),
    (
        "connectors: {m: {mysql: {host: db, secret: s, tables: [orders]}}}",
        "connectors.m.mysql.tables: 'orders' is not the full name of a table: write one such as public.orders",
    ),
    (
        "connectors: {m: {mysql: {host: db, secret: s, tables: [shop.orders], serverId: 0}}}",
        "connectors.m.mysql.serverId: 0 is out of range: use 1 to 2147483647",
    ),
    (
        "connectors: {m: {mysql: {host: db, secret: s, tables: [shop.orders], config: {database.server.id: 5}}}}",
        "connectors.m.mysql.config.'database.server.id': cannot be set here, the kind's other fields decide it: remove the key",
    ),
    (
        "connectors: {m: {mariadb: {host: db, secret: s, tables: [shop.orders], tls: preferred}}}",
        "connectors.m.mariadb.tls: preferred is not possible with this database: use one of required, off",
    ),
    (
        "connectors: {m: {mariadb: {host: db, secret: s, tables: [shop.orders], database: shop}}}",
        "connectors.m.mariadb.database: unknown key: use one of config, secret, snapshot, heartbeat, host, tables, decimals, signals, tls, port, serverId",
    ),
    (
        "connectors: {m: {mariadb: {host: db, secret: s, tables: [shop.orders]}, tasks: 3}}",
        "connectors.m.tasks: mariadb reads the database's log in one task: remove it",
    ),
    (
        "connectors: {m: {mysql: {host: db, secret: s, tables: [shop.orders], serverId: 7}}, n: {mysql: {host: db, secret: s, tables: [shop.items], serverId: 7}}}",
        "connectors.n.mysql.serverId: 7 is that of connector 'm' too, and the server would cut one of them off: write another one",
    ),
    (
        "connectors: {a: {iceberg: {warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog: missing: write a value for it",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.warehouse: missing: write it as in s3://lake/warehouse",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}}, reads: [orders]}}",
        "connectors.a.iceberg.table: missing: write it as in shop.orders or shop.{table}",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: orders}, reads: [orders]}}",
        "connectors.a.iceberg.table: 'orders' is not the full name of a table: write one such as shop.orders or shop.{table}",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: '{namespace}.{table}'}, reads: [orders]}}",
        "connectors.a.iceberg.table: '{namespace}.{table}' is not the full name of a table: write one such as shop.orders or shop.{table}",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: 'shop.{table}', changes: false}, reads: [orders]}}",
        "connectors.a.iceberg.table: only changes say which {table} they are of: write its name, or remove changes",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog: a database gives out no logins for the bucket: name their Secret in s3.secret",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 'hdfs://lake', s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.warehouse: 'hdfs://lake' is not a folder of a bucket: write one such as s3://lake/warehouse",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake'}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog.secret: missing: name the Secret with username and password",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c, login: token}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog.login: a database knows username and password: remove it",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:mysql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog.url: 'jdbc:mysql://db/lake': only a driver of PostgreSQL is with the sink: use such a database, or a REST catalog",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake?password=x', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog.url: contains credentials: remove them, and name the Secret with username and password in secret",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'thrift://hive', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog.url: 'thrift://hive' is not a URL: write one such as https://api.example.com/orders",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'http://catalog.example.com', secret: c}, warehouse: 's3://lake/w', table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog.secret: is sent to 'http://catalog.example.com' in the clear: use https there, or remove it",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'https://catalog.example.com', login: password}, warehouse: 's3://lake/w', table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.catalog.login: 'password' is not known: use one of client, token",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s, endpoint: 'https://s3.example.com/lake'}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.s3.endpoint: 'https://s3.example.com/lake' has more than a host and a port: write one such as https://s3.example.com",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s, endpoint: 'http://s3.example.com'}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.s3.endpoint: is sent to 'http://s3.example.com' in the clear: use https there, or remove it",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s, region: 'eu central'}, table: shop.orders}, reads: [orders]}}",
        "connectors.a.iceberg.s3.region: 'eu central' is not a region: write one such as eu-central-1",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders, partition: [daily(at)]}, reads: [orders]}}",
        "connectors.a.iceberg.partition: 'daily(at)' is not a way to partition: write a column, or one such as day(at), bucket(customer, 16) or truncate(name, 3)",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders, every: 100ms}, reads: [orders]}}",
        "connectors.a.iceberg.every: '100ms' is out of range: use 1s to 1h",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders, upsert: true}, reads: [orders]}}",
        "connectors.a.iceberg.upsert: unknown key: use one of config, catalog, warehouse, s3, table, changes, partition, every, evolution",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders, config: {iceberg.kafka.sasl.mechanism: PLAIN}}, reads: [orders]}}",
        "connectors.a.iceberg.config.'iceberg.kafka.sasl.mechanism': cannot be set here, it could read files of other connectors, or log in as another user: remove the key",
    ),
    (
        "connectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}}}",
        "connectors.a.reads: missing: name the topics whose records it writes",
    ),
    (
        "connectors: {a: {plugin: {connectorClass: org.apache.iceberg.connect.IcebergSinkConnector}, reads: [orders]}}",
        "connectors.a.plugin.connectorClass: 'org.apache.iceberg.connect.IcebergSinkConnector' would log in to Kafka as the workers themselves: write iceberg instead of plugin",
    ),
    (
        "topics: {orders: {}}\nconnectors: {a: {iceberg: {catalog: {url: 'jdbc:postgresql://db/lake', secret: c}, warehouse: 's3://lake/w', s3: {secret: s}, table: shop.orders}, reads: [orders]}, a-coord: {jdbc: {url: 'jdbc:postgresql://db/w', secret: s}, reads: [orders]}}",
        "connectors.a-coord: would share the consumer group that 'a' coordinates its commits in: rename it",
    ),
    (
        "connectors: {m: {mongodb: {secret: s, collections: [shop.orders]}}}",
        "connectors.m.mongodb.hosts: missing: write a value for it",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [], secret: s, collections: [shop.orders]}}}",
        "connectors.m.mongodb.hosts: none are given: name the members of the replica set, such as [mongo-0.mongo.shop.svc]",
    ),
    (
        "connectors: {m: {mongodb: {hosts: ['m1:27017'], secret: s, collections: [shop.orders]}}}",
        "connectors.m.mongodb.hosts: 'm1:27017' is not a host: write a name or an address, such as db.example.com",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1, m1], secret: s, collections: [shop.orders]}}}",
        "connectors.m.mongodb.hosts: 'm1' is listed twice: keep one",
    ),
    (
        "connectors: {m: {mongodb: {hosts: ['mongodb://u:p@m1/'], secret: s, collections: [shop.orders]}}}",
        "connectors.m.mongodb.hosts: has a login or another URL in it: write a name or an address alone, and name the Secret in secret",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: []}}}",
        "connectors.m.mongodb.collections: none are given: name at least one, such as shop.orders",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [orders]}}}",
        "connectors.m.mongodb.collections: 'orders' is not the full name of a collection: write its database and its name with A-Z, a-z, 0-9, _ and -, such as shop.orders",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: ['shop.*']}}}",
        "connectors.m.mongodb.collections: 'shop.*' is not the full name of a collection: write its database and its name with A-Z, a-z, 0-9, _ and -, such as shop.orders",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders, shop.orders]}}}",
        "connectors.m.mongodb.collections: 'shop.orders' is listed twice: keep one",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], replicaSet: 'rs0&tls=false'}}}",
        "connectors.m.mongodb.replicaSet: 'rs0&tls=false' is not the name of a replica set: use up to 63 of A-Z, a-z, 0-9, _ and -, such as rs0",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], loginDatabase: ''}}}",
        "connectors.m.mongodb.loginDatabase: '' is not the name of a database: use up to 63 of A-Z, a-z, 0-9, _ and -, such as admin",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], signals: signals}}}",
        "connectors.m.mongodb.signals: 'signals' is not the full name of a collection: write its database and its name with A-Z, a-z, 0-9, _ and -, such as shop.orders",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], tls: required}}}",
        "connectors.m.mongodb.tls: required is not possible with this database: use one of verified, off",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], tls: off, truststore: true}}}",
        "connectors.m.mongodb.truststore: tls is off, so there are no certificates: remove one of them",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], config: {mongodb.connection.string: 'mongodb://x'}}}}",
        "connectors.m.mongodb.config.'mongodb.connection.string': cannot be set here, the kind's other fields decide it: remove the key",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], config: {signal.file: /mnt/connectors/shop/secret/password}}}}",
        "connectors.m.mongodb.config.'signal.file': cannot be set here, it reads files of the pod, where the secrets of all connectors are: remove the key",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders], publication: shop}}}",
        "connectors.m.mongodb.publication: unknown key: use one of config, secret, snapshot, heartbeat, hosts, collections, replicaSet, port, loginDatabase, signals, tls, truststore",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders]}, tasks: 2}}",
        "connectors.m.tasks: mongodb reads the database's log in one task: remove it",
    ),
    (
        "connectors: {m: {mongodb: {hosts: [m1], secret: s, collections: [shop.orders]}, reads: [orders]}}",
        "connectors.m.reads: mongodb writes topics and reads none: remove it",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, format: avro}}",
        "connectors.shop.format: avro needs a schema registry: write registry: {}, or use json",
    ),
    (
        "connectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, format: protobuf}}",
        "connectors.shop.format: protobuf is for sinks, as fields of Protobuf have numbers, which the columns of a source do not have: write avro or jsonschema",
    ),
    (
        "topics: {orders: {}}\nregistry: {}\nconnectors: {a: {http: {url: 'https://example.com'}, reads: [orders], format: avro}}",
        "connectors.a.format: avro is for connectors of Kafka Connect: write schema, by which a sink reads Avro, JSON Schema and Protobuf",
    ),
    (
        "registry: {}\nconnectors: {shop: {postgres: {host: db.shop, database: shop, secret: s, tables: [public.orders]}, format: schema}}",
        "connectors.shop.format: schema is for light sinks: write avro, jsonschema or protobuf",
    ),
    (
        "topics: {orders: {}}\nconnectors: {a: {http: {url: 'https://example.com'}, reads: [orders], format: schema}}",
        "connectors.a.format: schema needs a schema registry: write registry: {}, or registry.url of one that is there",
    ),
    (
        "topics: {orders: {}}\nregistry: {}\nconnectors: {a: {mqtt: {host: broker, filters: ['x/#'], writes: orders}, format: schema}}",
        "connectors.a.format: mqtt writes what it receives: remove it",
    ),
]
