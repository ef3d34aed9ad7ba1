"""The HTTP gateway beside the brokers and users."""

from collections.abc import Iterator

from kafka_platform.cluster.embedded.listeners import NodePorts
from kafka_platform.gateway.spec import Exposure
from kafka_platform.kafka.protocols import Engine

from infra.settings.faults import Fault, Known, declare
from infra.settings.gateway import Gateway
from infra.settings.listeners import Expose
from infra.settings.model import Settings
from infra.settings.relations.brokers import PLAIN_WAYS, is_counted


def gateway_faults(settings: Settings, known: Known) -> Iterator[Fault]:
    """What the gateway asks of the brokers, of users and of ports."""
    gateway = settings.gateway
    if gateway is None or not known("kafka", "engine"):
        return
    embedded = settings.kafka.engine is Engine.EMBEDDED
    internal = settings.kafka.listeners.internal
    if gateway.bearer and embedded:
        yield Fault(
            path=("gateway", "bearer"),
            message="an embedded Kafka knows no tokens: remove the key, or write engine: external",
        )
    if gateway.bearer and settings.kafka.engine is Engine.STRIMZI and (internal is None or internal.custom is None):
        yield Fault(
            path=("gateway", "bearer"),
            message="the brokers know no tokens: remove the key, or write kafka.listeners.internal with auth: custom",
        )
    if gateway.expose is not None and known("gateway", "expose") and gateway.exposure() == Exposure():
        yield Fault(
            path=("gateway", "expose"),
            message="no way in is given: write nodePort, loadBalancer, gatewayClass, gateway or ingressClass",
        )
    yield from _anonymous(settings, gateway, known)
    yield from _taken_port(settings, gateway, known)


def _anonymous(settings: Settings, gateway: Gateway, known: Known) -> Iterator[Fault]:
    name = gateway.anonymous
    declared_here = settings.kafka.engine is not Engine.EXTERNAL or settings.kafka.admin_secret is not None
    if name is None or not declared_here or not known("tenants"):
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


def _taken_port(settings: Settings, gateway: Gateway, known: Known) -> Iterator[Fault]:
    port, kafka = gateway.exposure().node_port, settings.kafka
    listener = kafka.listeners.external
    if port is None or listener is None or not is_counted(settings, known):
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
