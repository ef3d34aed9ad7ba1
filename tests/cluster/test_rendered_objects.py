"""Every object that the components render, as a real API server takes it: by a dry run, nothing is made."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kafka_platform.cluster.embedded import objects as embedded
from kafka_platform.cluster.embedded.files import BrokerSettings
from kafka_platform.cluster.embedded.listeners import Listeners, LoadBalancers, NodePorts, TlsRoutes
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.nodes import Resources
from kafka_platform.cluster.spec import ClusterSpec
from kafka_platform.entities import provisioner
from kafka_platform.entities.settings import EntitySettings
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.entities import Deletion, Topic, User
from kafka_platform.kube.routes import RouteVersion

from tests.cluster.objects import dry_run, own_namespace, warn_of_pods
from tests.gateway_api import GATEWAY_API, TLS_ROUTES
from tests.strimzi_cases import PODS

NAMESPACE = "rendered-objects"
_FORMER_ROUTES = re.compile(r"v1alpha2.* TLSRoute.* deprecated")
"""What Gateway API 1.5 says of the version for controllers of before."""
ID = "A" * 22

VARIANTS = {
    "one-node": BrokerSettings(name="events", nodes=1),
    "node-ports": BrokerSettings(
        name="events",
        nodes=3,
        listeners=Listeners(certificate="kafka-tls", node_ports=NodePorts(host="kafka.example.com", first_port=31892)),
    ),
    "load-balancers": BrokerSettings(
        name="events",
        nodes=4,
        listeners=Listeners(load_balancers=LoadBalancers(host="b-{nodeId}.example.com", annotations={"a": "b"})),
    ),
    **{
        f"routes-{version.value}": BrokerSettings(
            name="events",
            nodes=3,
            listeners=Listeners(
                certificate="kafka-tls",
                tls_routes=TlsRoutes(
                    host="b-{nodeId}.example.com", gateway_class="traefik", listener_port=8443, route_version=version
                ),
            ),
        )
        for version in RouteVersion
    },
}


def rendered(broker: BrokerSettings) -> Iterator[dict[str, Any]]:
    """All objects of a cluster and of what is declared in it."""
    settings = EmbeddedSettings(
        name=broker.name,
        namespace=NAMESPACE,
        spec=ClusterSpec(
            nodes=broker.nodes,
            listeners=broker.listeners,
            storage_class="fast",
            resources=Resources(cpu_limit="2"),
            client_namespaces=["payments"],
            pod_settings=PODS,
            deletion=Deletion.ALLOW,
        ),
        image="docker.io/apache/kafka:4.3.1",
        runtime_image="ghcr.io/kafka-platform/runtime:0.1.0",
    )
    connection = KafkaConnection(
        cluster="events",
        namespace=NAMESPACE,
        bootstrap_servers="events:9092",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        ca_secret=broker.listeners.certificate,
        admin_secret="events-admin",
        replicas=3,
    )
    generated = embedded.Generated(cluster_id=ID, admin_password="secret", broker_password="secret")
    for each in embedded.objects(settings, connection, generated):
        # The claims that patches are for are made by the StatefulSet.
        if not each.partial:
            yield each.manifest
    declared = EntitySettings(
        name="events",
        connection=connection,
        runtime_image="runtime:1",
        pod_settings=PODS,
        topics={"orders": Topic(partitions=3)},
        users={"app": User(writes=["orders"])},
    )
    for each in provisioner.objects(declared, {"app": "secret"}):
        # Pulumi gives Jobs a name.
        yield {**each.manifest, "metadata": {"name": f"events-{each.role}-1", **each.manifest["metadata"]}}


@pytest.fixture(scope="module", autouse=True)
def _namespace(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with own_namespace(NAMESPACE, environment):
        for kinds in (GATEWAY_API, TLS_ROUTES):
            kinds.install(tmp_path_factory.mktemp("gateway-api"), environment)
        yield


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_server_takes_every_object(variant: str, environment: Mapping[str, str]) -> None:
    objects = list(rendered(VARIANTS[variant]))
    done = dry_run(objects, environment)
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if not _FORMER_ROUTES.search(line)]
    assert not warned, f"warnings: {warned}"
    assert len(json.loads(done.stdout)["items"]) == len(objects)


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_pod_breaks_the_restricted_security_standard(variant: str, environment: Mapping[str, str]) -> None:
    """Kubernetes' own admission judges the pods as it would in a namespace that enforces the standard."""
    warn_of_pods(NAMESPACE, environment)
    pods = [each for each in rendered(VARIANTS[variant]) if each["kind"] in ("StatefulSet", "Job")]
    done = dry_run(pods, environment)
    assert done.returncode == 0, done.stderr
    assert "would violate PodSecurity" not in done.stderr
