"""`python -m infra size`: what a load needs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import yaml
from kafka_platform.values.units import seconds

from infra.sizing.formulas import (
    FILLED,
    USED,
    Brokers,
    Demand,
    Machine,
    Pods,
    brokers_for,
    gateway_cores,
    gateway_pods,
    partitions_for,
    pods_of_reader,
)
from infra.sizing.text import counted, rate, storage

MOST_PARTITIONS = 10_000
"""More than a topic can have: its load has to be divided."""
MOST_BROKERS = 1_000
"""More than any Kafka that is known of has: one controller has to follow them all."""
_TOPIC, _READER = "records", "reader"


class Format(Enum):
    """How the result is printed."""

    TABLE = "table"
    YAML = "yaml"
    """As a part of a stack file."""
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class Sized:
    """What the load needs."""

    partitions: int
    because: str
    brokers: Brokers | None
    pods: Pods | None
    gateway_cores: float
    gateway_pods: int


def sized(demand: Demand, machine: Machine, partitions: int | None = None) -> Sized:
    """What it needs. Raises `ValueError` for more than one topic, or one Kafka, can do.

    Args:
        demand: the load.
        machine: what each broker has.
        partitions: of the topic; None: as many as it needs.
    """
    needed, because = partitions_for(demand)
    if needed > MOST_PARTITIONS:
        raise ValueError(
            f"{needed:,} partitions are needed, and a topic has at most {MOST_PARTITIONS:,}: divide the load"
        )
    if partitions is not None and partitions < needed:
        raise ValueError(f"--partitions {partitions}: {because}: use at least {needed}")
    chosen = needed if partitions is None else partitions
    brokers = brokers_for(demand, machine, chosen)
    if brokers is not None and brokers.count > MOST_BROKERS:
        raise ValueError(f"{brokers.count:,} brokers are needed: divide the load, or give each more {brokers.because}")
    cores = gateway_cores(demand)
    return Sized(
        partitions=chosen,
        because=because if partitions is None else "as asked for",
        brokers=brokers,
        pods=pods_of_reader(demand),
        gateway_cores=cores,
        gateway_pods=gateway_pods(cores) if cores else 0,
    )


def size(demand: Demand, machine: Machine, partitions: int | None, texts: dict[str, str], form: Format) -> int:
    """Prints what the load needs.

    Args:
        demand: the load.
        machine: what each broker has.
        partitions: of the topic; None: as many as it needs.
        texts: `size`, `retention` and `delay` as they were written.
        form: how it is printed.

    Returns:
        1 if it cannot be had, otherwise 0.
    """
    try:
        found = sized(demand, machine, partitions)
    except ValueError as error:
        print(error)
        return 1
    if form is Format.JSON:
        print(json.dumps({"version": 1, **asdict(found)}, indent=2))
    elif form is Format.YAML:
        print(yaml.safe_dump(fragment(found, demand, texts), sort_keys=False), end="")
    else:
        print(_table(_rows(found, demand, machine, texts["delay"])))
    return 0


def fragment(found: Sized, demand: Demand, texts: dict[str, str]) -> dict[str, Any]:
    """The part of a stack file below `kafka-platform:platform`, to be completed by namespace, tenants and images."""
    made: dict[str, Any] = {}
    brokers = found.brokers
    if brokers is not None:
        cores = max(0.5, math.ceil(brokers.cores / USED * 10) / 10)
        made["kafka"] = {
            "engine": "embedded",
            "nodes": brokers.count,
            "storage": storage(max(brokers.disk, 2**30)),
            "resources": {"cpu": f"{cores:g}"},
        }
    load = {"records": demand.records, "size": texts["size"], "peak": demand.peak}
    topic = {"partitions": found.partitions, "retention": texts["retention"], "load": load}
    made["topics"] = {_TOPIC: topic}
    if found.gateway_pods:
        made["gateway"] = {"pods": {"min": found.gateway_pods}, "resources": {"cpu": "1"}}
    if found.pods is not None:
        scale = {"min": found.pods.min, "recordsPerSecondPerPod": demand.per_pod, "acceptableDelay": texts["delay"]}
        made["workers"] = {_READER: {"reads": [_TOPIC], "scale": scale}}
    return made


def _rows(found: Sized, demand: Demand, machine: Machine, delay: str) -> Sequence[tuple[str, str, str]]:
    rows = [("partitions", f"{found.partitions:,}", found.because)]
    brokers = found.brokers
    if brokers is None:
        rows.append(("brokers", "-", "records are kept for ever: their number grows with the data, so plan for a time"))
    else:
        reasons = {
            "replicas": counted(demand.replicas, "copy"),
            "disk": f"a broker has {storage(machine.disk)} of disk",
            "network": f"a broker has {rate(machine.network * USED)} of network to use, one may be down",
            "cores": f"a broker has {machine.cores * USED:.2g} cores to use, one may be down",
        }
        rows += [
            ("brokers", f"{brokers.count:,}", reasons[brokers.because]),
            ("  disk each", storage(brokers.disk), f"records, and a segment of each partition; {FILLED:.0%} full"),
            ("  receives", rate(brokers.inbound), "at the highest load, with one broker down"),
            ("  sends", rate(brokers.outbound), "to followers and readers"),
            ("  uses", f"{max(brokers.cores, 0.1):.1f} cores", "of those, at the highest load"),
        ]
    pods = found.pods
    if pods is not None:
        rows += [
            ("reader's pods", f"{pods.average:,} to {pods.most:,}", "on average, and at the highest load"),
            ("  min", f"{pods.min:,}", f"so that no record waits longer than {delay} when the load rises at once"),
        ]
    if found.gateway_pods:
        rows.append(
            (
                "gateway's pods",
                f"{found.gateway_pods:,}",
                f"{max(found.gateway_cores, 0.1):.1f} cores, one pod may be down",
            )
        )
    return rows


def _table(rows: Sequence[tuple[str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:<{widths[0]}}  {value:>{widths[1]}}  {why}".rstrip() for name, value, why in rows)


def kept_for(text: str) -> float | None:
    """The seconds of a retention; None: for ever."""
    found = seconds(text)
    return None if found < 0 else found
