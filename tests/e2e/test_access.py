"""What a user has not been given is denied; what was given works. Two tenants on one cluster."""

import base64
import json
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, in_pod, kubectl

NAMESPACE = "e2e-access"
NODE_PORT = 31492
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {"red-data": {"partitions": 1}, "blue-data": {"partitions": 1}},
    "tenants": {
        "red": {
            "namespace": "e2e-access-red",
            "createNamespace": True,
            "users": {"red-app": {"writes": ["red-data"], "reads": ["red-data"], "groups": ["red-*"]}},
        },
        "blue": {
            "namespace": "e2e-access-blue",
            "createNamespace": True,
            "users": {"blue-app": {"writes": ["blue-data"], "reads": ["blue-data"], "groups": ["blue-*"]}},
        },
    },
}


@pytest.fixture(scope="module")
def node_address() -> str:
    """Address of one of the cluster's machines."""
    path = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    return kubectl("get", "nodes", "-o", path)


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, node_address: str) -> Stack:
    external = {"expose": "nodePort", "host": node_address, "port": NODE_PORT}
    stack = make_stack("access", {**PLATFORM, "kafka": {**PLATFORM["kafka"], "listeners": {"external": external}}})
    stack.up()
    for tenant in ("red", "blue"):
        client_pod(f"e2e-access-{tenant}", "client", f"{tenant}-app", programs=["access.py"])
    return stack


def answer(tenant: str, *command: str) -> str:
    return in_pod(f"e2e-access-{tenant}", "client", "python3", "/programs/access.py", *command).strip()


@pytest.mark.usefixtures("stack")
class TestAccess:
    def test_own_topic_and_group(self) -> None:
        assert answer("red", "produce", "red-data") == "ok"
        assert answer("red", "consume", "red-data", "red-1") == "ok"
        assert answer("red", "commit", "red-data", "red-1") == "ok"

    def test_a_wrong_password(self) -> None:
        assert answer("red", "--password", "guess", "produce", "red-data") == "_AUTHENTICATION"

    @pytest.mark.parametrize(
        "command",
        [
            ("produce", "blue-data"),
            ("consume", "blue-data", "red-1"),
            ("commit", "blue-data", "red-1"),
            ("create", "mine"),
        ],
    )
    def test_another_tenants_topic(self, command: tuple[str, ...]) -> None:
        assert answer("red", *command) in {"TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"}

    @pytest.mark.parametrize("command", [("consume", "red-data", "blue-1"), ("commit", "red-data", "blue-1")])
    def test_another_tenants_group(self, command: tuple[str, ...]) -> None:
        assert answer("red", *command) == "GROUP_AUTHORIZATION_FAILED"

    def test_only_own_topics_are_listed(self) -> None:
        assert answer("red", "topics") == "red-data"
        assert answer("blue", "topics") == "blue-data"

    def test_secrets_are_delivered_to_the_tenants_namespace_only(self) -> None:
        assert "red-app-kafka" in kubectl("-n", "e2e-access-red", "get", "secrets", "-o", "name")
        assert "red-app-kafka" not in kubectl("-n", "e2e-access-blue", "get", "secrets", "-o", "name")
        assert "red-app-kafka" not in kubectl("-n", NAMESPACE, "get", "secrets", "-o", "name")

    def test_no_password_in_state_output_or_job(self, stack: Stack) -> None:
        password = secret("e2e-access-red", "red-app-kafka", "password")
        encoded = base64.b64encode(password.encode()).decode()
        assert len(password) >= 24
        state = "".join(path.read_text() for path in stack.backend.rglob("*") if path.is_file())
        shown = stack.preview("--diff", "--refresh") + kubectl("get", "pods,jobs,configmaps", "-A", "-o", "json")
        logs = kubectl("-n", NAMESPACE, "logs", "kafka-0", "--all-containers")
        for where, text in (("state", state), ("preview or objects", shown), ("logs", logs)):
            assert password not in text, f"the password of red-app stands in {where}"
            assert encoded not in text, f"the password of red-app stands, base64 encoded, in {where}"


def secret(namespace: str, name: str, key: str) -> str:
    encoded = kubectl("-n", namespace, "get", "secret", name, "-o", f"jsonpath={{.data['{key}']}}")
    return base64.b64decode(encoded).decode()


def test_a_client_outside_the_cluster(stack: Stack, node_address: str) -> None:
    """The broker advertises an address that is right out here: a producer asks it where to send to."""
    bootstrap = stack.outputs()["externalBootstrapServers"]
    assert bootstrap == f"{node_address}:{NODE_PORT}"
    errors: list[object] = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "red-app",
            "sasl.password": secret("e2e-access-red", "red-app-kafka", "password"),
            "message.timeout.ms": 20_000,
        }
    )
    producer.produce("red-data", b"from outside", on_delivery=lambda error, _: errors.append(error))
    producer.flush(120)
    assert errors == [None]


def test_a_kafka_that_somebody_else_runs(make_stack: MakeStack, stack: Stack) -> None:
    """The engine `external`: this time somebody else is the first stack."""
    namespace = "e2e-access-external"
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, "kafka-platform/access=kafka")
    password = secret(NAMESPACE, "kafka-admin", "password")
    login = {"username": "admin", "password": password}
    admin = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "elsewhere", "namespace": namespace},
        "stringData": login,
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(admin))
    elsewhere = make_stack(
        "external",
        {
            "namespace": namespace,
            "createNamespace": False,
            "kafka": {
                "engine": "external",
                "bootstrapServers": stack.outputs()["bootstrapServers"],
                "securityProtocol": "SASL_PLAINTEXT",
                "adminSecret": "elsewhere",
            },
            "topics": {"green-data": {"partitions": 2, "replicas": 1, "deletion": "allow"}},
            "tenants": {"green": {"users": {"green-app": {"writes": ["green-data"]}}}},
        },
    )
    elsewhere.up()
    client_pod(namespace, "client", "green-app", programs=["access.py"])
    assert in_pod(namespace, "client", "python3", "/programs/access.py", "produce", "green-data").strip() == "ok"
    assert json.loads(elsewhere.preview("--json")).get("changeSummary", {}).keys() <= {"same"}
