"""What the program renders keeps to the rules that stack files do not decide on."""

from typing import Any

import pytest

from infra.platform import Platform
from infra.reading.kinds import KINDS
from infra.rules import RULES, Resource
from infra.settings.parsing import parse
from tests.unit.components.graph import run
from tests.unit.settings.test_policies import GOOD

KUBECONFIG = {"KUBECONFIG": "/home/somebody/.kube/config"}
WORKER: dict[str, Any] = {
    "image": "ghcr.io/acme/fraud-check:1.8.2",
    "tenant": "shop",
    "reads": ["orders"],
    "scale": {"recordsPerSecondPerPod": 400, "acceptableDelay": "10s"},
}
EXPOSED = {"tls": {"certificate": "gateway-tls"}, "pods": {"min": 2, "max": 6}, "expose": {"nodePort": 30080}}


@pytest.mark.parametrize("gateway", [{}, EXPOSED, {"expose": {"ingressClass": "nginx", "host": "a.example.com"}}])
def test_a_production_platform_breaks_no_rule(gateway: dict[str, Any]) -> None:
    others = {"gateway": gateway, "probe": {"gate": True}, "keda": {}, "workers": {"fraud-check": WORKER}}
    found = run(lambda: Platform(parse(GOOD | others), KUBECONFIG))
    resources = [
        Resource(
            type=each.urn.split("::")[2].rpartition("$")[2],
            properties=each.inputs,
            name=each.name,
            ignored=each.ignored,
        )
        for each in found.values()
    ]
    assert [message for rule in RULES for _, message in rule.check(resources)] == []
    # What is known of a kind is known of what is rendered: group and version are those of its record.
    assert {each.type for each in resources if each.kind in KINDS and each.record.type != each.type} == set()
