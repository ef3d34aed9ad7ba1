"""StrimziOperator: the values of its chart, the graph that it makes, what it refuses."""

from typing import Any

import pytest
from kafka_platform import StrimziOperator, StrimziOperatorArgs
from kafka_platform.kube.operated import STRIMZI_VERSION
from kafka_platform.operators.strimzi.spec import StrimziOperatorSpec, strimzi_chart_values

from infra.platform import Platform
from infra.settings.parsing import parse
from tests.unit.components.graph import run, value
from tests.unit.test_platform import KUBECONFIG, STRIMZI


def values(**changes: Any) -> dict[str, Any]:
    return strimzi_chart_values(StrimziOperatorSpec(**changes))


def test_all_namespaces_are_watched_unless_some_are_named() -> None:
    assert values()["watchAnyNamespace"] is True
    found = values(watch_namespaces=["streaming", "strimzi"])
    # Its own it watches in any case: the chart fails when that is named.
    assert found["watchNamespaces"] == ["streaming"]
    assert "watchAnyNamespace" not in found


def test_further_values_are_put_on_top() -> None:
    found = values(registry="registry.example.com", values={"replicas": 3, "podDisruptionBudget": {"enabled": False}})
    assert (found["replicas"], found["defaultImageRegistry"]) == (3, "registry.example.com")
    assert found["podDisruptionBudget"]["enabled"] is False
    assert "podDisruptionBudget" not in values(replicas=1)


def test_the_graph() -> None:
    made: list[StrimziOperator] = []
    found = run(lambda: made.append(StrimziOperator("strimzi", StrimziOperatorArgs())))
    assert set(found) - {"Stack project-stack"} == {
        "StrimziOperator strimzi",
        "ConfigFile strimzi-definitions",
        "Namespace strimzi-namespace",
        "Chart strimzi-chart",
    }
    chart = found["Chart strimzi-chart"].inputs
    assert chart["chart"] == "oci://quay.io/strimzi-helm/strimzi-kafka-operator"
    assert (chart["version"], chart["namespace"], chart["skipCrds"]) == (STRIMZI_VERSION, "strimzi", True)
    # Every Kafka of the Kubernetes cluster would go with them.
    assert {name for name, each in found.items() if each.retained} == {"ConfigFile strimzi-definitions"}
    assert STRIMZI_VERSION in found["ConfigFile strimzi-definitions"].inputs["file"]
    assert value(made[0].namespace) == "strimzi"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicas": 0}, "replicas: 0 is out of range: use 1 to 5"),
        ({"registry": "a b"}, "registry: 'a b' is not a registry: write one such as registry.example.com"),
        ({"namespace": "Strimzi"}, "namespace: 'Strimzi' is not a Kubernetes namespace"),
        ({"watch_namespaces": ["A"]}, "watch_namespaces: 'A' is not a Kubernetes namespace"),
    ],
)
def test_what_cannot_be_installed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        StrimziOperatorArgs(**changes)


def test_it_comes_with_a_stack_that_says_so() -> None:
    settings = parse({**STRIMZI, "strimzi": {"install": True, "watchNamespaces": ["streaming"]}})
    found = run(lambda: Platform(settings, KUBECONFIG) and None)
    assert found["Chart strimzi-chart"].inputs["values"]["watchNamespaces"] == ["streaming"]
    assert "Chart strimzi-chart" not in run(lambda: Platform(parse(STRIMZI), KUBECONFIG) and None)
