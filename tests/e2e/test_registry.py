"""A schema registry as `pulumi up` deploys it: declared schemas are there, users and workers use them by what they are given, and a
killed pod is not missed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import client
from sandbox.pins import REGISTRY_IMAGE, RUNTIME_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import CLIENTS, ROOT, Stack, eventually, get, in_pod, kubectl
from tests.registry_process import needed_registry

NAMESPACE = "e2e-registry"
SCHEMAS = ROOT / "stacks" / "e2e-registry"
SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "amount", "type": "int"}],
}
PROGRAM = (CLIENTS / "avro.py").read_text()
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "registry": {"pods": 2},
    "gateway": {"pods": {"min": 1}},
    "topics": {"orders": {"value": "e2e-registry/order.avsc"}, "done": {"value": "e2e-registry/order.avsc"}},
    "tenants": {
        "shop": {"users": {"app": {"writes": ["orders"], "reads": ["done"], "groups": ["app-*"]}}},
    },
    "workers": {
        "copy": {
            "image": RUNTIME_IMAGE,
            "tenant": "shop",
            "reads": ["orders"],
            "writes": ["done"],
            "command": ["python3", "-c", PROGRAM, "copy", "done"],
            "termination": "5s",
        }
    },
}

OVER_HTTP = """
import base64, json, sys, urllib.error, urllib.request
from pathlib import Path
username, password, url = (Path("/etc/kafka-client", each).read_text() for each in ("username", "password", "http-url"))
headers = {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode(),
           "content-type": "application/vnd.kafka.avro.v2+json"}
body = json.dumps({"records": [{"value": json.loads(sys.argv[1])}]}).encode()
try:
    with urllib.request.urlopen(urllib.request.Request(url + "/topics/orders", body, headers), timeout=60) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


@pytest.fixture(scope="module", autouse=True)
def _image() -> Iterator[None]:
    needed_registry()
    SCHEMAS.mkdir(exist_ok=True)
    file: Path = SCHEMAS / "order.avsc"
    file.write_text(json.dumps(SCHEMA))
    subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", REGISTRY_IMAGE], cwd=ROOT, check=True)
    try:
        yield
    finally:
        file.unlink()
        SCHEMAS.rmdir()


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack("e2e-registry", PLATFORM)
    made.up()
    pod = client.client_pod(NAMESPACE, "app", "app", RUNTIME_IMAGE)
    pod["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "app-registry"}}]
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "--timeout=300s", "pod/app")
    return made


def app(*arguments: str) -> str:
    return in_pod(NAMESPACE, "app", "python3", "-", *arguments, stdin=PROGRAM)


def order(number: int) -> dict[str, Any]:
    return {"id": f"order-{number}", "amount": number}


def test_a_user_and_a_worker_write_and_read_what_was_declared_while_a_pod_is_killed(stack: Stack) -> None:
    for number in range(3):
        app("write", "orders", json.dumps(order(number)))
    pods = kubectl(
        "-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/component=schema-registry", "-o", "name"
    ).split()
    assert len(pods) == 2
    kubectl("-n", NAMESPACE, "delete", pods[0], "--grace-period=0", "--force", "--wait=false")
    for number in range(3, 6):
        app("write", "orders", json.dumps(order(number)))
    assert sorted(json.loads(app("read", "done", "6")), key=lambda each: each["amount"]) == [
        order(each) for each in range(6)
    ]

    def complete() -> bool:
        return bool(get("deployment", "schema-registry", NAMESPACE)["status"].get("readyReplicas") == 2)

    eventually("the registry has two pods again", complete, 120)


def test_who_may_only_read_registers_nothing(stack: Stack) -> None:
    assert app("register", "orders").strip() == "403"
    assert app("register", "of-nobody").strip() == "403"


def test_the_gateway_writes_by_the_declared_schema_and_refuses_what_does_not_fit(stack: Stack) -> None:
    def over_http(value: Any) -> str:
        return in_pod(NAMESPACE, "app", "python3", "-", json.dumps(value), stdin=OVER_HTTP)

    written = over_http(order(7))
    assert written.startswith("200 "), written
    refused = over_http({"id": "order-8", "amount": "many"})
    assert refused.startswith("422 "), refused
    assert "records[0].value.amount: is 'many': use a whole number (int)." in refused
    assert order(7) in json.loads(app("read", "done", "7"))
