"""The topics, users, ACLs and quotas of a Kafka cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_random import RandomPassword

from kafka_platform import provisioner, secrets, strimzi_resources
from kafka_platform.args import Args
from kafka_platform.client_pods import kafka_ports
from kafka_platform.cluster import PASSWORD_LENGTH, RUNTIME_IMAGE
from kafka_platform.connection import KafkaConnection
from kafka_platform.declarations import (
    check_declared,
    check_topic_settings,
    check_topics,
    check_update,
    check_users,
    declarations,
    declarations_hash,
)
from kafka_platform.kubernetes import KubernetesObject, find, labels, place, refuse
from kafka_platform.model import Deletion, Engine, Login, Topic, User
from kafka_platform.names import check_cluster, user_secret
from kafka_platform.strimzi_resources import check_strimzi_users


@dataclass(frozen=True, kw_only=True)
class KafkaResourcesArgs(Args):
    """What shall exist in a Kafka cluster."""

    connection: KafkaConnection
    """The cluster, as its `KafkaCluster` tells. It needs an `admin_secret`."""
    topics: Mapping[str, Topic] = field(default_factory=dict)
    """Topics by name. One that is taken out keeps its records, unless it said `deletion: allow`."""
    users: Mapping[str, User] = field(default_factory=dict)
    """Users by name, with what they may do. One that is taken out can no longer log in."""
    user_namespace: pulumi.Input[str] | None = None
    """Namespace that the Secrets of users without one are delivered to. Default: the connection's."""
    runtime_image: str = RUNTIME_IMAGE
    """Image of this platform's own programs."""
    stack: str | None = None
    """The stack, as `organization/project/stack`, where several stacks manage what is in one Kafka: components of the same
    name in other stacks are then others. Default: only this one uses it."""
    former_stacks: Sequence[str] = ()
    """Stacks that this one took the place of, such as its own former name. What is not declared of theirs goes. Default: none."""

    def __post_init__(self) -> None:
        connection = self.connection if isinstance(self.connection, KafkaConnection) else None
        by_strimzi = connection is not None and connection.engine is Engine.STRIMZI
        if connection is not None:
            if connection.admin_secret is None and not by_strimzi:
                raise ValueError(
                    "connection: admin_secret is missing: topics and users need the credentials of an administrator: "
                    "name their Secret in ExternalKafka(admin_secret=...)"
                )
            check_topics(
                self.topics,
                _plain(connection.nodes),
                _plain(connection.replicas),
                _plain(connection.min_insync_replicas),
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
            if user.auth is Login.CUSTOM and connection is not None and not by_strimzi:
                raise ValueError(
                    f"user {name}: auth: only listeners of Strimzi have a way of their own: write auth scram"
                )
            if user.auth is Login.MTLS and (connection is None or connection.certificate_bootstrap_servers is None):
                why = (
                    "no listener takes certificates: " if by_strimzi else "only Strimzi makes certificates for users: "
                )
                fix = "write internal.certificates" if by_strimzi else "write auth scram"
                raise ValueError(f"user {name}: auth: {why}{fix}")


class KafkaResources(pulumi.ComponentResource):
    """Topics, users, ACLs and quotas: by one Job that runs when any of them changes, or by Strimzi's custom resources.

    Each user gets a generated SCRAM-SHA-512 password, delivered in the Secret `<user>-kafka` of the user's namespace
    with the keys `username`, `password`, `bootstrap-servers`, `security-protocol`, `sasl-mechanism`, `client.properties`,
    `librdkafka.conf` and, where Strimzi runs the Kafka, `ca.crt`. A user with a certificate finds `user.crt`, `user.key` and `ca.crt` there; one who
    logs in in a listener's own way gets none, nor does one that is adopted with its password.
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
        if connection.engine is Engine.STRIMZI:
            self._by_strimzi(connection)
        else:
            self._by_job(connection)
        self.user_secrets = pulumi.Output.all(
            **{
                user: pulumi.Output.concat(self._namespace(user), "/", user_secret(user))
                for user, declared in sorted(self._args.users.items())
                if declared.auth is not Login.CUSTOM and not declared.keeps_password
            }
        )
        self.register_outputs({"userSecrets": self.user_secrets})

    def _by_job(self, connection: KafkaConnection) -> None:
        name = self._name
        child = pulumi.ResourceOptions(parent=self)
        for topic in sorted(self._args.topics):
            check_declared(topic)
        rendered = declarations(self._args.topics, self._args.users, _plain(connection.replicas))
        declared = place(
            f"{name}-declarations",
            provisioner.config_map(name, connection.namespace, rendered),
            pulumi.ResourceOptions(parent=self, hooks=refuse(f"{name}-only-grow", _refuse_shrinking)),
        )
        generated = self._passwords()
        delivered = [
            self._deliver(user, password, connection, pulumi.ResourceOptions(parent=self))
            for user, password in generated.items()
        ]
        if generated:
            delivered.append(self._all_passwords(generated, connection))
        network = provisioner.network_policy(name, connection.namespace, kafka_ports(connection))
        policy = place(f"{name}-provisioner-network", network, child)
        assert connection.admin_secret is not None  # noqa: S101  # the args refuse it
        place(
            f"{name}-provision",
            provisioner.job(
                name,
                connection,
                connection.admin_secret,
                self._args.runtime_image,
                declarations_hash(rendered),
                stack=self._args.stack,
                former_stacks=self._args.former_stacks,
            ),
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[declared, policy, *delivered])),
        )

    def _by_strimzi(self, connection: KafkaConnection) -> None:
        """One custom resource for each, so that a change is one line of a preview; all of them after the Kafka."""
        name, args = self._name, self._args
        only_grow = refuse(f"{name}-topics-only-grow", _refuse_shrinking_topic)
        for topic_name, topic in sorted(args.topics.items()):
            manifest = strimzi_resources.topic(name, connection, topic_name, topic, _plain(connection.replicas))
            place(
                f"{name}-topic-{topic_name}",
                manifest,
                pulumi.ResourceOptions(
                    parent=self,
                    hooks=only_grow,
                    # Strimzi deletes the records with the object.
                    retain_on_delete=topic.deletion is Deletion.RETAIN,
                ),
            )
        generated = self._passwords()
        passwords = [self._all_passwords(generated, connection)] if generated else []
        for user_name, user in sorted(args.users.items()):
            made = place(
                f"{name}-user-{user_name}",
                strimzi_resources.user(name, connection, user_name, user, f"{name}-passwords"),
                pulumi.ResourceOptions(parent=self, depends_on=passwords if user.auth is Login.SCRAM else []),
            )
            # Delivered when the cluster knows it: applications that have it can log in.
            ready = pulumi.ResourceOptions(parent=self, depends_on=[made])
            if user.auth is Login.SCRAM:
                self._deliver(user_name, generated[user_name], connection, ready)
            elif user.auth is Login.MTLS:
                self._deliver_certificate(user_name, made, connection)

    def _passwords(self) -> dict[str, pulumi.Input[str]]:
        """A password for each user who has one."""
        return {
            name: RandomPassword(
                f"{self._name}-{name}-password",
                length=PASSWORD_LENGTH,
                special=False,
                keepers={"version": str(user.password_version)},
                opts=pulumi.ResourceOptions(parent=self),
            ).result
            for name, user in sorted(self._args.users.items())
            if user.auth is Login.SCRAM and not user.keeps_password
        }

    def _all_passwords(
        self, generated: Mapping[str, pulumi.Input[str]], connection: KafkaConnection
    ) -> KubernetesObject:
        """Where whoever makes the users reads their passwords."""
        own = labels(self._name, provisioner.COMPONENT)
        manifest = secrets.passwords(f"{self._name}-passwords", connection.namespace, own, generated)
        return place(f"{self._name}-passwords", manifest, pulumi.ResourceOptions(parent=self))

    def _deliver(
        self, user: str, password: pulumi.Input[str], connection: KafkaConnection, ready: pulumi.ResourceOptions
    ) -> KubernetesObject:
        """A user's credentials, in the user's namespace."""
        child = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), ready)
        own = labels(self._name, provisioner.COMPONENT)
        manifest = secrets.credentials(user_secret(user), self._namespace(user), own, user, password, connection)
        return place(f"{self._name}-{user}-kafka", manifest, child)

    def _deliver_certificate(self, user: str, made: KubernetesObject, connection: KafkaConnection) -> KubernetesObject:
        """What the operator made for a user, in the user's namespace."""
        child = pulumi.ResourceOptions(parent=self, depends_on=[made])
        # The operator's Secret is called as the user, `<namespace>/<name>`, which is what Pulumi knows objects by; and
        # knows only of those that are there, so that the preview of a new user does not look for it.
        found = find(f"{self._name}-{user}-certificate", "v1", "Secret", made.id, child)
        own = labels(self._name, provisioner.COMPONENT)
        manifest = secrets.certificate(user_secret(user), self._namespace(user), own, user, found.data, connection)
        return place(f"{self._name}-{user}-kafka", manifest, child)

    def _namespace(self, user: str) -> pulumi.Input[str]:
        """Where a user's Secret goes, known once the namespaces are there: none goes into one that was refused."""
        platform = self._args.connection.namespace
        given = self._args.users[user].namespace or self._args.user_namespace
        return platform if given is None else pulumi.Output.all(platform, given).apply(lambda known: str(known[1]))


def _plain(value: pulumi.Input[int] | None) -> int | None:
    return value if isinstance(value, int) else None


def _refuse_shrinking(change: pulumi.ResourceHookArgs) -> None:
    old, new = ((inputs or {}).get("data") or {} for inputs in (change.old_inputs, change.new_inputs))
    check_update(old, new)


def _refuse_shrinking_topic(change: pulumi.ResourceHookArgs) -> None:
    if change.old_inputs is not None and change.new_inputs is not None:
        before, wanted = change.old_inputs["spec"], change.new_inputs["spec"]
        topic = wanted.get("topicName") or change.new_inputs["metadata"]["name"]
        strimzi_resources.check_topic_update(str(topic), before, wanted)
