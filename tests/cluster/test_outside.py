"""Ways in that contradict what a real API server has: `check --cluster` and the program refuse them before anything is changed."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.__main__ import main
from tests.cluster.objects import own_namespace
from tests.gateway_api import GATEWAY_API
from tests.logins import Authority

NAMESPACE = "outside-checks"
HOST = "data.outside.test"
STACK = f"""\
config:
  kafka-platform:platform:
    namespace: {NAMESPACE}
    createNamespace: false
    kubernetes: {{kubeconfig: %s}}
    kafka: {{engine: embedded, nodes: 1}}
    gateway: {{expose: %s}}
"""
ROUTES = "gateway.networking.k8s.io/v1"
LISTENER = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": HOST}


def apply(environment: Mapping[str, str], api: str, kind: str, name: str, **content: Any) -> None:
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **content}
    subprocess.run(
        ["kubectl", "apply", "-f", "-"],
        input=json.dumps(manifest),
        text=True,
        env=environment,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module", autouse=True)
def others(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What somebody else has in the cluster."""
    with own_namespace(NAMESPACE, environment):
        GATEWAY_API.install(tmp_path_factory.mktemp("gateway-api"), environment)
        certificate, key = Authority(tmp_path_factory.mktemp("root")).issue("web", "/CN=web", "DNS:other.outside.test")
        files = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
        apply(environment, "v1", "Secret", "web", type="kubernetes.io/tls", stringData=files)
        backend = {"service": {"name": "shop", "port": {"number": 80}}}
        paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
        rules = [{"host": HOST, "http": {"paths": paths}}]
        apply(
            environment,
            "networking.k8s.io/v1",
            "IngressClass",
            "outside-nginx",
            spec={"controller": "example.com/none"},
        )
        apply(
            environment,
            "networking.k8s.io/v1",
            "Ingress",
            "shop",
            spec={"ingressClassName": "outside-nginx", "rules": rules},
        )
        tls = {"certificateRefs": [{"name": "web"}]}
        clear = {"name": "http", "port": 80, "protocol": "HTTP"}
        gateway = {"gatewayClassName": "outside", "listeners": [{**LISTENER, "tls": tls}, clear]}
        apply(environment, ROUTES, "Gateway", "public", spec=gateway)
        route = {
            "parentRefs": [{"name": "public", "sectionName": "https"}],
            "hostnames": [HOST],
            "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}],
        }
        apply(environment, ROUTES, "HTTPRoute", "shop", spec=route)
        yield
        subprocess.run(["kubectl", "delete", "ingressclass", "outside-nginx"], env=environment, check=False)


@pytest.mark.parametrize(
    ("expose", "lines"),
    [
        (
            f"{{ingressClass: outside-nginx, controller: nginx, host: {HOST}, certificate: web}}",
            [
                f"gateway.expose.certificate: the certificate in Secret/{NAMESPACE}/web is valid for other.outside.test, not for {HOST}: "
                "issue it for that name too, or name another",
                f"gateway.expose.host: '{HOST}' is served by Ingress/{NAMESPACE}/shop already, and callers reach one of them: use "
                "another name, or remove it there first",
            ],
        ),
        (
            f"{{gateway: public, listener: https, host: {HOST}}}",
            [
                f"gateway.expose.listener: the certificate in Secret/{NAMESPACE}/web is valid for other.outside.test, not for {HOST}: "
                "issue it for that name too, or name another",
                f"gateway.expose.host: '{HOST}' is served by HTTPRoute/{NAMESPACE}/shop already, and callers reach one of them: use "
                "another name, or remove it there first",
            ],
        ),
        (
            f"{{gateway: public, listener: http, host: {HOST}}}",
            [
                f"gateway.expose.listener: the listener 'http' of Gateway/{NAMESPACE}/public has the protocol HTTP, so passwords would "
                "pass in the clear: name one with HTTPS",
            ],
        ),
        (
            f"{{gateway: pubic, listener: https, host: {HOST}}}",
            [f"gateway.expose.gateway: Gateway/{NAMESPACE}/pubic does not exist: make it, or correct its name"],
        ),
        ("{ingressClass: outside-nginx, controller: nginx, host: free.outside.test}", []),
    ],
    ids=["ingress", "route", "clear", "no gateway", "free"],
)
def test_the_cluster_is_asked(
    expose: str,
    lines: list[str],
    environment: Mapping[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "Pulumi.outside.yaml"
    file.write_text(STACK % (environment["KUBECONFIG"], expose))
    code = main(["check", "--cluster", str(file)])
    told = [line.strip() for line in capsys.readouterr().out.splitlines() if "advice" not in line]
    assert told[1:] == lines, told
    assert code == (1 if lines else 0)


def test_a_class_that_nobody_has(
    environment: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Pulumi.outside.yaml"
    file.write_text(
        STACK % (environment["KUBECONFIG"], f"{{ingressClass: outside-ngnix, controller: nginx, host: {HOST}}}")
    )
    assert main(["check", "--cluster", str(file)]) == 1
    told = capsys.readouterr().out
    assert (
        "IngressClass 'outside-ngnix' does not exist, and Ingress gateway needs it: did you mean 'outside-nginx'?"
        in told
    )


def test_a_cluster_that_does_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = {"name": "a", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    config = {
        "current-context": "a",
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "a", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    file = tmp_path / "Pulumi.outside.yaml"
    file.write_text(STACK % (tmp_path / "kubeconfig", f"{{ingressClass: nginx, host: {HOST}}}"))
    assert main(["check", "--cluster", str(file)]) == 1
    assert "kubernetes: the cluster does not answer" in capsys.readouterr().out
