"""The log collector."""

CASES: list[tuple[str, str]] = [
    ("logs: {}", "logs.namespaces: missing: write a value for it"),
    ("logs: {namespaces: []}", "logs.namespaces: 0 namespaces: name 1 to 50, such as [payments]"),
    (
        "logs: {namespaces: [payments], multiline: {shop: '[0-9]'}}",
        "logs.multiline.shop: its lines are not collected: add it to namespaces, or remove the key",
    ),
    (
        "logs: {namespaces: [payments], mask: ['(?=a)b']}",
        "logs.mask: '(?=a)b' has '(?=', which the collector's expressions (RE2) lack: write it without looking around, references and "
        "possessive repetitions",
    ),
    ("logs: {namespaces: [payments], maxLine: 1Mi}", "logs.maxLine: '1Mi' is out of range: use 256 to 128Ki"),
    (
        "tenants: {a: {users: {log-collector: {}}}}\nlogs: {namespaces: [payments]}",
        "tenants.a.users.log-collector: is the user of the log collector: rename it, or remove logs",
    ),
    (
        "kafka: {engine: external, bootstrapServers: 'b:9092'}\nlogs: {namespaces: [payments]}",
        "logs: it needs topics and users, which an administrator makes: name the administrator's Secret in kafka.adminSecret, or remove the key",
    ),
]
