"""Stream jobs."""

CASES: list[tuple[str, str]] = [
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql}}}",
        "streams.minutes.tables: missing: write the topics that the SQL reads and writes, with their columns",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/none.sql, tables: {orders: {columns: [id STRING, at BIGINT]}, done: {columns: [id STRING]}}}}}",
        "streams.minutes.sql: 'streams/none.sql' is not a file in stacks: correct the name",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: ../README.sql, tables: {orders: {columns: [id STRING, at BIGINT]}, done: {columns: [id STRING]}}}}}",
        "streams.minutes.sql: '../README.sql' is outside of stacks: put it into that folder",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: minutes.txt, tables: {orders: {columns: [id STRING, at BIGINT]}, done: {columns: [id STRING]}}}}}",
        "streams.minutes.sql: 'minutes.txt' is not a file of SQL: write a path that ends in .sql",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, tables: {orders: {columns: [id STRING, at BIGINT]}, done: {columns: [id STRING]}}}}}",
        "streams.minutes.sql: minutes.sql, line 2, column 13: 'orders-by-minute' is not a topic under tables: use one of done, orders",
    ),
    (
        "{topics: {order: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, tables: {order: {columns: [customer STRING, amount DOUBLE]}, 'orders-by-minute': {columns: [customer STRING]}}}}}",
        "streams.minutes.sql: minutes.sql, line 4, column 25: 'orders' is not a topic under tables: did you mean 'order'?",
    ),
    (
        "{topics: {orders: , 'orders-by-minute': }, streams: {minutes: {sql: streams/minutes.sql, tables: {orders: {columns: [customer STRING, amount DOUBLE]}, 'orders-by-minute': {columns: [customer STRING]}}}}}",
        "streams: checkpoints need an object store: write storage: {install: true}, or storage.endpoint of one that is there",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, tenant: shop, tables: {orders: {columns: [customer STRING, amount DOUBLE]}, 'orders-by-minute': {columns: [customer STRING]}}}}}",
        "streams.minutes.tenant: 'shop' is not a tenant of this file: declare it under tenants",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, tables: {orders: {columns: [id TEXT]}}}}}",
        "streams.minutes.tables.orders.columns: 'TEXT' is not a type: write one of STRING, BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(10, 2), DATE, TIMESTAMP(3), TIMESTAMP_LTZ(3), BYTES, ARRAY<...>, MAP<..., ...> or ROW<name type, ...>",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, tables: {orders: {columns: [id STRING], time: at}}}}}",
        "streams.minutes.tables.orders.time: 'at' is not among the columns: use id",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, tables: {orders: {columns: [id STRING], time: id}}}}}",
        "streams.minutes.tables.orders.time: 'id' is of type STRING: use a BIGINT, TIMESTAMP(3) or TIMESTAMP_LTZ(3)",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, checkpoints: 10m, tables: {orders: {columns: [customer STRING, amount DOUBLE]}, 'orders-by-minute': {columns: [customer STRING]}}}}}",
        "streams.minutes.checkpoints: '10m' is out of range: use 1s to 5m",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, pods: 50, slots: 16, tables: {orders: {columns: [customer STRING, amount DOUBLE]}, 'orders-by-minute': {columns: [customer STRING]}}}}}",
        "streams.minutes.slots: 50 pods x 16 slots are too many: use up to 100",
    ),
    (
        "{topics: {orders: , done: , 'orders-by-minute': }, storage: {install: true}, streams: {minutes: {sql: streams/minutes.sql, start: now, tables: {orders: {columns: [customer STRING, amount DOUBLE]}, 'orders-by-minute': {columns: [customer STRING]}}}}}",
        "streams.minutes.start: 'now' is not known: use one of earliest, latest, committed",
    ),
    (
        "{topics: {orders: , 'orders-by-minute': }, storage: {install: true, users: {stream-minutes: }}, streams: {minutes: {sql: streams/minutes.sql, tables: {orders: {columns: [customer STRING, amount DOUBLE]}, 'orders-by-minute': {columns: [customer STRING]}}}}}",
        "storage.users.stream-minutes: is the user of the stream job 'minutes': rename it",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {image: 'totals:1', jar: /opt/flink/usrlib/totals.jar, entryClass: com.example.Totals, reads: [ordes]}}}",
        "streams.totals.reads: 'ordes' is not a topic of this file: declare it under topics, or name one that is there: orders, done",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {jar: /opt/flink/usrlib/totals.jar, entryClass: com.example.Totals, reads: [orders]}}}",
        "streams.totals.image: missing: write the image that has the jar, based on ghcr.io/kafka-platform/flink:0.1.0",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {reads: [orders]}}}",
        "streams.totals.reads: belongs to a jar, and there is none: name it in jar, or remove it",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {image: 'totals:1', sql: streams/minutes.sql}}}",
        "streams.totals.image: belongs to a jar, and there is none: name it in jar, or remove it",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {pods: 2}}}",
        "streams.totals.sql: missing: write the SQL of the job, or jar and image",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {image: 'totals:1', jar: totals.jar, entryClass: com.example.Totals, reads: [orders]}}}",
        "streams.totals.jar: 'totals.jar' is not a jar: write its path in the image, such as /opt/flink/usrlib/job.jar",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {image: 'totals:1', jar: /opt/flink/usrlib/totals.jar, reads: [orders]}}}",
        "streams.totals.entryClass: missing: write the class of the jar whose main makes the job",
    ),
    (
        "{topics: {orders: , done: }, storage: {install: true}, streams: {totals: {image: 'totals:1', jar: /opt/flink/usrlib/totals.jar, entryClass: com.example.Totals, sql: streams/minutes.sql, reads: [orders]}}}",
        "streams.totals.sql: jar is given too: keep one of them",
    ),
]
