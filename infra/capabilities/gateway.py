"""The HTTP gateway of a stack."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import kafka_platform
from kafka_platform.cluster.embedded.listeners import NodePorts
from kafka_platform.cluster.strimzi.listeners import Authentication
from kafka_platform.gateway.exposure import (
    Exposure,
)
from kafka_platform.gateway.logins import check_logins
from kafka_platform.gateway.monitoring import source
from kafka_platform.gateway.objects import objects
from kafka_platform.gateway.settings import GatewaySettings, url
from kafka_platform.gateway.spec import GatewaySpec, HttpGatewayTls
from kafka_platform.kafka.entities import Login
from kafka_platform.kafka.protocols import Engine, SaslMechanism
from kafka_platform.kafka.secrets import Urls
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from kafka_platform.values.words import Path
from pydantic.alias_generators import to_camel

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Rendered, Scrape, Stack
from infra.capabilities.exposed import GatewayExposure
from infra.capabilities.registry import Registry, connection_for
from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare
from infra.settings.kafka import Kafka
from infra.settings.listeners import Expose
from infra.settings.relations.brokers import PLAIN_WAYS, is_counted
from infra.settings.relations.declared import no_topic

SCHEMA_READER = "http-gateway"
"""Its user of the schema registry."""
GATEWAY = "gateway"
"""Name of the HTTP gateway in its namespace: `http://gateway.<namespace>.svc`."""


@dataclass(frozen=True, kw_only=True)
class Gateway(GatewaySpec):
    """The HTTP gateway: programs in any language read and write over HTTP, each with its own Kafka user and password."""

    # A file says the way in and what goes with it in one mapping.
    expose: GatewayExposure | None = None  # type: ignore[assignment]
    """How callers outside Kubernetes reach the gateway. Default: they cannot."""

    def exposure(self) -> Exposure:
        """The exposure as the component takes it."""
        return Exposure() if self.expose is None else self.expose.exposure()

    def urls(self, settings: Core) -> Urls:
        """Its URLs; the external one as far as the file names it."""
        host = None if self.expose is None else self.expose.host
        return Urls(
            inside=url(GATEWAY, settings.namespace, self),
            outside=None if host is None else f"https://{host}",
        )

    @property
    def reads_passwords(self) -> bool:
        """Whether its pods mount passwords of users."""
        return self.anonymous is not None or (self.tls is not None and bool(self.tls.users))

    def _tls(self, settings: Core) -> HttpGatewayTls | None:
        """TLS at the pods, with the Secrets of the users who are known by their certificates."""
        if self.tls is None or not self.tls.users:
            return self.tls
        given = self.tls.user_secrets
        secrets = {user: settings.secret_of(user, given.get(user)) for user in self.tls.users}
        return replace(self.tls, user_secrets={user: each for user, each in secrets.items() if each is not None})

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them; if access is restricted, the tenants' pods may call too."""
        tenants = settings.tenant_namespaces if self.client_namespaces else set[str]()
        callers = tuple(sorted(({*plain(self.client_namespaces)} | tenants) - {settings.namespace}))
        pods = settings.pod_settings.with_own(self.pod_settings)
        own = {
            "anonymous_secret": settings.secret_of(self.anonymous, self.anonymous_secret),
            "tls": self._tls(settings),
            "expose": self.exposure(),
            "client_namespaces": callers,
            "pod_settings": pods,
        }
        return shared(self, GatewaySpec) | own


class HttpGateway(Capability[Gateway]):
    """The HTTP interface to a Kafka."""

    key = "gateway"
    names = frozenset({GATEWAY, f"{GATEWAY}-pods", f"{GATEWAY}-external"})
    carries_records = True

    def needs(self, section: Gateway, settings: Core) -> Needs:
        """Callers without bearer tokens log in with passwords; `faults` covers Kafkas where clients have certificates."""
        internal = settings.kafka.listeners.internal
        passwords = not section.bearer and internal is not None and internal.auth is Authentication.CUSTOM
        scrape = Scrape(
            source=source(GATEWAY),
            namespace=settings.namespace,
            key=("gateway", "metricsNamespaces"),
            allowed=plain(section.metrics_namespaces),
        )
        return Needs(
            scrapes=[scrape],
            passwords=["the gateway's callers without bearer tokens log in"] if passwords else [],
            urls=section.urls(settings),
            schema_readers=[SCHEMA_READER],
        )

    def described(self, section: Gateway) -> str:
        """There is one at most."""
        return "HTTP gateway"

    def faults(self, section: Gateway, stack: Stack, known: Known) -> Iterator[Fault]:
        """Conflicts with the brokers, users and ports."""
        settings, kafka = stack.settings, stack.settings.kafka
        if not known("kafka", "engine"):
            return
        internal = kafka.listeners.internal
        if section.bearer and kafka.engine is Engine.EMBEDDED:
            yield Fault(
                path=("gateway", "bearer"),
                message="an embedded Kafka does not accept tokens: remove the key, or write engine: external",
            )
        if section.bearer and kafka.engine is Engine.STRIMZI and (internal is None or internal.custom is None):
            yield Fault(
                path=("gateway", "bearer"),
                message="the brokers do not accept tokens: remove the key, or write kafka.listeners.internal with auth: custom",
            )
        if section.expose is not None and known("gateway", "expose") and section.exposure() == Exposure():
            yield Fault(
                path=("gateway", "expose"),
                message="no way in is given: write nodePort, loadBalancer, gatewayClass, gateway or ingressClass",
            )
        yield from _callers(settings, section, known)
        yield from _enforced(settings, section, known)
        yield from _known_users(settings, section, known)
        yield from _taken_port(kafka, section, is_counted(settings, known))
        yield from _taken_host(kafka, section)
        if kafka.engine is Engine.STRIMZI and known("kafka", "pools") and kafka.pools:
            yield from _logins(settings, section)

    def rendered(self, section: Gateway, placed: Placed) -> Iterator[Rendered]:
        """Its objects; and its URL for later capabilities."""
        settings = placed.settings
        gateway = GatewaySettings(
            name=GATEWAY,
            namespace=settings.namespace,
            connection=placed.connection,
            image=settings.runtime_image,
            spread=settings.kafka.spread,
            spec=GatewaySpec(**section.values(settings)),
            registry=connection_for(placed, SCHEMA_READER, settings.namespace),
        )
        placed.gateway_url = url(GATEWAY, settings.namespace, section)
        yield from placed.named(GATEWAY, objects(gateway))

    def build(self, section: Gateway, deployment: Deployment) -> None:
        """Depends on the users, if callers without passwords are some of them: theirs are read."""
        settings = deployment.settings
        args = kafka_platform.HttpGatewayArgs(
            **section.values(settings),
            connection=deployment.connection,
            registry=connection_for(deployment, SCHEMA_READER, settings.namespace),
            spread=settings.kafka.spread,
            runtime_image=settings.runtime_image,
        )
        options = deployment.options("entities") if section.reads_passwords else deployment.options()
        gateway = kafka_platform.HttpGateway(GATEWAY, args, options)
        deployment.gateway_url = gateway.url
        deployment.outputs["gateway"] = {"url": gateway.url, "service": gateway.service}


def _logins(settings: Core, gateway: Gateway) -> Iterator[Fault]:
    """How callers log in to brokers that Strimzi runs."""
    internal = settings.kafka.listeners.internal
    if internal is not None and internal.auth is Authentication.MTLS:
        yield Fault(
            path=("kafka", "listeners", "internal", "auth"),
            message="the gateway logs in with the passwords of its callers: use scram, and certificates: true for others",
        )
    user = settings.users.get(gateway.anonymous) if gateway.anonymous is not None else None
    if user is not None and user.auth is not Login.SCRAM:
        yield Fault(
            path=("gateway", "anonymous"),
            message=f"{gateway.anonymous!r} has no password, and the gateway needs one: use a user with auth: scram",
        )


def _callers(settings: Core, gateway: Gateway, known: Known) -> Iterator[Fault]:
    """Logins that callers cannot use with an external Kafka."""
    kafka = settings.kafka
    external = kafka.engine is Engine.EXTERNAL
    if not known("gateway") or (external and not known("kafka")):
        return
    try:
        check_logins(
            replace(gateway, anonymous_secret=settings.secret_of(gateway.anonymous, gateway.anonymous_secret)),
            login=kafka.login,
            tokens=external and kafka.sasl is SaslMechanism.OAUTHBEARER,
            certificates=external and kafka.client_certificates,
        )
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        yield Fault(path=("gateway", *map(to_camel, field.split("."))), message=message)


def _enforced(settings: Core, gateway: Gateway, known: Known) -> Iterator[Fault]:
    """Topics whose values cannot be checked."""
    if not known("registry") or not known("topics"):
        return
    path = ("gateway", "enforcedTopics")
    if gateway.enforced_topics and settings.of(Registry) is None:
        yield Fault(path=path, message="there is no schema registry: write registry, or remove the key")
        return
    for topic in gateway.enforced_topics:
        declared = settings.topics.get(topic)
        if declared is None:
            yield Fault(path=path, message=no_topic(topic, sorted(settings.topics)))
        elif declared.value is None:
            yield Fault(
                path=path,
                message=f"topic {topic!r} declares no schema for its values: write its value, or remove it here",
            )


def _known_users(settings: Core, gateway: Gateway, known: Known) -> Iterator[Fault]:
    """Users whose passwords the gateway has to have."""
    if not settings.manages_entities or not known("tenants"):
        return
    if gateway.anonymous is not None:
        yield from _without_password(settings, gateway.anonymous, ("gateway", "anonymous"))
    for name in () if gateway.tls is None else gateway.tls.users:
        path = ("gateway", "tls", "users")
        user = settings.users.get(name)
        if user is not None and user.auth is not Login.SCRAM:
            message = f"{name!r} has no password, and the gateway logs in to Kafka with it: use a user with auth: scram"
            yield Fault(path=path, message=message)
        else:
            yield from _without_password(settings, name, path)


def _without_password(settings: Core, name: str, path: Path) -> Iterator[Fault]:
    user = settings.users.get(name)
    if user is None:
        fix = declare("tenants", settings.users)
        yield Fault(path=path, message=f"{name!r} is not a user of this file: {fix}")
    elif user.keeps_password:
        yield Fault(
            path=path,
            message=f"{name!r} is adopted with its password, which is not known here: raise its passwordVersion, or use another",
        )
    elif user.namespace != settings.namespace:
        yield Fault(
            path=path,
            message=f"the Secret of {name!r} is delivered to namespace {user.namespace!r}, and the gateway is in "
            f"{settings.namespace!r}: use a user of a tenant without a namespace",
        )


def _taken_port(kafka: Kafka, gateway: Gateway, counted: bool) -> Iterator[Fault]:
    port = gateway.exposure().node_port
    listener = kafka.listeners.external
    if port is None or listener is None or not counted:
        return
    if kafka.engine is Engine.STRIMZI:
        if listener.expose is Expose.NODE_PORT and listener.port == port.port:
            yield Fault(
                path=("gateway", "expose", "nodePort"),
                message=f"{port.port} is that of the brokers, by kafka.listeners.external: use another one",
            )
        return
    if listener.expose not in PLAIN_WAYS:
        return
    addresses = listener.addresses()
    if isinstance(addresses, NodePorts) and 0 <= port.port - addresses.first_port < kafka.nodes:
        yield Fault(
            path=("gateway", "expose", "nodePort"),
            message=f"{port.port} is the port of broker {port.port - addresses.first_port}, "
            f"by kafka.listeners.external: use another one",
        )


def _taken_host(kafka: Kafka, gateway: Gateway) -> Iterator[Fault]:
    """One name leads to one address, and a Gateway to one of those that share a port."""
    listener, expose = kafka.listeners.external, gateway.expose
    if listener is None or expose is None or kafka.engine is Engine.EXTERNAL or listener.expose is Expose.NODE_PORT:
        return
    if expose.host is not None and listener.is_reached_by(expose.host):
        yield Fault(
            path=("gateway", "expose", "host"),
            message=f"{expose.host!r} is a name of the brokers, by kafka.listeners.external: use another one",
        )
