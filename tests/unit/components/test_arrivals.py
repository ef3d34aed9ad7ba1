"""What programs in other languages send: Outputs of everything, known, unknown, secret, of nothing, and of whole objects."""

import asyncio
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pulumi
import pytest
from kafka_platform import HttpGatewayArgs, KafkaCluster, KafkaClusterArgs, KafkaResourcesArgs, StreamWorkerArgs
from kafka_platform.host import Host
from kafka_platform.kafka.protocols import Engine
from pulumi.errors import InputPropertiesError
from pulumi.output import Unknown, _OutputData
from pulumi.resource import DependencyResource

from tests.unit.components.graph import run, value

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call]
CLUSTER = "urn:pulumi:dev::p::kafka-platform:index:KafkaCluster::events"
SENT = {
    "cluster": "events",
    "namespace": "streaming",
    "bootstrapServers": "events.streaming.svc:9092",
    "securityProtocol": "SASL_SSL",
    "saslMechanism": "SCRAM-SHA-512",
    "adminSecret": "events-admin",
    "brokerPorts": [9093.0],
    "nodes": 3.0,
    "replicas": 3.0,
    "minInsyncReplicas": 2.0,
    "engine": "embedded",
    "scalablePools": {},
}
"""A connection as the engine passes it on."""


@cache
def host() -> Host:
    return Host()


def output(known: Any, *, of: str | None = CLUSTER, secret: bool = False) -> pulumi.Output[Any]:
    """An Output as the engine sends it: all is decided about it."""
    data: asyncio.Future[_OutputData[Any]] = asyncio.get_event_loop().create_future()
    resources: set[pulumi.Resource] = {DependencyResource(of)} if of else set()
    data.set_result(_OutputData(resources=resources, value=known, is_known=True, is_secret=secret))
    return pulumi.Output._from_data(data)


def sent(component: str, inputs: Callable[[], dict[str, Any]]) -> Any:
    """The args that a component gets."""
    found: list[Any] = []

    def program() -> None:
        found.append(host().map_inputs(inputs(), host()._component_defs[component]))

    run(program)
    return found[0]


def refused(component: str, inputs: Callable[[], dict[str, Any]]) -> str:
    with pytest.raises(InputPropertiesError) as caught:
        sent(component, inputs)
    return caught.value.message


def test_a_connection_passes_as_it_is() -> None:
    args = KafkaResourcesArgs.of(sent("KafkaResources", lambda: {"connection": output(SENT), "topics": {"orders": {}}}))
    connection = args.connection
    assert (connection.nodes, connection.replicas, connection.min_insync_replicas) == (3, 3, 2)
    assert [type(each) for each in (connection.nodes, *connection.broker_ports)] == [int, int]
    assert connection.engine is Engine.EMBEDDED
    assert connection.ca_secret is None
    assert connection.external_bootstrap_servers is None
    # It is known, and still waits for the cluster.
    assert isinstance(connection.bootstrap_servers, pulumi.Output)
    assert value(connection.bootstrap_servers) == SENT["bootstrapServers"]


def test_what_depends_on_a_connection_waits_for_the_cluster() -> None:
    depends: list[set[str]] = []

    def program() -> None:
        args = host().map_inputs({"connection": output(SENT)}, host()._component_defs["HttpGateway"])
        servers = HttpGatewayArgs.of(args).connection.bootstrap_servers
        assert isinstance(servers, pulumi.Output)

        async def look() -> None:
            depends.append({str(await each.urn.future()) for each in await servers.resources()})

        waited: Any = look()
        pulumi.Output.from_input(waited).apply(lambda _: None)

    run(program)
    assert depends == [{CLUSTER}]


@pytest.mark.parametrize("absent", ["caSecret", "saslMechanism", "externalBootstrapServers", "engine", "authority"])
def test_an_output_of_nothing_is_absent(absent: str) -> None:
    inputs = {"image": "worker:1", "reads": ["orders"]}
    args = sent("StreamWorker", lambda: inputs | {"connection": SENT | {absent: output(None)}})
    python = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", absent)
    assert python not in args["connection"]
    assert getattr(StreamWorkerArgs.of(args).connection, python) is None


def test_known_outputs_decide_as_plain_values_do() -> None:
    fields = {name: output(each) for name, each in SENT.items()}
    inputs = {"connection": fields, "image": output("worker:1"), "reads": output(["orders"]), "replicas": output(2.0)}
    args = StreamWorkerArgs.of(sent("StreamWorker", lambda: inputs))
    assert (args.reads, args.replicas, args.connection.nodes) == (["orders"], 2, 3)


def test_an_output_without_dependencies_is_checked_like_a_plain_value() -> None:
    args = sent("KafkaCluster", lambda: {"namespace": output("no/name", of=None)})
    with pytest.raises(ValueError, match=r"^namespace: 'no/name'"):
        KafkaClusterArgs.of(args)


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"reads": [UNKNOWN]}, "reads[0]"),
        ({"reads": UNKNOWN}, "reads"),
        ({"scale": {"max": UNKNOWN}}, "scale.max"),
        ({"partitions": {"orders": UNKNOWN}}, "partitions.orders"),
        ({"probes": {"liveness": {"port": UNKNOWN}}}, "probes.liveness.port"),
        ({"connection": SENT | {"brokerPorts": UNKNOWN}}, "connection.brokerPorts"),
    ],
)
def test_an_unknown_value_that_decides_is_refused_in_one_line(inputs: dict[str, Any], path: str) -> None:
    message = refused("StreamWorker", lambda: {"connection": SENT, "image": "worker:1"} | inputs)
    assert message.startswith(f"{path}: is not known before something else is deployed, and decides")
    assert "\n" not in message


def test_an_unknown_value_that_decides_on_nothing_passes() -> None:
    connection = SENT | {"namespace": UNKNOWN, "caSecret": UNKNOWN}
    args = StreamWorkerArgs.of(
        sent("StreamWorker", lambda: {"connection": connection, "image": UNKNOWN, "reads": ["a"]})
    )
    assert all(
        isinstance(each, pulumi.Output) for each in (args.image, args.connection.namespace, args.connection.ca_secret)
    )


def test_an_unknown_connection_is_the_clusters_own_in_a_preview() -> None:
    """Of a Kafka that Strimzi will run nobody knows the authority yet, and so a program knows nothing of its connection."""
    found: list[Any] = []

    def program() -> None:
        cluster = KafkaCluster("events", KafkaClusterArgs(namespace="streaming"))
        other = KafkaCluster("other", KafkaClusterArgs(namespace="streaming"))

        async def read() -> None:
            for each in (cluster, other):
                host().get_state(each, host()._component_defs["KafkaCluster"])
            urns = [str(await each.urn.future()) for each in (cluster, other)]
            definition = host()._component_defs["KafkaResources"]
            found.append(host().map_inputs({"connection": output(UNKNOWN, of=urns[0])}, definition)["connection"])
            assert found[0] is cluster.connection
            for unknown in (output(UNKNOWN, of=None), output(UNKNOWN, of="urn:of:another")):
                with pytest.raises(InputPropertiesError, match="pass the `connection` of one KafkaCluster as it is"):
                    host().map_inputs({"connection": unknown}, definition)

        waited: Any = read()
        pulumi.Output.from_input(waited).apply(lambda _: None)

    run(program)
    assert len(found) == 1


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    assert (
        refused("KafkaCluster", lambda: {"namespace": "n", "nodez": 3}) == "nodez: unknown key: did you mean 'nodes'?"
    )
    inputs = {"connection": SENT, "topics": {"orders": {"partition": 3}}}
    assert refused("KafkaResources", lambda: inputs).startswith("topics.orders.partition: unknown key")


def test_a_secret_does_not_become_plain_text() -> None:
    message = refused("KafkaCluster", lambda: {"namespace": "n", "config": {"a": output("hidden", secret=True)}})
    assert message.startswith("config.a: is a secret")
    assert "hidden" not in message
    args = sent(
        "StreamWorker",
        lambda: {
            "connection": SENT,
            "image": "worker:1",
            "environment": {"TOKEN": output("hidden", secret=True)},
            "reads": ["a"],
        },
    )
    assert isinstance(args["environment"]["TOKEN"], pulumi.Output)


def test_what_a_component_says_names_the_field_as_it_was_written() -> None:
    connection = {name: each for name, each in SENT.items() if name != "engine"}
    for component, inputs, message in (
        ("KafkaCluster", {"namespace": "n", "defaults": {"minInsyncReplicas": 0.0}}, "defaults.minInsyncReplicas: 0 "),
        ("KafkaCluster", {}, "namespace: missing: write a value for it"),
        ("KafkaResources", {"connection": connection, "users": {"a_b": {"passwordVersion": 0.0}}}, "users.a_b.passwordVersion: 0 "),
        ("KafkaResources", {"connection": connection, "topics": {"a": {"cleanup": "compat"}}}, "topics.a.cleanup: 'compat' "),
        ("KafkaResources", {"connection": connection, "topics": {"a": {"replicas": 5.0}}}, "topic a: replicas: 5 replicas on 3"),
    ):  # fmt: skip
        with pytest.raises(InputPropertiesError) as caught:
            host().construct("x", f"kafka-platform:index:{component}", inputs)
        assert caught.value.message.startswith(message)
        assert caught.value.errors is None
