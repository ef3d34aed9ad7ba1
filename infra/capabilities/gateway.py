"""The HTTP gateway of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import kafka_platform
from kafka_platform.cluster.embedded.listeners import NodePorts
from kafka_platform.cluster.strimzi.listeners import Authentication
from kafka_platform.gateway.controllers import IngressController
from kafka_platform.gateway.exposure import (
    Exposure,
    GatewayApiExposure,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
)
from kafka_platform.gateway.logins import check_logins
from kafka_platform.gateway.monitoring import source
from kafka_platform.gateway.objects import objects
from kafka_platform.gateway.settings import GatewaySettings, url
from kafka_platform.gateway.spec import GatewaySpec
from kafka_platform.kafka.entities import Login
from kafka_platform.kafka.protocols import Engine, SaslMechanism
from kafka_platform.kafka.secrets import Urls
from kafka_platform.values.checks import NODE_PORTS
from kafka_platform.values.forms import shared
from kafka_platform.values.later import plain
from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Rendered, Scrape, Stack
from infra.capabilities.registry import Registry, connection_for
from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare
from infra.settings.kafka import Kafka
from infra.settings.listeners import Expose
from infra.settings.relations.brokers import PLAIN_WAYS, is_counted
from infra.settings.relations.declared import no_topic
from infra.settings.section import Section

SCHEMA_READER = "http-gateway"
"""Its user of the schema registry."""
GATEWAY = "gateway"
"""Name of the HTTP gateway in its namespace: `http://gateway.<namespace>.svc`."""


class GatewayExposure(Section):
    """How callers outside Kubernetes reach the HTTP gateway: nodePort, loadBalancer, gatewayClass, gateway or ingressClass."""

    node_port: int | None = Field(
        default=None,
        json_schema_extra={"minimum": NODE_PORTS.start, "maximum": NODE_PORTS.stop - 1, "examples": [30080]},
    )
    """A port of every machine of the Kubernetes cluster, 30000 to 32767."""
    load_balancer: LoadBalancerExposure | None = None
    """A cloud load balancer; may be left empty."""
    gateway_class: str | None = None
    """GatewayClass of the Gateway API: creates a Gateway, with `host` and `certificate`."""
    gateway: str | None = Field(default=None, json_schema_extra={"examples": ["public", "infra/public"]})
    """An existing Gateway of the Gateway API, as `name` or `namespace/name`, with `host`."""
    listener: str | None = None
    """With `gateway`: name of its listener, one with TLS. Required: a listener of plain HTTP could serve it otherwise."""
    ingress_class: str | None = None
    """IngressClass: creates an Ingress, with `host`."""
    controller: IngressController | None = None
    """With `ingressClass`: its controller, which is told to serve `host` with TLS alone and to leave streams open. Default:
    the one that the class is named after; required if its name does not say it."""
    host: str | None = Field(default=None, json_schema_extra={"examples": ["data.example.com"]})
    """With gatewayClass, gateway and ingressClass: the host name that callers use. Required."""
    certificate: str | None = None
    """Secret of the type kubernetes.io/tls in the platform's namespace, valid for `host`. Required with gatewayClass;
    default with ingressClass: the controller's own."""
    port: int | None = Field(default=None, json_schema_extra={"minimum": 1, "maximum": 65535, "examples": [8443]})
    """With gatewayClass: port of the created Gateway. Controllers whose Service leads to other ports of their pods may want
    the pods': Traefik's chart 8443. Default: 443."""
    annotations: Mapping[str, str] = {}
    """Annotations of the created Gateway or Ingress, for its controller and for cert-manager. Default: none."""

    @model_validator(mode="after")
    def _check(self) -> "GatewayExposure":
        given = [key for key in _FITTING if getattr(self, key) is not None]
        if not given:
            return self  # said by the relations, unless there was one that is at fault
        if len(given) > 1:
            raise ValueError(f"{' and '.join(map(to_camel, given))} exclude each other: keep one of them")
        for name in ("host", "listener", "certificate", "port", "annotations", "controller"):
            if getattr(self, name) and name not in _FITTING[given[0]]:
                owners = " or ".join(to_camel(key) for key, fitting in _FITTING.items() if name in fitting)
                raise ValueError(
                    f"{name}: cannot be combined with {to_camel(given[0])}: remove the key, or write {owners}"
                )
        if self.host is None and "host" in _FITTING[given[0]]:
            raise ValueError("host: missing: write the name by which callers come, such as data.example.com")
        self.exposure()
        return self

    def exposure(self) -> Exposure:
        """The exposure as the component takes it. Raises `ValueError` that names the invalid field."""
        host = self.host or ""
        if self.node_port is not None:
            try:
                return Exposure(node_port=NodePortExposure(port=self.node_port))
            except ValueError as error:
                raise ValueError(str(error).replace("port:", "node_port:", 1)) from None
        if self.ingress_class is not None:
            ingress = IngressExposure(
                host=host,
                ingress_class=self.ingress_class,
                controller=self.controller,
                certificate=self.certificate,
                annotations=self.annotations,
            )
            return Exposure(ingress=ingress)
        if self.gateway_class is None and self.gateway is None:
            return Exposure(load_balancer=self.load_balancer)
        route = GatewayApiExposure(
            host=host,
            gateway_class=self.gateway_class,
            certificate=self.certificate,
            port=self.port,
            gateway=self.gateway,
            listener=self.listener,
            annotations=self.annotations,
        )
        return Exposure(gateway_api=route)


_FITTING: Mapping[str, tuple[str, ...]] = {
    "node_port": (),
    "load_balancer": (),
    "gateway_class": ("host", "certificate", "port", "annotations"),
    "gateway": ("host", "listener"),
    "ingress_class": ("host", "certificate", "annotations", "controller"),
}
"""The kinds of exposure, each with its keys."""


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

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them; if access is restricted, the tenants' pods may call too."""
        tenants = settings.tenant_namespaces if self.client_namespaces else set[str]()
        callers = tuple(sorted(({*plain(self.client_namespaces)} | tenants) - {settings.namespace}))
        pods = settings.pod_settings.with_own(self.pod_settings)
        own = {
            "anonymous_secret": settings.secret_of(self.anonymous, self.anonymous_secret),
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
        yield from _anonymous(settings, section, known)
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
        """Depends on the users, if callers without credentials are one of them: its password is read."""
        settings = deployment.settings
        args = kafka_platform.HttpGatewayArgs(
            **section.values(settings),
            connection=deployment.connection,
            registry=connection_for(deployment, SCHEMA_READER, settings.namespace),
            spread=settings.kafka.spread,
            runtime_image=settings.runtime_image,
        )
        options = deployment.options("entities") if section.anonymous is not None else deployment.options()
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
        yield Fault(path=("gateway", to_camel(field)), message=message)


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


def _anonymous(settings: Core, gateway: Gateway, known: Known) -> Iterator[Fault]:
    name = gateway.anonymous
    if name is None or not settings.manages_entities or not known("tenants"):
        return
    user = settings.users.get(name)
    if user is None:
        fix = declare("tenants", settings.users)
        yield Fault(path=("gateway", "anonymous"), message=f"{name!r} is not a user of this file: {fix}")
    elif user.keeps_password:
        yield Fault(
            path=("gateway", "anonymous"),
            message=f"{name!r} is adopted with its password, which is not known here: raise its passwordVersion, or use another",
        )
    elif user.namespace != settings.namespace:
        yield Fault(
            path=("gateway", "anonymous"),
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
