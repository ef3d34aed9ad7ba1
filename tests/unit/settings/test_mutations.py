"""Thousands of files that somebody got wrong at random: each is answered in full, or can be deployed as it is."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import kafka_platform
import pytest

from infra.capabilities import operators, rendered
from infra.check import STACKS
from infra.platform import Platform
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import parse
from infra.settings.stackfile import read
from tests.tiers import IS_LONG
from tests.unit.components.graph import run

VALUES: list[Any] = [
    None, True, False, 0, 1, 2, 3, -1, 7.5, 10**20, "", "orders", "a b", "7d", "10Gi", "20MB/s", "*", "yes", "4.3.1",
    "compact", "allow", "external", "UPPER", "x" * 300, "é", [], ["orders"], ["nope"], [1], [[]], {}, {"a": 1}, {"": None},
]  # fmt: skip
KEYS = ["nodez", "nodes", "replicas", "Topics", "min_insync_replicas", "", "a.b", "orders", "retention", "é", "x" * 300]


def containers(node: Any) -> Iterator[dict[str, Any] | list[Any]]:
    if isinstance(node, dict | list):
        yield node
        for each in node.values() if isinstance(node, dict) else node:
            yield from containers(each)


def mutated(platform: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    made = copy.deepcopy(platform)
    for _ in range(chance.randint(1, 4)):
        place = chance.choice([each for each in containers(made) if each] or [made])
        value = copy.deepcopy(chance.choice(VALUES))
        if isinstance(place, list):
            place[chance.randrange(len(place))] = value
            continue
        key = chance.choice(list(place)) if place else "kafka"
        action = chance.randrange(4)
        if action == 0:
            place.pop(key, None)
        elif action == 1:
            place[key] = value
        elif action == 2:
            place[chance.choice(KEYS)] = place.pop(key, None)
        else:
            place[chance.choice(KEYS)] = value
    return made


def deploy(settings: Settings, *, whole: bool) -> None:
    """What the program does with settings without a fault: nothing of it may raise.

    The `whole` program takes a tenth of a second.
    """
    assert list(rendered(settings))
    for each in operators.INSTALLED:
        operator = each.section(settings)
        if operator is not None and operator.install:
            operators.operator_args(getattr(kafka_platform, f"{each.component}Args"), operator)
    if whole:
        run(lambda: Platform(settings, {"KUBECONFIG": "/home/somebody/.kube/config"}) and None)


def answered(content: dict[str, Any]) -> tuple[Settings | None, list[str]]:
    try:
        return parse(content), []
    except SettingsError as error:
        return None, [str(fault) for fault in error.faults]


WORKERS: dict[str, Any] = {
    "keda": {},
    "workers": {
        "fraud-check": {
            "image": "ghcr.io/acme/fraud-check:1.8.2",
            "tenant": "shop",
            "reads": ["orders", "customers"],
            "writes": ["metrics"],
            "scale": {
                "min": 0,
                "max": 6,
                "recordsPerSecondPerPod": 400,
                "acceptableDelay": "10s",
                "cpu": {"percent": 80},
                "cron": [{"start": "0 7 * * *", "end": "0 19 * * *", "pods": 2}],
            },
            "partitioning": {"by": "roundRobin"},
            "assignment": "range",
            "offsetReset": "latest",
            "environment": {"LEVEL": "info"},
            "consumerConfig": {"max.poll.interval.ms": 600000},
            "probes": {"liveness": {"path": "/healthz", "port": 8080}},
            "ports": {"http": 8080},
            "egress": [{"ports": [5432], "namespace": "db"}],
        },
        "reports": {
            "image": "reports:1",
            "tenant": "monitoring",
            "reads": ["metrics"],
            "user": "metrics-reader",
            "group": "monitoring-reports",
            "replicas": 2,
            "scratch": {"/tmp": "1Gi"},
        },
    },
}


INSTALLED: dict[str, Any] = {
    "strimzi": {"install": True, "watchNamespaces": ["streaming"]},
    "drainCleaner": {"install": True, "version": "1.6.0"},
    "certManager": {"install": True, "values": {"webhook": {"hostNetwork": True}}},
    "prometheus": {"install": True, "retention": "30d", "storage": "100Gi", "storageClass": "fast"},
    "keda": {"install": True, "registry": "registry.example.com", "replicas": 3},
}
EXTENDED = {"workers": ("ci", WORKERS), "operators": ("prod", INSTALLED)}


@pytest.mark.parametrize("stack", ["dev", "ci", "prod", "workers", "operators"])
@pytest.mark.parametrize("seed", range(20 if IS_LONG else 5))
def test_mutations(stack: str, seed: int) -> None:
    file, more = EXTENDED.get(stack, (stack, {}))
    platform = read(STACKS / f"Pulumi.{file}.yaml") | more
    chance = random.Random(f"{stack}{seed}")
    deployed = 0
    for _ in range(100):
        content = mutated(platform, chance)
        settings, lines = answered(content)
        for line in lines:
            assert line.count(": ") >= 2, (line, content)
            assert "\n" not in line, content
        if settings is None:
            assert lines, content
        else:
            deploy(settings, whole=deployed < 3)
            deployed += 1
    assert deployed
