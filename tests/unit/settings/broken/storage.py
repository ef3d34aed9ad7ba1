"""The object store."""

CASES: list[tuple[str, str]] = [
    (
        "storage: {}",
        "storage.install: missing: write true for a store of the stack's own; programs reach another one by its own Secret",
    ),
    ("storage: {install: yes please}", "storage.install: 'yes please' is not true or false: write true or false"),
    (
        "storage: {install: true, size: 10}",
        "storage.size: 10 is a bare number: write a quantity such as 10Gi",
    ),
    (
        "storage: {install: true, users: {lake: {access: admin}}}",
        "storage.users.lake.access: 'admin' is not known: use one of read, write",
    ),
    (
        "storage: {install: true, users: {lake: {prefix: lake}}}",
        "storage.users.lake.prefix: 'lake' is not a prefix: write parts of a-z A-Z 0-9 . _ - that each end in /, such as lake/orders/",
    ),
    (
        "storage: {install: true, users: {admin: }}",
        "storage.users: 'admin' is the store's own administrator: choose another name",
    ),
    (
        "{storage: {install: true}, workers: {object-store: {image: 'a:1', reads: [orders], tenant: shop}}, topics: {orders: }, tenants: {shop: }}",
        "workers.object-store: 'object-store' is the name of a part of the platform: choose another name",
    ),
]
