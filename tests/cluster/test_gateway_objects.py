"""Every object of an HTTP gateway, as a real API server takes it: by a dry run, nothing is made."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kafka_platform.gateway.exposure import (
    Exposure,
    GatewayApiExposure,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
)
from kafka_platform.gateway.objects import objects
from kafka_platform.gateway.settings import GatewaySettings
from kafka_platform.gateway.spec import GatewaySpec, HttpGatewayPods, HttpGatewayResources, HttpGatewayTls
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.balancers import TrafficPolicy

from tests.cluster.objects import dry_run, own_namespace, warn_of_pods
from tests.gateway_api import GATEWAY_API

NAMESPACE = "gateway-objects"

EXPOSURES = {
    "inside": Exposure(),
    "node-port": Exposure(node_port=NodePortExposure(port=31880)),
    "load-balancer": Exposure(
        load_balancer=LoadBalancerExposure(
            port=8443,
            host="data.example.com",
            source_ranges=["203.0.113.0/24", "2001:db8::/32"],
            external_traffic_policy=TrafficPolicy.LOCAL,
            annotations={"a": "b"},
        )
    ),
    "gateway-class": Exposure(
        gateway_api=GatewayApiExposure(
            host="data.example.com", gateway_class="envoy", certificate="data-tls", annotations={"a": "b"}
        )
    ),
    "gateway": Exposure(
        gateway_api=GatewayApiExposure(host="data.example.com", gateway="infra/public", listener="https")
    ),
    "ingress": Exposure(
        ingress=IngressExposure(
            host="data.example.com", ingress_class="nginx", certificate="data-tls", annotations={"a": "b"}
        )
    ),
    "ingress-default": Exposure(ingress=IngressExposure(host="data.example.com", ingress_class="nginx")),
}


def rendered(expose: Exposure, *, full: bool) -> list[dict[str, Any]]:
    """All objects; `full` is with everything that is optional and goes with the way in."""
    direct = expose.gateway_api is None and expose.ingress is None
    by_address = expose.node_port is not None or expose.load_balancer is not None
    settings = GatewaySettings(
        name="data",
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
        spec=GatewaySpec(
            expose=expose,
            pods=HttpGatewayPods(max=20, requests_in_flight=100) if full else HttpGatewayPods(),
            resources=HttpGatewayResources(cpu_limit="2"),
            tls=HttpGatewayTls(certificate="data-tls", client_authority="callers") if full and direct else None,
            anonymous="web" if full else None,
            client_namespaces=["shop"] if full and not by_address else (),
            metrics_namespaces=["monitoring"] if full else (),
        ),
    )
    return [each.manifest for each in objects(settings)]


@pytest.fixture(scope="module", autouse=True)
def _namespace(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with own_namespace(NAMESPACE, environment):
        GATEWAY_API.install(tmp_path_factory.mktemp("gateway-api"), environment)
        yield


@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
@pytest.mark.parametrize("variant", EXPOSURES)
def test_the_api_server_takes_every_object(variant: str, full: bool, environment: Mapping[str, str]) -> None:
    manifests = rendered(EXPOSURES[variant], full=full)
    done = dry_run(manifests, environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"warnings: {done.stderr}"
    taken = json.loads(done.stdout)["items"]
    assert [each["kind"] for each in taken] == [each["kind"] for each in manifests]


def test_the_api_server_would_say_what_is_wrong_with_a_route(environment: Mapping[str, str]) -> None:
    """The definitions are those of the Gateway API, with its rules, and not something that takes everything."""
    *_, route = rendered(EXPOSURES["gateway"], full=False)
    route["spec"]["rules"][0]["timeouts"]["request"] = "forever"
    refused = dry_run([route], environment)
    assert refused.returncode != 0
    assert "spec.rules[0].timeouts.request" in refused.stderr


@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
def test_no_pod_breaks_the_restricted_security_standard(full: bool, environment: Mapping[str, str]) -> None:
    warn_of_pods(NAMESPACE, environment)
    pods = [each for each in rendered(Exposure(), full=full) if each["kind"] == "StatefulSet"]
    done = dry_run(pods, environment)
    assert done.returncode == 0, done.stderr
    assert "would violate PodSecurity" not in done.stderr
