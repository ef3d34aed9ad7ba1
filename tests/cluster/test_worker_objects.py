"""Every object of a worker and of its scaler, as a real API server takes it: by a dry run, nothing is made."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kafka_platform import (
    CpuScale,
    CronScale,
    Egress,
    HealthCheck,
    HealthChecks,
    KafkaConnection,
    OffsetReset,
    PrometheusScale,
    Scale,
    WorkerResources,
)
from kafka_platform.scaling import objects as scaling_objects
from kafka_platform.scaling.objects import ScalerSettings
from kafka_platform.worker import objects as worker_objects
from kafka_platform.worker.objects import WorkerSettings
from kafka_platform.worker.spec import WorkerSpec

from tests.cluster.objects import dry_run, own_namespace, warn_of_pods

NAMESPACE = "worker-objects"
PROMETHEUS = PrometheusScale(server="http://prometheus:9090", query="sum(waiting)", per_pod=0.5, bearer_secret="token")
SCALES = {
    "lag": Scale(records_per_second_per_pod=400, acceptable_delay="10s"),
    "zero": Scale(lag_threshold=100, min=0, activation_lag=3, cooldown="60s"),
    "shares": Scale(lag_threshold=100, even=True, ignore_stuck=True),
    "lagging": Scale(lag_threshold=100, only_lagging_partitions=True),
    "idle": Scale(lag_threshold=100, allow_idle=True, max=40),
    "cores": Scale(cpu=CpuScale(), max=4),
    "query": Scale(prometheus=PROMETHEUS, min=0, max=4),
    "all": Scale(
        lag_threshold=100,
        cpu=CpuScale(percent=60),
        prometheus=PROMETHEUS,
        cron=[CronScale(start="0 7 * * 1-5", end="0 19 * * 1-5", pods=4, timezone="Europe/Zurich")],
        fallback=3,
    ),
}


def connection(*, full: bool) -> KafkaConnection:
    return KafkaConnection(
        cluster="events",
        namespace=NAMESPACE,
        bootstrap_servers="events:9092",
        security_protocol="SASL_SSL" if full else "SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        ca_secret="kafka-tls" if full else None,
    )


def worker(*, full: bool) -> list[dict[str, Any]]:
    """All objects of a worker; `full` is with everything that is optional."""
    optional: dict[str, Any] = {
        "command": ["/app/run"],
        "args": ["--all"],
        "environment": {"LEVEL": "info"},
        "writes": ["alerts"],
        "transactional": True,
        "scale": SCALES["lag"],
        "resources": WorkerResources(cpu_limit="1"),
        "probes": HealthChecks(
            startup=HealthCheck(command=["test", "-e", "/tmp/ready"], period="1s", failures=60),
            readiness=HealthCheck(path="/ready", port=8080),
            liveness=HealthCheck(path="/healthz", port=8080),
        ),
        "ports": {"http": 8080, "metrics": 9404},
        "client_namespaces": ["web"],
        "egress": [Egress(ports=[5432], namespace="db"), Egress(ports=[443], network="10.0.0.0/8"), Egress(ports=[80])],
        "scratch": {"/tmp": "64Mi", "/var/cache/app": "1Gi"},
        "secret_files": ["db-login"],
        "pull_secrets": ["registry"],
        "run_as": 10_001,
    }
    settings = WorkerSettings(
        name="fraud",
        namespace=NAMESPACE,
        connection=connection(full=full),
        secret="fraud-kafka",
        runtime_image="ghcr.io/kafka-platform/runtime:0.1.0",
        spec=WorkerSpec(image="ghcr.io/acme/fraud-check:1.8.2", reads=["orders"], **(optional if full else {})),
    )
    return [each.manifest for each in worker_objects.objects(settings)]


def scaler(scale: Scale, *, full: bool) -> list[dict[str, Any]]:
    """All objects of a scaler."""
    settings = ScalerSettings(
        name="fraud-scaler",
        namespace=NAMESPACE,
        connection=connection(full=full),
        scale=scale,
        max=scale.max or 12,
        target="fraud",
        topics=["orders", "customers"],
        group="fraud",
        offset_reset=OffsetReset.LATEST,
        secret="fraud-scaler-kafka" if scale.by_lag else None,
    )
    return [each.manifest for each in scaling_objects.objects(settings)]


@pytest.fixture(scope="module", autouse=True)
def _namespace(environment: Mapping[str, str]) -> Iterator[None]:
    with own_namespace(NAMESPACE, environment):
        yield


@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
def test_the_api_server_takes_a_worker(full: bool, environment: Mapping[str, str]) -> None:
    objects = worker(full=full)
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"
    taken = {each["kind"]: each for each in json.loads(done.stdout)["items"]}
    assert set(taken) == {each["kind"] for each in objects}
    sent = next(each for each in objects if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    kept = taken["Deployment"]["spec"]["template"]["spec"]
    # A field that the API server does not know would be gone.
    assert kept["containers"][0].get("lifecycle") == sent["containers"][0].get("lifecycle")
    assert sent.keys() <= kept.keys()


@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
def test_no_pod_breaks_the_restricted_security_standard(full: bool, environment: Mapping[str, str]) -> None:
    warn_of_pods(NAMESPACE, environment)
    pods = [each for each in worker(full=full) if each["kind"] == "Deployment"]
    done = dry_run(pods, environment)
    assert done.returncode == 0, done.stderr
    assert "would violate PodSecurity" not in done.stderr


@pytest.mark.usefixtures("keda")
@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
@pytest.mark.parametrize("name", SCALES)
def test_the_api_server_takes_a_scaler(name: str, full: bool, environment: Mapping[str, str]) -> None:
    objects = scaler(SCALES[name], full=full)
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"
    found = json.loads(done.stdout)
    *_, taken = found.get("items", [found])
    sent = objects[-1]["spec"]
    assert taken["spec"].keys() >= sent.keys()
    assert taken["spec"]["triggers"] == sent["triggers"]
    assert taken["spec"].get("fallback") == sent.get("fallback")


@pytest.mark.usefixtures("keda")
def test_the_api_server_would_say_what_is_wrong(environment: Mapping[str, str]) -> None:
    """The definitions are KEDA's, with its rules, and not something that takes everything."""
    *_, scaled = scaler(SCALES["lag"], full=False)
    scaled["spec"]["minReplicaCount"] = 100
    refused = dry_run([scaled], environment)
    assert refused.returncode != 0
    assert "minReplicaCount must be less than or equal to maxReplicaCount" in refused.stderr
