"""What a stack decides about pods holds for every pod that it renders, and no pod is refused for a container without limits."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.capabilities import rendered
from infra.settings.parsing import parse
from tests.unit.settings.test_rendered import COMMON, PODS, STACKS_OF_TESTS

LIMITED: dict[str, Any] = {
    "gateway": {"resources": {"cpuLimit": "1"}},
    "probe": {"gate": True, "resources": {"cpuLimit": "1"}},
    "registry": {"resources": {"cpuLimit": "1"}},
    "connect": {"resources": {"cpuLimit": "1"}},
    "storage": {"install": True, "resources": {"cpuLimit": "1"}},
    "query": {"resources": {"cpuLimit": "1"}},
    "logs": COMMON["logs"] | {"resources": {"cpuLimit": "1"}},
    "streams": {
        "minutes": COMMON["streams"]["minutes"] | {"resources": {"cpuLimit": "1"}, "manager": {"cpuLimit": "1"}}
    },
}
"""Sections in which people give every limit of processors that they can."""
ON_EVERY_MACHINE = "DaemonSet log-collector"
"""Lines are written on machines with any taint, and only root reads them, whatever a stack says of pods."""
STRIMZI_TEMPLATES = (
    ("KafkaNodePool", ("spec", "template", "pod")),
    ("Kafka", ("spec", "entityOperator", "template", "pod")),
    ("Kafka", ("spec", "cruiseControl", "template", "pod")),
    ("Kafka", ("spec", "kafkaExporter", "template", "pod")),
)


def manifests(stack: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each.object.manifest for each in rendered(parse(stack))]


def templates(found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod template of Kubernetes' own kinds: whatever has containers, wherever that is in a manifest."""
    for manifest in found:
        component = manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        waiting: list[Any] = [manifest]
        while waiting:
            node = waiting.pop()
            if isinstance(node, dict):
                if "containers" in (node.get("spec") or {}):
                    yield f"{manifest['kind']} {component}", node
                waiting += node.values()
            elif isinstance(node, list):
                waiting += node


def strimzi_templates(found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, path in STRIMZI_TEMPLATES:
        for manifest in found:
            node: Any = manifest
            if manifest["kind"] == kind and path[1] in manifest["spec"]:
                for key in path:
                    node = node[key]
                yield f"{kind} {path[1]}", node


def declared(stack: str, **more: Any) -> dict[str, Any]:
    return STACKS_OF_TESTS[stack] | more


TOLERATIONS = [
    {"key": "dedicated", "operator": "Equal", "value": "kafka", "effect": "NoSchedule"},
    {"key": "spot", "operator": "Exists"},
]


@pytest.mark.parametrize("stack", STACKS_OF_TESTS)
def test_every_pod_of_a_stack_is_as_its_file_says(stack: str) -> None:
    found = dict(templates(manifests(declared(stack))))
    assert set(found) >= {"StatefulSet gateway", "Deployment latency-probe", "Job latency-gate", "Deployment worker"}
    if stack != "strimzi":
        assert "Job provisioner" in found
    if stack == "embedded":
        assert "StatefulSet broker" in found
    for where, template in templates(manifests(declared(stack))):
        metadata, spec = template["metadata"], template["spec"]
        assert PODS["labels"].items() <= metadata["labels"].items(), where
        assert PODS["annotations"].items() <= metadata["annotations"].items(), where
        assert spec["imagePullSecrets"] == [{"name": "registry"}], where
        assert spec["nodeSelector"] == {"pool": "kafka"}, where
        assert spec["priorityClassName"] == "high", where
        if where == ON_EVERY_MACHINE:
            assert spec["tolerations"] == [{"operator": "Exists"}]
            assert spec["securityContext"]["runAsUser"] == 0
            continue
        assert spec["tolerations"] == TOLERATIONS, where
        assert not spec["securityContext"].keys() & {"runAsUser", "runAsGroup", "fsGroup"}, where
        assert spec["securityContext"]["runAsNonRoot"] is True, where


def test_every_pod_that_strimzi_makes_is_as_the_file_says() -> None:
    kafka = STACKS_OF_TESTS["strimzi"]["kafka"] | {"exporter": True}
    found = list(strimzi_templates(manifests(declared("strimzi", kafka=kafka, exporter={"enabled": False}))))
    assert {where for where, _ in found} == {f"{kind} {path[1]}" for kind, path in STRIMZI_TEMPLATES}
    for where, pod in found:
        assert pod["metadata"] == {"annotations": PODS["annotations"], "labels": PODS["labels"]}, where
        assert pod["imagePullSecrets"] == [{"name": "registry"}], where
        assert pod["tolerations"] == TOLERATIONS, where
        [terms] = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert terms["matchExpressions"] == [{"key": "pool", "operator": "In", "values": ["kafka"]}], where
        assert pod["priorityClassName"] == "high", where


@pytest.mark.parametrize("stack", STACKS_OF_TESTS)
def test_without_the_section_pods_say_nothing_of_it(stack: str) -> None:
    found = manifests({key: value for key, value in STACKS_OF_TESTS[stack].items() if key != "podSettings"})
    for where, template in templates(found):
        if where == ON_EVERY_MACHINE:
            continue
        assert not template["spec"].keys() & {"imagePullSecrets", "tolerations", "nodeSelector", "priorityClassName"}, (
            where
        )
        assert template["spec"]["securityContext"]["runAsUser"] == 1000, where


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("StatefulSet broker", lambda own: {"kafka": {"podSettings": own}}),
        ("StatefulSet gateway", lambda own: {"gateway": {"podSettings": own}}),
        ("Deployment latency-probe", lambda own: {"probe": {"podSettings": own}}),
        ("Job latency-gate", lambda own: {"probe": {"gate": True, "podSettings": own}}),
        (
            "Deployment worker",
            lambda own: {"workers": {"w": {"image": "a:1", "tenant": "shop", "reads": ["orders"], "podSettings": own}}},
        ),
    ],
)
def test_a_section_adds_to_what_holds_for_all_and_wins(where: str, change: Any) -> None:
    own = {
        "pullSecrets": ["own", "registry"],
        "nodeLabels": {"pool": "other", "disk": "ssd"},
        "tolerations": [{"key": "gpu"}],
        "priorityClass": "low",
        "runAs": "image",
        "labels": {"example.com/cost": "own"},
    }
    stack = {key: STACKS_OF_TESTS["embedded"][key] for key in ("topics", "tenants", "podSettings")}
    found = dict(templates(manifests(stack | change(own))))
    template = found.pop(where)
    spec = template["spec"]
    assert spec["imagePullSecrets"] == [{"name": "registry"}, {"name": "own"}]
    assert spec["nodeSelector"] == {"disk": "ssd", "pool": "other"}
    assert [each["key"] for each in spec["tolerations"]] == ["dedicated", "spot", "gpu"]
    assert spec["priorityClassName"] == "low"
    assert spec["securityContext"]["runAsUser"] == 1000
    assert template["metadata"]["labels"]["example.com/cost"] == "own"
    assert template["metadata"]["annotations"]["example.com/scrape"] == "false"
    others = {name: each for name, each in found.items() if not (where == "Job latency-gate" and "probe" in name)}
    assert {each["spec"]["priorityClassName"] for each in others.values()} == {"high"}


def test_a_worker_with_a_user_id_of_its_own_keeps_it_where_the_cluster_decides() -> None:
    worker = {"image": "a:1", "tenant": "shop", "reads": ["orders"], "runAs": 4711, "pullSecrets": ["team"]}
    found = dict(templates(manifests(declared("embedded", workers={"w": worker}, exporter={}))))
    spec = found["Deployment worker"]["spec"]
    assert {spec["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {4711}
    assert spec["imagePullSecrets"] == [{"name": "registry"}, {"name": "team"}]


@pytest.mark.parametrize("stack", STACKS_OF_TESTS)
def test_nothing_is_injected_into_the_pods_of_a_job(stack: str) -> None:
    asked = PODS | {"labels": {"sidecar.istio.io/inject": "true"}, "annotations": {"linkerd.io/inject": "enabled"}}
    for where, template in templates(manifests(declared(stack, podSettings=asked))):
        metadata, is_job = template["metadata"], where.startswith("Job ")
        assert metadata["labels"]["sidecar.istio.io/inject"] == ("false" if is_job else "true"), where
        assert metadata["annotations"]["linkerd.io/inject"] == ("disabled" if is_job else "enabled"), where
        if is_job:
            assert metadata["annotations"]["sidecar.istio.io/inject"] == "false", where


def limits_of(found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What every container requests and may use, also those that Strimzi makes."""
    for where, template in templates(found):
        for kind in ("initContainers", "containers"):
            for container in template["spec"].get(kind, []):
                yield f"{where} {container['name']}", container["resources"]
    for manifest in found:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "KafkaNodePool":
            yield "pool", spec["resources"]
        if manifest["kind"] == "Kafka":
            yield "topic operator", spec["entityOperator"]["topicOperator"]["resources"]
            yield "user operator", spec["entityOperator"]["userOperator"]["resources"]
            yield "exporter", spec["kafkaExporter"]["resources"]
            yield "cruise control", spec["cruiseControl"]["resources"]


@pytest.mark.parametrize("stack", STACKS_OF_TESTS)
def test_where_every_limit_is_given_a_quota_finds_one_in_every_container(stack: str) -> None:
    limit = {"cpu": "1", "cpuLimit": "2", "memory": "2Gi"}
    kafka = dict(STACKS_OF_TESTS[stack].get("kafka", {}))
    if stack in ("embedded", "server"):
        kafka["resources"] = limit
    if stack == "strimzi":
        pools = {name: pool | {"resources": limit} for name, pool in kafka["pools"].items()}
        kafka |= {"pools": pools, "exporter": True, "balance": {"resources": limit}}
    workers = {
        name: worker | {"resources": {"cpuLimit": "1"}} for name, worker in STACKS_OF_TESTS[stack]["workers"].items()
    }
    more = {"kafka": kafka, "workers": workers}
    if stack == "strimzi":
        more["exporter"] = {"enabled": False}  # Strimzi's own is there instead.
    if stack == "server":
        one = {"cpuLimit": "1"}
        more["prometheus"] = {"server": {"resources": one, "alertmanagerResources": one}}
    for where, resources in limits_of(manifests(declared(stack, **LIMITED, **more))):
        for kind in ("limits", "requests"):
            assert resources[kind].keys() >= {"cpu", "memory"}, f"{where}: {kind}"


@pytest.mark.parametrize("stack", STACKS_OF_TESTS)
def test_what_carries_records_is_not_throttled_unless_the_file_says_so(stack: str) -> None:
    for where, template in templates(manifests(STACKS_OF_TESTS[stack])):
        for container in template["spec"]["containers"]:
            if container["name"] in ("kafka", "gateway", "probe", "worker"):
                assert "cpu" not in container["resources"]["limits"], where
