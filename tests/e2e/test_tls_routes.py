"""Native Kafka clients from outside, through one Gateway that passes TLS through: it tells brokers apart by the names they prove."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import edge
from tests.e2e.conftest import MakeStack
from tests.harness import PATIENCE, Stack, get, kubectl
from tests.logins import Authority
from tests.outside import balancer, native_client, needed_edge

pytestmark = pytest.mark.long
NAMESPACE = "e2e-tls-routes"
BROKER_HOST = "broker-{nodeId}.routes.test"
BROKERS = 3
HOSTS = [*(BROKER_HOST.format(nodeId=node) for node in range(BROKERS)), "broker-bootstrap.routes.test"]
NAMES = [f"kafka.{NAMESPACE}.svc", f"*.kafka-nodes.{NAMESPACE}.svc", *HOSTS]
STRANGER = "stranger.routes.test"
"""A name that leads to the brokers, and that they cannot prove."""
RECORDS = 2_000
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "createNamespace": False,
    "kafka": {
        "engine": "embedded",
        "nodes": BROKERS,
        "storage": "1Gi",
        "deletion": "allow",
        "listeners": {
            "certificate": "brokers",
            "external": {
                "expose": "tlsRoute",
                "host": BROKER_HOST,
                "gatewayClass": "traefik",
                "listenerPort": 8443,
            },
        },
    },
    "topics": {"orders": {"partitions": 6}},
    "tenants": {"shop": {"users": {"app": {"writes": ["orders"], "reads": ["orders"], "groups": ["none"]}}}},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that clients trust."""
    return Authority(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def addresses() -> dict[str, str]:
    """Names and addresses, as a DNS would have them: all lead to the Gateway's one."""
    needed_edge("load-balancers", "traefik")
    address = balancer("traefik", edge.NAMESPACE)
    return dict.fromkeys([*HOSTS, STRANGER, "unknown.routes.test"], address)


@pytest.fixture(scope="module", autouse=True)
def stack(root: Authority, addresses: dict[str, str], make_stack: MakeStack) -> Stack:
    certificate, key = root.issue("brokers", "/CN=brokers", ",".join(f"DNS:{name}" for name in NAMES))
    kubectl("create", "namespace", NAMESPACE)
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": root.ca_file}
    given = [f"--from-file={name}={file}" for name, file in files.items()]
    kubectl("-n", NAMESPACE, "create", "secret", "generic", "brokers", *given)
    stack = make_stack("tls-routes", PLATFORM)
    stack.up()
    return stack


def end_a_broker() -> None:
    kubectl("-n", NAMESPACE, "delete", "pod", "kafka-1", "--wait=false")


def end_the_edge() -> None:
    [pod] = kubectl("-n", edge.NAMESPACE, "get", "pods", "-l", "app=traefik", "-o", "name").split()
    kubectl("-n", edge.NAMESPACE, "delete", pod, "--grace-period=0", "--force")


@pytest.mark.parametrize(
    "end",
    [pytest.param(end_a_broker, id="a broker"), pytest.param(end_the_edge, id="the edge", marks=pytest.mark.long)],
)
def test_no_acknowledged_record_is_lost_when_it_ends(
    end: Callable[[], None], tmp_path: Path, addresses: dict[str, str], root: Authority
) -> None:
    with native_client(tmp_path, NAMESPACE, addresses, root, "flow", "orders", str(RECORDS)) as running:
        assert running.stdout is not None
        begun = running.stdout.readline()
        if begun:
            end()
        text, errors = running.communicate(timeout=PATIENCE * 300)
    assert begun, errors
    found = json.loads(text.splitlines()[-1])
    print(found)
    assert found["brokers"] == {str(node): f"{HOSTS[node]}:443" for node in range(BROKERS)}
    counts = {key: found[key] for key in ("acknowledged", "failed", "missing")}
    assert counts == {"acknowledged": RECORDS, "failed": [], "missing": []}


def route_for_a_stranger() -> None:
    route = get("tlsroute", "kafka-external-bootstrap", NAMESPACE)
    spec = {**route["spec"], "hostnames": [STRANGER]}
    metadata = {"name": "stranger", "namespace": NAMESPACE}
    manifest = {"apiVersion": route["apiVersion"], "kind": "TLSRoute", "metadata": metadata, "spec": spec}
    kubectl("apply", "-f", "-", stdin=json.dumps(manifest))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bootstrap.servers": f"{STRANGER}:443"}, "certificate verify failed"),
        ({"bootstrap.servers": "unknown.routes.test:443"}, "certificate verify failed"),
        ({"sasl.password": "wrong"}, "Authentication failed"),
    ],
    ids=["under a name that the brokers do not prove", "under a name without a route", "with another password"],
)
def test_a_client_is_refused(
    tmp_path: Path, addresses: dict[str, str], root: Authority, settings: dict[str, str], reason: str
) -> None:
    route_for_a_stranger()
    with native_client(tmp_path, NAMESPACE, addresses, root, "refused", **settings) as running:
        text, errors = running.communicate(timeout=PATIENCE * 60)
    assert text, errors
    assert reason in str(json.loads(text)["errors"])


def test_the_name_without_proof_does_lead_to_the_brokers(
    tmp_path: Path, addresses: dict[str, str], root: Authority
) -> None:
    """It is the client that refuses it, and not a route that leads nowhere."""
    route_for_a_stranger()
    settings = {"bootstrap.servers": f"{STRANGER}:443", "ssl.endpoint.identification.algorithm": "none"}
    with native_client(tmp_path, NAMESPACE, addresses, root, "refused", **settings) as running:
        text, errors = running.communicate(timeout=PATIENCE * 60)
    assert text, errors
    assert json.loads(text)["errors"] is None


def test_a_preview_of_the_deployed_stack_shows_no_change(stack: Stack) -> None:
    assert json.loads(stack.preview("--json")).get("changeSummary", {}).keys() <= {"same"}


def test_the_gateway_sees_no_plain_text(addresses: dict[str, str]) -> None:
    """Its certificate for these names is the brokers' own: it has none."""
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"{addresses[HOSTS[0]]}:443", "-servername", HOSTS[0]],
        input="",
        capture_output=True,
        text=True,
        timeout=PATIENCE * 30,
    )
    assert "subject=CN = brokers" in shown.stdout.replace("CN=", "CN = ")
