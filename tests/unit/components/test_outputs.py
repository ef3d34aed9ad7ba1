"""What a program knows only when it runs: Outputs in the place of texts deploy the very same objects."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from kafka_platform import (
    BrokerScaler,
    BrokerScalerArgs,
    CertManager,
    CertManagerArgs,
    DrainCleaner,
    DrainCleanerArgs,
    HttpGateway,
    HttpGatewayArgs,
    IngressController,
    KafkaCluster,
    KafkaClusterArgs,
    KafkaConnection,
    KafkaResources,
    KafkaResourcesArgs,
    KedaOperator,
    KedaOperatorArgs,
    LatencyProbe,
    LatencyProbeArgs,
    Monitoring,
    MonitoringArgs,
    Prometheus,
    PrometheusArgs,
    PrometheusStack,
    PrometheusStackArgs,
    StreamWorker,
    StreamWorkerArgs,
    StrimziOperator,
    StrimziOperatorArgs,
)

from tests.unit.components.graph import Registered, run

Late = Callable[[str], Any]


def connection(of: Late, **more: Any) -> dict[str, Any]:
    return {
        "cluster": of("events"),
        "namespace": of("streaming"),
        "bootstrap_servers": of("events:9092"),
        "security_protocol": of("SASL_SSL"),
        "sasl_mechanism": of("SCRAM-SHA-512"),
        "ca_secret": of("authority"),
        "admin_secret": of("admin"),
        "replicas": 3,
        "nodes": 3,
        **more,
    }


def plain_connection(of: Late) -> KafkaConnection:
    """Without Outputs in what decides on the objects of workers and scalers."""
    return KafkaConnection(**connection(str) | {"namespace": of("streaming"), "bootstrap_servers": of("events:9092")})


def cluster(of: Late) -> None:
    listeners = {
        "certificate": of("tls"),
        "load_balancers": {"host": "b-{nodeId}.example.com", "annotations": {"example.com/a": of("x")}},
    }
    args = {
        "namespace": of("streaming"),
        "storage_class": of("fast"),
        "image": of("kafka:1"),
        "runtime_image": of("runtime:1"),
        "client_namespaces": [of("b"), "a"],
        "listeners": listeners,
    }
    KafkaCluster("events", KafkaClusterArgs.of(args))


def strimzi(of: Late) -> None:
    pool = {
        "roles": ["controller", "broker"],
        "nodes": 3,
        "volumes": [{"size": "10Gi", "storage_class": of("slow")}],
        "storage_class": of("fast"),
        "priority_class": of("high"),
    }
    routes = {"host": "b-{nodeId}.example.com", "gateway_class": of("envoy")}
    strimzi = {"pools": {"all": pool}, "listeners": {"external": {"certificate": of("tls"), "tls_routes": routes}}}
    args = {"namespace": of("streaming"), "engine": "strimzi", "client_namespaces": [of("b"), "a"], "strimzi": strimzi}
    KafkaCluster("events", KafkaClusterArgs.of(args))


def external(of: Late) -> None:
    args = {"bootstrap_servers": of("kafka.example.com:9092"), "ca_secret": of("ca"), "admin_secret": of("admin")}
    made = KafkaCluster("events", KafkaClusterArgs.of({"namespace": of("n"), "engine": "external", "external": args}))
    KafkaResources("events", KafkaResourcesArgs(connection=made.connection))


def resources(of: Late) -> None:
    args = {
        "connection": connection(of),
        "topics": {"orders": {}},
        "users": {"app": {"namespace": of("shop")}, "other": {}},
        "user_namespace": of("apps"),
        "runtime_image": of("runtime:1"),
        "http_url": of("http://gateway"),
    }
    KafkaResources("events", KafkaResourcesArgs.of(args))


def gateway(expose: Callable[[Late], dict[str, Any]], **more: Callable[[Late], Any]) -> Callable[[Late], None]:
    def program(of: Late) -> None:
        args = {
            "connection": plain_connection(of),
            "namespace": of("front"),
            "runtime_image": of("runtime:1"),
            "client_namespaces": [of("b"), "a"],
            "metrics_namespaces": [of("monitoring")],
            "expose": expose(of),
            **{name: value(of) for name, value in more.items()},
        }
        HttpGateway("gateway", HttpGatewayArgs.of(args))

    return program


def worker(of: Late) -> None:
    prometheus = {"server": of("http://prometheus"), "query": "up", "per_pod": 1, "bearer_secret": of("token")}
    args = {
        "connection": plain_connection(of),
        "image": of("worker:1"),
        "runtime_image": of("runtime:1"),
        "namespace": of("shop"),
        "reads": ["orders"],
        "environment": {"A": of("b")},
        "secret_files": [of("login")],
        "pull_secrets": [of("registry")],
        "ports": {"http": 8080},
        "client_namespaces": [of("b"), "a"],
        "egress": [{"ports": [5432], "namespace": of("db")}, {"ports": [443], "network": of("10.0.0.0/8")}],
        "scale": {"prometheus": prometheus, "max": 3},
    }
    StreamWorker("worker", StreamWorkerArgs.of(args))


def probe(of: Late) -> None:
    args = {
        "connection": plain_connection(of),
        "namespace": of("n"),
        "runtime_image": of("runtime:1"),
        "metrics_namespaces": [of("monitoring")],
        "gateway_url": of("http://gateway"),
        "gateway_ca_secret": of("authority"),
    }
    LatencyProbe("probe", LatencyProbeArgs.of(args))


def monitoring(of: Late) -> None:
    sources = [{"name": "schemas", "component": "registry", "label": "registry", "namespace": of("data")}]
    receivers = {"slack": {"secret": of("slack"), "channel": "#streaming"}}
    args = {
        "connection": connection(of),
        "engine": "embedded",
        "cert_manager": of("cert-manager"),
        "workers": {"w": of("shop")},
        "sources": sources,
        "receivers": receivers,
    }
    Monitoring("monitoring", MonitoringArgs.of(args))
    own = {"storage_class": of("fast"), "client_namespaces": [of("grafana")], "image": of("p:1")}
    Prometheus("prometheus", PrometheusArgs.of(args | own))


def scaler(of: Late) -> None:
    args = {
        "connection": connection(of, scalable_pools={"brokers": of("streaming/brokers")}),
        "brokers": {"roles": ["broker"], "nodes": 3, "storage": "10Gi", "autoscaled": True},
        "scaling": {"pool": "brokers", "max": 6, "cpu_above": "70%", "prometheus": of("http://prometheus")},
    }
    BrokerScaler("brokers", BrokerScalerArgs.of(args))


def operators(of: Late) -> None:
    StrimziOperator("strimzi", StrimziOperatorArgs(namespace=of("s"), watch_namespaces=[of("b"), "a"]))
    KedaOperator("keda", KedaOperatorArgs(namespace=of("k")))
    CertManager("cert-manager", CertManagerArgs(namespace=of("c")))
    DrainCleaner("drain-cleaner", DrainCleanerArgs(namespace=of("d")))
    PrometheusStack("prometheus", PrometheusStackArgs(namespace=of("p"), storage_class=of("fast")))


PROGRAMS: dict[str, Callable[[Late], None]] = {
    "cluster": cluster,
    "strimzi": strimzi,
    "external": external,
    "resources": resources,
    "gateway-with-tls": gateway(
        lambda of: {"load_balancer": {"host": of("a.example.com"), "source_ranges": [of("10.0.0.0/8")], "annotations": {"example.com/a": of("x")}}},
        tls=lambda of: {"certificate": of("tls"), "client_authority": of("clients"), "users": ["till"], "user_secrets": {"till": of("till")}},
        client_namespaces=lambda of: [],
    ),
    "gateway-of-the-gateway-api": gateway(
        lambda of: {"gateway_api": {"host": of("a.example.com"), "gateway_class": of("envoy"), "certificate": of("tls")}}
    ),
    "gateway-by-ingress": gateway(
        lambda of: {"ingress": {"host": of("a.example.com"), "ingress_class": of("nginx"), "controller": IngressController.NGINX, "certificate": of("tls")}}
    ),
    "worker": worker,
    "probe": probe,
    "monitoring": monitoring,
    "scaler": scaler,
    "operators": operators,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_outputs_deploy_what_texts_deploy(name: str) -> None:
    program = PROGRAMS[name]
    late, known = run(lambda: program(pulumi.Output.from_input)), run(lambda: program(str))
    rights = [{_place(each) for key, each in found.items() if key.startswith("Role")} for found in (late, known)]
    assert rights[0] == rights[1]
    others = [
        {key: each.inputs for key, each in found.items() if not key.startswith("Role")} for found in (late, known)
    ]
    assert others[0] == others[1]
    assert others[0]


def _place(each: Registered) -> tuple[str, str, str]:
    """Roles in namespaces that are known later are called by numbers: two of these may be the same one."""
    return each.inputs["kind"], each.inputs["metadata"].get("namespace", ""), str(each.inputs.get("rules"))


def test_namespaces_that_turn_out_to_be_one_have_a_role_each() -> None:
    args = {
        "connection": connection(str),
        "engine": "embedded",
        "workers": {name: pulumi.Output.from_input("shop") for name in "ab"},
    }
    found = run(lambda: Prometheus("prometheus", PrometheusArgs.of(args)) and None)
    roles = [each.inputs["metadata"] for key, each in found.items() if key.startswith("Role ")]
    assert len({(each["namespace"], each["name"]) for each in roles}) == len(roles) == 3
