"""Monitoring: what it renders, the graph that it makes, and its place in a stack."""

import re
from typing import Any

import pytest
from kafka_platform import KafkaConnection, MetricsSource, Monitoring, MonitoringArgs, PrometheusArgs
from kafka_platform.gateway import monitoring as gateway
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.monitoring.objects import BY_TOPIC, monitors, of_cert_manager, of_nodes, of_source, pod_monitor
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.worker import monitoring as worker

from infra.platform import Platform
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from tests.unit.components.graph import Registered, run, value
from tests.unit.test_platform import EMBEDDED, KUBECONFIG, STRIMZI

CONNECTION = KafkaConnection(
    cluster="events", namespace="streaming", bootstrap_servers="b:9092", security_protocol="SASL_SSL"
)


def test_metrics_of_nodes_say_which_kafka_and_pool_they_are_of() -> None:
    rendered = pod_monitor(of_nodes("events", "kafka", "streaming"), {"release": "prometheus"})
    assert rendered["metadata"]["labels"]["release"] == "prometheus"
    assert rendered["spec"] == {
        "podMetricsEndpoints": [
            {
                "port": "tcp-prometheus",
                "relabelings": [
                    {"action": "replace", "replacement": "events", "targetLabel": "kafka_cluster"},
                    {
                        "action": "replace",
                        "sourceLabels": ["__meta_kubernetes_pod_label_strimzi_io_pool_name"],
                        "targetLabel": "pool",
                    },
                ],
            }
        ],
        "selector": {"matchLabels": {"strimzi.io/cluster": "events", "strimzi.io/kind": "Kafka"}},
    }


@pytest.mark.parametrize(
    ("more", "stored"), [({}, True), ({"exporter": True}, False), ({"exporter": True, "broker_topics": True}, True)]
)
def test_what_brokers_count_of_topics_is_stored_unless_the_exporter_shows_topics(
    more: dict[str, Any], stored: bool
) -> None:
    spec = MonitoredSpec(engine=Engine.STRIMZI, **more)
    [endpoint] = pod_monitor(monitors("kafka", spec, CONNECTION, [])["nodes"], {})["spec"]["podMetricsEndpoints"]
    dropped = {"action": "drop", "regex": BY_TOPIC, "sourceLabels": ["__name__", "topic"]}
    assert endpoint.get("metricRelabelings", []) == ([] if stored else [dropped])
    assert re.fullmatch(BY_TOPIC, "kafka_server_brokertopicmetrics_bytesinpersec_total;orders")
    assert not re.fullmatch(BY_TOPIC, "kafka_server_brokertopicmetrics_bytesinpersec_total;")


def test_certificates_keep_their_own_namespace() -> None:
    spec = pod_monitor(of_cert_manager("kafka", "streaming", "pki"), {})["spec"]
    assert spec["namespaceSelector"] == {"matchNames": ["pki"]}
    assert spec["podMetricsEndpoints"] == [{"honorLabels": True, "port": "http-metrics"}]


@pytest.mark.parametrize("source", [gateway.source("shop"), worker.source("shop")])
def test_our_programs_are_found_by_their_own_labels(source: Source) -> None:
    monitor = pod_monitor(of_source(source, "streaming", "kafka"), {})
    assert monitor["metadata"]["namespace"] == "streaming"
    assert monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"] == "shop"


def test_a_program_of_your_own_has_alerts_about_itself() -> None:
    alert = Alert(
        name="RegistryGone",
        expression="absent(up{$source} == 1)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="No pod of the registry shows metrics.",
        description="All of them are gone.",
    )
    source = MetricsSource(name="schemas", component="registry", label="registry", namespace="data", alerts=[alert])
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.EXTERNAL, sources=[source])
    found = run(lambda: Monitoring("kafka", args) and None)
    assert found["PodMonitor kafka-registry-schemas"].inputs["metadata"]["namespace"] == "data"
    [group] = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"]
    assert [(each["alert"], each["expr"]) for each in group["rules"]] == [
        ("RegistryGone", 'absent(up{namespace="data",registry="schemas"} == 1)')
    ]


@pytest.mark.parametrize(
    ("field", "bad", "message"),
    [
        ("name", 'x"} or up{', "name: 'x\"} or up{' is not a Kubernetes name"),
        ("component", "The Registry", "component: 'The Registry' is not a Kubernetes name"),
        ("label", "app.kubernetes.io/name", "label: 'app.kubernetes.io/name' is not a label of Prometheus"),
        ("label", "__name__", "label: '__name__' is not a label of Prometheus"),
    ],
)
def test_a_source_that_prometheus_could_not_read_is_refused(field: str, bad: str, message: str) -> None:
    given = {"name": "schemas", "component": "registry", "label": "registry"} | {field: bad}
    with pytest.raises(ValueError, match=re.escape(message)):
        MetricsSource(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("lasting", ["", "5", "5 minutes", "forever", "30s5m"])
def test_an_alert_lasts_for_a_duration_of_prometheus(lasting: str) -> None:
    with pytest.raises(ValueError, match=r"lasting: .* is not a duration of Prometheus: write one such as 5m or 1h30m"):
        Alert(name="x", expression="up", lasting=lasting, severity=Severity.WARNING, summary="x", description="x")


def test_two_sources_of_one_name_are_refused_and_neither_is_dropped() -> None:
    one = MetricsSource(name="schemas", component="registry", label="registry")
    other = MetricsSource(name="schemas", component="api", label="api")
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.EXTERNAL, sources=[one, other])
    with pytest.raises(ValueError, match="sources: two programs are called 'schemas': each needs a name of its own"):
        run(lambda: Monitoring("kafka", args) and None)


def test_the_graph() -> None:
    made: list[Monitoring] = []
    args = MonitoringArgs(
        connection=CONNECTION,
        engine=Engine.STRIMZI,
        exporter=True,
        gateways=["gateway"],
        probes=["latency-probe"],
        workers={"fraud": "shop"},
        cert_manager="cert-manager",
        keda="keda",
    )
    found = run(lambda: made.append(Monitoring("kafka", args)))
    assert set(found) - {"Stack project-stack", "Monitoring kafka"} == {
        "PodMonitor kafka-nodes",
        "PodMonitor kafka-operator",
        "PodMonitor kafka-topics-operator",
        "PodMonitor kafka-users-operator",
        "PodMonitor kafka-certificates",
        "PodMonitor kafka-keda",
        "PodMonitor kafka-gateway-gateway",
        "PodMonitor kafka-probe-latency-probe",
        "PodMonitor kafka-worker-fraud",
        "PrometheusRule kafka-alerts",
        *(
            f"ConfigMap kafka-dashboard-{board}"
            for board in ("overview", "brokers", "topics", "groups", "capacity", "gateway", "latency")
        ),
    }
    assert found["PodMonitor kafka-worker-fraud"].inputs["metadata"]["namespace"] == "shop"
    rules = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"][0]["rules"]
    assert {rule["labels"]["kafka_cluster"] for rule in rules} == {"events"}
    assert "KafkaConsumerLagGrows" in {rule["alert"] for rule in rules}
    assert all("Monitoring$" in each.urn for name, each in found.items() if name.startswith("Po"))
    assert value(made[0].monitors) == [
        "kafka-nodes",
        "kafka-operator",
        "kafka-topics-operator",
        "kafka-users-operator",
        "kafka-certificates",
        "kafka-keda",
        "gateway",
        "latency-probe",
        "fraud",
    ]


def test_a_kafka_of_somebody_else_has_none_of_its_own() -> None:
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.EXTERNAL, probes=["latency-probe"])
    found = run(lambda: Monitoring("kafka", args) and None)
    assert {name for name in found if name.startswith("PodMonitor")} == {"PodMonitor kafka-probe-latency-probe"}
    rules = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"][0]["rules"]
    assert not [rule["alert"] for rule in rules if "Volume" in rule["alert"] or "Controller" in rule["alert"]]


def test_strimzis_operator_is_where_the_file_says() -> None:
    found = stack(STRIMZI, prometheus={}, strimzi={"namespace": "operators"})
    assert found["PodMonitor kafka-operator"].inputs["spec"]["namespaceSelector"] == {"matchNames": ["operators"]}
    rules = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"][0]["rules"]
    asked = [each["expr"] for each in rules if "strimzi_cert" in each["expr"] or "strimzi_recon" in each["expr"]]
    assert len(asked) == 4
    assert all('namespace="operators"' in each for each in asked)


def test_a_prometheus_without_operator_cannot_be_told_that_it_reads_more() -> None:
    with pytest.raises(
        ValueError, match=r"^kube_state: a Prometheus without an operator does not read it: leave it out$"
    ):
        PrometheusArgs(connection=CONNECTION, engine=Engine.EMBEDDED, kube_state=True)


def test_a_name_is_a_name() -> None:
    with pytest.raises(ValueError, match="'Kafka' is not a Kubernetes name"):
        run(lambda: Monitoring("Kafka", MonitoringArgs(connection=CONNECTION, engine=Engine.EXTERNAL)) and None)


def test_a_label_is_a_label() -> None:
    with pytest.raises(ValueError, match=r"^labels: 'a b': 'c' is not a label"):
        MonitoringArgs(connection=CONNECTION, engine=Engine.EXTERNAL, labels={"a b": "c"})


def stack(platform: dict[str, Any], **more: Any) -> dict[str, Registered]:
    return run(lambda: Platform(parse({**platform, **more}), KUBECONFIG) and None)


def test_it_comes_with_prometheus() -> None:
    assert "Monitoring kafka" not in stack(STRIMZI)
    found = stack(
        STRIMZI, prometheus={"labels": {"release": "kps"}}, certManager={"namespace": "pki"}, gateway={}, probe={}
    )
    monitors = {name for name in found if name.startswith("PodMonitor")}
    assert monitors == {
        "PodMonitor kafka-nodes",
        "PodMonitor kafka-operator",
        "PodMonitor kafka-topics-operator",
        "PodMonitor kafka-users-operator",
        "PodMonitor kafka-certificates",
        "PodMonitor kafka-exporter-kafka-exporter",
        "PodMonitor kafka-gateway-gateway",
        "PodMonitor kafka-probe-latency-probe",
    }
    assert all(found[each].inputs["metadata"]["labels"]["release"] == "kps" for each in monitors)
    # Whoever may run pods elsewhere may give them the operator's labels.
    operator = found["PodMonitor kafka-operator"].inputs["spec"]
    assert operator["namespaceSelector"] == {"matchNames": ["strimzi"]}
    spec = found["PodMonitor kafka-certificates"].inputs["spec"]
    assert spec["namespaceSelector"] == {"matchNames": ["pki"]}


def test_its_pods_are_those_of_the_programs() -> None:
    tenants = {"shop": {"namespace": "shop"}}
    worker = {"image": "ghcr.io/acme/fraud:1", "tenant": "shop", "reads": ["orders"], "ports": {"metrics": 9000}}
    topics = {"orders": {"partitions": 3}}
    found = stack(
        EMBEDDED, prometheus={}, gateway={}, probe={}, topics=topics, tenants=tenants, workers={"fraud": worker}
    )
    programs = [
        each.inputs
        for name, each in found.items()
        if name.split()[0] in ("StatefulSet", "Deployment") and "kafka-nodes" not in name
    ]
    for monitor in ("exporter-kafka-exporter", "gateway-gateway", "probe-latency-probe", "worker-fraud"):
        spec = found[f"PodMonitor kafka-{monitor}"].inputs["spec"]
        wanted = spec["selector"]["matchLabels"].items()
        fitting = [each for each in programs if wanted <= each["spec"]["template"]["metadata"]["labels"].items()]
        assert len(fitting) == 1, monitor
        ports = [
            port["name"] for each in fitting[0]["spec"]["template"]["spec"]["containers"] for port in each["ports"]
        ]
        assert spec["podMetricsEndpoints"][0]["port"] in ports


def test_alerts_may_be_somebody_elses() -> None:
    found = stack(EMBEDDED, prometheus={"alerts": False}, gateway={})
    assert "PrometheusRule kafka-alerts" not in found
    assert "PodMonitor kafka-gateway-gateway" in found


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"gateway": {"metricsNamespaces": ["ops"]}},
            "gateway.metricsNamespaces: Prometheus may not connect: add 'monitoring', or remove the key",
        ),
        (
            {"probe": {"metricsNamespaces": ["ops"]}},
            "probe.metricsNamespaces: Prometheus may not connect: add 'monitoring', or remove the key",
        ),
    ],
)
def test_prometheus_has_to_be_let_in(more: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({**EMBEDDED, "prometheus": {}, **more})
    assert [str(fault) for fault in caught.value.faults] == [line]
    for allowed in (["monitoring"], []):
        section = next(iter(more))
        parse({**EMBEDDED, "prometheus": {}, section: {"metricsNamespaces": allowed}})
