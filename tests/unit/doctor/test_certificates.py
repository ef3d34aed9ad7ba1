"""Which Secrets with certificates the doctor reads, and what it takes from them."""

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from infra.connection import NoAnswerError
from infra.doctor.certificates import MOST_SECRETS, Held, ends, held
from infra.live.cluster import Cluster
from infra.settings.parsing import parse
from tests.unit.test_platform import EMBEDDED, STRIMZI


def secrets(raw: dict[str, Any], *issued: tuple[str, str]) -> list[tuple[str, str, str]]:
    """What is read, where cert-manager issues some."""
    certificates = [
        {"metadata": {"namespace": namespace, "name": "c"}, "spec": {"secretName": secret}}
        for namespace, secret in issued
    ]
    found = held(parse(raw), {"certificates": certificates})
    return [(each.namespace, each.secret, each.key) for each in found]


def test_every_certificate_that_the_platform_presents_is_read() -> None:
    raw = {
        **EMBEDDED,
        "kafka": {**EMBEDDED["kafka"], "listeners": {"certificate": "brokers"}},
        "gateway": {"tls": {"certificate": "pods"}},
        "registry": {"tls": {"certificate": "registry"}},
        "query": {"tls": {"certificate": "queries"}},
        "topics": {"orders": {}},
        "tenants": {"shop": {"users": {"ann": {"reads": ["orders"]}}}},
    }
    assert [each[1] for each in secrets(raw)] == ["brokers", "pods", "queries", "registry"]
    assert [each[1] for each in secrets(raw, ("streaming", "pods"), ("shop", "brokers"))] == [
        "brokers",
        "queries",
        "registry",
    ]


def test_what_was_delivered_to_users_is_read() -> None:
    """Strimzi renews its own Secret; the copy in the user's namespace ends unless somebody deploys."""
    assert secrets(STRIMZI) == [("payments", "dwh-kafka", "user.crt")]


def test_the_number_of_secrets_is_bounded() -> None:
    users = {f"u{number}": {"auth": "mtls"} for number in range(MOST_SECRETS + 5)}
    tenants = {"many": {"namespace": "many", "users": users}}
    assert len(secrets({**STRIMZI, "tenants": tenants})) == MOST_SECRETS


class Answering:
    """A cluster with one Secret."""

    def __init__(self, **data: str) -> None:
        self.connection = self
        self._data = {key.replace("_", "."): base64.b64encode(text.encode()).decode() for key, text in data.items()}

    def ask(self, method: str, path: str, *, seconds: float) -> bytes:
        assert (method, path) == ("GET", "/api/v1/namespaces/payments/secrets/dwh-kafka")
        return json.dumps({"data": self._data}).encode()


def test_the_end_is_taken_from_the_key_of_a_user(tmp_path: Path) -> None:
    options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(tmp_path / "key")]
    made = ["-subj", "/CN=dwh", "-days", "9", "-out", str(tmp_path / "crt")]
    subprocess.run(["openssl", "req", "-x509", *options, *made], check=True, capture_output=True)
    of = Held(namespace="payments", secret="dwh-kafka", key="user.crt")
    cluster = Answering(user_crt=(tmp_path / "crt").read_text(), user_key="not looked at")
    [end] = ends(cast(Cluster, cluster), of)
    assert abs(end - datetime.now(UTC) - timedelta(days=9)) < timedelta(minutes=5)


def test_a_secret_that_holds_no_certificate_is_told() -> None:
    of = Held(namespace="payments", secret="dwh-kafka", key="user.crt")
    with pytest.raises(NoAnswerError, match=r"its user.crt is no certificate in PEM"):
        ends(cast(Cluster, Answering(user_crt="-----BEGIN CERTIFICATE-----\n!")), of)
