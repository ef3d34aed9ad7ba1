"""A platform as it is used over HTTP from outside: through Traefik by Ingress and Gateway API, with certificates of cert-manager."""

import base64
import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.sync.client import connect

from sandbox import edge
from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl
from tests.logins import Authority
from tests.outside import RECORDS, Flow, Way, balancer, login, needed_edge

NAMESPACE = "e2e-edge"
INGRESS_HOST, ROUTE_HOST, SHARED_HOST, PLAIN_HOST = "data.test", "api.test", "shared.test", "plain.test"
TOPICS = ["checked", "ingress", "route"]
BROKER_NAMES = [f"kafka.{NAMESPACE}.svc", f"*.kafka-nodes.{NAMESPACE}.svc"]
ISSUED = {"cert-manager.io/issuer": "issuing"}
"""By which cert-manager makes the certificate of a Gateway or Ingress."""
BODY = 1 << 20
"""Bytes of the largest body, by default."""
EACH = 60 * RECORDS
"""Records that are written before and after Traefik is killed."""
NOBODY = "404 page not found\n"
"""What Traefik answers for a host that it does not serve."""


PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "createNamespace": False,
    "kafka": {
        "engine": "embedded",
        "nodes": 1,
        "storage": "1Gi",
        "deletion": "allow",
        "listeners": {"certificate": "brokers"},
    },
    "topics": {topic: {"partitions": 3} for topic in TOPICS},
    "tenants": {"shop": {"users": {"app": {"writes": TOPICS, "reads": TOPICS}}}},
    "gateway": {
        "pods": {"min": 2},
        "limits": {"heartbeat": "2s"},
        "clientNamespaces": [edge.NAMESPACE],
        "expose": {"ingressClass": "traefik", "host": INGRESS_HOST, "certificate": "web", "annotations": ISSUED},
    },
}


def made(
    kind: str, name: str, api: str = "cert-manager.io/v1", annotations: Mapping[str, str] | None = None, **content: Any
) -> None:
    """Applies an object."""
    metadata = {"name": name, "annotations": annotations or {}}
    if kind != "Namespace":
        metadata["namespace"] = NAMESPACE
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": api, "kind": kind, "metadata": metadata, **content}))


@pytest.fixture(scope="module")
def address() -> str:
    """Where Traefik is reached from outside."""
    needed_edge("load-balancers", "cert-manager", "traefik")
    return balancer("traefik", edge.NAMESPACE)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that callers trust."""
    return Authority(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def stack(address: str, root: Authority, make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    issuing = Authority(tmp_path_factory.mktemp("issuing"), above=root)
    made("Namespace", NAMESPACE, "v1")
    files = {"tls.crt": issuing.ca_file.read_text() + root.ca_file.read_text(), "tls.key": issuing.key_file.read_text()}
    made("Secret", "issuing", "v1", type="kubernetes.io/tls", stringData=files)
    made("Issuer", "issuing", spec={"ca": {"secretName": "issuing"}})
    # As docs/components/kafka-cluster.md wants the Secret.
    key = {"algorithm": "ECDSA", "encoding": "PKCS8"}
    spec = {"secretName": "brokers", "dnsNames": BROKER_NAMES, "privateKey": key, "issuerRef": {"name": "issuing"}}
    made("Certificate", "brokers", spec=spec)
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "certificate/brokers", "--timeout=300s")
    [pod] = json.loads(kubectl("-n", edge.NAMESPACE, "get", "pods", "-l", "app=traefik", "-o", "json"))["items"]
    gateway = {**PLATFORM["gateway"], "trustedProxies": [f"{pod['status']['podIP']}/32"]}
    stack = make_stack("edge", {**PLATFORM, "gateway": gateway})
    stack.up()
    return stack


def app(key: str) -> str:
    """What the application finds in its Secret."""
    return login(NAMESPACE, "app", key)


def way(host: str, address: str, root: Authority) -> Way:
    return Way(host=host, address=address, authority=root.ca_file, login=f"app:{app('password')}")


def check_served(served: Way) -> None:
    """Records go through it, with a certificate that proves the host, and nothing goes through port 80."""
    records = {"records": [{"key": "k", "value": {"n": 1}}]}
    eventually("it is served", served.is_open)
    status, answer = served.ask("POST", "/topics/checked", json.dumps(records).encode())
    assert status == 200, answer
    place = answer["offsets"][0]
    path = f"/topics/checked/partitions/{place['partition']}/records?offset={place['offset']}"
    status, found = served.ask("GET", path)
    assert (status, found[0]["value"]) == (200, {"n": 1})
    assert served.in_the_clear() == (404, NOBODY, None)
    # A body of just the largest size, and one of a byte more.
    body = json.dumps(records).encode()
    assert served.ask("POST", "/topics/checked", body.ljust(BODY))[0] == 200
    status, answer = served.ask("POST", "/topics/checked", body.ljust(BODY + 1))
    assert (status, answer["error_code"]) == (413, 41301), answer


def renew(certificate: str) -> None:
    """As cert-manager's own command line asks for it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": now}
    found = get("certificate", certificate, NAMESPACE)["status"]["conditions"]
    patch = json.dumps({"status": {"conditions": [*found, {**issuing, "message": "by a test"}]}})
    kubectl("-n", NAMESPACE, "patch", "certificate", certificate, "--subresource=status", "--type=merge", "-p", patch)


def check_nothing_is_lost(served: Way, topic: str, certificate: str) -> None:
    """Whoever writes and whoever follows a stream gets over the end of Traefik's pod and over another certificate."""
    flow = Flow(way=served, topic=topic)

    def more() -> Callable[[], bool]:
        written, read = len(flow.acknowledged), len(flow.read)
        return lambda: len(flow.acknowledged) > written + EACH and len(flow.read) > read + EACH

    with flow.running():
        eventually("records flow", more())
        [pod] = kubectl("-n", edge.NAMESPACE, "get", "pods", "-l", "app=traefik", "-o", "name").split()
        kubectl("-n", edge.NAMESPACE, "delete", pod, "--grace-period=0", "--force")
        kubectl("-n", edge.NAMESPACE, "rollout", "status", "deployment/traefik", "--timeout=300s")
        eventually("records flow again", more(), 120)
        before = served.certificate()
        renew(certificate)
        eventually("the renewed certificate is presented", lambda: served.certificate() not in (None, before))
        eventually("records still flow", more())
        flow.stop_writing()
        eventually("all are read", lambda: not flow.missing)
    print(f"{served.host}: {flow.told}")
    assert flow.missing == set(), flow.told
    assert all(place in flow.read[number] for number, place in flow.acknowledged.items())
    assert flow.interrupted, flow.told
    assert all(len(places) == len(set(places)) for places in flow.read.values()), "a resumed stream repeats nothing"


GUESSES = """
import http.client, socket, ssl, sys

address, host, *users = sys.argv[1:]
anyone = ssl._create_unverified_context()
for user in users:
    to = http.client.HTTPSConnection(host, context=anyone)
    to.sock = anyone.wrap_socket(socket.create_connection((address, 443), timeout=30), server_hostname=host)
    to.request("GET", "/topics", headers={"authorization": "Basic " + user})
    print(to.getresponse().status)
    to.close()
"""
"""A caller in a pod, whom Traefik sees under the pod's own address."""


def wrong(password: str) -> str:
    """The login of the user with a wrong password."""
    return base64.b64encode(f"app:{password}".encode()).decode()


def claimed(served: Way, address: str, password: str) -> int:
    """What a caller is answered who claims to be at an address and guesses."""
    with contextlib.closing(served.opened()) as connection:
        headers = {"authorization": f"Basic {wrong(password)}", "x-forwarded-for": address, "x-real-ip": address}
        connection.request("GET", "/topics", headers=headers)
        return connection.getresponse().status


IDLE_SECONDS, HEARTBEAT_SECONDS = 600, 60
"""How long streams are without records, and how far their signs of life are apart: longer than by default."""


def check_silent_streams_stay(served: Way, topic: str) -> None:
    """An event stream and a WebSocket without records stay open, and then hand out the record that comes."""
    path = f"/topics/{topic}/stream?from=latest&heartbeat={HEARTBEAT_SECONDS}"
    trust = ssl.create_default_context(cafile=str(served.authority))
    plain = socket.create_connection((served.address, 443))
    headers = {**served.headers, "accept": "text/event-stream"}
    with (
        contextlib.closing(replace(served, seconds=2 * HEARTBEAT_SECONDS).opened()) as connection,
        connect(
            f"wss://{served.host}{path}",
            sock=plain,
            ssl=trust,
            server_hostname=served.host,
            additional_headers={"authorization": served.headers["authorization"]},
            # Its own would keep the way open, and so hide one that closes.
            ping_interval=None,
        ) as web,
    ):
        connection.request("GET", path, headers=headers)
        events = connection.getresponse()
        until, signs = time.monotonic() + IDLE_SECONDS, 0
        while time.monotonic() < until:
            line = events.readline()
            assert line, f"the stream ended after {signs} signs of life"
            signs += line.startswith(b": alive")
        assert signs >= IDLE_SECONDS // HEARTBEAT_SECONDS - 1
        records = {"records": [{"key": "k", "value": "after the silence"}]}
        assert served.ask("POST", f"/topics/{topic}", json.dumps(records).encode())[0] == 200
        # Signs of life have none.
        while not (found := json.loads(web.recv(timeout=HEARTBEAT_SECONDS)).get("records")):
            pass
        assert [each["value"] for each in found] == ["after the silence"]
        while not (line := events.readline()).startswith(b"data: "):
            assert line, "the stream ended"
        assert json.loads(line.removeprefix(b"data: "))["value"] == "after the silence"


@pytest.mark.usefixtures("stack")
class TestIngress:
    @pytest.fixture
    def served(self, address: str, root: Authority) -> Way:
        return way(INGRESS_HOST, address, root)

    def test_callers_are_told_where_it_is(self, stack: Stack) -> None:
        assert app("external-http-url") == f"https://{INGRESS_HOST}"

    def test_records_go_through_it_by_tls_alone(self, served: Way) -> None:
        check_served(served)

    def test_an_address_that_a_caller_claims_does_not_count(self, served: Way) -> None:
        eventually("it is served", served.is_open)
        found = [claimed(served, f"203.0.113.{number}", f"wrong {number}") for number in range(12)]
        assert set(found) == {401, 429}, found
        # Traefik's word counts: the caller at another address is not held up by the former.
        client_pod(NAMESPACE, "elsewhere", "app")
        traefik = f"traefik.{edge.NAMESPACE}.svc"
        found = [claimed(served, "203.0.113.99", f"wrong again {number}") for number in range(12)]
        assert 429 in found
        said = in_pod(NAMESPACE, "elsewhere", "python3", "-c", GUESSES, traefik, served.host, wrong("elsewhere"))
        assert said.split() == ["401"]

    @pytest.mark.long
    def test_streams_without_records_stay_open(self, served: Way) -> None:
        eventually("it is served", served.is_open)
        check_silent_streams_stay(served, "checked")

    def test_by_http_2(self, served: Way) -> None:
        if shutil.which("curl") is None:
            pytest.skip("no curl on this machine: install it")
        command = ["curl", "--silent", "--show-error", "--max-time", "30", "--http2", "--cacert", str(served.authority)]
        command += ["--resolve", f"{served.host}:443:{served.address}", "--output", "/dev/null", "--config", "-"]
        command += ["--write-out", "%{http_version} %{http_code}", f"https://{served.host}/topics"]
        done = subprocess.run(command, input=f'user = "{served.login}"\n', capture_output=True, text=True, check=True)
        assert done.stdout == "2 200"

    def test_another_host_is_not_served_and_its_certificate_not_trusted(self, address: str, root: Authority) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            way("other.test", address, root).ask("GET", "/topics")

    def test_an_ingress_without_our_annotations_would_carry_passwords_in_the_clear(
        self, address: str, root: Authority
    ) -> None:
        """The fault that the annotations prevent is one that this file sees."""
        ours = get("ingress", "gateway", NAMESPACE)
        spec = json.loads(json.dumps(ours["spec"]).replace(INGRESS_HOST, PLAIN_HOST))
        made("Ingress", "plain", "networking.k8s.io/v1", spec=spec)
        eventually("port 80 serves it", lambda: way(PLAIN_HOST, address, root).in_the_clear()[0] == 200)
        kubectl("-n", NAMESPACE, "delete", "ingress", "plain")

    def test_no_record_is_lost_when_traefik_is_killed_and_the_certificate_renewed(self, served: Way) -> None:
        check_nothing_is_lost(served, "ingress", "web")


@pytest.fixture(scope="class")
def by_gateway_api(stack: Stack) -> None:
    gateway = {**stack.platform["gateway"]}
    expose = {"gatewayClass": "traefik", "host": ROUTE_HOST, "certificate": "api", "port": 8443}
    gateway["expose"] = {**expose, "annotations": ISSUED}
    stack.write({**stack.platform, "gateway": gateway})
    stack.up()


@pytest.mark.usefixtures("by_gateway_api")
class TestGatewayApi:
    """The same stack after a change: another host, by a Gateway of its own."""

    @pytest.fixture
    def served(self, address: str, root: Authority) -> Way:
        return way(ROUTE_HOST, address, root)

    def test_records_go_through_it_by_tls_alone(self, served: Way) -> None:
        check_served(served)

    def test_the_former_host_is_gone(self, address: str, root: Authority) -> None:
        former = way(INGRESS_HOST, address, root)

        def is_gone() -> bool:
            try:
                return former.ask("GET", "/topics") == (404, NOBODY)
            except ssl.SSLCertVerificationError:
                return True

        eventually("it is gone", is_gone)
        assert app("external-http-url") == f"https://{ROUTE_HOST}"

    @pytest.mark.long
    def test_no_record_is_lost_when_traefik_is_killed_and_the_certificate_renewed(self, served: Way) -> None:
        check_nothing_is_lost(served, "route", "api")


@pytest.fixture(scope="class")
def by_shared_gateway(stack: Stack) -> None:
    from_here = {"namespaces": {"from": "Same"}}
    ends_tls = {"mode": "Terminate", "certificateRefs": [{"name": "public"}]}
    listeners = [
        {"name": "http", "port": 8000, "protocol": "HTTP", "allowedRoutes": from_here},
        {"name": "https", "port": 8443, "protocol": "HTTPS", "hostname": SHARED_HOST, "tls": ends_tls},
    ]
    spec = {"gatewayClassName": "traefik", "listeners": listeners}
    made("Gateway", "public", "gateway.networking.k8s.io/v1", spec=spec, annotations=ISSUED)
    gateway = {**stack.platform["gateway"]}
    gateway["expose"] = {"gateway": "public", "listener": "https", "host": SHARED_HOST}
    stack.write({**stack.platform, "gateway": gateway})
    stack.up()


@pytest.mark.usefixtures("by_shared_gateway")
@pytest.mark.long
class TestSharedGateway:
    """The same stack once more, behind a Gateway of somebody else, which also has a listener of plain HTTP."""

    def test_our_route_is_served_by_the_listener_with_tls_alone(self, address: str, root: Authority) -> None:
        check_served(way(SHARED_HOST, address, root))

    def test_a_route_that_names_no_listener_would_carry_passwords_in_the_clear(
        self, address: str, root: Authority
    ) -> None:
        """The fault that the listener's name prevents is one that this file sees."""
        spec = get("httproute", "gateway", NAMESPACE)["spec"]
        [parent] = spec["parentRefs"]
        del parent["sectionName"]
        made("HTTPRoute", "plain", "gateway.networking.k8s.io/v1", spec={**spec, "hostnames": [PLAIN_HOST]})
        eventually("port 80 serves it", lambda: way(PLAIN_HOST, address, root).in_the_clear()[0] == 200)
