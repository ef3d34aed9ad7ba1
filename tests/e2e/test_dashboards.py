"""The dashboards that a stack delivers, asked of a real Prometheus under load: no panel is dead.

With `PICTURES=docs/dashboards` it draws them, for the documentation.
"""

import http.client
import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, forwarded, in_pod, kubectl
from tests.pictures import draw

NAMESPACE = "e2e-dashboards"
GREEDY = "greedy"
"""A user over its quota."""
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {
        "engine": "embedded",
        "nodes": 1,
        "storage": "1Gi",
        "resources": {"cpu": "50m", "memory": "768Mi"},
        "deletion": "allow",
    },
    "topics": {"orders": {"partitions": 3, "deletion": "allow"}},
    "tenants": {
        "shop": {
            "users": {"app": {"reads": ["orders"], "writes": ["orders"], "groups": ["shop-*"]}},
            "quotas": {"produce": "100kB/s", "consume": "200kB/s", "requestPercentage": 50},
        },
        # Its user writes 25 kB/s.
        "batch": {
            "users": {GREEDY: {"reads": ["orders"], "writes": ["orders"], "groups": ["batch-*"]}},
            "quotas": {"produce": "15kB/s", "consume": "100kB/s"},
        },
    },
    "gateway": {"pods": {"min": 1}, "resources": {"cpu": "50m", "memory": "512Mi"}},
    "probe": {"interval": "1s"},
    "levels": {
        "platform": {"availability": "99.9%", "latency": {"p99": "500ms"}},
        "shop": {"tenant": "shop", "availability": "99%"},
    },
    "prometheus": {"server": {"interval": "5s", "persistent": False, "resources": {"cpu": "20m"}}},
}
VARIABLES = {
    "namespace": NAMESPACE,
    "kafka_cluster": "kafka",
    "exporter": "kafka-exporter",
    "gateway": "gateway",
    "probe": "latency-probe",
}
BOARDS = {"overview", "brokers", "topics", "groups", "capacity", "tenants", "gateway", "exporter", "latency", "levels"}
DRAWN_SECONDS = 480
"""How long a time pictures show."""
EMPTY: Mapping[str, str] = {
    "overview: Alerts": "nothing is wrong",
    "tenants: Delay by the quota of reads": "nobody reads more than its quota",
    "tenants: Delay by the quota of request threads": "nobody keeps a thread busy",
}
"""Panels that have nothing to show here, and why."""


def asked(prometheus: str, path: str, **parameters: str) -> list[dict[str, Any]]:
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def chosen(query: str) -> str:
    """The query with the values of the dashboards' variables."""
    for name, value in VARIABLES.items():
        query = query.replace(f"${name}", value)
    assert "$" not in query, query
    return query


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("dashboards", PLATFORM)
    stack.up()
    for pod, user, group in (("client", "app", "shop-readers"), ("greedy", GREEDY, "batch-readers")):
        client_pod(NAMESPACE, pod, user, programs=["ledger.py", "flow.py"])
        in_pod(NAMESPACE, pod, "sh", "-c", f"(python3 /programs/flow.py orders {group} > /tmp/flow.log 2>&1 &)")
    return stack


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Iterator[str]:
    """Its address on this machine; no other pod reaches it."""
    with forwarded(NAMESPACE, "pod/prometheus-0", 9090) as address:
        eventually("Prometheus answers", lambda: answers(address))
        yield address


def answers(prometheus: str) -> bool:
    try:
        return asked(prometheus, "query", query="up") is not None
    except (OSError, http.client.HTTPException):
        return False


def boards() -> dict[str, dict[str, Any]]:
    """Those that Grafana's sidecar would find, by their names."""
    found = json.loads(kubectl("-n", NAMESPACE, "get", "configmaps", "-l", "grafana_dashboard=1", "-o", "json"))
    parts = {each["metadata"]["name"].rpartition("-dashboard-")[2]: each["data"] for each in found["items"]}
    return {name: json.loads(text) for name, data in sorted(parts.items()) for text in data.values()}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels") or ()


def test_every_panel_has_data(prometheus: str) -> None:
    delivered = boards()
    assert delivered.keys() >= BOARDS

    def dead() -> dict[str, str]:
        return {
            f"{name}: {panel['title']}": target["expr"]
            for name, board in delivered.items()
            for panel in panels(board)
            for target in panel["targets"]
            if not asked(prometheus, "query", query=chosen(target["expr"]))
        }

    until = time.monotonic() + 360
    while (left := dead()).keys() - EMPTY.keys() and time.monotonic() < until:
        time.sleep(5)
    assert left.keys() <= EMPTY.keys(), json.dumps(left, indent=1)
    held_back = {
        each["metric"]["user"]
        for each in asked(prometheus, "query", query="max by (user) (kafka_server_produce_throttle_time) > 0")
    }
    assert held_back == {GREEDY}
    folder = os.environ.get("PICTURES")
    if folder is not None:
        time.sleep(DRAWN_SECONDS)  # something to draw
        now = time.time()
        for name, board in delivered.items():
            values = {
                query: asked(
                    prometheus,
                    "query_range",
                    query=chosen(query),
                    start=str(now - DRAWN_SECONDS),
                    end=str(now),
                    step="10",
                )
                for panel in panels(board)
                for query in (target["expr"] for target in panel["targets"])
            }
            draw(board, values, Path(folder) / f"{name}.svg")
