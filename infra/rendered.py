"""The objects that a stack file alone renders: the same lists that the components place, with plain text in them.

What only a deployment knows is made up: passwords, the identity of the cluster, certificates. Charts of operators are
not among them: only Helm renders those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from kafka_platform.cluster.embedded import objects as embedded
from kafka_platform.cluster.embedded.objects import Generated
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.scaling import objects as broker_scaling_objects
from kafka_platform.cluster.spec import ClusterSpec, external_connection
from kafka_platform.cluster.strimzi import connection as strimzi_connection, objects as strimzi_objects
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.entities import provisioner, strimzi as strimzi_resources
from kafka_platform.entities.settings import EntitySettings, delivered_certificate
from kafka_platform.gateway import objects as gateway_objects
from kafka_platform.gateway.settings import GatewaySettings, url as gateway_url
from kafka_platform.gateway.spec import GatewaySpec
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.entities import Login
from kafka_platform.kafka.plain_connection import PlainConnection
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.images import kafka_image
from kafka_platform.kube.manifests import namespace
from kafka_platform.kube.objects import Object
from kafka_platform.monitoring import objects as monitoring_objects
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.probe import objects as probe_objects
from kafka_platform.probe.objects import ProbeSettings
from kafka_platform.probe.spec import LATENCY_PROBE, ProbeSpec
from kafka_platform.scaling import objects as scaling_objects
from kafka_platform.scaling.objects import ScalerSettings
from kafka_platform.scaling.spec import Scale, scaler_user_name
from kafka_platform.values.forms import shared
from kafka_platform.worker import objects as worker_objects
from kafka_platform.worker.objects import WorkerSettings
from kafka_platform.worker.spec import WorkerSpec

from infra.settings import Gateway, Probe, Settings
from infra.settings.operators import Prometheus
from infra.specs import (
    CLUSTER,
    GATEWAY,
    broker_scaler_name,
    cluster_values,
    gateway_values,
    keeps_namespace,
    manages_entities,
    monitored_values,
    runtime_image,
    worker_values,
)

if TYPE_CHECKING:
    from kafka_platform.kafka.connection import KafkaConnection

_MADE_UP = "made-up"
"""Stands for what only a deployment knows."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """An object of a stack, and the name of its resource."""

    name: str
    object: Object


def rendered(settings: Settings) -> Iterator[Rendered]:
    """All objects that the program places for these settings."""
    for each in settings.created_namespaces:
        kept = keeps_namespace(settings, each)
        yield Rendered(name=f"namespace-{each}", object=Object(role=each, manifest=namespace(each), kept=kept))
    connection, brokers = _cluster(settings)
    yield from _named(CLUSTER, brokers)
    scaling = settings.kafka.scaling
    if scaling is not None:
        name, pool = broker_scaler_name(scaling.pool), settings.kafka.strimzi().pools[scaling.pool]
        yield from _named(name, broker_scaling_objects.objects(name, connection, pool, scaling))
    if manages_entities(settings):
        yield from _named(CLUSTER, _entities(settings, connection))
    gateway = None if settings.gateway is None else _gateway(settings, settings.gateway, connection)
    if gateway is not None:
        yield from _named(GATEWAY, gateway_objects.objects(gateway))
    if settings.probe is not None:
        url = gateway_url(gateway, settings.namespace) if gateway and settings.probe_uses_gateway else None
        yield from _named(LATENCY_PROBE, probe_objects.objects(_probe(settings, settings.probe, connection, url)))
    for name in sorted(settings.workers):
        yield from _worker(settings, name, connection)
    if settings.prometheus is not None:
        yield from _named(CLUSTER, _monitoring(settings, settings.prometheus, connection))


def _named(component: str, objects: list[Object]) -> Iterator[Rendered]:
    yield from (Rendered(name=f"{component}-{each.role}", object=each) for each in objects)


def _connection(values: dict[str, Any]) -> "KafkaConnection":
    return cast("KafkaConnection", PlainConnection(**values))


def _cluster(settings: Settings) -> tuple["KafkaConnection", list[Object]]:
    kafka, image = settings.kafka, settings.images.kafka
    if kafka.engine is Engine.EXTERNAL:
        return _connection(external_connection(kafka, cluster=CLUSTER, namespace=settings.namespace)), []
    spec = ClusterSpec(**cluster_values(settings))
    if kafka.engine is Engine.STRIMZI:
        strimzi = StrimziSettings(
            name=CLUSTER, namespace=settings.namespace, spec=spec, strimzi=kafka.strimzi(), image=image
        )
        authority = _MADE_UP if strimzi_connection.has_authority(strimzi) else None
        return _connection(strimzi_connection.connection(strimzi, authority)), strimzi_objects.objects(strimzi)
    own = EmbeddedSettings(
        name=CLUSTER,
        namespace=settings.namespace,
        spec=spec,
        image=image or kafka_image(spec.version),
        runtime_image=runtime_image(settings),
    )
    connection = _connection(embedded.connection(own))
    generated = Generated(cluster_id=spec.cluster_id or _MADE_UP, admin_password=_MADE_UP, broker_password=_MADE_UP)
    return connection, embedded.objects(own, connection, generated)


def _entities(settings: Settings, connection: "KafkaConnection") -> list[Object]:
    entities = EntitySettings(
        name=CLUSTER,
        connection=connection,
        runtime_image=runtime_image(settings),
        topics=settings.all_topics,
        users=settings.all_users,
        stack=_MADE_UP if settings.kafka.engine is Engine.EXTERNAL else None,
        former_stacks=settings.kafka.former_stacks,
    )
    passwords = dict.fromkeys(entities.with_passwords, _MADE_UP)
    if settings.kafka.engine is not Engine.STRIMZI:
        return provisioner.objects(entities, passwords)
    certified = [name for name, user in sorted(entities.users.items()) if user.auth is Login.MTLS]
    return [
        *strimzi_resources.objects(entities, passwords),
        *(delivered_certificate(entities, name, {}) for name in certified),
    ]


def _gateway(settings: Settings, gateway: Gateway, connection: "KafkaConnection") -> GatewaySettings:
    return GatewaySettings(
        name=GATEWAY,
        namespace=settings.namespace,
        connection=connection,
        image=runtime_image(settings),
        spread=settings.kafka.spread,
        spec=GatewaySpec(**gateway_values(settings, gateway)),
    )


def _probe(settings: Settings, probe: Probe, connection: "KafkaConnection", url: str | None) -> ProbeSettings:
    return ProbeSettings(
        name=LATENCY_PROBE,
        namespace=settings.namespace,
        connection=connection,
        image=runtime_image(settings),
        topic=LATENCY_PROBE,
        user=LATENCY_PROBE,
        gateway_url=url,
        gateway_ca_secret=probe.gateway_authority,
        gate_version=_MADE_UP,
        spec=ProbeSpec(**shared(probe, ProbeSpec)),
    )


def _worker(settings: Settings, name: str, connection: "KafkaConnection") -> Iterator[Rendered]:
    spec = WorkerSpec(**worker_values(settings, name))
    user = spec.user if connection.sasl_mechanism is not None else None
    worker = WorkerSettings(
        name=name,
        namespace=settings.namespace_of(settings.workers[name].tenant),
        connection=with_authority_of(connection, user),
        spec=spec,
        runtime_image=runtime_image(settings),
        user=user,
        spread=settings.kafka.spread,
    )
    yield from _named(name, worker_objects.objects(worker))
    if spec.scale is not None:
        scaler = _scaler(settings, worker, spec.scale, connection)
        yield from _named(scaler.name, scaling_objects.objects(scaler))


def _scaler(settings: Settings, worker: WorkerSettings, scale: Scale, connection: "KafkaConnection") -> ScalerSettings:
    spec = worker.spec
    user = spec.scaler_user if scale.by_lag and connection.sasl_mechanism is not None else None
    return ScalerSettings(
        name=scaler_user_name(worker.name),
        namespace=worker.namespace,
        connection=with_authority_of(connection, user),
        scale=scale,
        max=spec.most_pods(scale, worker.name, settings.partitions_of(spec.reads)),
        target=worker.name,
        topics=spec.reads,
        group=worker.group,
        offset_reset=spec.offset_reset,
        user=user,
    )


def _monitoring(settings: Settings, prometheus: Prometheus, connection: "KafkaConnection") -> list[Object]:
    spec = MonitoredSpec(**monitored_values(settings, prometheus))
    workers = {name: settings.namespace_of(settings.workers[name].tenant) for name in settings.watched_workers}
    return monitoring_objects.objects(CLUSTER, spec, connection, workers)
