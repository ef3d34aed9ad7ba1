"""The policies in `python -m infra check`: what a stack file alone tells, strict as its environment says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.check import check
from infra.policies import violations
from infra.settings.parsing import parse

GOOD: dict[str, Any] = {
    "environment": "prod",
    "kafka": {"nodes": 3, "listeners": {"certificate": "kafka-tls"}},
    "topics": {"orders": {"partitions": 6}},
    "tenants": {
        "shop": {"users": {"api": {"writes": ["orders"]}}, "quotas": {"produce": "20MB/s", "consume": "20MB/s"}},
    },
    "gateway": {},
}


def broken(**changes: Any) -> list[str]:
    return [str(each) for each in violations(parse(GOOD | changes))]


def test_a_production_stack_that_keeps_to_them() -> None:
    assert broken() == []


def test_a_probe_keeps_to_them() -> None:
    assert broken(probe={"gate": True}) == []


def test_a_worker_keeps_to_them() -> None:
    worker = {"image": "fraud-check:1.8.2", "tenant": "shop", "reads": ["orders"]}
    assert broken(workers={"fraud-check": worker}) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"workers": {"fraud-check": {"image": "acme/fraud-check", "tenant": "shop", "reads": ["orders"]}}},
            "Deployment fraud-check: image acme/fraud-check may be another one tomorrow: write a version or a digest "
            "(pinned-images)",
        ),
        (
            {"kafka": {"nodes": 3}},
            "listener INTERNAL: SASL_PLAINTEXT sends records readable: name a certificate in kafka.listeners "
            "(encrypted-listeners)",
        ),
        (
            {
                "kafka": {"engine": "external", "bootstrapServers": "a:9092", "securityProtocol": "PLAINTEXT"},
                "tenants": {},
                "topics": {},
            },
            "the connection to Kafka: PLAINTEXT sends records readable: use SASL_SSL or SSL (encrypted-listeners)",
        ),
        (
            {"topics": {"orders": {"replicas": 2, "minInsyncReplicas": 1}}},
            "topic orders: replicas: 2 are too few to lose a broker: use 3 (replicated-data)",
        ),
        (
            {"tenants": {"shop": {"users": {"api": {"reads": ["*"], "quotas": {"consume": "1MB/s"}}}}}},
            "user api: may use every topic: name them, or write a prefix such as api-* (no-wildcard-rights)",
        ),
        (
            {"tenants": {"shop": {"users": {"api": {"writes": ["orders"]}}}}},
            "user api: no limit to produce: write quotas for its tenant (tenant-quotas)",
        ),
        (
            {"images": {"runtime": "registry.example.com/runtime:latest"}},
            "StatefulSet gateway: image registry.example.com/runtime:latest may be another one tomorrow: write a version "
            "or a digest (pinned-images)",
        ),
        (
            {"topics": {"orders": {"deletion": "allow"}}},
            "topic orders: deletion is allowed: its records go with its declaration: leave deletion out (protected-data)",
        ),
        (
            {"kafka": GOOD["kafka"] | {"deletion": "allow"}},
            "StatefulSet kafka: its volumes are deleted with it: leave kafka.deletion out (protected-data)",
        ),
        (
            {"gateway": {"expose": {"nodePort": 30080}}},
            "Service gateway-external: port http has no TLS, and passwords come in by it: write gateway.tls (external-tls)",
        ),
        (
            {"topics": {"orders": {"retention": "forever"}}},
            "topic orders: retention: forever fills every volume: write a duration, a retentionSize, or cleanup compact "
            "(bounded-retention)",
        ),
    ],
)
def test_a_production_stack_that_does_not(changes: dict[str, Any], line: str) -> None:
    assert line in broken(**changes)


def test_a_topic_that_goes_with_its_declaration_is_found_whoever_runs_the_brokers() -> None:
    pool = {"roles": ["controller", "broker"], "nodes": 3, "storage": "10Gi"}
    strimzi = {"kafka": {"engine": "strimzi", "pools": {"nodes": pool}}}
    line = "topic orders: deletion is allowed: its records go with its declaration: leave deletion out (protected-data)"
    assert broken(**strimzi) == []
    assert broken(**strimzi, topics={"orders": {"deletion": "allow"}}) == [line]


def test_what_exposes_the_gateway_with_tls() -> None:
    tls = {"certificate": "gateway-tls"}
    assert broken(gateway={"tls": tls, "expose": {"nodePort": 30080}}) == []
    assert broken(gateway={"expose": {"gatewayClass": "envoy", "host": "a.example.com", "certificate": "a"}}) == []


def test_advice_and_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Advice is shown and nothing else; what is mandatory is a fault."""
    for environment in ("dev", "prod"):
        settings = GOOD | {
            "environment": environment,
            "topics": {"orders": {"retention": "forever", "deletion": "allow"}},
        }
        content = {"config": {"kafka-platform:platform": settings}}
        (tmp_path / f"Pulumi.{environment}.yaml").write_text(yaml.safe_dump(content))
    retention = (
        "topic orders: retention: forever fills every volume: write a duration, a retentionSize, or cleanup compact"
    )
    assert check(["dev"], tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/Pulumi.dev.yaml: ok: embedded Kafka, 3 nodes, 1 topic, 1 user, HTTP gateway",
        f"  advice: {retention} (bounded-retention)",
    ]
    assert check(["prod"], tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/Pulumi.prod.yaml: 2 violations of the policies for prod",
        "  topic orders: deletion is allowed: its records go with its declaration: leave deletion out (protected-data)",
        f"  {retention} (bounded-retention)",
    ]


def test_an_environment_that_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Pulumi.a.yaml").write_text("config:\n  kafka-platform:platform: {environment: production}\n")
    assert check(["a"], tmp_path) == 1
    assert "environment: 'production' is not known: use one of dev, staging, prod" in capsys.readouterr().out
