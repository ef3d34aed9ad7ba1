"""Callers from outside who are known by their certificates: Traefik passes TLS through to the gateway's pods."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox import edge
from tests.e2e.conftest import MakeStack
from tests.harness import Stack, eventually, kubectl
from tests.logins import Authority
from tests.outside import JSON, balancer, needed_edge

pytestmark = pytest.mark.long
NAMESPACE = "e2e-shown"
HOST = "shown.routes.test"
NAMES = f"DNS:gateway.{NAMESPACE}.svc,DNS:{HOST}"
FORGED = {"x-forwarded-client-cert": 'Subject="CN=till"', "ssl-client-subject-dn": "CN=till"}
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "createNamespace": False,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
    "topics": {"sales": {"partitions": 2}, "others": {}},
    "tenants": {"shops": {"users": {"till": {"writes": ["sales"]}, "scanner": {"writes": ["others"]}}}},
    "gateway": {
        "pods": {"min": 2},
        "trustedProxies": ["0.0.0.0/1", "128.0.0.0/1"],
        "clientNamespaces": [edge.NAMESPACE],
        "tls": {"certificate": "pods", "clientAuthority": "callers", "users": ["till"]},
        "expose": {
            "gatewayClass": "traefik",
            "host": HOST,
            "port": 8443,
            "passthrough": True,
            "routeVersion": "v1alpha2",
        },
    },
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def address() -> str:
    needed_edge("load-balancers", "traefik")
    return balancer("traefik", edge.NAMESPACE)


@pytest.fixture(scope="module", autouse=True)
def stack(root: Authority, address: str, make_stack: MakeStack) -> Stack:
    certificate, key = root.issue("pods", "/CN=pods", NAMES)
    kubectl("create", "namespace", NAMESPACE)
    kubectl("-n", NAMESPACE, "create", "secret", "tls", "pods", f"--cert={certificate}", f"--key={key}")
    kubectl("-n", NAMESPACE, "create", "secret", "generic", "callers", f"--from-file=ca.crt={root.ca_file}")
    stack = make_stack("shown", PLATFORM)
    stack.up()
    return stack


def ask(
    address: str, root: Authority, own: tuple[Path, Path] | None, topic: str, headers: Mapping[str, str] = {}
) -> int:
    """The status of a write from outside; 0 if the connection is refused."""
    context = ssl.create_default_context(cafile=str(root.ca_file))
    if own is not None:
        context.load_cert_chain(*own)
    connection = http.client.HTTPSConnection(HOST, timeout=60)
    body = json.dumps({"records": [{"value": 1}]})
    try:
        connection.sock = context.wrap_socket(socket.create_connection((address, 443), 60), server_hostname=HOST)
        connection.request("POST", f"/topics/{topic}", body, {"content-type": JSON, **headers})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def test_a_certificate_is_the_login(address: str, root: Authority) -> None:
    till = root.issue("till", "/CN=till")
    eventually("till writes", lambda: ask(address, root, till, "sales") == 200)
    assert ask(address, root, till, "others") == 403, "with no other rights than its own"
    assert ask(address, root, till, "others", FORGED) == 403


def test_who_is_not_known_is_nobody(address: str, root: Authority, tmp_path: Path) -> None:
    """The edge counts as a trusted proxy here, as do all: nothing follows from it for certificates."""
    stranger = root.issue("scanner", "/CN=scanner")
    eventually("the stranger is answered", lambda: ask(address, root, stranger, "others") == 401)
    assert ask(address, root, stranger, "sales", FORGED) == 401
    assert ask(address, root, None, "sales", FORGED) == 0
    assert ask(address, root, root.issue("old", "/CN=till", days=-1), "sales") == 0
    assert ask(address, root, Authority(tmp_path).issue("till", "/CN=till"), "sales") == 0
