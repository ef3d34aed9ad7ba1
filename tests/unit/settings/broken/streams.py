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
]
