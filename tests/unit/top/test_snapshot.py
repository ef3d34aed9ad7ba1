"""What `top` says of what a real platform showed: its sections, their JSON, and how they look at a terminal."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from infra.live.cluster import Unseen
from infra.live.platform import Platform
from infra.live.samples import Samples
from infra.live.scaling import scalers
from infra.settings.parsing import parse
from infra.top.kafka import NO_EXPORTER
from infra.top.look import NO_PROMETHEUS, NOTHING, Seen, snapshot
from infra.top.model import Snapshot, as_json
from infra.top.render import render
from tests.unit.live.recordings import objects, pod, samples, shown

SETTINGS = parse({"kafka": {"nodes": 3}, "gateway": {}, "probe": {}})
PLATFORM = Platform.of("dev", SETTINGS)
BROKER = """
kafka_server_brokertopicmetrics_bytesinpersec_total {bytes}
kafka_server_brokertopicmetrics_bytesinpersec_total{{topic="orders"}} {bytes}
kafka_server_replicamanager_underreplicatedpartitions 1
kafka_controller_kafkacontroller_offlinepartitionscount 0
kafka_controller_kafkacontroller_activecontrollercount {active}
"""
EXPORTER = """
kafka_brokers 2
kafka_topic_records_total{{topic="orders"}} {records}
kafka_topic_size_bytes{{topic="orders"}} 2048
kafka_topic_under_replicated_partitions{{topic="orders"}} 1
kafka_consumergroup_lag{{consumergroup="shop-a",topic="orders"}} {lag}
kafka_consumergroup_lag_seconds{{consumergroup="shop-a",topic="orders"}} 90
"""
RULES: list[Mapping[str, Any]] = [
    {
        "name": "KafkaWritesFail",
        "alerts": [
            {
                "labels": {"alertname": "KafkaWritesFail", "severity": "critical", "namespace": "streaming"},
                "annotations": {"summary": "Probes cannot be written.", "runbook_url": "docs/runbooks/x.md"},
                "state": "firing",
                "activeAt": "2026-11-29T10:00:00.1Z",
            },
            {"labels": {"alertname": "Other", "namespace": "elsewhere"}, "state": "firing"},
        ],
    }
]


def seen(at: float, **more: Any) -> Seen:
    shows = {
        "kafka-0": shown(BROKER.format(bytes=1000 * at, active=1), at),
        "kafka-1": shown(BROKER.format(bytes=500 * at, active=0), at),
        "exporter": shown(EXPORTER.format(records=10 * at, lag=100 + at), at),
        "gateway-0": samples("gateway", at),
        pod("latency-probe")["metadata"]["name"]: samples("probe", at),
    }
    given: dict[str, Any] = {"at": at, "pods": objects("pods"), "samples": shows, "rules": RULES, **more}
    return Seen(**given)


def found(**more: Any) -> Snapshot:
    return snapshot(PLATFORM, SETTINGS, seen(10.0), seen(12.0, **more))


def drawn(value: Snapshot, width: int = 100, height: int | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(render(value, height=height))
    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(output, str)
    return output


def test_every_section_of_a_platform_that_is_well() -> None:
    value = found()
    assert (value.seconds, value.brokers.ready, value.brokers.wanted, value.brokers.known) == (2.0, 2, 3, 2)
    assert value.brokers.bytes_in_per_second == 1500
    assert (value.brokers.active_controllers, value.brokers.offline_partitions) == (1, 0)
    assert [each.active_controller for each in value.brokers.nodes] == [True, False]
    [topic] = value.topics.items
    assert (topic.topic, topic.bytes_in_per_second, topic.records_per_second, topic.size_bytes) == (
        "orders",
        1500,
        10,
        2048,
    )
    [group] = value.groups.items
    assert (group.group, group.lag, group.lag_seconds, group.growing_per_second) == ("shop-a", 112, 90, 1)
    assert value.gateway is not None
    assert (value.gateway.ready, value.gateway.requests_per_second, value.gateway.why) == (1, 0, None)
    assert value.probe is not None
    assert len(value.probe.paths) == 4
    assert [(each.alert, each.state) for each in value.alerts.items] == [("KafkaWritesFail", "firing")]


def test_the_keys_that_scripts_rely_on() -> None:
    """None is renamed or removed without a new version."""
    told = json.loads(json.dumps(as_json(found())))
    assert told["version"] == 1
    assert set(told) == {
        "version", "stack", "namespace", "at", "seconds", "brokers", "topics", "groups", "gateway", "probe", "workers",
        "streams", "alerts",
    }  # fmt: skip
    assert set(told["brokers"]) == {
        "why", "ready", "wanted", "known", "bytesInPerSecond", "bytesOutPerSecond", "recordsInPerSecond",
        "underReplicatedPartitions", "underMinIsrPartitions", "offlinePartitions", "activeControllers", "nodes",
    }  # fmt: skip
    assert set(told["topics"]["items"][0]) == {
        "topic", "bytesInPerSecond", "bytesOutPerSecond", "recordsPerSecond", "sizeBytes", "underReplicatedPartitions",
    }  # fmt: skip
    assert set(told["groups"]["items"][0]) == {"group", "topic", "lag", "lagSeconds", "growingPerSecond"}
    assert set(told["alerts"]["items"][0]) == {"alert", "state", "severity", "since", "summary", "runbook", "receivers"}


@pytest.mark.parametrize("width", [20, 80, 200])
def test_it_is_as_wide_as_the_terminal(width: int) -> None:
    assert max(map(len, drawn(found(), width).splitlines())) <= width


def test_what_a_person_looks_for_in_an_alert_is_there() -> None:
    output = drawn(found())
    for text in (
        "KafkaWritesFail   firing   critical   since 2026-11-29T10:00:00",
        "Probes cannot be written.",
        "docs/runbooks/x.md",
    ):
        assert text in output


def test_a_low_terminal_gets_fewer_rows_and_is_told_so() -> None:
    lines = "".join(f'kafka_topic_size_bytes{{topic="t{n}"}} {n}\n' for n in range(500))
    many = found(samples={"exporter": shown(lines, 12.0)})
    assert "497 more: --once --json has them" in drawn(many, height=20)
    assert len(as_json(many)["topics"]["items"]) == 500


def test_nothing_of_a_hostile_name_reaches_the_terminal() -> None:
    lines = 'kafka_consumergroup_lag{consumergroup="\x1b[2J[bold red]x\x07\u202e",topic="\x9b1m"} 1\nkafka_brokers 1\n'
    rules = [
        {
            "alerts": [
                {"labels": {"alertname": "\x1b]0;x\x07"}, "annotations": {"summary": "\x1b[31m"}, "state": "firing"}
            ]
        }
    ]
    value = found(samples={"exporter": shown(lines, 12.0)}, rules=rules)
    output = drawn(value)
    assert all(each.isprintable() for each in output.split("\n"))
    assert "[bold red]x" in output
    assert json.dumps(as_json(value)).isprintable()


def test_each_section_says_by_itself_why_it_is_not_known() -> None:
    nowhere = Unseen(why="no right to create pods/portforward in namespace streaming", forbidden=True)
    value = found(samples=dict.fromkeys(("kafka-0", "gateway-0"), nowhere), rules=[], alerts_why=NO_PROMETHEUS)
    assert value.gateway is not None
    assert value.topics.why == nowhere.why
    gateway = found(samples={"gateway-0": nowhere})
    assert gateway.topics.why == NO_EXPORTER
    for section in (value.brokers, value.groups, value.gateway):
        assert section.why == nowhere.why
    assert value.brokers.ready == 2
    assert value.alerts.why == NO_PROMETHEUS
    assert "no right to create pods/portforward" in drawn(value)


def test_nothing_is_deployed() -> None:
    value = snapshot(PLATFORM, SETTINGS, NOTHING, Seen(at=1.0))
    assert value.gateway is not None
    assert value.seconds is None
    assert value.gateway.why == "not deployed: no pod of it is there"
    assert "0 of 3 ready" in drawn(value)


def test_a_stack_without_gateway_and_probe() -> None:
    settings = parse({})
    value = as_json(snapshot(Platform.of("dev", settings), settings, NOTHING, Seen(at=1.0)))
    assert value["gateway"] is None
    assert value["probe"] is None


def test_workers_and_what_scales_them() -> None:
    labels = {"app.kubernetes.io/instance": "fraud-check"}
    deployment = {
        "metadata": {"name": "fraud-check", "namespace": "shop", "labels": labels},
        "spec": {"replicas": 3},
        "status": {"readyReplicas": 2},
    }
    scaled = {
        "metadata": {"name": "fraud-check-scaler", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"name": "fraud-check"}, "minReplicaCount": 0, "maxReplicaCount": 9},
        "status": {
            "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "Fallback", "status": "True"},
            ]
        },
    }
    value = found(workers=[deployment], scalers=scalers([scaled], []))
    [row] = value.workers.items
    assert (row.worker, row.ready, row.wanted, row.min, row.max) == ("fraud-check", 2, 3, 0, 9)
    assert row.scaler == "cannot read its metric: holds its fallback"
    assert "2 of 3" in drawn(value)


def test_several_exporters_tell_of_the_same_groups() -> None:
    text = EXPORTER.format(records=10, lag=100)
    looks: list[dict[str, Samples]] = [{"a": shown(text, at), "b": shown(text, at)} for at in (1.0, 2.0)]
    value = snapshot(PLATFORM, SETTINGS, Seen(at=1.0, samples=looks[0]), Seen(at=2.0, samples=looks[1]))
    assert [each.lag for each in value.groups.items] == [100]
    assert [each.size_bytes for each in value.topics.items] == [2048]
