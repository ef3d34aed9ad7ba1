"""A schema registry that keeps its schemas in Kafka, and the logins of its users."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import REGISTRY_IMAGE
from kafka_platform.kube.passwords import generated_password
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.kube.pods import HTTP_PORT
from kafka_platform.registry.logins import login_secret
from kafka_platform.registry.objects import RegistrySettings, objects, registry_url
from kafka_platform.registry.spec import (
    REGISTRAR,
    SCHEMA_REGISTRY,
    RegistryRole,
    RegistrySpec,
    RegistryUser,
    check_registry_users,
)
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import named
from kafka_platform.values.names import check_label, check_object_user, check_service_name, check_user, user_secret


@dataclass(frozen=True, kw_only=True)
class SchemaRegistryArgs(RegistrySpec, Args):
    """Arguments of a `SchemaRegistry`."""

    connection: KafkaConnection
    """The Kafka that keeps the schemas, as its `KafkaCluster` tells. Declare `schema_registry_topics()` in it."""
    user: str = named(check_user, default=SCHEMA_REGISTRY)
    """Kafka user, whose Secret `<user>-kafka` is in the registry's namespace: declare it as `schema_registry_user()`.
    Default `schema-registry`."""
    users: Mapping[str, RegistryUser] = field(default_factory=dict)
    """Users of the registry, by name. Default: none but the platform's own, which registers declared schemas."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the registry, which the Kafka has to let in. Default: the connection's, which it does."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    image: pulumi.Input[str] = REGISTRY_IMAGE
    """Image of Apicurio Registry 3. Default: its own."""

    def check(self) -> None:
        """Like every registry; and users do not have its reserved names."""
        super().check()
        if self.connection.logs_in and not self.connection.makes_users:
            raise ValueError(
                f"connection: clients log in with {self.connection.login}, and the registry needs a password of Kafka: use a registry "
                "that is there"
            )
        for key, name in (("user", self.user), *(("users", name) for name in self.users)):
            check_field(key, check_user, name)
            check_field(key, check_object_user, name)
        check_registry_users(self.users)


class SchemaRegistry(pulumi.ComponentResource):
    """Apicurio Registry with Confluent's API, which stores its schemas in a Kafka topic.

    Every read and write needs a login. Each user gets a generated password, delivered in the Secret `<user>-registry`
    of the user's namespace with the keys `SCHEMA_REGISTRY_URL`, `SCHEMA_REGISTRY_BASIC_AUTH_CREDENTIALS_SOURCE`,
    `SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO`, `schema.registry.url`, `basic.auth.user.info`, `registry.properties`,
    `username` and `password`.
    """

    url: pulumi.Output[str]
    """Where clients inside Kubernetes reach its API, once it answers."""
    service: pulumi.Output[str]
    """Name of its Service."""
    namespace: pulumi.Output[str]
    """Namespace of its Service."""
    admin_secret: pulumi.Output[str]
    """Secret in that namespace with the login of an administrator, for `SchemaSubjects`."""
    user_secrets: pulumi.Output[Mapping[str, str]]
    """Names of the Secrets with the users' logins, by user."""

    def __init__(self, name: str, args: SchemaRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the Deployment and of the Service."""
        super().__init__("kafka-platform:index:SchemaRegistry", name, {}, opts)
        self._name = name
        self._args = args = SchemaRegistryArgs.of(args)
        check_service_name(name, "registry")
        user = args.user if args.connection.sasl_mechanism is not None else None
        settings = RegistrySettings(
            name=name,
            namespace=args.connection.namespace if args.namespace is None else args.namespace,
            connection=with_authority_of(args.connection, None if user is None else user_secret(user)),
            image=args.image,
            user=args.user,
            users=args.users,
            spread=args.spread,
            spec=args,
        )
        placed = place_all(self, name, objects(settings, self._passwords()))
        self.namespace = pulumi.Output.from_input(settings.namespace)
        answers = once_ready(None, placed["Deployment", "pods"], placed["Service", "service"])
        self.url = pulumi.Output.all(self.namespace, answers).apply(
            lambda known: registry_url(name, str(known[0]), args)
        )
        self.service = pulumi.Output.from_input(name)
        self.admin_secret = once_ready(f"{name}-admin", placed["Secret", "admin"])
        self.user_secrets = pulumi.Output.from_input({each: login_secret(each) for each in sorted(args.users)})
        self.register_outputs(
            {
                "url": self.url,
                "service": self.service,
                "namespace": self.namespace,
                "adminSecret": self.admin_secret,
                "userSecrets": self.user_secrets,
            }
        )

    def connection_of(self, user: str) -> RegistryConnection:
        """How a program in the user's namespace reaches the registry as that user, for `StreamWorkerArgs(registry=...)`.

        Raises:
            ValueError: it has no such user.
        """
        if user not in self._args.users:
            raise ValueError(f"user: {user!r} is not among the registry's users: add it to users")
        return RegistryConnection(
            url=self.url,
            secret=login_secret(user),
            ca_secret=None if self._args.tls is None else self._args.tls.authority,
            registers=self._args.users[user].role is not RegistryRole.READONLY,
            namespace=self.namespace,
            port=HTTP_PORT,
        )

    def _passwords(self) -> dict[str, pulumi.Input[str]]:
        """A password for each user, and for the one that registers schemas."""
        versions = {REGISTRAR: 1} | {user: each.password_version for user, each in sorted(self._args.users.items())}
        return {user: generated_password(f"{self._name}-{user}", self, version) for user, version in versions.items()}
