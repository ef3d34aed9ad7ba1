"""Every object of a latency probe, as a real API server takes it: by a dry run, nothing is made."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.probe.objects import ProbeSettings, objects
from kafka_platform.probe.spec import LatencyProbeResources, ProbeSpec

from tests.cluster.objects import dry_run, own_namespace, warn_of_pods

NAMESPACE = "probe-objects"


def rendered(*, full: bool) -> list[dict[str, Any]]:
    """All objects; `full` is with everything that is optional."""
    settings = ProbeSettings(
        name="canary",
        namespace=NAMESPACE,
        connection=KafkaConnection(
            cluster="events",
            namespace=NAMESPACE,
            bootstrap_servers="events:9092",
            security_protocol="SASL_SSL" if full else "SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            ca_secret="kafka-tls" if full else None,
        ),
        image="ghcr.io/kafka-platform/runtime:0.1.0",
        topic="latency-probe",
        secret="latency-probe-kafka",
        gateway_url="https://gateway" if full else None,
        gateway_ca_secret="data-ca" if full else None,
        gate_version="1" if full else "",
        spec=ProbeSpec(gate=True, resources=LatencyProbeResources(cpu_limit="1"), metrics_namespaces=["monitoring"])
        if full
        else ProbeSpec(gate=True),
    )
    # Jobs get their names from Pulumi.
    return [
        {**each.manifest, "metadata": {"name": each.role, **each.manifest["metadata"]}} for each in objects(settings)
    ]


@pytest.fixture(scope="module", autouse=True)
def _namespace(environment: Mapping[str, str]) -> Iterator[None]:
    with own_namespace(NAMESPACE, environment):
        warn_of_pods(NAMESPACE, environment)
        yield


@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
def test_the_api_server_takes_every_object_without_a_warning(full: bool, environment: Mapping[str, str]) -> None:
    manifests = rendered(full=full)
    done = dry_run(manifests, environment)
    assert done.returncode == 0, done.stderr
    # Neither about fields nor about the restricted Pod Security Standard.
    assert not done.stderr, f"warnings: {done.stderr}"
    assert [each["kind"] for each in json.loads(done.stdout)["items"]] == [each["kind"] for each in manifests]
