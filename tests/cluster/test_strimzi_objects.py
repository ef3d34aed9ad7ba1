"""Every object of a Kafka that Strimzi runs, as a real API server takes it, by Strimzi's own definitions: nothing is made."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import BrokerScaling
from kafka_platform.cluster.scaling.objects import render_triggers, scaled_object

from sandbox.host import SandboxError
from tests import strimzi_api
from tests.cluster.objects import dry_run, own_namespace
from tests.gateway_api import GATEWAY_API
from tests.strimzi_cases import BROKERS, CLUSTERS, connectors, declared, mirror, rendered

NAMESPACE = "strimzi-objects"


@pytest.fixture(scope="module", autouse=True)
def _namespace(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    try:
        strimzi_api.install(environment)
    except SandboxError as error:
        pytest.skip(f"the API server does not serve Strimzi's kinds: {error}")
    with own_namespace(NAMESPACE, environment):
        GATEWAY_API.install(tmp_path_factory.mktemp("gateway-api"), environment)
        yield


@pytest.mark.parametrize("variant", CLUSTERS)
def test_the_api_server_takes_every_cluster(variant: str, environment: Mapping[str, str]) -> None:
    objects = list(rendered(CLUSTERS[variant], NAMESPACE))
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"
    taken = json.loads(done.stdout)["items"]
    # Nothing was pruned: what was said is what would be kept.
    assert [each["spec"] if "spec" in each else each["data"] for each in taken] == [
        each["spec"] if "spec" in each else each["data"] for each in objects
    ]


def test_the_api_server_takes_every_topic_and_user(environment: Mapping[str, str]) -> None:
    objects = list(declared(NAMESPACE))
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    assert [each["spec"] for each in json.loads(done.stdout)["items"]] == [each["spec"] for each in objects]


def test_the_api_server_takes_a_kafka_connect_and_its_connectors(environment: Mapping[str, str]) -> None:
    objects = list(connectors(NAMESPACE))
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"

    def said(items: list[dict[str, Any]]) -> list[Any]:
        """Without Deployments, to which the API server adds its defaults."""
        return [each.get("spec", each.get("data")) for each in items if each["kind"] != "Deployment"]

    assert said(json.loads(done.stdout)["items"]) == said(objects)


def test_the_api_server_takes_a_mirror(environment: Mapping[str, str]) -> None:
    objects = list(mirror(NAMESPACE))
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"
    taken = json.loads(done.stdout)["items"]
    assert [each.get("spec", each.get("data")) for each in taken] == [
        each.get("spec", each.get("data")) for each in objects
    ]


@pytest.mark.usefixtures("keda")
def test_the_api_server_takes_a_scaler(environment: Mapping[str, str]) -> None:
    scaling = BrokerScaling(
        pool="brokers", max=12, disk_above="70%", network_above="80MB/s", cpu_above="80%", scale_in=True
    )
    for each in (scaling, replace(scaling, scale_in=False)):
        triggers = render_triggers(each, BROKERS, "events", NAMESPACE)
        done = dry_run([scaled_object("events-brokers", NAMESPACE, each, triggers)], environment)
        assert done.returncode == 0, done.stderr


def _no_values(kafka: dict[str, Any]) -> None:
    kafka["spec"]["kafka"]["metricsConfig"] = {"type": "jmxPrometheusExporter"}


def _old_login(kafka: dict[str, Any]) -> None:
    kafka["spec"]["kafka"]["listeners"][0]["authentication"]["type"] = "oauth"


def _unknown(kafka: dict[str, Any]) -> None:
    kafka["spec"]["kafka"]["replicas"] = 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        # A rule in CEL, not only a schema.
        (_no_values, "valueFrom property is required"),
        (_old_login, "spec.kafka.listeners[0].authentication.type"),
        (_unknown, 'unknown field "replicas" in io.strimzi.kafka.v1.Kafka.spec.kafka'),
    ],
)
def test_the_api_server_would_say_what_is_wrong(
    change: Callable[[dict[str, Any]], None], reason: str, environment: Mapping[str, str]
) -> None:
    """The definitions are Strimzi's, with their rules, and not something that takes everything."""
    *_, kafka = copy.deepcopy(list(rendered(CLUSTERS["pools"], NAMESPACE)))
    change(kafka)
    refused = dry_run([kafka], environment)
    assert refused.returncode != 0
    assert reason in refused.stderr
