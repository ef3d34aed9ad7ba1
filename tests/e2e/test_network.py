"""Who reaches whom: every way between the parts of a platform and those around it, tried for real.

A capability adds its row and its column to WAYS.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox import choice, host
from sandbox.choice import Mode
from sandbox.instance import state_folder
from sandbox.pins import RUNTIME_IMAGE
from tests.clients.ways import Way, tried
from tests.e2e.conftest import MakeStack
from tests.harness import CLIENTS, PATIENCE, Stack, get, in_pod, kubectl

NAMESPACE = "e2e-network"
RED, BLUE, WEB, WATCH, SCALER, STRANGER = (
    f"{NAMESPACE}-{name}" for name in ("red", "blue", "web", "watch", "scaler", "stranger")
)
NODE_PORT = 31495
PORT = 8000
"""Of the pods of this file that listen."""
CLOSED_SECONDS = 3.0
"""How long somebody tries a way that shall be closed: a packet that is dropped says nothing."""
OPEN_SECONDS = 10.0 * PATIENCE
"""How long somebody tries a way that shall be open, before it counts as closed."""

WAYS = """
             broker replication controller external gateway metrics probe worker provisioner app names api
broker       x      x           x          x        .       .       .     .      .           .   x     .
gateway      x      .           .          .        x       -       .     .      .           .   x     .
probe        x      .           .          .        x       .       -     .      .           .   x     .
provisioner  x      .           .          .        .       .       .     .      -           .   x     .
worker       x      .           .          .        .       .       .     -      .           .   x     .
app          x      .           .          x        x       .       .     .      .           x   x     x
scaler       x      .           .          x        .       .       .     .      .           x   x     x
watch        .      .           .          x        .       x       x     .      .           x   x     x
red          x      .           .          x        x       .       .     x      .           x   x     x
blue         x      .           .          x        x       .       .     .      .           x   x     x
web          .      .           .          x        x       .       .     x      .           x   x     x
stranger     .      .           .          x        .       .       .     .      .           x   x     x
node         .      .           .          x        .       .       .     .      .           x   -     -
outside      .      .           .          x        .       .       .     .      .           x   -     -
"""
"""Rows: who connects; columns: to what. x is open, . closed, - not tried (a pod always reaches itself). `app` is a pod without a policy in the platform's
namespace, `worker` and its callers' namespace are red's, `node` is a machine on which the others do not run."""

PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "keda": {"namespace": SCALER},
    "topics": {"red-data": {}, "blue-data": {}},
    "tenants": {
        "red": {"namespace": RED, "createNamespace": True, "users": {"red-app": {"reads": ["red-data"]}}},
        "blue": {"namespace": BLUE, "createNamespace": True, "users": {"blue-app": {"reads": ["blue-data"]}}},
    },
    "gateway": {"pods": {"min": 1}, "clientNamespaces": [WEB], "metricsNamespaces": [WATCH]},
    "probe": {"metricsNamespaces": [WATCH]},
    "workers": {
        "counter": {
            "image": RUNTIME_IMAGE,
            "tenant": "red",
            "reads": ["red-data"],
            "ports": {"http": PORT},
            "clientNamespaces": [WEB],
            "command": ["python3", "-m", "http.server", str(PORT), "--directory", "/tmp"],
            "termination": "2s",
        }
    },
}


def table() -> dict[str, dict[str, str]]:
    """WAYS, by row and column."""
    head, *rows = [line.split() for line in WAYS.strip().splitlines()]
    return {name: dict(zip(head, cells, strict=True)) for name, *cells in rows}


def pod(namespace: str, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod that listens at PORT and from which ways are tried."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "main",
                    "image": RUNTIME_IMAGE,
                    "command": ["python3", "-m", "http.server", str(PORT), "--directory", "/etc"],
                    "ports": [{"containerPort": PORT}],
                }
            ],
            **spec,
        },
    }


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    path = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    external = {"expose": "nodePort", "host": kubectl("get", "nodes", "-o", path), "port": NODE_PORT}
    stack = make_stack("network", {**PLATFORM, "kafka": {**PLATFORM["kafka"], "listeners": {"external": external}}})
    stack.up()
    return stack


@pytest.fixture(scope="module")
def machine(stack: Stack) -> Iterator[str | None]:
    """The machine of `node`, once those around the platform are there, each with its namespace. None: there is but one machine."""
    names = (WEB, WATCH, SCALER, STRANGER)
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
    job = json.loads(kubectl("-n", NAMESPACE, "get", "jobs", "-o", "json"))["items"][0]
    labels = job["spec"]["template"]["metadata"]["labels"]
    nodes = [each["metadata"]["name"] for each in json.loads(kubectl("get", "nodes", "-o", "json"))["items"]]
    elsewhere = [name for name in nodes if name != get("pod", "kafka-0", NAMESPACE)["spec"]["nodeName"]]
    pods = [
        pod(NAMESPACE, "app"),
        # As the Job's pods, which have ended: what policies say of them follows from their labels.
        pod(NAMESPACE, "provisioner", labels={**labels, "tried-by": "test"}),
        *(pod(namespace, "client") for namespace in (RED, BLUE, WEB, WATCH, SCALER, STRANGER)),
    ]
    if elsewhere:
        pods.append(pod(STRANGER, "node", hostNetwork=True, nodeName=elsewhere[0]))
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [*namespaces, *pods]}))
    try:
        for each in pods:
            meta = each["metadata"]
            wait = ("wait", "--for=condition=Ready", "--timeout=300s", f"pod/{meta['name']}")
            kubectl("-n", meta["namespace"], *wait)
        yield elsewhere[0] if elsewhere else None
    finally:
        for each in pods:
            meta = each["metadata"]
            kubectl("-n", meta["namespace"], "delete", "pod", meta["name"], "--ignore-not-found", "--wait=false")
        kubectl("delete", "namespace", *names, "--ignore-not-found", "--wait=false")


def one_of(namespace: str, labels: str) -> str:
    """The name of a pod."""
    return kubectl("-n", namespace, "get", "pods", "-l", labels, "-o", "jsonpath={.items[0].metadata.name}")


def enforced_for_sure() -> bool:
    """Whether this is a sandbox that says so."""
    return choice.choose(state_folder()) is Mode.PACKAGES and host.cannot_enforce_policies() is None


def test_every_way_is_open_or_closed_as_the_table_says(machine: str | None) -> None:
    worker = one_of(RED, "app.kubernetes.io/instance=counter")
    gateway = one_of(NAMESPACE, "app.kubernetes.io/component=gateway")
    probe = one_of(NAMESPACE, "app.kubernetes.io/component=latency-probe")
    targets = {
        "broker": (NAMESPACE, "kafka-0", 9092),
        "replication": (NAMESPACE, "kafka-0", 9091),
        "controller": (NAMESPACE, "kafka-0", 9093),
        "external": (NAMESPACE, "kafka-0", 9094),
        "gateway": (NAMESPACE, gateway, 8080),
        "metrics": (NAMESPACE, gateway, 9404),
        "probe": (NAMESPACE, probe, 9404),
        "worker": (RED, worker, PORT),
        "provisioner": (NAMESPACE, "provisioner", PORT),
        "app": (NAMESPACE, "app", PORT),
    }
    pods = {name: get("pod", target, namespace) for name, (namespace, target, _) in targets.items()}
    columns: dict[str, tuple[str, int | None]] = {
        **{name: (pods[name]["status"]["podIP"], port) for name, (_, _, port) in targets.items()},
        "names": ("kubernetes.default.svc", None),
        "api": ("kubernetes.default.svc", 443),
    }
    rows = {
        "broker": (NAMESPACE, "kafka-0", "health"),
        "gateway": (NAMESPACE, gateway, "gateway"),
        "probe": (NAMESPACE, probe, "probe"),
        "provisioner": (NAMESPACE, "provisioner", "main"),
        "worker": (RED, worker, "worker"),
        "app": (NAMESPACE, "app", "main"),
        "scaler": (SCALER, "client", "main"),
        "watch": (WATCH, "client", "main"),
        "red": (RED, "client", "main"),
        "blue": (BLUE, "client", "main"),
        "web": (WEB, "client", "main"),
        "stranger": (STRANGER, "client", "main"),
        "node": (STRANGER, "node", "main"),
    }
    wanted = table()
    closed = ("stranger", "broker")
    if not enforced_for_sure() and _tried(rows[closed[0]], [(*columns[closed[1]], CLOSED_SECONDS)]) == [True]:
        pytest.skip("this cluster's network does not enforce policies: they are rendered and accepted, nothing more")
    if machine is None:
        del wanted["node"]
    else:
        # A machine reaches its own pods, whatever policies say.
        wanted["node"] |= {name: "-" for name, each in pods.items() if each["spec"]["nodeName"] == machine}
    if not tried([(*columns["app"], CLOSED_SECONDS)])[0]:
        del wanted["outside"]  # pods have no addresses out here

    def found(row: str) -> dict[str, str]:
        cells = wanted[row]
        asked = [name for name, cell in cells.items() if cell != "-"]
        ways = [(*columns[name], OPEN_SECONDS if cells[name] == "x" else CLOSED_SECONDS) for name in asked]
        answers = tried(ways) if row == "outside" else _tried(rows[row], ways)
        return cells | {name: "x" if is_open else "." for name, is_open in zip(asked, answers, strict=True)}

    with ThreadPoolExecutor(4) as pool:
        seen = dict(zip(wanted, pool.map(found, wanted), strict=True))
    wrong = {
        f"{row} -> {column}": "open" if seen[row][column] == "x" else "closed"
        for row in wanted
        for column in columns
        if seen[row][column] != wanted[row][column]
    }
    assert wrong == {}


def _tried(row: tuple[str, str, str], ways: list[Way]) -> list[bool]:
    namespace, name, container = row
    found: list[bool] = json.loads(
        in_pod(
            namespace, name, "python3", "-c", (CLIENTS / "ways.py").read_text(), json.dumps(ways), container=container
        )
    )
    return found
