"""Jobs."""

_STACK = (
    "{{topics: {{orders: }}, tenants: {{shop: }}, jobs: {{{}: {{image: a:1, tenant: shop, reads: [orders], {}}}}}}}"
)


def _job(more: str, name: str = "nightly") -> str:
    return _STACK.format(name, more)


CASES: list[tuple[str, str]] = [
    (
        "{topics: {orders: }, tenants: {shop: }, jobs: {nightly: {image: a:1, tenant: shop, reads: [orders]}}}",
        "jobs.nightly.schedule: missing: write it as in 0 3 * * * or */15 * * * * or @daily",
    ),
    (
        _job("schedule: '0 3 * *'"),
        "jobs.nightly.schedule: '0 3 * *' has 4 fields instead of 5: write minute, hour, day of the month, month and day of the "
        "week, such as '0 3 * * *' for each night at three",
    ),
    (_job("schedule: '60 3 * * *'"), "jobs.nightly.schedule: '60' is not a valid minute: write 0 to 59"),
    (
        _job("schedule: '0 3 * * 7'"),
        "jobs.nightly.schedule: '7' is not a valid day of the week: write 0 to 6, or sun to sat",
    ),
    (_job("schedule: '0 3 0 * *'"), "jobs.nightly.schedule: '0' is not a valid day of the month: write 1 to 31"),
    (
        _job("schedule: '0 3 * juli *'"),
        "jobs.nightly.schedule: 'juli' is not a valid month: write 1 to 12, or jan to dec",
    ),
    (_job("schedule: '*/0 3 * * *'"), "jobs.nightly.schedule: '*/0' has no step: write one from 1, such as */5"),
    (
        _job("schedule: '0 5-3 * * *'"),
        "jobs.nightly.schedule: '5-3' ends before it begins: write the smaller hour first",
    ),
    (
        _job("schedule: '0 3,,4 * * *'"),
        "jobs.nightly.schedule: '' is not a valid hour: write 0 to 23, a list, a range such as 1-5, * or */5",
    ),
    (_job("schedule: '@dayly'"), "jobs.nightly.schedule: '@dayly' is not a schedule: did you mean '@daily'?"),
    (
        _job("schedule: 'CRON_TZ=UTC 0 3 * * *'"),
        "jobs.nightly.schedule: 'CRON_TZ=UTC 0 3 * * *' names a time zone: write it in timeZone",
    ),
    (
        _job("schedule: '@daily', timeZone: Europe/Berln"),
        "jobs.nightly.timeZone: 'Europe/Berln' is not a time zone: did you mean 'Europe/Berlin'?",
    ),
    (
        _job("schedule: '@daily', timeZone: ../etc/passwd"),
        "jobs.nightly.timeZone: '../etc/passwd' is not a time zone: write one such as Europe/Berlin",
    ),
    (
        _job("schedule: '@daily', deadline: 8d"),
        "jobs.nightly.deadline: '8d' is out of range: use whole seconds, 10s to 7d",
    ),
    (_job("schedule: '@daily', retries: 21"), "jobs.nightly.retries: 21 is out of range: use 0 to 20"),
    (
        _job("schedule: '@daily', overlap: forbid"),
        "jobs.nightly.overlap: 'forbid' is not known: use one of skip, replace, allow",
    ),
    (_job("schedule: '@daily', replicas: 2"), "jobs.nightly.replicas: unknown key: did you mean 'reads'?"),
    (
        _job("schedule: '@daily'", "kafka-nodes"),
        "jobs.kafka-nodes: 'kafka-nodes' is the name of a part of the platform: choose another name",
    ),
    (
        "{topics: {orders: }, jobs: {nightly: {image: a:1, tenant: shop, reads: [orders], schedule: '@daily'}}}",
        "jobs.nightly.tenant: 'shop' is not a tenant of this file: declare it under tenants",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, jobs: {nightly: {image: a:1, tenant: shop, schedule: '@daily'}}}",
        "jobs.nightly.reads: missing, as is writes: name the topics that it reads or writes",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, jobs: {nightly: {image: a:1, tenant: shop, reads: [ordes], schedule: '@daily'}}}",
        "jobs.nightly.reads: 'ordes' is not a topic of this file: declare it under topics, or name one that is there: orders",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {nightly: }}}, jobs: {nightly: {image: a:1, tenant: shop, reads: [orders], schedule: '@daily'}}}",
        "jobs.nightly: its user 'nightly' is a tenant's user already: rename one, or let the job log in as that user by user",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {nightly: {image: a:1, tenant: shop, writes: [orders]}}, jobs: {nightly: {image: a:1, tenant: shop, reads: [orders], schedule: '@daily'}}}",
        "jobs.nightly: 'nightly' is the name of a worker, or of its user, too: rename one",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, workers: {fraud: {image: a:1, tenant: shop, reads: [orders]}}, jobs: {nightly: {image: a:1, tenant: shop, reads: [orders], group: fraud, schedule: '@daily'}}}",
        "jobs.nightly.group: worker 'fraud' is in group 'fraud' too, and each would get only part of the records: use another group",
    ),
    (
        "{topics: {orders: }, tenants: {shop: }, jobs: {a: {image: a:1, tenant: shop, reads: [orders], schedule: '@daily'}, b: {image: a:1, tenant: shop, reads: [orders], group: a, schedule: '@daily'}}}",
        "jobs.b.group: job 'a' is in group 'a' too, and each would get only part of the records: use another group",
    ),
    (
        "{topics: {orders: }, tenants: {shop: {users: {app: {reads: [orders]}}}}, jobs: {nightly: {image: a:1, tenant: shop, reads: [orders], user: app, schedule: '@daily'}}}",
        "jobs.nightly.user: 'app' may not read group 'nightly': allow it, or leave the key out, then a user with that right is made",
    ),
    (
        "{kafka: {engine: external, bootstrapServers: 'k:9092'}, tenants: {shop: }, jobs: {nightly: {image: a:1, tenant: shop, reads: [orders], schedule: '@daily'}}}",
        "jobs.nightly.user: missing, an administrator makes users: name an existing one, or the administrator's Secret in kafka.adminSecret",
    ),
    (
        _job("schedule: '@daily', environment: {KAFKA_GROUP_ID: x}"),
        "jobs.nightly.environment: KAFKA_GROUP_ID: is set by the platform: use another name",
    ),
]
