"""An object store as `pulumi up` deploys it: users work below their prefixes, others do not connect, and a killed pod loses nothing."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from sandbox.pins import OBJECT_STORE_IMAGE, RUNTIME_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, get, in_pod, kubectl
from tests.s3_process import needed_versitygw

NAMESPACE, TEAM, STRANGER = "e2e-store", "e2e-store-team", "e2e-store-stranger"
URL = f"http://object-store.{NAMESPACE}.svc:8080"
RECORDS = 300
USERS: dict[str, Any] = {"lake": {"namespace": TEAM}, "archive": {"prefix": "archive/orders/"}}
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {"orders": {}},
    "tenants": {
        "team": {"namespace": TEAM, "createNamespace": True},
        "shop": {"users": {"app": {"writes": ["orders"]}}},
        "strangers": {"namespace": STRANGER, "createNamespace": True},
    },
    "storage": {"install": True, "size": "2Gi", "users": USERS},
    "connectors": {
        "archive": {
            "s3": {
                "bucket": "platform",
                "prefix": "archive/orders/",
                "endpoint": URL,
                "secret": "archive-storage",
                "compression": "none",
                "every": "1s",
            },
            "reads": ["orders"],
        }
    },
}
WRITE = """
import json, sys
from pathlib import Path
from confluent_kafka import Producer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
producer = Producer(config | {"acks": "all"})
for number in range(int(sys.argv[1])):
    producer.produce("orders", json.dumps({"id": number}))
raise SystemExit(producer.flush(60))
"""
PROGRAM = """
import os, sys, botocore.session
from botocore.config import Config
client = botocore.session.Session().create_client(
    "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name=os.environ["AWS_REGION"],
    config=Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1}))
bucket, prefix = os.environ["S3_BUCKET"], os.environ["S3_PREFIX"]
if sys.argv[1] == "write":
    client.put_object(Bucket=bucket, Key=prefix + "a", Body=b"kept")
    for key in ("archive/orders/b", "b"):
        try:
            client.put_object(Bucket=bucket, Key=key, Body=b"1")
        except client.exceptions.ClientError as error:
            print(error.response["Error"]["Code"])
elif sys.argv[1] == "read":
    print(client.get_object(Bucket=bucket, Key=prefix + "a")["Body"].read().decode())
else:
    for each in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
        print(client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode(), end="")
"""
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8080), 5).close()
    print("open")
except OSError:
    print("closed")
"""


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    needed_versitygw()
    subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", OBJECT_STORE_IMAGE], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack("e2e-store", PLATFORM)
    made.up()
    return made


def said(name: str, namespace: str, program: str, *words: str, secrets: Sequence[str] = ()) -> str:
    """What a program prints in a pod that has the Secrets as its environment."""
    container = {
        "name": "client",
        "image": RUNTIME_IMAGE,
        "command": ["python3", "-c", program, *words],
        "envFrom": [{"secretRef": {"name": each}} for each in secrets],
    }
    about = {"name": name, "namespace": namespace}
    spec = {"restartPolicy": "Never", "containers": [container]}
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}))
    ends = {"Succeeded", "Failed"}
    eventually(f"pod {name} has ended", lambda: get("pod", name, namespace)["status"]["phase"] in ends)
    text = kubectl("-n", namespace, "logs", name)
    kubectl("-n", namespace, "delete", "pod", name, "--wait=true", "--grace-period=0", "--force")
    return text


def test_users_work_below_their_prefixes(stack: Stack) -> None:
    assert said("write", TEAM, PROGRAM, "write", secrets=["lake-storage"]).split() == ["AccessDenied", "AccessDenied"]


def test_a_connector_fills_one_with_a_topic(stack: Stack) -> None:
    client_pod(NAMESPACE, "app", "app")
    in_pod(NAMESPACE, "app", "python3", "-c", WRITE, str(RECORDS))
    numbers: list[int] = []

    def archived() -> bool:
        lines = said("list", NAMESPACE, PROGRAM, "list", secrets=["archive-storage"]).splitlines()
        numbers[:] = sorted(json.loads(each)["id"] for each in lines)
        return len(numbers) >= RECORDS

    eventually("the topic is in the store", archived)
    assert numbers == list(range(RECORDS))


def test_a_killed_pod_loses_nothing(stack: Stack) -> None:
    before = get("pod", "object-store-0", NAMESPACE)["metadata"]["uid"]
    kubectl("-n", NAMESPACE, "delete", "pod", "object-store-0", "--grace-period=0", "--force")

    def ready() -> bool:
        pods = json.loads(kubectl("-n", NAMESPACE, "get", "pods", "-o", "json"))["items"]
        [new] = [each for each in pods if each["metadata"]["name"] == "object-store-0"] or [None]
        return (
            new is not None
            and new["metadata"]["uid"] != before
            and all(each["ready"] for each in new["status"].get("containerStatuses", [{"ready": False}]))
        )

    eventually("a new pod is ready", ready)
    assert said("read", TEAM, PROGRAM, "read", secrets=["lake-storage"]).strip() == "kept"


def test_only_users_namespaces_connect(stack: Stack) -> None:
    host = f"object-store.{NAMESPACE}.svc"
    assert said("open", TEAM, CONNECT, host).strip() == "open"
    assert said("closed", STRANGER, CONNECT, host).strip() == "closed"


@pytest.mark.long
def test_another_user_has_a_key_once_it_is_deployed(stack: Stack) -> None:
    users = USERS | {"later": {}}
    stack.write(PLATFORM | {"storage": PLATFORM["storage"] | {"users": users}})
    stack.up()
    assert said("later", NAMESPACE, PROGRAM, "write", secrets=["later-storage"]).split() == ["AccessDenied"] * 2
    assert said("again", TEAM, PROGRAM, "read", secrets=["lake-storage"]).strip() == "kept"
    smaller = PLATFORM["storage"] | {"users": users, "size": "1Gi"}
    stack.write(PLATFORM | {"storage": smaller})
    assert "size: 2Gi -> 1Gi: volumes never shrink: use at least 2Gi" in stack.preview(fails=True)
