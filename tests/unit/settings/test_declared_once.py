"""What a program and a stack file both say of a capability is declared once, in its spec."""

import inspect
from dataclasses import fields
from typing import Any

import pytest
from kafka_platform import (
    CertManagerArgs,
    DrainCleanerArgs,
    ExternalKafka,
    HttpGatewayArgs,
    KafkaClusterArgs,
    KafkaConnectArgs,
    KedaOperatorArgs,
    LatencyProbeArgs,
    LogCollectorArgs,
    MonitoringArgs,
    ObjectStoreArgs,
    PrometheusArgs,
    PrometheusStackArgs,
    QueryEngineArgs,
    ReplicationArgs,
    SchemaRegistryArgs,
    StreamJobArgs,
    StreamWorkerArgs,
    StrimziKafka,
    StrimziOperatorArgs,
)

from infra.capabilities.connectors import Connect
from infra.capabilities.gateway import Gateway
from infra.capabilities.logs import Logs
from infra.capabilities.mirrors import Mirror
from infra.capabilities.operators import (
    CertManagerInstallation,
    DrainCleanerInstallation,
    Keda,
    Prometheus,
    PrometheusServer,
    StrimziInstallation,
)
from infra.capabilities.probe import Probe
from infra.capabilities.query import Query
from infra.capabilities.registry import Registry
from infra.capabilities.storage import Storage
from infra.capabilities.streams import Stream
from infra.capabilities.workers import Worker
from infra.settings.kafka import Kafka

PAIRS: list[tuple[Any, Any]] = [
    (Connect, KafkaConnectArgs),
    (CertManagerInstallation, CertManagerArgs),
    (DrainCleanerInstallation, DrainCleanerArgs),
    (Gateway, HttpGatewayArgs),
    (Kafka, ExternalKafka),
    (Kafka, KafkaClusterArgs),
    (Kafka, StrimziKafka),
    (Keda, KedaOperatorArgs),
    (Probe, LatencyProbeArgs),
    (Prometheus, MonitoringArgs),
    (Prometheus, PrometheusStackArgs),
    (Registry, SchemaRegistryArgs),
    (Logs, LogCollectorArgs),
    (Mirror, ReplicationArgs),
    (PrometheusServer, PrometheusArgs),
    (Storage, ObjectStoreArgs),
    (Query, QueryEngineArgs),
    (Stream, StreamJobArgs),
    (StrimziInstallation, StrimziOperatorArgs),
    (Worker, StreamWorkerArgs),
]
OTHER_FORMS = {
    # The way in and what goes with it are one mapping in a file.
    (Gateway, "expose"),
    # The ways in of both engines are written alike in a file.
    (Kafka, "listeners"),
    # Where somebody else's Kafka is may be known later in a program.
    (ExternalKafka, "bootstrap_servers"),
    (ExternalKafka, "ca_secret"),
    (ExternalKafka, "admin_secret"),
    # A program makes the probe's user itself; a file names one that is there.
    (Probe, "user"),
    # A file in a stack, its text in a program.
    (Stream, "sql"),
    # Without a jar a file names no image of a job; a program may, and may know it later.
    (Stream, "image"),
    # The values of variables may be known later in a program.
    (StreamWorkerArgs, "environment"),
}


def owner(kind: type, field: str) -> type:
    return next(each for each in kind.__mro__ if field in inspect.get_annotations(each))


@pytest.mark.parametrize(("section", "args"), PAIRS, ids=[f"{a.__name__}-{b.__name__}" for a, b in PAIRS])
def test_a_field_of_a_section_and_of_args_is_declared_once(section: Any, args: Any) -> None:
    both = {each.name for each in fields(section)} & {each.name for each in fields(args)}
    assert both
    twice = {
        field
        for field in both
        if owner(section, field) is not owner(args, field) and not {(section, field), (args, field)} & OTHER_FORMS
    }
    assert not twice
