"""The lines of `kubectl` in runbooks and pages of components, and those of `curl`, run by a shell as they are written."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from sandbox.pins import RUNTIME_IMAGE
from tests.cert_manager_api import CERT_MANAGER_API
from tests.documented import Command, kubectl_lines, lines_to_type
from tests.e2e.conftest import MakeStack
from tests.harness import client_pod, eventually, forwarded, get, kubectl, why_no_keda
from tests.prometheus_api import PROMETHEUS_API
from tests.strimzi_api import install, operator_watches

NAMESPACE, TENANT = "e2e-documented", "e2e-documented-shop"
PLATFORM = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "resources": {"cpu": "100m"}, "deletion": "allow"},
    "topics": {"orders": {"partitions": 3, "deletion": "allow"}},
    "tenants": {
        "shop": {
            "namespace": TENANT,
            "createNamespace": True,
            "users": {"payment-api": {"writes": ["orders"], "reads": ["orders"], "groups": ["shop"]}},
        }
    },
    "gateway": {"pods": {"min": 1}, "resources": {"cpu": "50m"}},
    "probe": {"resources": {"cpu": "20m"}},
    "exporter": {},
    "jobs": {
        "nightly": {
            "image": RUNTIME_IMAGE,
            "tenant": "shop",
            "schedule": "@yearly",
            "reads": ["orders"],
            "command": ["echo", "done"],
        }
    },
    # Nobody answers: what its runbook is about.
    "connectors": {"kafka": {"http": {"url": "http://nobody.svc"}, "reads": ["orders"]}},
}
# A certificate, a Kafka of Strimzi and a scaler, whose operators need not run.
CERTIFICATE = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "kafka", "namespace": NAMESPACE},
    "spec": {"secretName": "none", "dnsNames": ["kafka.example.com"], "issuerRef": {"name": "none"}},
}
SCALER = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "kafka", "namespace": NAMESPACE},
    "spec": {
        "scaleTargetRef": {"name": "latency-probe"},
        "minReplicaCount": 1,
        "maxReplicaCount": 1,
        "triggers": [
            {
                "type": "cron",
                "metadata": {"timezone": "UTC", "start": "0 0 * * *", "end": "1 0 * * *", "desiredReplicas": "1"},
            }
        ],
    },
}
STRIMZI_KAFKA = {
    "apiVersion": "kafka.strimzi.io/v1",
    "kind": "Kafka",
    "metadata": {"name": "kafka", "namespace": NAMESPACE},
    "spec": {"kafka": {"listeners": [{"name": "plain", "port": 9092, "type": "internal", "tls": False}]}},
}
STRIMZI_USER = {
    "apiVersion": "kafka.strimzi.io/v1",
    "kind": "KafkaUser",
    "metadata": {"name": "kafka", "namespace": NAMESPACE},
    "spec": {"authentication": {"type": "scram-sha-512"}},
}
ELSEWHERE = {
    "component=log-collector": "tests/e2e/test_logs.py has a log collector",
    "daemonset log-collector": "tests/e2e/test_logs.py has a log collector",
    "component=object-store": "tests/e2e/test_object_store.py has a store",
    "component=query-engine": "tests/e2e/test_query.py has a query engine",
    "component=stream-job": "tests/e2e/test_streams.py has a stream job",
    "connect-slots": "no database of a source runs here: tests/e2e/test_connect.py has one",
    "connect-restarter": "the image of Kafka Connect takes minutes to make",
    "entity-operator": "no operator of Strimzi runs here",
    "component=connect": "the image of Kafka Connect takes minutes to make",
    "deployment/strimzi-cluster-operator": "the operator's chart names it: tests/e2e/test_operator_charts.py",
    "prometheus-grafana": "Grafana's image cannot be had from packages: tests/unit/components has the Secret and the Service",
    "role,rolebinding kafka-exporter": "tests/e2e/test_elastic.py has an exporter that adds pods",
    "component=schema-registry": "tests/e2e/test_registry.py has a registry",
}
LINES = [*kubectl_lines("runbooks"), *kubectl_lines("components")]
VARIABLES = {
    "NAMESPACE": NAMESPACE,
    "TENANT_NAMESPACE": TENANT,
    "PROGRAM_NAMESPACE": NAMESPACE,
    "CERTIFICATE": "latency-probe-kafka",
    "CLUSTER": "kafka",
    "NAME": "kafka",
    "JOB": "nightly",
}


@pytest.fixture(scope="module")
def keda() -> str | None:
    """The namespace of KEDA, if the cluster has it."""
    path = "jsonpath={.spec.service.namespace}"
    return (
        kubectl("get", "apiservice", "v1beta1.external.metrics.k8s.io", "-o", path) if why_no_keda() is None else None
    )


@pytest.fixture(scope="module")
def shell(
    make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory, keda: str | None
) -> Iterator[Mapping[str, str]]:
    """The variables of the pages, for a stack with their parts and one object of each operator's kinds."""
    try:
        for kinds in (CERT_MANAGER_API, PROMETHEUS_API):
            kinds.install(tmp_path_factory.mktemp("kinds"), os.environ)
        install(os.environ)
    except RuntimeError as error:
        pytest.skip(f"the API server does not serve the operators' kinds: {error}")
    if operator_watches(os.environ):
        pytest.skip("an operator of Strimzi runs in this cluster, and would deploy this test's Kafka")
    make_stack("documented", PLATFORM).up()
    objects = [CERTIFICATE, STRIMZI_KAFKA, STRIMZI_USER, *([SCALER] if keda else [])]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    client_pod(TENANT, "app", "payment-api")
    # A run of the job, and an event about it.
    kubectl("-n", TENANT, "create", "job", "--from=cronjob/nightly", "nightly-before")
    # Its broker has ended once, for what `logs --previous` shows.
    kubectl("-n", NAMESPACE, "exec", "kafka-0", "-c", "kafka", "--", "sh", "-c", "kill 1", check=False)
    eventually("the broker is back", restarted)
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "--timeout=300s", "pod/kafka-0")
    try:
        yield os.environ | VARIABLES | ({"KEDA_NAMESPACE": keda} if keda else {})
    finally:
        kubectl(
            "delete",
            "--ignore-not-found",
            "-f",
            "-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        )


def restarted() -> bool:
    states = get("pod", "kafka-0", NAMESPACE)["status"]["containerStatuses"]
    return any(each["name"] == "kafka" and each["restartCount"] for each in states)


def run(line: str, variables: Mapping[str, str]) -> str:
    """What a line prints; those that watch are ended after some seconds."""
    if "--watch" in line:
        line = f"timeout 3 {line} || [ $? = 124 ]"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env=variables,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("command", LINES, ids=str)
def test_kubectl(command: Command, shell: Mapping[str, str], keda: str | None) -> None:
    if (why := next((reason for part, reason in ELSEWHERE.items() if part in command.text), None)) is not None:
        pytest.skip(why)
    if keda is None and re.search(r"scaledobject|KEDA_NAMESPACE", command.text):
        pytest.skip("the cluster has no KEDA")
    pod = "app" if "TENANT_NAMESPACE" in command.text else "kafka-0"
    printed = run(command.text.replace("-n streaming", f"-n {NAMESPACE}"), {**shell, "POD": pod})
    # The operators make nothing here, and our programs' logs may be empty.
    assert printed or re.search(r"strimzi\.io|certificaterequests| logs ", command.text)


def test_curl(shell: Mapping[str, str]) -> None:
    """The API's pages and README in one shell, as somebody at a terminal."""
    login = json.loads(kubectl("-n", TENANT, "get", "secret", "payment-api-kafka", "-o", "json"))["data"]
    with forwarded(NAMESPACE, "service/gateway", 80) as address:
        own = dict(shell) | {"USER": "payment-api", "PASSWORD": base64.b64decode(login["password"]).decode()}
        lines = [
            *lines_to_type("docs/http-api.md", None),
            *lines_to_type("docs/http-api.md", "Consumer instances"),
            *(line for line in lines_to_type("README.md", "One file per environment") if line.startswith("curl")),
            *(
                line
                for line in lines_to_type("docs/clients.md", "A right password that is refused")
                if line.startswith("curl")
            ),
        ]
        assert sum("curl" in line for line in lines) >= 11
        # Streams go on until somebody ends them.
        lines = [f"timeout 10 {line} || [ $? = 124 ]" if "/stream" in line else line for line in lines]
        text = (
            "\n".join(lines)
            .replace("curl ", "curl --fail-with-body -sS ")
            .replace("http://gateway.streaming.svc", address)
        )
        printed = run(text, own)
    assert '{"offsets":[{"partition":' in printed
    assert '"key":"order-17","value":{"item":"chair"}' in printed
    assert '"key":"o-1"' in printed
