"""What a user has not been given is denied; what was given works. Two tenants on one cluster."""

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, in_pod, kubectl

NAMESPACE = "e2e-access"
PLATFORM = {
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
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("access", PLATFORM)
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
        import base64

        secret = kubectl("-n", "e2e-access-red", "get", "secret", "red-app-kafka", "-o", "jsonpath={.data.password}")
        password = base64.b64decode(secret).decode()
        assert len(password) >= 24
        state = "".join(path.read_text() for path in stack.backend.rglob("*") if path.is_file())
        shown = stack.preview("--diff", "--refresh") + kubectl("get", "pods,jobs,configmaps", "-A", "-o", "json")
        logs = kubectl("-n", NAMESPACE, "logs", "kafka-0", "--all-containers")
        for where, text in (("state", state), ("preview or objects", shown), ("logs", logs)):
            assert password not in text, f"the password of red-app stands in {where}"
            assert secret not in text, f"the password of red-app stands, base64 encoded, in {where}"


@pytest.mark.usefixtures("stack")
def test_network_policy() -> None:
    """A pod of a namespace without access cannot reach the broker, where the cluster's CNI enforces policies."""
    assert "kafka" in kubectl("-n", NAMESPACE, "get", "networkpolicies", "-o", "name")
    kubectl("create", "namespace", "e2e-access-stranger")
    try:
        kubectl(
            "-n", "e2e-access-stranger", "create", "secret", "generic", "stranger-kafka", "--from-literal=username=x"
        )
        client_pod("e2e-access-stranger", "client", "stranger")
        connect = f"import socket; socket.create_connection(('kafka.{NAMESPACE}.svc', 9092), 5); print('connected')"
        if "connected" in in_pod("e2e-access-stranger", "client", "python3", "-c", connect, check=False):
            pytest.skip(
                "this cluster's CNI does not enforce network policies: they are rendered and accepted, nothing more"
            )
    finally:
        kubectl("delete", "namespace", "e2e-access-stranger", "--wait=false")
