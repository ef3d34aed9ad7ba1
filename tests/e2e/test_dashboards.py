"""The dashboards that a stack delivers, asked of a real Prometheus under load: no panel is dead.

With `PICTURES=docs/dashboards` it draws them, for the documentation; the platform then has a schema registry too.
"""

import base64
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.pins import REGISTRY_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, forwarded, get, in_pod, kubectl
from tests.logins import Authority
from tests.pictures import draw
from tests.registry_process import needed_registry

NAMESPACE = "e2e-dashboards"
GREEDY = "greedy"
"""A user over its quota."""
PICTURES = os.environ.get("PICTURES")
"""Folder of the pictures; None: none are drawn."""
TARGET = {"app": "target"}
"""Labels of the pod in which the web service runs that a connector writes to."""
PASSWORD = "of-the-target-4711"
BROKERS = "brokers"
"""Secret with the brokers' certificate and its authority."""
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "createNamespace": False,
    "kafka": {
        "engine": "embedded",
        "nodes": 1,
        "storage": "1Gi",
        "resources": {"cpu": "50m", "memory": "768Mi"},
        "listeners": {"certificate": BROKERS},
        "deletion": "allow",
    },
    "topics": {name: {"partitions": 3, "deletion": "allow"} for name in ("orders", "parcels")},
    "connectors": {
        "deliver": {
            "http": {"url": f"http://target.{NAMESPACE}.svc:8080/in", "secret": "target"},
            "reads": ["parcels"],
            "batch": 20,
        }
    },
    **({} if PICTURES is None else {"registry": {"pods": 1}}),
    "tenants": {
        "shop": {
            "users": {"app": {"reads": ["orders"], "writes": ["orders", "parcels"], "groups": ["shop-*"]}},
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
    "light_connector": "connector-deliver",
    "registry": "schema-registry",
}
BOARDS = {
    "overview",
    "brokers",
    "topics",
    "groups",
    "capacity",
    "tenants",
    "gateway",
    "exporter",
    "latency",
    "levels",
    "light",
}
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
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def chosen(query: str) -> str:
    """The query with the values of the dashboards' variables."""
    for name, value in VARIABLES.items():
        query = query.replace(f"${name}", value)
    assert "$" not in query, query
    return query


SCHEMAS = """
import base64, itertools, sys, time, urllib.error, urllib.request
url, login = sys.argv[1:]
for number in itertools.count():
    user = login if number % 20 else "app:wrong"
    authorization = "Basic " + base64.b64encode(user.encode()).decode()
    try:
        urllib.request.urlopen(urllib.request.Request(url + "/subjects", headers={"authorization": authorization})).read()
    except urllib.error.HTTPError:
        pass
    time.sleep(0.5)
"""
"""Asks a schema registry twice a second, one time of twenty with a wrong password."""


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    if PICTURES is not None:
        needed_registry()
        subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", REGISTRY_IMAGE], cwd=ROOT, check=True)
    authority = Authority(tmp_path_factory.mktemp("authority"))
    names = f"DNS:kafka.{NAMESPACE}.svc,DNS:*.kafka-nodes.{NAMESPACE}.svc"
    certificate, key = authority.issue("broker", "/CN=broker", names, days=60)
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.ca_file}
    service = {"selector": TARGET, "ports": [{"port": 8080}]}
    objects = [
        {"kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "kind": "Secret",
            "metadata": {"name": "target", "namespace": NAMESPACE},
            "stringData": {"username": "user", "password": PASSWORD},
        },
        {
            "kind": "Secret",
            "metadata": {"name": BROKERS, "namespace": NAMESPACE},
            "stringData": {name: Path(file).read_text() for name, file in files.items()},
        },
        {"kind": "Service", "metadata": {"name": "target", "namespace": NAMESPACE}, "spec": service},
    ]
    listed = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", **each} for each in objects]}
    kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    stack = make_stack("dashboards", PLATFORM)
    stack.up()
    for pod, user, group, more in (
        ("client", "app", "shop-readers", ("parcels.py", "http_target.py")),
        ("greedy", GREEDY, "batch-readers", ()),
    ):
        programs, labels = ["ledger.py", "flow.py", *more], TARGET if more else None
        client_pod(NAMESPACE, pod, user, programs=programs, labels=labels, authority=BROKERS)
        background(pod, "flow.py", "orders", group)
    background("client", "http_target.py", "8080", "0", PASSWORD)
    background("client", "parcels.py", "parcels")
    if PICTURES is not None:
        data = get("secret", "app-registry", NAMESPACE)["data"]
        login, url = (
            base64.b64decode(data[f"SCHEMA_REGISTRY_{each}"]).decode() for each in ("BASIC_AUTH_USER_INFO", "URL")
        )
        in_pod(NAMESPACE, "client", "sh", "-c", "cat > /tmp/schemas.py", stdin=SCHEMAS)
        background("client", "/tmp/schemas.py", url, login)
    return stack


def background(pod: str, program: str, *arguments: str) -> None:
    """Starts a program of a pod, which goes on until the pod is gone."""
    file = Path("/programs", program)
    command = " ".join(["python3", str(file), *arguments])
    in_pod(NAMESPACE, pod, "sh", "-c", f"({command} > /tmp/{file.stem}.log 2>&1 &)")


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
    if PICTURES is not None:
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
            draw(board, values, Path(PICTURES) / f"{name}.svg")
