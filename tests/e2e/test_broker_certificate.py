"""A renewed certificate of brokers reaches clients without a restart, and the exporter sees it."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import eventually, get, in_pod, kubectl
from tests.logins import Authority

pytestmark = pytest.mark.long

NAMESPACE = "e2e-broker-tls"
DAY = 86_400
NAMES = f"DNS:kafka.{NAMESPACE}.svc,DNS:*.kafka-nodes.{NAMESPACE}.svc"
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
    "exporter": {"interval": "5s"},
}
METRICS = "import urllib.request; print(urllib.request.urlopen('http://localhost:9404/metrics').read().decode())"


def test_a_renewed_certificate_is_presented_without_a_restart(make_stack: MakeStack, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def deliver(days: int) -> None:
        certificate, key = authority.issue("broker", "/CN=broker", NAMES, days=days)
        files = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.ca_file}
        options = [f"--from-file={name}={file}" for name, file in files.items()]
        made = kubectl(
            "-n", NAMESPACE, "create", "secret", "generic", "brokers", *options, "--dry-run=client", "-o", "json"
        )
        kubectl("apply", "-f", "-", stdin=made)

    def days_left() -> dict[str, int]:
        # No deployment waits for the exporter.
        text = in_pod(NAMESPACE, "deployment/kafka-exporter", "python3", "-c", METRICS, check=False)
        found = re.findall(r'^kafka_certificate_expiration\S+what="(\w+)"\S* (\S+)$', text, re.MULTILINE)
        return {what: round((float(ends) - time.time()) / DAY) for what, ends in found}

    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl("apply", "-f", "-", stdin=json.dumps(made))
    deliver(days=5)
    make_stack("broker-tls", PLATFORM).up()
    eventually("the exporter sees it", lambda: days_left().get("broker") == 5, 120)
    assert days_left()["authority"] == 30
    before = get("pod", "kafka-0", NAMESPACE)
    deliver(days=60)
    # Kubernetes takes up to two minutes until it is in the pod.
    eventually("the renewed one is seen", lambda: days_left().get("broker") == 60, 240)
    after = get("pod", "kafka-0", NAMESPACE)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert [each["restartCount"] for each in after["status"]["containerStatuses"]] == [0, 0]
