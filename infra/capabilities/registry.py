"""The schema registry of a stack."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import kafka_platform
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import Topic, User
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kafka.secrets import Urls
from kafka_platform.kube.images import REGISTRY_IMAGE
from kafka_platform.kube.pods import HTTP_PORT
from kafka_platform.registry.logins import login_secret, roles_of
from kafka_platform.registry.monitoring import source
from kafka_platform.registry.objects import RegistrySettings, objects, registry_url
from kafka_platform.registry.spec import (
    REGISTRAR,
    SCHEMA_REGISTRY,
    RegistryRole,
    RegistrySpec,
    RegistryUser,
    schema_registry_topics,
    schema_registry_user,
)
from kafka_platform.schemas.spec import Compatibility, check_subject
from kafka_platform.values.checks import check_field, check_login_url, check_url
from kafka_platform.values.forms import formed, names, shared
from kafka_platform.values.later import plain
from kafka_platform.values.names import object_user, user_secret
from kafka_platform.values.words import suggest

from infra.capabilities.capability import (
    Capability,
    Deployment,
    Needs,
    Placed,
    Rendered,
    Scrape,
    Stack,
    TlsServer,
)
from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.section import SecretName


@dataclass(frozen=True, kw_only=True)
class Registry(RegistrySpec):
    """The schema registry: Apicurio Registry with Confluent's API, which stores its schemas in Kafka."""

    roles: Mapping[str, RegistryRole] = field(default_factory=dict)
    """Roles of users and workers in the registry, by name: readonly, developer (registers schemas, and changes its own)
    or admin. Default: readonly."""

    url: str | None = formed(None, check_url, examples=["https://registry.example.com"])
    """URL of an existing registry with Confluent's API, to use instead of running one. Default: the stack runs one."""
    secret: SecretName | None = None
    """With `url`: Secret in the platform's namespace with the keys `username` and `password` of a user who may register
    any schema. Default: no login."""
    authority: SecretName | None = None
    """With `url`: Secret in the platform's namespace, and in those of workers, whose key `ca.crt` is the authority of the
    registry's certificate. Default: public authorities."""
    client_secret: SecretName | None = None
    """With `url`: Secret in the namespaces of the platform and of workers with the keys `username` and `password` of a user
    who may read schemas, and register them if connectors write such. Default: the HTTP gateway, workers and connectors do
    not log in."""
    compatibility: Compatibility = Compatibility.BACKWARD
    """How new schema versions must be compatible with older ones, unless a topic sets its own. Default: backward,
    readers with the new version can read records of the last one."""
    removed_subjects: Sequence[str] = names(check_subject)
    """Subjects to delete from the registry; reading records with their schemas then fails. Default: none, schemas that
    are no longer declared stay."""

    def check(self) -> None:
        """For an existing registry only the login is allowed."""
        super().check()
        plain_spec = RegistrySpec()
        for each in fields(RegistrySpec):
            if self.url is not None and getattr(self, each.name) != getattr(plain_spec, each.name):
                raise ValueError(f"{each.name}: the existing registry at url has its own: remove the key")
        if self.url is not None and self.roles:
            raise ValueError("roles: the registry at url has users of its own: remove the key")
        for name in ("secret", "client_secret", "authority"):
            if self.url is None and getattr(self, name) is not None:
                raise ValueError(f"{name}: the stack runs its own registry: remove the key, or write url")
        for name in ("secret", "client_secret"):
            if self.url is not None and getattr(self, name) is not None:
                check_field(name, check_login_url, self.url)

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        pods = settings.pod_settings.with_own(self.pod_settings)
        return shared(self, RegistrySpec) | {"pod_settings": pods}

    def users(self, stack: Stack) -> dict[str, RegistryUser]:
        """Who gets a login: the tenants' users, the workers, and parts of the platform."""
        names = {*stack.settings.users, *(name for each in stack.needs for name in each.schemas)}
        found = ((name, stack.users[name]) for name in sorted(names))
        reader = RegistryUser(namespace=stack.settings.namespace)
        writers = {name for each in stack.needs for name in each.schema_writers}
        return {name: reader for each in stack.needs for name in each.schema_readers} | {
            object_user(name): RegistryUser(
                role=self.roles.get(name, RegistryRole.DEVELOPER if name in writers else RegistryRole.READONLY),
                namespace=user.namespace,
                password_version=user.password_version,
            )
            for name, user in found
        }


def connection_for(placed: Placed, user: str, namespace: str) -> RegistryConnection | None:
    """How a program in that namespace reaches the registry; None without a registry, or without a login for it there.

    Args:
        placed: what there is.
        user: its Kafka user.
        namespace: of the program.
    """
    registry = placed.settings.of(Registry)
    if registry is None or placed.registry_url is None:
        return None
    if registry.url is not None:
        return RegistryConnection(url=placed.registry_url, secret=registry.client_secret, ca_secret=registry.authority)
    login = registry.users(placed.stack).get(object_user(user))
    if login is None or login.namespace != namespace:
        return None
    return RegistryConnection(
        url=placed.registry_url,
        secret=login_secret(object_user(user)),
        ca_secret=None if registry.tls is None else registry.tls.authority,
        registers=login.role is not RegistryRole.READONLY,
        namespace=placed.settings.namespace,
        port=HTTP_PORT,
    )


class ExistingRegistry(Capability[Registry]):
    """A schema registry that is there already."""

    key = "registry"

    def section(self, settings: Core) -> Registry | None:
        """None unless the file names one."""
        found = settings.of(Registry)
        return found if found is not None and found.url is not None else None

    def needs(self, section: Registry, settings: Core) -> Needs:
        """Users find its URL in their Secrets."""
        return Needs(urls=Urls(registry=section.url))

    def rendered(self, section: Registry, placed: Placed) -> Iterator[Rendered]:
        """Nothing; its URL for later capabilities."""
        placed.registry_url = section.url
        return iter(())

    def build(self, section: Registry, deployment: Deployment) -> None:
        """Nothing; the same."""
        deployment.registry_url = section.url


class SchemaRegistry(Capability[Registry]):
    """The schema registry."""

    key = "registry"
    names = frozenset({SCHEMA_REGISTRY})

    def section(self, settings: Core) -> Registry | None:
        """None for an existing registry: there is nothing to run."""
        found = settings.of(Registry)
        return found if found is not None and found.url is None else None

    def needs(self, section: Registry, settings: Core) -> Needs:
        """A password; it shows metrics, and perhaps a certificate."""
        scrape = Scrape(
            source=source(SCHEMA_REGISTRY),
            namespace=settings.namespace,
            key=("registry", "metricsNamespaces"),
            allowed=plain(section.metrics_namespaces),
        )
        address = f"{SCHEMA_REGISTRY}.{settings.namespace}.svc:443"
        served = [] if section.tls is None else [TlsServer(address=address, pod_port=HTTP_PORT)]
        return Needs(passwords=["the schema registry logs in"], scrapes=[scrape], tls_servers=served)

    def topics(self, section: Registry, settings: Core) -> Mapping[str, Topic]:
        """Its own."""
        return schema_registry_topics()

    def users(self, section: Registry, settings: Core) -> Mapping[str, User]:
        """Its own."""
        return {SCHEMA_REGISTRY: schema_registry_user(settings.namespace)}

    def described(self, section: Registry) -> str:
        """There is one at most."""
        return "schema registry"

    def faults(self, section: Registry, stack: Stack, known: Known) -> Iterator[Fault]:
        """Conflicts with the brokers and names, and roles of unknown users."""
        settings = stack.settings
        if not settings.manages_entities and known("kafka", "engine") and known("kafka", "adminSecret"):
            yield Fault(
                path=("registry",),
                message="it needs topics and a user, which an administrator makes: name the administrator's Secret in "
                "kafka.adminSecret, or remove the key",
            )
        if settings.manages_entities and not settings.makes_users and known("kafka"):
            yield Fault(
                path=("registry",),
                message=f"it needs a user of its own, and clients log in with {settings.kafka.login}, where whoever runs the Kafka "
                "makes users: remove the key, and use an existing registry",
            )
        for topic in sorted(schema_registry_topics().keys() & settings.topics.keys()):
            message = "is a topic of the schema registry: rename it, or remove registry"
            yield Fault(path=("topics", topic), message=message)
        reserved = {SCHEMA_REGISTRY, REGISTRAR, *(name for each in stack.needs for name in each.schema_readers)}
        for name, tenant in settings.tenants.items():
            for user in sorted(reserved & tenant.users.keys()):
                path = ("tenants", name, "users", user)
                yield Fault(path=path, message="is a user of the schema registry: rename it, or remove registry")
        if known("registry", "roles") and known("tenants") and known("workers"):
            users = section.users(stack)
            for user in sorted(name for name in section.roles if object_user(name) not in users):
                yield Fault(
                    path=("registry", "roles", user),
                    message=f"{user!r} is neither a user nor a worker of this file: {suggest(user, users)}",
                )

    def rendered(self, section: Registry, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        settings, connection = placed.settings, placed.connection
        user = SCHEMA_REGISTRY if connection.sasl_mechanism is not None else None
        users = section.users(placed.stack)
        registry = RegistrySettings(
            name=SCHEMA_REGISTRY,
            namespace=settings.namespace,
            connection=with_authority_of(connection, None if user is None else user_secret(user)),
            image=settings.images.registry or REGISTRY_IMAGE,
            users=users,
            spread=settings.kafka.spread,
            spec=RegistrySpec(**section.values(settings)),
        )
        placed.registry_url = registry_url(SCHEMA_REGISTRY, settings.namespace, section)
        versions = {name: users[name].password_version if name in users else 1 for name in roles_of(users)}
        passwords = {name: placed.password(f"{SCHEMA_REGISTRY}-{name}", each) for name, each in versions.items()}
        yield from placed.named(SCHEMA_REGISTRY, objects(registry, passwords, placed.sha256))

    def build(self, section: Registry, deployment: Deployment) -> None:
        """Depends on its topics, its user and that user's password, and on the namespaces of its users."""
        settings = deployment.settings
        args = kafka_platform.SchemaRegistryArgs(
            **section.values(settings),
            connection=deployment.connection,
            users=section.users(deployment.stack),
            spread=settings.kafka.spread,
            image=settings.images.registry or REGISTRY_IMAGE,
        )
        registry = kafka_platform.SchemaRegistry(SCHEMA_REGISTRY, args, deployment.options("entities", namespaces=True))
        deployment.made["registry"] = registry
        deployment.registry_url = registry.url
        deployment.outputs["registry"] = {"url": registry.url, "service": registry.service}
