"""Two tenants behind one HTTP gateway: neither gets at what is the other's, and the one's quota is not the other's pain."""

import json
import subprocess
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, in_pod

NAMESPACE = "e2e-gateway-tenants"
RECORD = {"records": [{"key": "k", "value": {"n": 1}}]}
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "2Gi"},
    "topics": {"red-data": {"partitions": 2}, "blue-data": {"partitions": 2}},
    "tenants": {
        name: {
            "namespace": f"{NAMESPACE}-{name}",
            "createNamespace": True,
            "users": {f"{name}-app": {"writes": [f"{name}-data"], "reads": [f"{name}-data"], "groups": [f"{name}-*"]}},
            **({"quotas": {"produce": "200kB/s"}} if name == "red" else {}),
        }
        for name in ("red", "blue")
    },
    "gateway": {"pods": {"min": 2, "max": 2}},
}
BY_TOPIC = [
    ("POST", "/topics/{topic}", RECORD),
    ("POST", "/topics/{topic}/partitions/0", {"records": [{"value": 1}]}),
    ("GET", "/topics/{topic}", None),
    ("GET", "/topics/{topic}/partitions", None),
    ("GET", "/topics/{topic}/partitions/0", None),
    ("GET", "/topics/{topic}/partitions/0/offsets", None),
    ("GET", "/topics/{topic}/partitions/0/records?offset=0", None),
    ("GET", "/topics/{topic}/records?from=earliest&timeout=500", None),
    ("GET", "/topics/{topic}/stream?from=earliest", None),
    ("GET", "/topics/{topic}/stream?from=latest", None),
    ("GET", "/topics/{topic}/stream?group={own}-stream", None),
]
BY_GROUP = [("GET", "/topics/{own}-data/stream?group={group}-stream", None)]
DENIED = {401, 403, 404}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("gatewaytenants", PLATFORM)
    stack.up()
    for tenant in ("red", "blue"):
        client_pod(f"{NAMESPACE}-{tenant}", "client", f"{tenant}-app", programs=["http_access.py"])
    return stack


@pytest.fixture(scope="module")
def url(stack: Stack) -> str:
    return str(stack.outputs()["gateway"]["url"])


def ask(tenant: str, url: str, requests: list[tuple[str, str, Any]]) -> list[int]:
    """The statuses that a tenant's program gets."""
    command = ("python3", "/programs/http_access.py", url)
    statuses: list[int] = json.loads(in_pod(f"{NAMESPACE}-{tenant}", "client", *command, stdin=json.dumps(requests)))
    return statuses


def of(requests: list[tuple[str, str, Any]], **names: str) -> list[tuple[str, str, Any]]:
    return [(method, path.format(**names), body) for method, path, body in requests]


@pytest.mark.parametrize("tenant", ["red", "blue"])
def test_what_is_ones_own_works(url: str, tenant: str) -> None:
    requests = of(BY_TOPIC, topic=f"{tenant}-data", own=tenant) + of(BY_GROUP, own=tenant, group=tenant)
    statuses = ask(tenant, url, requests)
    assert statuses == [200] * len(requests), list(zip(requests, statuses, strict=True))


@pytest.mark.parametrize(("tenant", "other"), [("red", "blue"), ("blue", "red")])
def test_what_is_anothers_is_denied(url: str, tenant: str, other: str) -> None:
    requests = of(BY_TOPIC, topic=f"{other}-data", own=tenant) + of(BY_GROUP, own=tenant, group=other)
    statuses = ask(tenant, url, requests)
    assert set(statuses) <= DENIED, list(zip(requests, statuses, strict=True))


@pytest.mark.parametrize(("tenant", "other"), [("red", "blue"), ("blue", "red")])
def test_anothers_group_and_consumer_are_denied(url: str, tenant: str, other: str) -> None:
    subscription = {"topics": [f"{other}-data"]}
    theirs = f"/consumers/{other}-group"
    assert ask(other, url, [("POST", theirs, {"name": "one", "format": "json"})])[0] in {200, 409}
    by_instance = [
        ("POST", f"{theirs}/instances/one/subscription", subscription),
        ("GET", f"{theirs}/instances/one/records", None),
        ("POST", f"{theirs}/instances/one/offsets", None),
        ("DELETE", f"{theirs}/instances/one", None),
    ]
    statuses = ask(tenant, url, by_instance)
    assert set(statuses) <= DENIED, list(zip(by_instance, statuses, strict=True))
    # A consumer of one's own in the other's group, or of the other's topic: Kafka denies it when it is used.
    mine = f"/consumers/{other}-group"
    tries = [
        ("POST", mine, {"name": f"of-{tenant}", "format": "json"}),
        ("POST", f"{mine}/instances/of-{tenant}/subscription", {"topics": [f"{tenant}-data"]}),
        ("GET", f"{mine}/instances/of-{tenant}/records?timeout=5000", None),
    ]
    assert ask(tenant, url, tries)[-1] in DENIED
    tries = [
        ("POST", f"/consumers/{tenant}-group", {"name": "other-topic", "format": "json"}),
        ("POST", f"/consumers/{tenant}-group/instances/other-topic/subscription", subscription),
    ]
    assert ask(tenant, url, tries)[-1] in DENIED
    assert ask(tenant, url, [("GET", "/topics", None)]) == [200]
    assert ask(other, url, [("DELETE", f"{theirs}/instances/one", None)]) == [204]


def test_a_throttled_tenant_waits_alone(url: str) -> None:
    command = ["kubectl", "-n", f"{NAMESPACE}-red", "exec", "client", "--", "python3", "/programs/http_access.py"]
    with subprocess.Popen([*command, url, "insist", "red-data", "15"], stdout=subprocess.PIPE, text=True) as red:
        statuses = ask("blue", url, of([("POST", "/topics/{topic}", RECORD)], topic="blue-data") * 100)
        counted = json.loads(red.communicate(timeout=90)[0])
    assert statuses == [200] * 100
    assert set(counted) == {"200", "429"}, counted
