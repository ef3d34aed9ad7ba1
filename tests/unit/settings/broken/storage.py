"""The object store."""

CASES: list[tuple[str, str]] = [
    (
        "storage: {endpoint: 'https://s3.example.com'}",
        "storage.secret: missing: name the Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        "storage: {install: true, endpoint: 'https://s3.example.com', secret: s3}",
        "storage.install: excludes endpoint: keep one of them",
    ),
    (
        "storage: {endpoint: 'http://s3.example.com', secret: s3}",
        "storage.endpoint: is sent to 'http://s3.example.com' in the clear: use https there, or remove it",
    ),
    (
        "storage: {endpoint: 'https://s3.example.com', secret: s3, users: {lake: }}",
        "storage.users: the store at endpoint has its own: remove the key",
    ),
    (
        "storage: {install: true, secret: s3}",
        "storage.secret: the stack runs its own store: remove the key, or write endpoint",
    ),
    (
        "storage: {}",
        "storage: write install: true for a store of the stack's own, or endpoint of one that is there",
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
