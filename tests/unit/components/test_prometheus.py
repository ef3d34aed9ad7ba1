"""A Prometheus without operator: what it reads, what it may do, whom it tells, the graph that it makes, what it refuses."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kafka_platform import (
    EmailReceiver,
    Engine,
    KafkaConnection,
    MetricsSource,
    Prometheus,
    PrometheusArgs,
    Receivers,
    SlackReceiver,
    WebhookReceiver,
)
from kafka_platform.gateway import monitoring as gateway
from kafka_platform.kube.objects import Object
from kafka_platform.monitoring.objects import monitors, objects as operated_objects
from kafka_platform.monitoring.receivers.routing import SLACK_TEXTS, alertmanager_config
from kafka_platform.monitoring.receivers.spec import NOBODY
from kafka_platform.monitoring.server.objects import ServerSettings, objects
from kafka_platform.monitoring.server.spec import PrometheusSpec
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.probe import monitoring as probe
from kafka_platform.values.readers import build
from kafka_platform.worker import monitoring as worker

from infra.platform import Platform
from infra.settings.parsing import parse
from tests.promtool import amtool, promtool
from tests.unit.components.graph import run, value
from tests.unit.test_platform import EMBEDDED, KUBECONFIG

CONNECTION = KafkaConnection(
    cluster="events", namespace="streaming", bootstrap_servers="b:9092", security_protocol="SASL_SSL"
)
SOURCES = [
    gateway.source("gateway"),
    probe.source("latency-probe"),
    MetricsSource(**vars(worker.source("fraud")) | {"namespace": "shop"}),
]
EVERYBODY = build(
    Receivers,
    {
        "slack": {"secret": "slack", "channel": "#streaming"},
        "pagerduty": {"secret": "pagerduty"},
        "email": {
            "to": ["oncall@example.com", "lead@example.com"],
            "sender": "kafka@example.com",
            "smarthost": "smtp.example.com:587",
            "username": "kafka",
            "secret": "smtp",
        },
        "webhook": {"url": "http://hook.ops.svc/kafka", "secret": "hook"},
        "tenants": {
            "payments": {"slack": {"secret": "payments", "channel": "#payments"}, "groups": ["payments-*", "a.b"]}
        },
    },
)


def settings(
    engine: Engine = Engine.EMBEDDED, receivers: Receivers = NOBODY, *, kubelets: bool = True, **spec: Any
) -> ServerSettings:
    return ServerSettings(
        name="prometheus",
        connection=CONNECTION,
        spec=PrometheusSpec(**spec),
        monitored=MonitoredSpec(engine=engine, cert_manager="pki", kubelets=kubelets, receivers=receivers),
        sources=SOURCES,
        receivers=receivers,
    )


def found(of: list[Object], kind: str, role: str) -> Any:
    [one] = [each.manifest for each in of if (each.kind, each.role) == (kind, role)]
    return one


def configuration(given: ServerSettings) -> Any:
    return json.loads(found(objects(given), "ConfigMap", "config")["data"]["prometheus.yml"])


def relabelings(scrape: Any) -> dict[str, tuple[str, str]]:
    """Which labels a scrape gives to what it reads: from where, or which value."""
    return {
        each["target_label"]: (each.get("source_labels", [""])[0], each.get("replacement", ""))
        for each in scrape["relabel_configs"]
        if "target_label" in each
    }


@pytest.mark.parametrize("engine", Engine)
def test_it_reads_what_the_operators_prometheus_reads(engine: Engine) -> None:
    given = settings(engine)
    operated = operated_objects("prometheus", given.monitored, CONNECTION, SOURCES)
    pod_monitors = {each.manifest["metadata"]["name"]: each.manifest for each in operated if each.kind == "PodMonitor"}
    scrapes = {each["job_name"].rpartition("/")[2]: each for each in configuration(given)["scrape_configs"]}
    assert set(scrapes) == {*pod_monitors, "kubelet"}
    for name, monitor in pod_monitors.items():
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        [discovery] = scrapes[name]["kubernetes_sd_configs"]
        assert (
            dict(each.split("=") for each in discovery["selectors"][0]["label"].split(","))
            == (monitor["spec"]["selector"]["matchLabels"])
        )
        wanted = monitor["spec"].get("namespaceSelector", {"matchNames": [monitor["metadata"]["namespace"]]})
        assert discovery.get("namespaces", {}).get("names") == wanted.get("matchNames")
        port = scrapes[name]["relabel_configs"][0]
        assert (port["source_labels"], port["regex"]) == (
            ["__meta_kubernetes_pod_container_port_name"],
            endpoint["port"],
        )
        assert scrapes[name].get("honor_labels", False) == endpoint.get("honorLabels", False)
        dropped = [each["regex"] for each in scrapes[name].get("metric_relabel_configs", [])]
        assert dropped == [each["regex"] for each in endpoint.get("metricRelabelings", [])]
        for each in endpoint.get("relabelings", []):
            assert relabelings(scrapes[name])[each["targetLabel"]] == (
                each.get("sourceLabels", [""])[0],
                each.get("replacement", ""),
            )


def test_its_rules_are_those_of_the_operators() -> None:
    given = settings()
    rule = found(operated_objects("prometheus", given.monitored, CONNECTION, SOURCES), "PrometheusRule", "alerts")
    rules = json.loads(found(objects(given), "ConfigMap", "config")["data"]["rules.yml"])
    assert rules == rule["spec"]
    assert rules["groups"]


def test_prometheus_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    """Debian's promtool knows no Kubernetes: what finds the pods is taken away; a real one reads all of it in tests/e2e."""
    config = configuration(settings(Engine.STRIMZI, EVERYBODY))
    for each in config["scrape_configs"]:
        del each["kubernetes_sd_configs"]
        each["static_configs"] = [{"targets": ["localhost:1"]}]
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    data = found(objects(settings(Engine.STRIMZI, EVERYBODY)), "ConfigMap", "config")["data"]
    (tmp_path / "rules.yml").write_text(data["rules.yml"])
    done = subprocess.run(
        [promtool(), "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([promtool(), "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_may_only_list_pods_where_it_reads_them() -> None:
    made = objects(settings(kubelets=False))
    roles = [each.manifest for each in made if each.kind == "Role"]
    assert [each["metadata"]["namespace"] for each in roles] == ["streaming", "pki", "shop"]
    for each in roles:
        assert each["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    assert not [each for each in made if each.kind.startswith("Cluster")]


def test_rights_in_all_namespaces_are_for_kubelets_alone() -> None:
    kubelets = found(objects(settings()), "ClusterRole", "everywhere")["rules"]
    assert [(each["resources"], each["verbs"]) for each in kubelets] == [
        (["nodes"], ["list", "watch"]),
        (["nodes/metrics"], ["get"]),
    ]
    made = objects(settings(Engine.STRIMZI, kubelets=False))
    assert not [each for each in made if each.kind.startswith("Cluster")]
    # The operator's pods are looked for where it is, as anybody may give a pod its labels.
    assert found(made, "Role", "pods-strimzi")["metadata"]["namespace"] == "strimzi"


def test_without_kubelets_nobody_waits_for_volumes_to_fill() -> None:
    data = found(objects(settings(kubelets=False)), "ConfigMap", "config")["data"]
    assert "kubelet" not in data["prometheus.yml"]
    assert "kubelet_volume_stats" not in data["rules.yml"]
    assert "kubelet_volume_stats" in found(objects(settings()), "ConfigMap", "config")["data"]["rules.yml"]


def test_nothing_can_be_changed_by_http_and_everything_is_bounded() -> None:
    pod = found(objects(settings()), "StatefulSet", "pod")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert not [each for each in container["args"] if "enable" in each]
    bounds = ("storage.tsdb.retention.time", "storage.tsdb.retention.size", "query.max-samples", "web.max-connections")
    assert all(any(each.startswith(f"--{bound}=") for each in container["args"]) for bound in bounds)
    for each in configuration(settings())["scrape_configs"]:
        assert each["sample_limit"] == 100_000
        assert each["body_size_limit"] == "64MB"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_only_named_namespaces_query_it() -> None:
    closed = found(objects(settings()), "NetworkPolicy", "network")["spec"]
    assert closed["ingress"] == []
    opened = found(objects(settings(client_namespaces=["grafana"])), "NetworkPolicy", "network")["spec"]
    assert "grafana" in json.dumps(opened["ingress"])


def test_another_configuration_makes_another_pod() -> None:
    def mark(given: ServerSettings, role: str) -> str:
        pod = found(objects(given), "StatefulSet", role)
        return str(pod["spec"]["template"]["metadata"]["annotations"]["kafka-platform/config"])

    assert mark(settings(), "pod") != mark(settings(interval="15s"), "pod")
    louder = Receivers(slack=SlackReceiver(secret="slack", channel="#other"))
    assert mark(settings(receivers=EVERYBODY), "alertmanager-pod") != mark(
        settings(receivers=louder), "alertmanager-pod"
    )


def test_metrics_may_go_with_the_pod() -> None:
    made = objects(settings(receivers=EVERYBODY, persistent=False))
    assert not [each for each in made if each.kind == "PersistentVolumeClaim"]
    volumes = found(made, "StatefulSet", "pod")["spec"]["template"]["spec"]["volumes"]
    assert {"emptyDir": {"sizeLimit": "5Gi"}, "name": "data"} in volumes
    kept = [each.manifest for each in objects(settings(receivers=EVERYBODY)) if each.kind == "PersistentVolumeClaim"]
    assert [each["metadata"]["name"] for each in kept] == ["prometheus-data", "prometheus-alertmanager-data"]


def test_there_is_an_alertmanager_if_somebody_is_told() -> None:
    assert not [each for each in objects(settings()) if "alertmanager" in each.role]
    config = configuration(settings(receivers=EVERYBODY))
    assert config["alerting"]["alertmanagers"] == [
        {"static_configs": [{"targets": ["prometheus-alertmanager.streaming.svc:9093"]}]}
    ]


def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(json.dumps(alertmanager_config(EVERYBODY, "/etc/credentials")))
    done = subprocess.run([amtool(), "check-config", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"severity": "critical"}, ["platform-slack", "platform-pagerduty", "platform-email", "platform-webhook"]),
        ({"severity": "warning"}, ["platform-slack", "platform-email", "platform-webhook"]),
        (
            {"severity": "warning", "consumergroup": "payments-fraud"},
            ["platform-slack", "platform-email", "platform-webhook", "tenant-payments-slack"],
        ),
        # Once, though both of its routes fit.
        (
            {"severity": "warning", "tenant": "payments", "consumergroup": "payments-fraud"},
            ["platform-slack", "platform-email", "platform-webhook", "tenant-payments-slack"],
        ),
        (
            {"severity": "warning", "tenant": "shop", "consumergroup": "payments-fraud"},
            ["platform-slack", "platform-email", "platform-webhook"],
        ),
        ({"severity": "warning", "consumergroup": "axb"}, ["platform-slack", "platform-email", "platform-webhook"]),
        ({"severity": "info"}, ["nobody"]),
    ],
)
def test_an_alert_goes_to_those_whom_it_concerns(tmp_path: Path, labels: dict[str, str], told: list[str]) -> None:
    """Alertmanager's own tool says where an alert goes."""
    file = tmp_path / "alertmanager.yml"
    file.write_text(json.dumps(alertmanager_config(EVERYBODY, "/etc/credentials")))
    given = [f"{key}={each}" for key, each in labels.items()]
    command = [amtool(), "config", "routes", "test", f"--config.file={file}", *given]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip().split(",") == told, done.stderr


def test_a_tenant_that_may_use_every_group_does_not_get_alerts_that_are_of_no_group(tmp_path: Path) -> None:
    everything = build(
        Receivers, {"tenants": {"shop": {"slack": {"secret": "s", "channel": "#shop"}, "groups": ["*"]}}}
    )
    file = tmp_path / "alertmanager.yml"
    file.write_text(json.dumps(alertmanager_config(everything, "/etc/credentials")))
    for labels, told in (
        (["severity=critical"], "nobody"),
        (["severity=warning", "consumergroup=a"], "tenant-shop-slack"),
    ):
        command = [amtool(), "config", "routes", "test", f"--config.file={file}", *labels]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout.strip() == told, done.stderr


def test_slack_takes_no_name_of_a_group_for_a_link_or_a_call(tmp_path: Path) -> None:
    """Alertmanager's own tool fills the templates, with a group that somebody named to deceive."""
    summary = "Group <!channel> <https://evil.example.com|Approve>\n& more is behind"
    alert = {"status": "firing", "labels": {"consumergroup": summary}, "annotations": {"summary": summary}}
    data = {
        "receiver": "platform-slack",
        "status": "firing",
        "alerts": [alert] * 30,
        "groupLabels": {"alertname": "GroupBehind"},
        "commonLabels": {"alertname": "GroupBehind", "consumergroup": summary},
        "commonAnnotations": {},
        "externalURL": "http://localhost",
    }
    file = tmp_path / "data.json"
    file.write_text(json.dumps(data))
    shown = {}
    for name, text in SLACK_TEXTS.items():
        command = [amtool(), "template", "render", "--template.glob=/dev/null", f"--template.data={file}"]
        done = subprocess.run([*command, f"--template.text={text}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        shown[name] = done.stdout.rstrip("\n")
    assert shown["title"] == shown["fallback"] == "[FIRING:30] GroupBehind"
    line = "Group  !channel   https://evil.example.com|Approve  more is behind"
    assert shown["text"].split("\n") == [line] * 20


def test_credentials_are_files_from_secrets_and_nowhere_else() -> None:
    made = objects(settings(receivers=EVERYBODY))
    volumes = found(made, "StatefulSet", "alertmanager-pod")["spec"]["template"]["spec"]["volumes"]
    [projected] = [each["projected"] for each in volumes if "projected" in each]
    assert [(each["secret"]["name"], each["secret"]["items"]) for each in projected["sources"]] == [
        ("slack", [{"key": "url", "path": "platform-slack/url"}]),
        ("pagerduty", [{"key": "routing-key", "path": "platform-pagerduty/routing-key"}]),
        ("smtp", [{"key": "password", "path": "platform-email/password"}]),
        ("hook", [{"key": "token", "path": "platform-webhook/token"}]),
        ("payments", [{"key": "url", "path": "tenant-payments-slack/url"}]),
    ]
    config = json.loads(found(made, "ConfigMap", "alertmanager-config")["data"]["alertmanager.yml"])
    names = set(re.findall(r'"(\w*(?:url|key|password|credentials)\w*)"', json.dumps(config["receivers"])))
    assert names == {"api_url_file", "auth_password_file", "credentials_file", "routing_key_file", "url"}


def test_alertmanager_is_reached_by_prometheus_alone_and_reaches_whom_it_tells() -> None:
    spec = found(objects(settings(receivers=EVERYBODY)), "NetworkPolicy", "alertmanager-network")["spec"]
    [way_in] = spec["ingress"]
    assert way_in["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "prometheus"
    ports = {port["port"] for rule in spec["egress"] for port in rule.get("ports", [])}
    assert ports == {53, 443, 587}
    # The pods of the Service in `ops` may listen at another port than its own.
    assert "ops" in json.dumps(spec["egress"])


def test_the_operators_alertmanager_gets_the_same_routes() -> None:
    monitored = MonitoredSpec(engine=Engine.EMBEDDED, receivers=EVERYBODY, labels={"release": "kps"})
    manifest = found(operated_objects("kafka", monitored, CONNECTION, []), "AlertmanagerConfig", "receivers")
    assert manifest["metadata"]["labels"]["release"] == "kps"
    spec, own = manifest["spec"], alertmanager_config(EVERYBODY, "/x")
    assert [each["name"] for each in spec["receivers"]] == [each["name"] for each in own["receivers"]]
    assert [each["receiver"] for each in spec["route"]["routes"]] == [
        each["receiver"] for each in own["route"]["routes"]
    ]
    slack = spec["receivers"][1]["slackConfigs"][0]
    assert slack["apiURL"] == {"key": "url", "name": "slack"}


def test_the_graph() -> None:
    made: list[Prometheus] = []
    args = PrometheusArgs(
        connection=CONNECTION,
        engine=Engine.EMBEDDED,
        gateways=["gateway"],
        probes=["latency-probe"],
        workers={"fraud": "shop"},
        receivers=EVERYBODY,
    )
    graph = run(lambda: made.append(Prometheus("prometheus", args)))
    assert set(graph) - {"Stack project-stack", "Prometheus prometheus"} == {
        f"{each.kind} prometheus-{each.role}"
        for each in objects(settings(receivers=EVERYBODY))
        if each.role != "pods-pki"
    }
    assert value(made[0].url) == "http://prometheus.streaming.svc:9090"


def test_in_a_stack_it_takes_the_place_of_monitors() -> None:
    graph = run(lambda: Platform(parse({**EMBEDDED, "prometheus": {"server": {}}, "gateway": {}}), KUBECONFIG) and None)
    assert "StatefulSet prometheus-pod" in graph
    # It is let in to the brokers where it is, which is not where an operator's would be.
    way_in = graph["NetworkPolicy kafka-network"].inputs["spec"]["ingress"]
    assert "streaming" in json.dumps([each for each in way_in if each["ports"][0]["port"] == 9404])
    assert not [each for each in graph if each.startswith(("PodMonitor", "PrometheusRule"))]


def test_a_tenants_groups_are_those_of_its_users_and_workers() -> None:
    platform = {
        **EMBEDDED,
        "topics": {"orders": {}},
        "tenants": {"shop": {"users": {"api": {"reads": ["orders"], "groups": ["shop-*"]}}}},
        "workers": {"fraud": {"image": "fraud:1", "tenant": "shop", "reads": ["orders"]}},
        "prometheus": {"server": {}},
        "alerts": {"tenants": {"shop": {"slack": {"secret": "shop", "channel": "#shop"}}}},
    }
    graph = run(lambda: Platform(parse(platform), KUBECONFIG) and None)
    config = json.loads(graph["ConfigMap prometheus-alertmanager-config"].inputs["data"]["alertmanager.yml"])
    assert r'consumergroup=~"fraud|shop\\-.*"' in json.dumps(config).replace("\\\\", "\\").replace('\\"', '"')


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (SlackReceiver, {"secret": "s", "channel": "general"}, "channel: 'general' is not a channel of Slack"),
        (
            EmailReceiver,
            {"to": [], "sender": "a@b.c", "smarthost": "h:25"},
            "to: none is named: write one such as oncall@example.com",
        ),
        (
            EmailReceiver,
            {"to": ["a@b.c\nBcc: x@y.z"], "sender": "a@b.c", "smarthost": "h:25"},
            "is not an email address",
        ),
        (EmailReceiver, {"to": ["a@b.c"], "sender": "a@b.c", "smarthost": "h"}, "smarthost: 'h' is not a mail server"),
        (
            EmailReceiver,
            {"to": ["a@b.c"], "sender": "a@b.c", "smarthost": "h:25", "secret": "s"},
            "username: there is a password and no user",
        ),
        (WebhookReceiver, {"url": "ftp://x"}, "url: 'ftp://x' is not a URL"),
        (WebhookReceiver, {"url": "https://x/?token=word"}, "url: only https://x/ may be written here"),
    ],
)
def test_receivers_that_nobody_could_reach_are_refused(kind: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(**given)


def test_a_secret_in_a_url_is_not_in_the_message() -> None:
    with pytest.raises(ValueError, match="only https://x/") as caught:
        WebhookReceiver(url="https://me:hunter2@x/?token=hunter2")
    assert "hunter2" not in str(caught.value)


def test_labels_of_monitors_are_refused() -> None:
    with pytest.raises(ValueError, match="labels: there are no monitors to have them: leave it out"):
        PrometheusArgs(connection=CONNECTION, engine=Engine.EMBEDDED, labels={"release": "kps"})


def test_every_monitor_is_read_in_a_namespace() -> None:
    assert all(
        each.found_in for each in monitors("x", MonitoredSpec(engine=Engine.STRIMZI), CONNECTION, SOURCES).values()
    )
