"""DrainCleaner: the values of its chart, the graph that it makes, what it refuses, and its place in a stack."""

import re
from typing import Any

import pytest
from kafka_platform import DrainCleaner, DrainCleanerArgs
from kafka_platform.operators.drain_cleaner.spec import DRAIN_CLEANER_VERSION, DrainCleanerSpec, drain_cleaner_values

from infra.platform import Platform
from infra.settings.parsing import parse
from tests.unit.components.graph import Registered, run, value
from tests.unit.test_platform import KUBECONFIG, STRIMZI


def values(**changes: Any) -> dict[str, Any]:
    return drain_cleaner_values(DrainCleanerSpec(**({"namespace": "drains"} | changes)))


def test_its_certificate_is_that_of_cert_manager() -> None:
    assert values()["certManager"] == {"create": True}


def test_the_namespace_is_not_the_charts() -> None:
    assert values()["namespace"] == {"create": False, "name": "drains"}


def test_it_answers_while_its_own_machine_is_drained() -> None:
    found = values(replicas=3)
    assert (found["replicaCount"], found["podDisruptionBudget"]) == (3, {"create": True, "minAvailable": 1})
    assert found["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    # One that may not go would keep its machine from being drained at all.
    assert "podDisruptionBudget" not in values(replicas=1)


def test_it_may_do_nothing_to_its_machine() -> None:
    found = values()
    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    assert found["podSecurityContext"]["runAsNonRoot"] is True


def test_further_values_are_put_on_top() -> None:
    found = values(
        registry="registry.example.com", values={"webhook": {"failurePolicy": "Fail"}, "image": {"tag": "x"}}
    )
    assert found["webhook"] == {"failurePolicy": "Fail"}
    assert found["image"] == {"registry": "registry.example.com", "tag": "x"}


def test_the_graph() -> None:
    made: list[DrainCleaner] = []
    found = run(lambda: made.append(DrainCleaner("drains", DrainCleanerArgs())))
    assert set(found) - {"Stack project-stack"} == {
        "DrainCleaner drains",
        "Namespace drains-namespace",
        "Chart drains-chart",
    }
    chart = found["Chart drains-chart"].inputs
    assert (chart["chart"], chart["version"]) == (
        "oci://quay.io/strimzi-helm/strimzi-drain-cleaner",
        DRAIN_CLEANER_VERSION,
    )
    assert chart["values"]["namespace"]["name"] == chart["namespace"] == "strimzi-drain-cleaner"
    assert "DrainCleaner$" in found["Chart drains-chart"].urn
    assert value(made[0].namespace) == "strimzi-drain-cleaner"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"version": "1.4.0"},
            f"version: 1.4.0 is too old: use 1.5.0 or newer, such as {DRAIN_CLEANER_VERSION}",
        ),
        ({"replicas": 6}, "replicas: 6 is out of range: use 1 to 5"),
        ({"definitions": "crds.yaml"}, "definitions: the Drain Cleaner has no kinds of its own: remove the key"),
        (
            {"values": {"namespace": {"create": True}}},
            "values: namespace: it is said apart: remove the key, and write namespace and create_namespace",
        ),
    ],
)
def test_what_cannot_be_installed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DrainCleanerArgs(**changes)


def stack(**more: Any) -> dict[str, Registered]:
    kafka = {**STRIMZI["kafka"], "drainCleaner": True}
    return run(lambda: Platform(parse({**STRIMZI, "kafka": kafka, **more}), KUBECONFIG) and None)


def test_it_comes_with_a_stack_that_says_so() -> None:
    assert "Chart drain-cleaner-chart" not in stack()
    found = stack(drainCleaner={"install": True, "namespace": "drains"}, certManager={"install": True})
    assert found["Chart drain-cleaner-chart"].inputs["values"]["namespace"]["name"] == "drains"
    assert found["Chart cert-manager-chart"].inputs["namespace"] == "cert-manager"
    # cert-manager of the cluster does as well.
    assert "Chart cert-manager-chart" not in stack(drainCleaner={"install": True}, certManager={})
