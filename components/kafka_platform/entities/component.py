"""The topics, users, ACLs and quotas of a Kafka cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi

from kafka_platform.args import Args
from kafka_platform.entities import provisioner, strimzi as strimzi_resources
from kafka_platform.entities.declarations import check_topic_settings, check_topics, check_users
from kafka_platform.entities.settings import EntitySettings, delivered_certificate
from kafka_platform.entities.strimzi import check_strimzi_users
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.entities import Login, Topic, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kafka.secrets import Urls
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.passwords import generated_password
from kafka_platform.kube.place import KubernetesObject, look_up, once_ready, place_all, resolved
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.checks import check_url
from kafka_platform.values.forms import named
from kafka_platform.values.later import known
from kafka_platform.values.names import check_cluster, check_label


@dataclass(frozen=True, kw_only=True)
class KafkaResourcesArgs(Args):
    """Arguments of a `KafkaResources`: what exists in a Kafka cluster."""

    connection: KafkaConnection
    """The cluster, as its `KafkaCluster` tells. It needs an `admin_secret`."""
    topics: Mapping[str, Topic] = field(default_factory=dict)
    """Topics by name. One that is taken out keeps its records, unless it said `deletion: allow`."""
    users: Mapping[str, User] = field(default_factory=dict)
    """Users by name, with what they may do. One that is taken out can no longer log in."""
    user_namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace that the Secrets of users without one are delivered to. Default: the connection's."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""
    pod_settings: PodSettings = UNDECIDED
    """Where the Job's pods run, and what they carry. Default: Kubernetes' own defaults."""
    stack: str | None = None
    """The stack, as `organization/project/stack`, where several stacks manage what is in one Kafka: components of the same
    name in other stacks are then others. Default: only this one uses it."""
    former_stacks: Sequence[str] = ()
    """Stacks that this one replaces, such as its own former name. Whatever of theirs is not declared is removed.
    Default: none."""
    http_url: pulumi.Input[str] | None = named(check_url)
    """Where callers inside Kubernetes reach an HTTP gateway in front of the Kafka: it is in users' Secrets as `http-url`.
    Default: there is none."""
    external_http_url: pulumi.Input[str] | None = named(check_url)
    """Where callers from outside do: it is in users' Secrets as `external-http-url`. Default: nowhere."""
    registry_url: pulumi.Input[str] | None = named(check_url)
    """Where an existing schema registry is: it is in users' Secrets as `SCHEMA_REGISTRY_URL` and `schema.registry.url`.
    Default: there is none; that of a `SchemaRegistry` is in Secrets of its own."""

    def check(self) -> None:
        """The Kafka can be managed, and has what topics and users ask of it."""
        connection = self.connection
        by_strimzi = connection.engine is Engine.STRIMZI
        if connection.admin_secret is None and not by_strimzi:
            raise ValueError(
                "connection: admin_secret is missing: topics and users need the credentials of an administrator: "
                "name their Secret in ExternalKafka(admin_secret=...)"
            )
        check_topics(
            self.topics,
            known(connection.nodes),
            known(connection.replicas),
            known(connection.min_insync_replicas),
        )
        if connection.engine is not Engine.EXTERNAL:
            check_topic_settings(self.topics)
        check_users(self.users)
        if by_strimzi:
            check_strimzi_users(connection.cluster, self.users)
            for kind, adopted in (
                ("topic", sorted(name for name, topic in self.topics.items() if topic.adopt)),
                ("user", sorted(name for name, user in self.users.items() if user.adopt)),
            ):
                if adopted:
                    raise ValueError(
                        f"{kind} {adopted[0]}: adopt: Strimzi's operator takes over every {kind} that is declared: leave it out"
                    )
        for name, user in sorted(self.users.items()):
            if user.auth is Login.CUSTOM and connection.engine is None and connection.makes_users:
                raise ValueError(
                    f"user {name}: auth: brokers that the platform runs itself accept only passwords: write auth scram"
                )
            if user.auth is Login.SCRAM and not user.keeps_password and not connection.makes_users:
                raise ValueError(
                    f"user {name}: auth: clients log in with {connection.login}, for which Kafka keeps no passwords: write auth "
                    "custom, and give its Secret what whoever runs the Kafka made"
                )
            if user.auth is Login.MTLS and connection.certificate_bootstrap_servers is None:
                why = (
                    "no listener takes certificates: " if by_strimzi else "only Strimzi makes certificates for users: "
                )
                fix = "write internal.certificates" if by_strimzi else "write auth scram"
                raise ValueError(f"user {name}: auth: {why}{fix}")


class KafkaResources(pulumi.ComponentResource):
    """Topics, users, ACLs and quotas, created by one Job that runs when any of them changes, or by Strimzi's custom resources.

    Each user gets a generated SCRAM-SHA-512 password, delivered in the Secret `<user>-kafka` of the user's namespace
    with the keys `username`, `password`, `bootstrap-servers`, `security-protocol`, `sasl-mechanism`,
    `client.properties`, `librdkafka.conf`, where Strimzi runs the Kafka `ca.crt`, and where they are known
    `external-bootstrap-servers`, `http-url`, `external-http-url`, `SCHEMA_REGISTRY_URL` and `schema.registry.url`. A user with a certificate finds `user.crt`,
    `user.key` and `ca.crt` there; users with a custom login, and users that are adopted with their password, get no
    Secret.
    """

    user_secrets: pulumi.Output[Mapping[str, str]]
    """Where each user's credentials are, as `<namespace>/<name of the Secret>`."""

    def __init__(self, name: str, args: KafkaResourcesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` also tells apart what several KafkaResources manage in one cluster: it must not change."""
        super().__init__("kafka-platform:index:KafkaResources", name, {}, opts)
        self._name = name
        self._args = KafkaResourcesArgs.of(args)
        check_cluster(name)
        connection = self._args.connection
        settings = EntitySettings(
            name=name,
            connection=connection,
            runtime_image=self._args.runtime_image,
            topics=self._args.topics,
            users=self._args.users,
            user_namespace=self._args.user_namespace,
            stack=self._args.stack,
            former_stacks=self._args.former_stacks,
            urls=Urls(
                inside=self._args.http_url, outside=self._args.external_http_url, registry=self._args.registry_url
            ),
            pod_settings=self._args.pod_settings,
        )
        passwords = self._passwords(settings)
        if connection.engine is Engine.STRIMZI:
            placed = place_all(self, name, strimzi_resources.objects(settings, passwords))
            self._deliver_certificates(settings, placed)
        else:
            place_all(self, name, provisioner.objects(settings, passwords))
        self.user_secrets = pulumi.Output.all(
            **{
                user: pulumi.Output.concat(resolved(settings.namespace_of(user)), "/", declared.secret_of(user))
                for user, declared in sorted(self._args.users.items())
                if declared.auth is not Login.CUSTOM and not declared.keeps_password
            }
        )
        self.register_outputs({"userSecrets": self.user_secrets})

    def _passwords(self, settings: EntitySettings) -> dict[str, pulumi.Input[str]]:
        """A password for each user who has one."""
        return {
            name: generated_password(f"{self._name}-{name}", self, self._args.users[name].password_version)
            for name in settings.with_passwords
        }

    def _deliver_certificates(
        self, settings: EntitySettings, placed: Mapping[tuple[str, str], KubernetesObject]
    ) -> None:
        """The operator's certificates of users, in their namespaces."""
        for user, declared in sorted(self._args.users.items()):
            if declared.auth is not Login.MTLS:
                continue
            made = placed["KafkaUser", f"user-{user}"]
            # The operator's Secret is called as the user, `<namespace>/<name>`, which is what Pulumi knows objects by; and
            # knows only of those that are there, so that the preview of a new user does not look for it.
            child = pulumi.ResourceOptions(parent=self, depends_on=[made])
            found = look_up(f"{self._name}-{user}-certificate", "v1", "Secret", made.id, child)
            place_all(self, self._name, [delivered_certificate(settings, user, found.data)], depends_on=[made])


def with_users(
    parent: pulumi.ComponentResource,
    name: str,
    connection: KafkaConnection,
    users: Mapping[str, User],
    namespace: pulumi.Input[str],
    *,
    runtime_image: pulumi.Input[str],
    pod_settings: PodSettings,
) -> KafkaConnection:
    """Makes the users that are not there yet. Returns the connection, which can be used once they are.

    Args:
        parent: the component that they are for.
        name: of that component.
        connection: the Kafka.
        users: to be made; none if all are there.
        namespace: where the Secrets of the users go.
        runtime_image: image of this platform's own programs.
        pod_settings: of the Job that makes them.
    """
    if not users:
        return connection
    args = KafkaResourcesArgs(
        connection=connection,
        users=users,
        user_namespace=namespace,
        runtime_image=runtime_image,
        pod_settings=pod_settings,
    )
    made = KafkaResources(f"{name}-access", args, pulumi.ResourceOptions(parent=parent))
    return replace(connection, bootstrap_servers=once_ready(connection.bootstrap_servers, made))
