"""Every monitor and rule, as a real API server takes it by the Prometheus operator's own definitions: nothing is made."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from kafka_platform import KafkaConnection, Monitoring, MonitoringArgs, Quotas, WatchedTenant
from kafka_platform.kafka.protocols import Engine

from tests.cluster.objects import dry_run, own_namespace
from tests.prometheus_api import PROMETHEUS_API
from tests.unit.components.graph import run
from tests.unit.components.test_prometheus import EVERYBODY

NAMESPACE = "monitoring-objects"


@pytest.fixture(scope="module", autouse=True)
def _namespace(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    try:
        PROMETHEUS_API.install(tmp_path_factory.mktemp("prometheus-api"), environment)
    except RuntimeError as error:
        pytest.skip(f"the API server does not serve the Prometheus operator's kinds: {error}")
    with own_namespace(NAMESPACE, environment):
        yield


def rendered(engine: Engine) -> list[dict[str, Any]]:
    """All objects, with everything that is optional."""
    connection = KafkaConnection(
        cluster="events", namespace=NAMESPACE, bootstrap_servers="events:9092", security_protocol="SASL_SSL"
    )
    args = MonitoringArgs(
        connection=connection,
        engine=engine,
        exporter=True,
        gateways=["data"],
        probes=["canary"],
        workers={"fraud": NAMESPACE},
        cert_manager="cert-manager",
        keda="keda",
        labels={"release": "prometheus"},
        receivers=EVERYBODY,
        tenants={"shop": WatchedTenant(users={"api": Quotas(produce="1MB/s")})},
    )
    found = run(lambda: Monitoring("kafka", args) and None)
    return [each.inputs for each in found.values() if "apiVersion" in each.inputs]


@pytest.mark.parametrize("engine", Engine)
def test_the_api_server_takes_every_object(engine: Engine, environment: Mapping[str, str]) -> None:
    objects = rendered(engine)
    assert {each["kind"] for each in objects} == {"AlertmanagerConfig", "ConfigMap", "PodMonitor", "PrometheusRule"}
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"
    # Nothing was pruned: what was said is what would be kept.
    kept = [each.get("spec", each.get("data")) for each in json.loads(done.stdout)["items"]]
    assert kept == [each.get("spec", each.get("data")) for each in objects]


def _no_selector(specs: Mapping[str, Any]) -> None:
    del specs["PodMonitor"]["selector"]


def _unknown_field(specs: Mapping[str, Any]) -> None:
    specs["PodMonitor"]["podMetricsEndpoints"][0]["prt"] = "metrics"


def _no_time(specs: Mapping[str, Any]) -> None:
    specs["PrometheusRule"]["groups"][0]["rules"][0]["for"] = "soon"


def _unknown_field_of_a_receiver(specs: Mapping[str, Any]) -> None:
    receiver = next(each for each in specs["AlertmanagerConfig"]["receivers"] if "slackConfigs" in each)
    receiver["slackConfigs"][0]["chanel"] = "#streaming"


def _no_time_of_a_route(specs: Mapping[str, Any]) -> None:
    specs["AlertmanagerConfig"]["route"]["repeatInterval"] = "soon"


@pytest.mark.parametrize(
    "spoil", [_no_selector, _unknown_field, _no_time, _unknown_field_of_a_receiver, _no_time_of_a_route]
)
def test_the_judge_is_awake(spoil: Callable[[Mapping[str, Any]], None], environment: Mapping[str, str]) -> None:
    objects = copy.deepcopy(rendered(Engine.STRIMZI))
    spoil({each["kind"]: each["spec"] for each in objects if "spec" in each})
    assert dry_run(objects, environment).returncode != 0
