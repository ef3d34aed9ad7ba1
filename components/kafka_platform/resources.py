"""The topics, users, ACLs and quotas of a Kafka cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.batch.v1 import Job
from pulumi_kubernetes.core.v1 import ConfigMap, Secret
from pulumi_random import RandomPassword

from kafka_platform import provisioner, secrets
from kafka_platform.args import Args
from kafka_platform.cluster import PASSWORD_LENGTH, RUNTIME_IMAGE
from kafka_platform.connection import KafkaConnection
from kafka_platform.declarations import check_topics, check_update, check_users, declarations, declarations_hash
from kafka_platform.kubernetes import labels, place, refuse
from kafka_platform.model import Topic, User
from kafka_platform.names import check_cluster, user_secret


@dataclass(frozen=True, kw_only=True)
class KafkaResourcesArgs(Args):
    """What shall exist in a Kafka cluster."""

    connection: KafkaConnection
    """The cluster, as its `KafkaCluster` tells. It needs an `admin_secret`."""
    topics: Mapping[str, Topic] = field(default_factory=dict)
    """Topics by name. One that is taken out keeps its records, unless it said `deletion: allow`."""
    users: Mapping[str, User] = field(default_factory=dict)
    """Users by name, with what they may do. One that is taken out can no longer log in."""
    runtime_image: str = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def __post_init__(self) -> None:
        connection = self.connection if isinstance(self.connection, KafkaConnection) else None
        if connection is not None:
            if connection.admin_secret is None:
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
        check_users(self.users)


class KafkaResources(pulumi.ComponentResource):
    """Topics, users, ACLs and quotas, applied by one Job that runs when any of them changes.

    Each user gets a generated SCRAM-SHA-512 password, delivered in the Secret `<user>-kafka` of the user's namespace
    with the keys `username`, `password`, `bootstrap-servers`, `security-protocol`, `sasl-mechanism`, `client.properties`.
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
        child = pulumi.ResourceOptions(parent=self)

        rendered = declarations(self._args.topics, self._args.users, _plain(connection.replicas))
        declared = place(
            ConfigMap,
            f"{name}-declarations",
            provisioner.config_map(name, connection.namespace, rendered),
            pulumi.ResourceOptions(parent=self, hooks=refuse(f"{name}-only-grow", _refuse_shrinking)),
        )
        delivered = self._users(connection)
        assert connection.admin_secret is not None  # noqa: S101  # the args refuse it
        place(
            Job,
            f"{name}-provision",
            provisioner.job(
                name, connection, connection.admin_secret, self._args.runtime_image, declarations_hash(rendered)
            ),
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[declared, *delivered])),
        )
        self.user_secrets = pulumi.Output.all(
            **{
                user: pulumi.Output.concat(self._namespace(user), "/", user_secret(user))
                for user in sorted(self._args.users)
            }
        )
        self.register_outputs({"userSecrets": self.user_secrets})

    def _users(self, connection: KafkaConnection) -> list[Secret]:
        child = pulumi.ResourceOptions(parent=self)
        own = labels(self._name, provisioner.COMPONENT)
        generated: dict[str, pulumi.Input[str]] = {}
        delivered: list[Secret] = []
        for name, user in sorted(self._args.users.items()):
            password = RandomPassword(
                f"{self._name}-{name}-password",
                length=PASSWORD_LENGTH,
                special=False,
                keepers={"version": str(user.password_version)},
                opts=child,
            ).result
            generated[name] = password
            manifest = secrets.credentials(user_secret(name), self._namespace(name), own, name, password, connection)
            delivered.append(place(Secret, f"{self._name}-{name}-kafka", manifest, child))
        if generated:
            manifest = secrets.passwords(f"{self._name}-passwords", connection.namespace, own, generated)
            delivered.append(place(Secret, f"{self._name}-passwords", manifest, child))
        return delivered

    def _namespace(self, user: str) -> pulumi.Input[str]:
        return self._args.users[user].namespace or self._args.connection.namespace


def _plain(value: pulumi.Input[int] | None) -> int | None:
    return value if isinstance(value, int) else None


def _refuse_shrinking(change: pulumi.ResourceHookArgs) -> None:
    old, new = ((inputs or {}).get("data") or {} for inputs in (change.old_inputs, change.new_inputs))
    check_update(old, new)
