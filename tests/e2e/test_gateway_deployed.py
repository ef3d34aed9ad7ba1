"""The HTTP gateway as `pulumi up` deploys it: reached from pods and from outside, rolled under load, scaled, exposed."""

import base64
import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.gateway_api import GATEWAY_API
from tests.harness import Stack, client_pod, eventually, forwarded, get, in_pod, kubectl

NAMESPACE = "e2e-gateway"
HOST = "data.example.com"
NODE_PORT = 31_880
JSON = "application/vnd.kafka.json.v2+json"
SECONDS = 90
"""How long records are written at most, while the pods are replaced, one after the other."""
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {"orders": {"partitions": 3}, "ledger": {"partitions": 3}, "public": {}},
    "tenants": {
        "shop": {
            "users": {
                "app": {"writes": ["orders", "ledger"], "reads": ["orders", "ledger"], "groups": ["unused"]},
                "web": {"writes": ["public"], "reads": ["public"]},
            }
        }
    },
    "gateway": {
        "pods": {"min": 3},
        "resources": {"cpu": "50m", "memory": "512Mi"},
        "expose": {"nodePort": NODE_PORT},
    },
}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine: install it")
    stack = make_stack("gateway", PLATFORM)
    stack.up()
    client_pod(NAMESPACE, "client", "app", programs=["http_access.py", "http_ledger.py"])
    return stack


@pytest.fixture
def settings(stack: Stack) -> dict[str, Any]:
    """A copy of what is deployed, to be changed."""
    return copy.deepcopy(dict(stack.platform))


@pytest.fixture(scope="module")
def outside(stack: Stack) -> str:
    """The gateway's URL for callers outside Kubernetes."""
    path = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    return f"http://{kubectl('get', 'nodes', '-o', path)}:{NODE_PORT}"


def password(user: str) -> str:
    encoded = kubectl("-n", NAMESPACE, "get", "secret", f"{user}-kafka", "-o", "jsonpath={.data.password}")
    return base64.b64decode(encoded).decode()


def curl(url: str, *arguments: str, login: str | None = None) -> tuple[int, Any]:
    """Status and body of what curl gets; the login stays out of the command line."""
    command = ["curl", "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", "--config", "-"]
    config = "" if login is None else f'user = "{login}"\n'
    done = subprocess.run([*command, *arguments, url], input=config, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body.startswith(("{", "[")) else body


def write(*values: object) -> list[str]:
    """curl's arguments that write these values."""
    body = json.dumps({"records": [{"key": "curl", "value": value} for value in values]})
    return ["--header", f"content-type: {JSON}", "--data", body]


def steps(stack: Stack) -> dict[str, str]:
    """What a preview would do: operation by URN, without what stays the same."""
    plan = json.loads(stack.preview("--json"))
    return {step["urn"]: step["op"] for step in plan["steps"] if step["op"] not in {"same", "read", "refresh"}}


class TestAsDeployed:
    def test_the_stack_says_where_it_is(self, stack: Stack) -> None:
        assert stack.outputs()["gateway"] == {"url": f"http://gateway.{NAMESPACE}.svc", "service": "gateway"}
        assert get("statefulset", "gateway", NAMESPACE)["status"]["readyReplicas"] == 3

    def test_an_unchanged_stack_shows_no_change(self, stack: Stack) -> None:
        assert steps(stack) == {}

    def test_curl_writes_and_reads_through_the_node_port(self, stack: Stack, outside: str) -> None:
        login = f"app:{password('app')}"
        status, answer = curl(f"{outside}/topics/orders", *write({"n": 1}, {"n": 2}), login=login)
        assert (status, [set(each) for each in answer["offsets"]]) == (200, [{"partition", "offset"}] * 2)
        first = answer["offsets"][0]
        status, found = curl(
            f"{outside}/topics/orders/partitions/{first['partition']}/records?offset={first['offset']}",
            "--header",
            f"accept: {JSON}",
            login=login,
        )
        assert status == 200
        assert [(each["offset"], each["value"]) for each in found[:2]] == [
            (first["offset"], {"n": 1}),
            (first["offset"] + 1, {"n": 2}),
        ]

    def test_curl_writes_through_a_forwarded_port(self, stack: Stack) -> None:
        with forwarded(NAMESPACE, "service/gateway", 80) as url:
            status, answer = curl(f"{url}/topics/orders", *write("by port-forward"), login=f"app:{password('app')}")
        assert status == 200, answer

    def test_a_pod_writes_and_reads_by_the_service(self, stack: Stack) -> None:
        requests = [
            ["POST", "/topics/orders", {"records": [{"value": 1}]}],
            ["GET", "/topics/orders/partitions/0/records?offset=0", None],
            ["POST", "/topics/public", {"records": [{"value": 1}]}],
        ]
        url = stack.outputs()["gateway"]["url"]
        output = in_pod(NAMESPACE, "client", "python3", "/programs/http_access.py", url, stdin=json.dumps(requests))
        # The last topic belongs to another user.
        assert json.loads(output) == [200, 200, 403]

    @pytest.mark.parametrize("login", [None, "app:wrong", "nobody:nothing", "admin:admin"])
    def test_wrong_credentials_are_refused(self, outside: str, login: str | None) -> None:
        status, answer = curl(f"{outside}/topics/orders", *write("x"), login=login)
        assert (status, answer["error_code"]) == (401, 40101)

    def test_metrics_have_a_port_of_their_own(self, stack: Stack) -> None:
        url = f"http://gateway-0.gateway-pods.{NAMESPACE}.svc:9404/metrics"
        program = f"import urllib.request; print(urllib.request.urlopen({url!r}).read().decode())"
        assert "gateway_requests_in_flight" in in_pod(NAMESPACE, "client", "python3", "-c", program)

    def test_no_password_is_in_the_pods(self, stack: Stack) -> None:
        described = kubectl("-n", NAMESPACE, "get", "pods,configmaps", "-o", "json")
        logs = "".join(kubectl("-n", NAMESPACE, "logs", f"gateway-{number}") for number in range(3))
        for text in (password("app"), base64.b64encode(f"app:{password('app')}".encode()).decode()):
            assert text not in described
            assert text not in logs


def test_a_rolling_update_under_load_loses_nothing(
    stack: Stack, settings: dict[str, Any], outside: str, record_property: Callable[[str, object], None]
) -> None:
    url = stack.outputs()["gateway"]["url"]
    ledger = ("python3", "/programs/http_ledger.py")
    before = {pod: get("pod", pod, NAMESPACE)["metadata"]["uid"] for pod in ("gateway-0", "gateway-1", "gateway-2")}
    settings["gateway"] |= {"anonymous": "web", "limits": {"records": 5000}}
    stack.write(settings)
    writing = ["kubectl", "-n", NAMESPACE, "exec", "client", "--", *ledger, "write", url, "ledger", str(SECONDS)]
    with subprocess.Popen(writing, stdout=subprocess.PIPE, text=True) as writer:
        stack.up()
        # Now the pods are others, and one more second is written through them alone.
        in_pod(NAMESPACE, "client", "sh", "-c", "sleep 1; touch /tmp/stop-writing")
        written = json.loads(writer.communicate(timeout=SECONDS + 60)[0])
    after = {pod: get("pod", pod, NAMESPACE)["metadata"]["uid"] for pod in before}
    assert not set(before.values()) & set(after.values())
    # No stream was read here.
    in_pod(NAMESPACE, "client", "sh", "-c", "echo [] > /tmp/streamed")
    compared = json.loads(in_pod(NAMESPACE, "client", *ledger, "verify", "ledger"))
    print(f"\nwritten:  {written}\ncompared: {compared}")
    record_property("figures", [written, compared])
    assert compared["acknowledged"] > 5_000
    assert (compared["lost"], compared["elsewhere"], compared["twice"]) == (0, 0, 0)
    # Whoever was told to go was let go in peace: not even a request stayed without an answer.
    assert (written["refused"], written["unknown"]) == ({}, {})

    status, answer = curl(f"{outside}/topics/public", *write("without a login"))
    assert status == 200, answer
    status, answer = curl(f"{outside}/topics/orders", *write("without a login"))
    assert status == 403, answer


@pytest.mark.long
def test_an_autoscaler_takes_the_number_over(stack: Stack, settings: dict[str, Any]) -> None:
    settings["gateway"]["pods"] = {"min": 4, "max": 5}
    settings["gateway"]["limits"] = {"drain": "1s"}
    stack.write(settings)
    stack.up()
    # Not one pod, as Kubernetes has it where nobody gives a number.
    assert get("statefulset", "gateway", NAMESPACE)["spec"]["replicas"] >= 3
    eventually(
        "four pods, as the autoscaler says even without metrics",
        lambda: get("statefulset", "gateway", NAMESPACE)["status"].get("readyReplicas") == 4,
        120,
    )
    assert get("horizontalpodautoscaler", "gateway", NAMESPACE)["spec"]["maxReplicas"] == 5
    assert steps(stack) == {}, "what the autoscaler decides is no difference"


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (`ca`), and what it signed: `server`, for all its hosts, and `caller`."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl: install it to make certificates")
    folder = tmp_path_factory.mktemp("certificates")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"]
    authority = ["-keyout", folder / "ca.key", "-out", folder / "ca.crt", "-addext", "keyUsage=critical,keyCertSign"]
    openssl("req", "-x509", *new, "-subj", "/CN=authority", *authority)
    for name, usage in (("server", "serverAuth"), ("caller", "clientAuth")):
        signed = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-addext", f"extendedKeyUsage={usage}"]
        hosts = ",".join(f"DNS:{each}" for each in ("localhost", f"gateway.{NAMESPACE}.svc", HOST))
        names = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName={hosts}"]
        files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"]
        openssl("req", "-x509", *new, "-subj", f"/CN={name}", *signed, *names, *files)
    return folder


def test_tls_ends_at_the_pods(stack: Stack, settings: dict[str, Any], outside: str, certificates: Path) -> None:
    kubectl(
        "-n", NAMESPACE, "create", "secret", "tls", "data-tls",
        f"--cert={certificates}/server.crt", f"--key={certificates}/server.key",
    )  # fmt: skip
    kubectl("-n", NAMESPACE, "create", "secret", "generic", "callers", f"--from-file=ca.crt={certificates}/ca.crt")
    settings["gateway"] |= {"tls": {"certificate": "data-tls", "clientAuthority": "callers"}, "pods": {"min": 1}}
    stack.write(settings)
    stack.up()
    assert stack.outputs()["gateway"]["url"] == f"https://gateway.{NAMESPACE}.svc"
    address = outside.removeprefix("http://").partition(":")[0]
    secured = ["--connect-to", f"localhost:443:{address}:{NODE_PORT}", "--cacert", f"{certificates}/ca.crt"]
    with_certificate = ["--cert", f"{certificates}/caller.crt", "--key", f"{certificates}/caller.key"]
    login = f"app:{password('app')}"
    again = ["--retry", "5", "--retry-connrefused"]
    status, answer = curl(
        "https://localhost/topics/orders", *secured, *with_certificate, *again, *write(1), login=login
    )
    assert status == 200, answer
    # By TLS 1.3 the caller learns only after the handshake that it would have needed a certificate.
    with pytest.raises(AssertionError, match=r"curl: \((35|52|55|56)\)"):
        curl("https://localhost/topics/orders", *secured, *write(1), login=login)


def test_routes_of_the_gateway_api(stack: Stack, settings: dict[str, Any], tmp_path: Path) -> None:
    """No controller is here to serve them: its word that a Gateway is programmed is said by hand."""
    del settings["gateway"]["tls"]
    GATEWAY_API.install(tmp_path, os.environ)
    settings["gateway"]["expose"] = {"gateway": f"{NAMESPACE}/public", "listener": "https", "host": HOST}
    stack.write(settings)
    assert f"Gateway/{NAMESPACE}/public does not exist" in stack.preview(fails=True)
    tls = {"certificateRefs": [{"name": "data-tls"}]}
    listener = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls}
    public = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": NAMESPACE},
        "spec": {"gatewayClassName": "nobody", "listeners": [listener]},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(public))
    stack.up()
    route = get("httproute", "gateway", NAMESPACE)["spec"]
    parent = {"namespace": NAMESPACE, "name": "public", "sectionName": "https"}
    assert route["parentRefs"][0] | parent == route["parentRefs"][0]
    assert not kubectl("-n", NAMESPACE, "get", "service", "gateway-external", "--ignore-not-found")
    assert steps(stack) == {}

    settings["gateway"]["expose"] = {"gatewayClass": "nobody", "host": HOST, "certificate": "data-tls"}
    stack.write(settings)
    assert "GatewayClass 'nobody' does not exist" in stack.preview(fails=True)
    nobody = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "nobody"},
        "spec": {"controllerName": "example.com/nobody"},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(nobody))
    up = stack.start("up", "--yes", "--skip-preview")
    found = ["-n", NAMESPACE, "get", "gateway.gateway.networking.k8s.io", "gateway", "--ignore-not-found"]
    eventually("the Gateway", lambda: bool(kubectl(*found)), 60)
    assert up.poll() is None, "it waits for the Gateway"
    programmed = {
        "type": "Programmed", "status": "True", "reason": "Programmed", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
    }  # fmt: skip
    patch = json.dumps({"status": {"conditions": [programmed]}})
    named = ["gateway.gateway.networking.k8s.io", "gateway", "--subresource=status", "--type=merge", "-p", patch]
    kubectl("-n", NAMESPACE, "patch", *named)
    output, _ = up.communicate(timeout=120)
    assert up.returncode == 0, output
    assert steps(stack) == {}

    settings["gateway"]["expose"] = {"nodePort": NODE_PORT}
    stack.write(settings)
    stack.up()
    assert not kubectl(*found)


def test_without_a_gateway(stack: Stack, settings: dict[str, Any]) -> None:
    del settings["gateway"]
    stack.write(settings)
    stack.up()
    left = kubectl("-n", NAMESPACE, "get", "all,hpa,pdb,networkpolicy", "-l", "app.kubernetes.io/component=gateway")
    assert "gateway" not in left
    assert "gateway" not in stack.outputs()
