"""`check` says where what is declared cannot hold the declared load, and what would."""

from pathlib import Path

import pytest

from infra.__main__ import main
from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.settings.parsing import parse
from infra.sizing.advice import advice

WORKER = {"image": "example.com/enrich:1", "tenant": "shop", "reads": ["orders"]}
SCALE = {"min": 3, "recordsPerSecondPerPod": 200, "acceptableDelay": "8s"}
LOAD = {"records": 120, "size": "100B", "peak": 4}


def stack(**changes: object) -> Stack:
    raw = {
        "namespace": "streaming",
        "kafka": {"engine": "embedded", "nodes": 3, "storage": "20Gi"},
        "topics": {"orders": {"partitions": 12, "retention": "1d", "load": LOAD}},
        "tenants": {"shop": {"namespace": "shop"}},
        "keda": {},
        "workers": {"enrich": WORKER | {"scale": SCALE}},
    }
    return Stack(parse(raw | changes), CAPABILITIES)


def said(**changes: object) -> list[str]:
    return [str(each) for each in advice(stack(**changes))]


def topic(**changes: object) -> dict[str, object]:
    return {"orders": {"partitions": 12, "retention": "1d", "load": LOAD} | changes}


def scaled(**changes: object) -> dict[str, object]:
    return {"enrich": WORKER | {"scale": SCALE | changes}}


def test_what_holds_is_not_mentioned() -> None:
    assert said() == []


def test_without_a_load_nothing_is_known() -> None:
    assert said(topics={"orders": {"partitions": 1, "retention": "forever"}}, workers={}) == []


def test_a_step_that_new_pods_come_too_late_for() -> None:
    """The case that docs/benchmarks.md measured: a p99 of 15.3 s."""
    assert said(workers=scaled(min=1)) == [
        "workers.enrich.scale.min: a step from 120 to 480 records/s makes records wait up to 18 s until new pods read, and 8s is "
        "acceptable: use at least 2, let the exporter add pods (exporter.surge), or accept the delay"
    ]
    assert said(workers=scaled(min=2)) == []
    assert said(workers=scaled(min=1, acceptableDelay="20s")) == []


def test_where_the_exporter_adds_pods_they_come_sooner() -> None:
    assert said(workers=scaled(min=1), exporter={"surge": True}) == []
    assert said(workers=scaled(min=1, acceptableDelay="4s"), exporter={"surge": True}) == [
        "workers.enrich.scale.min: a step from 120 to 480 records/s makes records wait up to 7 s until new pods read, and 4s is "
        "acceptable: use at least 2, or accept the delay"
    ]
    assert said(workers=scaled(min=1, acceptableDelay="4s")) == [
        "workers.enrich.scale.min: a step from 120 to 480 records/s makes records wait up to 18 s until new pods read, and 4s is "
        "acceptable: use at least 3, or accept the delay"
    ]


def test_fewer_pods_than_the_load_needs() -> None:
    assert said(workers=scaled(min=2, max=2)) == [
        "workers.enrich.scale.max: 2 pods handle 400 records/s, and its topics have up to 480: use at least 3"
    ]


def test_fewer_partitions_than_pods_are_needed() -> None:
    assert said(topics=topic(partitions=2), workers=scaled(min=2)) == [
        "topics.orders.partitions: worker 'enrich' needs 3 pods for up to 480 records/s, and more than 2 have nothing to read: "
        "use at least 3"
    ]


def test_two_topics_are_one_load() -> None:
    two = {**topic(partitions=2), **{"bookings": {"partitions": 1, "retention": "1d", "load": LOAD}}}
    worker = {"enrich": WORKER | {"reads": ["orders", "bookings"], "scale": SCALE}}
    [partitions] = [each for each in said(topics=two, workers=worker) if "partitions" in each]
    assert "needs 5 pods for up to 960 records/s, and more than 3 have nothing to read: use at least 4" in partitions


def test_a_volume_that_the_retention_fills() -> None:
    [disk] = said(topics=topic(load={"records": 1_000, "size": "1kB"}, retention="7d", partitions=12))
    assert disk.startswith(
        "kafka.storage: each broker has 20Gi, and keeps 580Gi of the loads that topics declare, most of it of"
    )
    assert "'orders': use at least 830Gi, which is then 70% full" in disk
    assert (
        said(
            kafka={"engine": "embedded", "nodes": 3, "storage": "830Gi"},
            topics=topic(load={"records": 1_000, "size": "1kB"}, retention="7d", partitions=12),
            workers={},
        )
        == []
    )


def test_the_default_retention_counts() -> None:
    [disk] = said(topics={"orders": {"partitions": 12, "load": {"records": 1_000}}}, workers={})
    assert "580Gi" in disk


@pytest.mark.parametrize("kept", [{"retentionSize": "100Mi"}, {"cleanup": "compact"}, {"retention": "forever"}])
def test_what_is_bounded_otherwise_or_not_at_all(kept: dict[str, object]) -> None:
    declared = {"partitions": 12, "load": {"records": 1_000}} | kept
    assert said(topics={"orders": declared}, workers={}) == []


def test_the_smallest_of_strimzis_brokers_counts() -> None:
    pools = {
        "small": {"nodes": 1, "roles": ["controller", "broker"], "storage": "10Gi"},
        "large": {"nodes": 2, "roles": ["controller", "broker"], "storage": "900Gi"},
    }
    [disk] = said(
        kafka={"engine": "strimzi", "pools": pools},
        topics={"orders": {"partitions": 12, "load": {"records": 1_000}}},
        workers={},
    )
    assert disk.startswith("kafka.pools.small: each broker has 10Gi")


def test_a_quota_below_the_load() -> None:
    tenants = {"shop": {"namespace": "shop", "quotas": {"consume": "10kB/s"}}}
    [quota] = said(tenants=tenants)
    assert quota.startswith("workers.enrich: its tenant's quotas.consume lets it read 0.03 MB/s of 3 brokers")
    assert quota.endswith("up to 0.048 MB/s: use at least 1MB/s")


def test_a_light_connector_is_a_reader_too() -> None:
    sink = {
        "hook": {
            "http": {"url": "https://hook.example.com/in"},
            "reads": ["orders"],
            "tenant": "shop",
            "scale": SCALE | {"max": 1, "min": 1},
        }
    }
    assert any(
        each.startswith("connectors.hook.scale.max: 1 pods handle 200") for each in said(workers={}, connectors=sink)
    )


def test_check_prints_it_and_still_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.sized.yaml"
    file.write_text(
        """
config:
  kafka-platform:platform:
    namespace: streaming
    kafka: {engine: embedded, nodes: 1, storage: 5Gi}
    topics: {orders: {partitions: 3, load: {records: 1000}}}
"""
    )
    assert main(["check", str(file)]) == 0
    assert "advice: kafka.storage: each broker has 5Gi, and keeps 570Gi" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("load", "fault"),
    [
        ({}, "topics.orders.load.records: missing: write a value for it"),
        ({"records": 0}, "topics.orders.load.records: 0.0 is out of range: use 0.001 to 1000000000"),
        ({"records": 1, "peak": 0.5}, "topics.orders.load.peak: 0.5 is out of range: use 1 to 1000"),
        (
            {"records": 1, "size": "unlimited"},
            "topics.orders.load.size: 'unlimited' is not a size: write one such as 1kB",
        ),
        ({"records": 1, "sizes": "1kB"}, "topics.orders.load.sizes: "),
    ],
)
def test_a_wrong_load_is_one_clear_error(load: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match="topics") as error:
        stack(topics={"orders": {"load": load}}, workers={})
    assert fault in str(error.value)
