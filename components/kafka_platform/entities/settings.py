"""Inputs of the objects of `KafkaResources`, and the Secrets with users' credentials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka import secrets
from kafka_platform.kafka.entities import Login, Topic, User
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import labels
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.names import passwords_secret, user_key

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "provisioner"


@dataclass(frozen=True, kw_only=True)
class EntitySettings:
    """Inputs of the objects that declare topics and users."""

    name: str
    connection: "KafkaConnection"
    runtime_image: "Input[str]"
    topics: Mapping[str, Topic] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    user_namespace: "Input[str] | None" = None
    stack: str | None = None
    former_stacks: Sequence[str] = ()
    urls: secrets.Urls = secrets.NO_URLS
    pod_settings: PodSettings = UNDECIDED

    @property
    def replicas(self) -> int | None:
        """Default number of replicas of a topic, if it is known."""
        known = self.connection.replicas
        return known if isinstance(known, int) else None

    @property
    def with_passwords(self) -> list[str]:
        """The users that get a generated password."""
        return [
            name for name, user in sorted(self.users.items()) if user.auth is Login.SCRAM and not user.keeps_password
        ]

    def namespace_of(self, user: str) -> Any:
        """Namespace of a user's Secret, known once the namespaces exist: no Secret is created in a refused one."""
        platform = self.connection.namespace
        own = self.users[user].namespace
        given = self.user_namespace if own is None else own
        return platform if given is None else derived(lambda _, namespace: namespace, platform, given)


Passwords = Mapping[str, Any]
"""Each user's generated password, by the user's name."""


def all_passwords(settings: EntitySettings, passwords: Passwords) -> Object:
    """The Secret from which the users' passwords are read."""
    name, own = passwords_secret(settings.name), labels(settings.name, COMPONENT)
    by_key = {user_key(user): password for user, password in passwords.items()}
    return Object(role="passwords", manifest=secrets.passwords(name, settings.connection.namespace, own, by_key))


def delivered(settings: EntitySettings, user: str, password: "Input[str]", after: Sequence[Object] = ()) -> Object:
    """A user's credentials, in the user's namespace."""
    own = labels(settings.name, COMPONENT)
    namespace = settings.namespace_of(user)
    manifest = secrets.credentials(
        settings.users[user].secret_of(user), namespace, own, user, password, settings.connection, settings.urls
    )
    return Object(role=f"{user}-kafka", manifest=manifest, after=after)


def delivered_certificate(settings: EntitySettings, user: str, made: "Input[Mapping[str, str]]") -> Object:
    """The certificate that Strimzi's operator created for a user, in the user's namespace."""
    own = labels(settings.name, COMPONENT)
    namespace = settings.namespace_of(user)
    secret = settings.users[user].secret_of(user)
    manifest = secrets.certificate(secret, namespace, own, user, made, settings.connection, settings.urls)
    return Object(role=f"{user}-kafka", manifest=manifest)
