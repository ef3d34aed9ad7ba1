"""How clients log in to a Kafka that somebody else runs."""

_KAFKA = "engine: external, bootstrapServers: 'k.example.com:9093'"
_OAUTH = "saslMechanism: OAUTHBEARER, oauth: {tokenUrl: 'https://id.example.com/token'}"
_CERTIFICATES = "securityProtocol: SSL, clientCertificates: true"


def kafka(login: str, rest: str = "") -> str:
    """A stack file on a Kafka with this login."""
    return f"kafka: {{{_KAFKA}, {login}}}\n{rest}"


def worker(more: str = "") -> str:
    """A tenant with a worker that reads a topic which is there."""
    image = "image: ghcr.io/acme/fraud:1, tenant: shop, reads: [orders]"
    return f"tenants: {{shop: {{namespace: shop}}}}\nworkers: {{fraud: {{{image}{more}}}}}"


CASES: list[tuple[str, str]] = [
    (
        kafka("clientCertificates: true"),
        "kafka.clientCertificates: clients log in with SCRAM-SHA-512 already, by SASL_SSL: write SSL as securityProtocol, or "
        "remove the key",
    ),
    (
        kafka("securityProtocol: PLAINTEXT, clientCertificates: true"),
        "kafka.clientCertificates: PLAINTEXT has no certificates: write SSL as securityProtocol",
    ),
    (
        kafka("saslMechanism: OAUTHBEARER"),
        "kafka.oauth: missing, OAUTHBEARER needs tokens: write tokenUrl, as in https://id.example.com/oauth2/token",
    ),
    (
        kafka("saslMechanism: PLAIN, oauth: {tokenUrl: 'https://id.example.com/token'}"),
        "kafka.oauth: clients log in with PLAIN: write OAUTHBEARER as saslMechanism, or remove the key",
    ),
    (
        kafka(f"securityProtocol: SASL_PLAINTEXT, {_OAUTH}"),
        "kafka.saslMechanism: OAUTHBEARER sends the token in the clear without TLS: use SCRAM-SHA-512, or SASL_SSL as "
        "securityProtocol",
    ),
    (
        kafka("saslMechanism: OAUTHBEARER, oauth: {tokenUrl: 'http://id.example.com/token'}"),
        "kafka.oauth.tokenUrl: 'http://id.example.com/token' sends the client's secret in the clear: use https",
    ),
    (
        kafka("saslMechanism: OAUTHBEARER, oauth: {tokenUrl: id.example.com}"),
        "kafka.oauth.tokenUrl: 'id.example.com' is not a token endpoint: write one such as https://id.example.com/oauth2/token",
    ),
    (
        kafka("saslMechanism: OAUTHBEARER, oauth: {tokenUrl: 'https://a/t', extensions: {logicalCluster: 'a,b'}}"),
        "kafka.oauth.extensions: logicalCluster: 'a,b' cannot be sent: use printable characters without spaces, commas and =",
    ),
    (
        "kafka: {engine: external, bootstrapServers: '8.8.8.8:9092', securityProtocol: SASL_PLAINTEXT}",
        "kafka.securityProtocol: 8.8.8.8 is an address of the internet, where SASL_PLAINTEXT sends records readable: use SASL_SSL",
    ),
    (
        "kafka: {oauth: {tokenUrl: 'https://id.example.com/token'}}",
        "kafka.oauth: the engine is embedded: remove the key, or write engine: external",
    ),
    (
        kafka("saslMechanism: PLAIN, adminSecret: x", "tenants: {shop: {users: {app: {}}}}"),
        "tenants.shop.users.app.auth: clients log in with PLAIN, for which Kafka keeps no passwords: write auth: custom, and in "
        "secret where its login is",
    ),
    (
        kafka(f"{_CERTIFICATES}, adminSecret: x", "tenants: {shop: {users: {'CN=app': {}}}}"),
        "tenants.shop.users.CN=app.auth: clients log in with certificates, for which Kafka keeps no passwords: write auth: custom, "
        "and in secret where its login is",
    ),
    (
        "tenants: {shop: {users: {'*': {}}}}",
        "tenants.shop.users.*: '*' means all users, including those who do not log in: name one",
    ),
    (
        "tenants: {shop: {users: {a: {secret: b-kafka}, b: {}}}}",
        "tenants.shop.users.b.secret: 'b-kafka' is the Secret of user 'a': name another one",
    ),
    (
        "tenants: {shop: {users: {a: {secret: B}}}}",
        "tenants.shop.users.a.secret: 'B' is not a Kubernetes object name: use up to 253 of a-z, 0-9, - and ., beginning and "
        "ending with a letter or digit",
    ),
    (
        kafka("saslMechanism: PLAIN, adminSecret: x", worker()),
        "workers.fraud.user: missing, clients log in with PLAIN, and whoever runs the Kafka makes users: name one, and its Secret in "
        "userSecret",
    ),
    (
        kafka("saslMechanism: PLAIN", worker(", user: ABCD1234")),
        "workers.fraud.userSecret: missing, no Secret can be called 'ABCD1234-kafka': name one of up to 253 of a-z, 0-9, - and .",
    ),
    (
        kafka("saslMechanism: PLAIN", worker(", userSecret: a")),
        "workers.fraud.userSecret: it is the Secret of a user that is there: name that user in user too",
    ),
    (
        kafka(_OAUTH, "gateway: {}"),
        "gateway.bearer: clients log in with OAUTHBEARER, and callers send tokens of their own: write true",
    ),
    (
        kafka(_OAUTH, "gateway: {bearer: true, anonymous: app}"),
        "gateway.anonymous: clients log in with OAUTHBEARER, and the gateway has no token of its own: remove the key",
    ),
    (
        kafka(_CERTIFICATES, "gateway: {}"),
        "gateway.anonymous: missing, clients log in with certificates, and callers cannot do that through the gateway: name the user "
        "whose certificate it presents for all of them, or use a listener with passwords or tokens",
    ),
    (
        kafka(_CERTIFICATES, "gateway: {bearer: true, anonymous: app}"),
        "gateway.bearer: clients log in with certificates, which are not tokens: remove the key",
    ),
    (
        kafka(_CERTIFICATES, "gateway: {anonymous: 'CN=app'}"),
        "gateway.anonymousSecret: missing, no Secret can be called 'CN=app-kafka': name one of up to 253 of a-z, 0-9, - and .",
    ),
    (
        "gateway: {anonymousSecret: app}",
        "gateway.anonymousSecret: callers without credentials are refused: name their user in anonymous too",
    ),
    (
        kafka("saslMechanism: PLAIN, adminSecret: x", "probe: {}"),
        "probe.user: missing, clients log in with PLAIN, and whoever runs the Kafka makes users: name one",
    ),
    (
        kafka("saslMechanism: PLAIN, adminSecret: x", "probe: {user: app}"),
        "probe.user: 'app' is not a user of this file: declare it under tenants",
    ),
    (
        kafka("saslMechanism: PLAIN", "probe: {user: svc@corp}"),
        "probe.userSecret: missing, no Secret can be called 'svc@corp-kafka': name one of up to 253 of a-z, 0-9, - and .",
    ),
    (
        kafka("saslMechanism: PLAIN, adminSecret: x", "registry: {}"),
        "registry: it needs a user of its own, and clients log in with PLAIN, where whoever runs the Kafka makes users: remove the "
        "key, and use an existing registry",
    ),
    (
        "probe: {userSecret: a}",
        "probe.userSecret: it is the Secret of a user that is there: name that user in user too",
    ),
]
