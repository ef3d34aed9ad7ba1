"""The life of a small stack: quiet previews, drift, topics that grow, go and come back, refused changes, failures."""

import copy
import json
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, in_pod, kubectl

NAMESPACE = "e2e-changes"
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {
        "kept": {"partitions": 3},
        "scratch": {"partitions": 1, "deletion": "allow"},
        "orders": {"partitions": 4, "retention": "7d"},
    },
    "tenants": {"test": {"users": {"app": {"writes": ["*"], "reads": ["*"], "groups": ["*"]}}}},
}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("changes", PLATFORM)
    stack.up(preview=True)  # as people run it
    client_pod(NAMESPACE, "client", "app", programs=["access.py"])
    return stack


@pytest.fixture
def settings(stack: Stack) -> dict[str, Any]:
    """A copy of what is deployed, to be changed."""
    return copy.deepcopy(dict(stack.platform))


def topics() -> list[str]:
    return in_pod(NAMESPACE, "client", "python3", "/programs/access.py", "topics").split()


def steps(stack: Stack, *options: str) -> dict[str, str]:
    """What a preview would do: operation by URN, without what stays the same."""
    plan = json.loads(stack.preview("--json", *options))
    return {step["urn"]: step["op"] for step in plan["steps"] if step["op"] not in {"same", "read", "refresh"}}


def test_an_unchanged_stack_shows_no_change(stack: Stack) -> None:
    assert steps(stack) == {}


@pytest.mark.long
def test_refresh_finds_what_was_changed_by_hand(stack: Stack) -> None:
    """It is put back only by an explicit word: somebody had a reason to change it."""
    kubectl(
        "-n", NAMESPACE, "patch", "poddisruptionbudget", "kafka", "--type=merge", '-p={"spec":{"maxUnavailable":0}}'
    )
    conflict = stack.run("preview", "--refresh", "--diff", fails=True)
    assert "maxUnavailable: 1 => 0" in conflict
    assert 'conflict with "kubectl-patch"' in conflict
    stack.environment["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
    stack.run("up", "--yes", "--refresh")
    del stack.environment["PULUMI_K8S_ENABLE_PATCH_FORCE"]
    stack.up()  # the variable is an option of the provider, so that taking it back is a change
    path = "jsonpath={.spec.maxUnavailable}"
    assert kubectl("-n", NAMESPACE, "get", "poddisruptionbudget", "kafka", "-o", path) == "1"
    assert steps(stack) == {}


def test_a_changed_topic_is_named_by_the_preview(stack: Stack, settings: dict[str, Any]) -> None:
    settings["topics"]["orders"]["partitions"] = 6
    stack.write(settings)
    preview = stack.preview("--diff")
    assert "topic.orders" in preview
    assert "topic.kept" not in preview
    stack.up()
    described = in_pod(NAMESPACE, "kafka-0", "sh", "-c", "ls -d /var/lib/kafka/data/orders-*")
    assert len(described.split()) == 6


def test_partitions_never_shrink(stack: Stack, settings: dict[str, Any]) -> None:
    before = copy.deepcopy(settings)
    settings["topics"]["orders"]["partitions"] = 2
    stack.write(settings)
    try:
        message = stack.preview(fails=True)
        assert "topic orders: 6 partitions -> 2" in message
    finally:
        stack.write(before)


def test_storage_never_shrinks(stack: Stack, settings: dict[str, Any]) -> None:
    before = copy.deepcopy(settings)
    settings["kafka"]["storage"] = "512Mi"
    stack.write(settings)
    try:
        message = stack.preview(fails=True)
        assert "storage" in message
        assert "1Gi" in message
        assert "512Mi" in message
    finally:
        stack.write(before)


def test_a_removed_topic_keeps_its_records_unless_deletion_is_allowed(stack: Stack, settings: dict[str, Any]) -> None:
    access = ("python3", "/programs/access.py")
    assert in_pod(NAMESPACE, "client", *access, "produce", "kept").strip() == "ok"
    assert in_pod(NAMESPACE, "client", *access, "produce", "scratch").strip() == "ok"
    del settings["topics"]["kept"], settings["topics"]["scratch"]
    stack.write(settings)
    stack.up()
    assert "kept" in topics()
    assert "scratch" not in topics()
    assert in_pod(NAMESPACE, "client", *access, "consume", "kept", "any").strip() == "ok"

    settings["topics"]["kept"] = {"partitions": 3, "deletion": "allow", "adopt": True}
    stack.write(settings)
    stack.up()
    assert in_pod(NAMESPACE, "client", *access, "consume", "kept", "other").strip() == "ok"
    del settings["topics"]["kept"]
    stack.write(settings)
    stack.up()
    assert "kept" not in topics()


def test_a_failure_ends_the_up_with_its_reason_and_the_next_up_mends_it(stack: Stack, settings: dict[str, Any]) -> None:
    before = copy.deepcopy(settings)
    # Each is right for itself; only Kafka sees them together.
    lags = {"min.compaction.lag.ms": "20", "max.compaction.lag.ms": "10"}
    settings["topics"]["odd"] = {"partitions": 1, "config": lags}
    settings["topics"]["good"] = {"partitions": 1}
    stack.write(settings)
    message = stack.up(fails=True)
    assert "topic.odd" in message
    assert "min.compaction.lag.ms" in message
    settings["topics"]["odd"] = {"partitions": 1}
    stack.write(settings)
    stack.up()
    assert {"odd", "good"} <= set(topics())
    stack.write(before)
    stack.up()
    assert steps(stack) == {}


@pytest.mark.long
def test_a_new_password_replaces_the_old_one(stack: Stack, settings: dict[str, Any]) -> None:
    old = kubectl("-n", NAMESPACE, "exec", "client", "--", "cat", "/etc/kafka-client/password")
    settings["tenants"]["test"]["users"]["app"]["passwordVersion"] = 2
    stack.write(settings)
    stack.up()
    client_pod(NAMESPACE, "client-2", "app", programs=["access.py"])
    assert in_pod(NAMESPACE, "client-2", "python3", "/programs/access.py", "produce", "orders").strip() == "ok"
    answer = in_pod(NAMESPACE, "client-2", "python3", "/programs/access.py", "--password", old, "produce", "orders")
    assert answer.strip() == "_AUTHENTICATION"


def test_records_outlive_destroy(stack: Stack, settings: dict[str, Any]) -> None:
    """The claims are kept; naming the cluster's id takes them over again."""
    access = ("python3", "/programs/access.py")
    client_pod(NAMESPACE, "writer", "app", programs=["access.py"])
    assert in_pod(NAMESPACE, "writer", *access, "produce", "orders").strip() == "ok"
    cluster_id = stack.outputs()["clusterId"]
    stack.destroy()
    assert kubectl("-n", NAMESPACE, "get", "pvc", "-o", "name").split()
    settings["kafka"]["clusterId"] = cluster_id
    stack.write(settings)
    stack.up(preview=True)
    client_pod(NAMESPACE, "client-3", "app", programs=["access.py"])
    assert in_pod(NAMESPACE, "client-3", *access, "consume", "orders", "after").strip() == "ok"
    assert stack.outputs()["clusterId"] == cluster_id
