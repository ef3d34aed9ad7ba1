"""A second stack in the namespaces of a platform that runs: it gets nothing, and removes nothing when it is destroyed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.kube.marks import MARK

from tests.harness import QUICK_JVM, Stack, kubectl

pytestmark = pytest.mark.long

NAMESPACE, TEAM = "e2e-owned", "e2e-owned-team"
CLAIM = f"PersistentVolumeClaim/{NAMESPACE}/data-kafka-0"


def platform(deletion: str, *, makes: bool = True, **kafka: Any) -> dict[str, Any]:
    return {
        "namespace": NAMESPACE,
        "createNamespace": makes,
        "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": deletion, **kafka},
        "topics": {"orders": {"partitions": 3}},
        "tenants": {
            "team": {
                "namespace": TEAM,
                **({"createNamespace": True} if makes else {}),
                "users": {"app": {"writes": ["orders"]}},
            }
        },
    }


def objects() -> dict[str, tuple[str, str | None]]:
    """Everything in the two namespaces, and the namespaces: what it is, and whose."""
    kinds = "namespace,secret,configmap,service,serviceaccount,persistentvolumeclaim,networkpolicy,statefulset,pod,job,poddisruptionbudget"
    found: dict[str, tuple[str, str | None]] = {}
    for each in json.loads(kubectl("get", kinds, "-A", "-o", "json"))["items"]:
        metadata = each["metadata"]
        home = metadata["name"] if each["kind"] == "Namespace" else metadata["namespace"]
        if home in (NAMESPACE, TEAM):
            name = f"{each['kind']}/{home}/{metadata['name']}"
            found[name] = (metadata["uid"], metadata.get("annotations", {}).get(MARK))
    return found


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack("owned-first", tmp_path / "first", platform("retain"), jvm=QUICK_JVM)
    stack.up()
    yield stack
    stack.write(platform("allow", clusterId=stack.outputs()["clusterId"]))
    stack.up()
    stack.destroy()


@pytest.fixture
def second(tmp_path: Path) -> Stack:
    return Stack("owned-second", tmp_path / "second", platform("allow"), jvm=QUICK_JVM)


def refused(stack: Stack, *expected: str) -> None:
    """Neither a preview nor a deployment lets the stack have anything; and it is destroyed, as one cleans up."""
    before = objects()
    for output in (stack.preview(fails=True), stack.up(fails=True)):
        assert any(f"{each} exists already, and this stack did not make it" in output for each in expected), output
    stack.destroy()
    assert objects() == before


def test_a_second_stack_gets_nothing_and_removes_nothing(first: Stack, second: Stack) -> None:
    mark = "organization/kafka-platform/owned-first"
    makings = ("Pod/", "Job/", "ConfigMap/e2e-owned/kube-root", "ConfigMap/e2e-owned-team/kube-root", "ServiceAccount/")
    assert {own for name, (_, own) in objects().items() if not name.startswith(makings)} == {mark}
    refused(second, f"Namespace/{NAMESPACE}", f"Namespace/{TEAM}")
    second.write(platform("allow", makes=False))
    refused(second, *(name for name in objects() if name.startswith(("Secret/", "ConfigMap/", "Service"))))
    cluster_id = first.outputs()["clusterId"]

    first.destroy()
    assert {each: own for each, (_, own) in objects().items() if each.startswith(("Namespace/", "Persistent"))} == {
        f"Namespace/{NAMESPACE}/{NAMESPACE}": mark,
        CLAIM: mark,
    }
    kubectl("create", "namespace", TEAM)
    refused(second, CLAIM)
    kubectl("delete", "namespace", TEAM)

    first.write(platform("retain", clusterId=cluster_id))
    kept = objects()[CLAIM]
    first.up()
    assert objects()[CLAIM] == kept
