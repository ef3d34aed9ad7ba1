"""CertManager: the values of its chart, the graph that it makes, what it refuses."""

import re
from typing import Any

import pytest
from kafka_platform import CertManager, CertManagerArgs
from kafka_platform.operators.cert_manager.spec import CERT_MANAGER_VERSION, CertManagerSpec, cert_manager_values

from tests.unit.components.graph import run, value


def values(**changes: Any) -> dict[str, Any]:
    return cert_manager_values(CertManagerSpec(**changes))


def test_the_chart_has_neither_the_definitions_nor_a_hook() -> None:
    assert values()["crds"] == {"enabled": False}
    assert values()["startupapicheck"] == {"enabled": False}


def test_every_part_has_the_replicas_and_a_budget() -> None:
    found = values(replicas=3)
    for part in (found, found["webhook"], found["cainjector"]):
        assert (part["replicaCount"], part["podDisruptionBudget"]) == (3, {"enabled": True})
    alone = values(replicas=1)
    assert not [part for part in (alone, alone["webhook"], alone["cainjector"]) if "podDisruptionBudget" in part]


def test_it_elects_its_leader_at_home() -> None:
    assert values(namespace="pki")["global"]["leaderElection"] == {"namespace": "pki"}


def test_further_values_are_put_on_top() -> None:
    found = values(registry="registry.example.com", values={"webhook": {"hostNetwork": True}, "replicaCount": 1})
    assert found["imageRegistry"] == "registry.example.com"
    assert found["webhook"] == {"hostNetwork": True, "podDisruptionBudget": {"enabled": True}, "replicaCount": 2}
    assert found["replicaCount"] == 1


def test_the_graph() -> None:
    made: list[CertManager] = []
    found = run(lambda: made.append(CertManager("certificates", CertManagerArgs())))
    assert set(found) - {"Stack project-stack"} == {
        "CertManager certificates",
        "ConfigFile certificates-definitions",
        "Namespace certificates-namespace",
        "Chart certificates-chart",
    }
    chart = found["Chart certificates-chart"].inputs
    assert {key: chart[key] for key in ("name", "chart", "version", "namespace", "skipCrds")} == {
        "name": "cert-manager",
        "chart": "oci://quay.io/jetstack/charts/cert-manager",
        "version": f"v{CERT_MANAGER_VERSION}",
        "namespace": "cert-manager",
        "skipCrds": True,
    }
    assert found["ConfigFile certificates-definitions"].inputs["file"] == (
        f"https://github.com/cert-manager/cert-manager/releases/download/v{CERT_MANAGER_VERSION}/cert-manager.crds.yaml"
    )
    # Every Certificate of the Kubernetes cluster would go with them.
    assert {name for name, each in found.items() if each.retained} == {"ConfigFile certificates-definitions"}
    assert all("CertManager$" in found[each].urn for each in found if each.endswith(("chart", "definitions")))
    assert value(made[0].namespace) == "cert-manager"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"version": "v1.21.1"},
            f"version: 'v1.21.1' is not a version of cert-manager: write three numbers, such as {CERT_MANAGER_VERSION}",
        ),
        (
            {"version": "1.19.2"},
            f"version: 1.19.2 is too old: use 1.20.0 or newer, such as {CERT_MANAGER_VERSION}",
        ),
        ({"replicas": 0}, "replicas: 0 is out of range: use 1 to 5"),
        ({"registry": "a b"}, "registry: 'a b' is not a registry: write one such as registry.example.com"),
        (
            {"values": {"installCRDs": True}},
            "values: installCRDs: the chart would delete every Certificate when it goes: remove the key, the definitions are kept",
        ),
    ],
)
def test_what_cannot_be_installed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CertManagerArgs(**changes)
