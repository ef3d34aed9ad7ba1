"""A Kubernetes that is too old for a stack is refused before anything is changed, with the reason."""

import json
from typing import Any

import pytest

from infra.api_server import ApiServer
from infra.capabilities import needed_kubernetes, rendered
from infra.capabilities.capability import LeastKubernetes
from infra.check import STACKS
from infra.kubernetes_version import check_version
from infra.platform import Platform
from infra.settings.parsing import parse
from infra.settings.stackfile import stack_names
from tests.unit.components.graph import run
from tests.unit.settings.test_rendered import POOLS, STACKS_OF_TESTS, settings_of
from tests.unit.test_api_server import Server, server

__all__ = ["server"]

LEAST = {"podFailurePolicy": 26, "pod-index": 28, "preStop": 30, "kafka.strimzi.io/v1": 30}
"""What manifests have that an older Kubernetes does not know, by the text that shows it."""
EXTERNAL: dict[str, Any] = {"engine": "external", "bootstrapServers": "kafka.example.com:9093"}
WORKER = {"image": "a:1", "tenant": "shop", "writes": ["orders"]}
MADE_FOR: dict[str, tuple[dict[str, Any], int]] = {
    "an external Kafka alone": ({"kafka": EXTERNAL, "gateway": {}}, 0),
    "an external Kafka's topics": ({"kafka": EXTERNAL | {"adminSecret": "admin"}}, 26),
    "embedded brokers": ({"kafka": {}}, 28),
    "Strimzi": ({"kafka": {"engine": "strimzi", "pools": POOLS}}, 30),
    "a worker without ports": ({"workers": {"w": WORKER}}, 28),
    "a worker with ports": ({"workers": {"w": WORKER | {"ports": {"http": 8080}}}}, 30),
    "a worker that stops by a command": (
        {"workers": {"w": WORKER | {"ports": {"http": 8080}, "stopCommand": ["/stop"]}}},
        28,
    ),
}


def needed(settings: Any) -> int:
    return max((each.minor for each in needed_kubernetes(settings)), default=0)


@pytest.mark.parametrize("what", MADE_FOR)
def test_each_part_says_what_it_needs(what: str) -> None:
    declared, least = MADE_FOR[what]
    common: dict[str, Any] = {"topics": {"orders": {}}, "tenants": {"shop": {}}} if "external" not in what else {}
    assert needed(parse(common | declared)) == least


@pytest.mark.parametrize("stack", [*stack_names(STACKS), *STACKS_OF_TESTS])
def test_nothing_is_rendered_that_the_least_version_does_not_know(stack: str) -> None:
    settings = settings_of(stack)
    for each in rendered(settings):
        manifest = json.dumps(each.object.manifest, default=repr)
        for text, least in LEAST.items():
            assert text not in manifest or needed(settings) >= least, f"{each.name}: {text}"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ({"major": "1", "minor": "34"}, (1, 34)),
        ({"major": "1", "minor": "30+", "gitVersion": "v1.30.3-eks-a"}, (1, 30)),
        ({"major": "", "minor": ""}, None),
        ({}, None),
    ],
)
def test_the_version_is_what_the_api_server_says(server: Server, said: dict[str, str], version: Any) -> None:
    server.answers["/version"] = (200, said)
    assert ApiServer(str(server.kubeconfig), None).version() == version


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_who_is_not_told_the_version_is_not_refused(server: Server, status: int) -> None:
    server.answers["/version"] = (status, {"message": "no"})
    version = ApiServer(str(server.kubeconfig), None).version()
    assert version is None
    check_version(version, [LeastKubernetes(minor=28, because="it is so")])


@pytest.mark.parametrize(("version", "refused"), [((1, 27), True), ((1, 28), False), ((1, 34), False), ((2, 0), False)])
def test_an_older_one_is_refused_with_the_reason(version: tuple[int, int], refused: bool) -> None:
    needs = [LeastKubernetes(minor=26, because="of Jobs"), LeastKubernetes(minor=28, because="brokers want it")]
    if not refused:
        check_version(version, needs)
        return
    with pytest.raises(
        ValueError, match=r"^kubernetes: the cluster has Kubernetes 1\.27, and this stack needs 1\.28 or newer"
    ):
        check_version(version, needs)


def test_a_stack_makes_nothing_in_a_cluster_that_is_too_old(server: Server) -> None:
    server.answers["/version"] = (200, {"major": "1", "minor": "27"})
    settings = parse({"kafka": {"nodes": 3}, "kubernetes": {"kubeconfig": str(server.kubeconfig)}})
    refused: list[ValueError] = []

    def program() -> None:
        try:
            Platform(settings, {}, deploys=True)
        except ValueError as error:
            refused.append(error)

    assert run(program) == {}
    assert server.asked == ["/version"]
    assert [str(each) for each in refused] == [
        "kubernetes: the cluster has Kubernetes 1.27, and this stack needs 1.28 or newer, as brokers get their number from "
        "the label pod-index: upgrade the cluster, or name another one"
    ]
