"""KedaOperator: the values of its chart, the graph that it makes, what it refuses."""

import re
from typing import Any

import pytest
from kafka_platform import KedaOperator, KedaOperatorArgs
from kafka_platform.operators.keda.spec import VERSION, KedaSpec, chart_values

from tests.unit.components.graph import run, value


def values(**changes: Any) -> dict[str, Any]:
    return chart_values(KedaSpec(**changes))


def test_the_chart_never_has_the_definitions() -> None:
    assert values()["crds"] == {"install": False}


def test_every_part_has_the_replicas_and_a_budget() -> None:
    found = values(replicas=3)
    assert [found[part]["replicaCount"] for part in ("operator", "metricsServer", "webhooks")] == [3, 3, 3]
    assert found["podDisruptionBudget"]["operator"] == {"maxUnavailable": 1}
    assert "podDisruptionBudget" not in values(replicas=1)


def test_further_values_are_put_on_top() -> None:
    found = values(
        registry="registry.example.com",
        values={"operator": {"affinity": {"a": 1}}, "webhooks": {"replicaCount": 1}, "logging": {"x": 1}},
    )
    assert found["operator"] == {"replicaCount": 2, "affinity": {"a": 1}}
    assert found["webhooks"] == {"replicaCount": 1}
    assert found["logging"] == {"x": 1}
    assert found["global"] == {"image": {"registry": "registry.example.com"}}


def test_the_graph() -> None:
    made: list[KedaOperator] = []
    found = run(lambda: made.append(KedaOperator("keda", KedaOperatorArgs())))
    assert set(found) - {"Stack project-stack"} == {
        "KedaOperator keda",
        "ConfigFile keda-definitions",
        "Namespace keda-namespace",
        "Chart keda-chart",
    }
    chart = found["Chart keda-chart"].inputs
    assert {key: chart[key] for key in ("name", "chart", "version", "namespace", "repositoryOpts")} == {
        "name": "keda",
        "chart": "keda",
        "version": VERSION,
        "namespace": "keda",
        "repositoryOpts": {"repo": "https://kedacore.github.io/charts"},
    }
    assert chart["values"]["crds"] == {"install": False}
    assert found["ConfigFile keda-definitions"].inputs["file"] == (
        f"https://github.com/kedacore/keda/releases/download/v{VERSION}/keda-{VERSION}-crds.yaml"
    )
    assert {name for name, each in found.items() if each.retained} == {"ConfigFile keda-definitions"}
    assert all("KedaOperator$" in found[each].urn for each in found if each.endswith(("chart", "definitions")))
    assert value(made[0].namespace) == "keda"


def test_a_namespace_that_is_there_is_not_made() -> None:
    args = KedaOperatorArgs(
        namespace="scaling", create_namespace=False, definitions="https://mirror.example.com/crds.yaml"
    )
    found = run(lambda: KedaOperator("keda", args))
    assert "Namespace keda-namespace" not in found
    assert found["Chart keda-chart"].inputs["namespace"] == "scaling"
    assert found["ConfigFile keda-definitions"].inputs["file"] == "https://mirror.example.com/crds.yaml"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "latest"}, f"version: 'latest' is not a version of KEDA: write three numbers, such as {VERSION}"),
        ({"version": "2.16.1"}, f"version: 2.16.1 is too old: use 2.17.0 or newer, such as {VERSION}"),
        ({"replicas": 0}, "replicas: 0 is out of range: use 1 to 5"),
        ({"registry": "a b"}, "registry: 'a b' is not a registry: write one such as registry.example.com"),
        (
            {"values": {"crds": {"install": True}}},
            "values: crds: the chart would delete every ScaledObject when it goes: remove the key, the definitions are kept",
        ),
    ],
)
def test_what_cannot_be_installed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        KedaOperatorArgs(**changes)


def test_a_namespace_has_a_name_that_kubernetes_takes() -> None:
    with pytest.raises(ValueError, match=r"^namespace: "):
        KedaOperatorArgs(namespace="Keda")
