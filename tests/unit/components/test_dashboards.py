"""Dashboards: what they ask for is there, what alerts are about is on them, and Grafana can read them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from kafka_platform import Board, Engine, MetricsSource, Monitoring, MonitoringArgs, Panel, Query, Row
from kafka_platform.levels import monitoring as levels
from kafka_platform.monitoring.dashboards import uid
from kafka_platform.monitoring.objects import dashboard
from kafka_platform.monitoring.tenants import Use

from infra.check import ROOT
from tests.dashboards import EVERYTHING, SOURCES, asked, every_alert, every_board, queries
from tests.promtool import promtool
from tests.unit.components.graph import run
from tests.unit.components.test_monitoring import CONNECTION, stack
from tests.unit.test_platform import EMBEDDED, STRIMZI

BOARDS = {each.board.name: each for each in every_board()}
ALERTS = every_alert()
NO_PANEL = {
    "KafkaCertificateExpires",
    "KafkaCertificateEnds",
    "CertificateExpires",
    "CertificateEnds",
    "HttpGatewayCertificateExpires",
    "HttpGatewayCertificateEnds",
    "StrimziOperatorGone",
}
"""Alerts about dates and an operator, which a line over time says nothing about: the list of alerts on the first dashboard
has them."""
WITHOUT_PICTURE = {"connect", "jobs", "logs", "mirror", "query", "restarts", "slots", "storage", "streams"}
"""The platform that is drawn has no Kafka Connect, which would take a database, two images and minutes of load, no object store, no
stream job, no query engine and no log collector, whose images are others, and no kube-state-metrics, which tells of jobs."""
MOST_BYTES = 400_000
REPORTED = (ROOT / "tests" / "unit" / "metrics" / "reporter-names.txt").read_text(encoding="utf-8").split()
"""The series of Kafka's nodes, as name{labels}."""
OTHERS = {
    "ALERTS",  # Prometheus
    "up",
    "process_cpu_seconds_total",  # the JMX agent
    "jvm_memory_used_bytes",
    "jvm_gc_collection_seconds_sum",
    "kubelet_volume_stats_available_bytes",  # kubelets
    "kubelet_volume_stats_capacity_bytes",
    "kubelet_volume_stats_used_bytes",
    "kube_horizontalpodautoscaler_spec_max_replicas",  # kube-state-metrics
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_horizontalpodautoscaler_status_desired_replicas",
    "kube_cronjob_info",
    "kube_cronjob_next_schedule_time",
    "kube_cronjob_status_active",
    "kube_cronjob_status_last_successful_time",
    "kube_job_failed",
    "kube_job_owner",
    "kube_job_status_start_time",
    "keda_scaler_detail_errors_total",  # KEDA
    "keda_scaler_metrics_value",
    "strimzi_certificate_expiration_timestamp_ms",  # Strimzi's operators
    "strimzi_reconciliations_failed_total",
    "strimzi_reconciliations_successful_total",
    "certmanager_certificate_expiration_timestamp_seconds",  # cert-manager
}
"""What others show."""


def text(name: str) -> str:
    return dashboard(EVERYTHING, "kafka", "streaming", BOARDS[name], SOURCES)


def test_every_panel_asks_for_metrics_that_something_shows() -> None:
    exporter = {
        each
        for each in asked("kafka_")
        if re.match(r"kafka_(certificate|consumergroup|topic|brokers|exporter|provisioner|surge)", each)
    }
    recorded = {levels.ERRORS, levels.EVENTS, levels.OBJECTIVE, levels.LEFT}
    recorded |= {name for use in Use for name in (use.by_tenant, use.of_quota)}
    nodes = {each.partition("{")[0] for each in REPORTED}
    own = asked("kafka_probe_") | asked("gateway_") | asked("rest_")
    own |= (
        asked("kafka_connector_")
        | asked("kafka_connect_")
        | asked("debezium_")
        | asked("object_store_")
        | asked("connect_restarter_")
        | asked("connect_slots_")
        | asked("kafka_mirror_")
        | asked("flink_")
        | asked("query_engine_")
        | asked("otelcol_")
    )
    known = nodes | exporter | own | recorded | OTHERS
    # What our programs, the schema registry, Kafka Connect and a broker with the agent really show is compared with it where these run.
    assert asked("") <= known


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    try:
        tool = promtool()
    except RuntimeError as error:
        pytest.skip(str(error))
    rules = [{"record": "query", "expr": query, "labels": {"of": where}} for where, query in queries(BOARDS.values())]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([tool, "check", "rules", "--lint=none", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(rules) > 50


def test_no_query_is_left_without_what_it_selects() -> None:
    for where, query in queries(BOARDS.values()):
        assert "$source" not in query, where
        of_keda = 'horizontalpodautoscaler=~"keda-hpa-.+"' in query or 'scaledObject!=""' in query
        assert 'namespace="$namespace"' in query or of_keda, where


def test_every_alert_is_about_a_panel_and_links_to_it() -> None:
    drawn = [alert for each in BOARDS.values() for panel in each.board.panels for alert in panel.alerts]
    assert sorted(drawn) == sorted(set(ALERTS) - NO_PANEL)
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI, grafana="https://grafana.example.com/")
    found = run(lambda: Monitoring("kafka", args) and None)
    [group] = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"]
    urls = {each["alert"]: each["annotations"].get("dashboard_url", "") for each in group["rules"]}
    address = f"https://grafana.example.com/d/{uid('streaming', 'events', 'brokers')}?viewPanel="
    assert urls["KafkaPartitionsOffline"] == f"{address}2&var-namespace=streaming"


def test_without_dashboards_alerts_link_to_none() -> None:
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI, dashboards=False)
    found = run(lambda: Monitoring("kafka", args) and None)
    assert not [each for each in found if each.startswith("ConfigMap")]
    [group] = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"]
    assert not [each for each in group["rules"] if "dashboard_url" in each["annotations"]]


def test_panels_and_alerts_have_the_same_limits() -> None:
    for each in BOARDS.values():
        for panel in each.board.panels:
            limit = panel.bad_from if panel.bad_from is not None else panel.bad_below
            for alert in panel.alerts if limit is not None else ():
                # One partition, record or pod is one too many, or too few; a volume has one day left.
                assert limit == 1 or f" {limit}" in ALERTS[alert].expression, f"{panel.title}: {alert}"


@pytest.mark.parametrize("name", BOARDS)
class TestJson:
    def test_grafana_knows_every_key(self, name: str) -> None:
        """Reading it by Grafana's own types and writing it again loses nothing."""
        read = Dashboard.from_json(json.loads(text(name)))
        assert json.loads(json.dumps(read, cls=JSONEncoder)) == json.loads(text(name))

    def test_a_panel_links_to_the_pages_of_its_alerts(self, name: str) -> None:
        panels = {each["title"]: each for each in json.loads(text(name))["panels"] if each["type"] != "row"}
        for panel in BOARDS[name].board.panels:
            linked = [each["url"].rpartition("/")[2] for each in panels[panel.title]["links"]]
            assert linked == [Path(ALERTS[alert].runbook_in("x")).name for alert in panel.alerts]

    def test_panels_are_side_by_side_and_each_has_a_number(self, name: str) -> None:
        content = json.loads(text(name))
        panels = content["panels"]
        assert len({each["id"] for each in panels}) == len(panels)
        fields = [
            (x, y)
            for each in panels
            for x in range(each["gridPos"]["x"], each["gridPos"]["x"] + each["gridPos"]["w"])
            for y in range(each["gridPos"]["y"], each["gridPos"]["y"] + each["gridPos"]["h"])
        ]
        assert len(set(fields)) == len(fields), "two panels are in the same place"
        assert max(x for x, _ in fields) < 24
        assert content["schemaVersion"] >= 39
        assert len(content["uid"]) <= 40

    def test_queries_use_variables_that_there_are(self, name: str) -> None:
        content = json.loads(text(name))
        known = {each["name"] for each in content["templating"]["list"]}
        assert {"datasource", "namespace"} <= known
        assert set(re.findall(r"\$\{?(\w+)", json.dumps(content["panels"]))) <= known

    def test_it_fits_into_an_object(self, name: str) -> None:
        assert len(text(name).encode()) < 2**18


def test_the_same_dashboard_is_the_same_text() -> None:
    program = (
        "from tests.dashboards import *; from kafka_platform.monitoring.objects import dashboard\n"
        "print(*(dashboard(EVERYTHING, 'kafka', 'streaming', each, SOURCES) for each in every_board()))"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


def test_the_page_on_monitoring_lists_every_dashboard() -> None:
    page = (Path(__file__).parents[3] / "docs" / "components" / "monitoring.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \*(.+)\* \(`(\w+)`\) \|", page, re.MULTILINE))
    assert rows == {each.board.title: name for name, each in BOARDS.items()}


def test_each_dashboard_has_a_picture_that_says_where_it_comes_from() -> None:
    folder = ROOT / "docs" / "dashboards"
    page = (folder / "README.md").read_text(encoding="utf-8")
    drawn = {each.stem for each in folder.glob("*.svg")}
    assert drawn == BOARDS.keys() - WITHOUT_PICTURE
    sections = {section.partition("\n")[0]: section for section in page.split("\n## ")[1:]}
    for name in drawn:
        section = sections.pop(BOARDS[name].board.title)
        assert f"]({name}.svg)" in section
        assert section.rstrip().endswith("*Drawn from real results of the sandbox's Prometheus, not by Grafana.*")
        assert (folder / f"{name}.svg").stat().st_size < MOST_BYTES
    assert not sections


def test_two_platforms_in_one_grafana_are_told_apart() -> None:
    assert len({uid(*each, "overview") for each in (("a", "kafka"), ("b", "kafka"), ("a", "events"))}) == 3


def maps(found: Any) -> Iterator[dict[str, Any]]:
    yield from (each.inputs for name, each in found.items() if name.startswith("ConfigMap kafka-dashboard-"))


def test_grafanas_sidecar_finds_them() -> None:
    found = stack(STRIMZI, prometheus={}, gateway={})
    assert {each["metadata"]["name"] for each in maps(found)} == {
        "kafka-dashboard-overview",
        "kafka-dashboard-brokers",
        "kafka-dashboard-capacity",
        "kafka-dashboard-exporter",
        "kafka-dashboard-gateway",
        "kafka-dashboard-groups",
        "kafka-dashboard-topics",
    }
    for each in maps(found):
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"]["grafana_folder"] == "Kafka streaming kafka"
        [(key, content)] = each["data"].items()
        assert key.startswith("streaming-kafka-")
        assert json.loads(content)["tags"] == ["kafka-platform", "kafka"]


def test_dashboards_may_be_somebody_elses() -> None:
    assert not list(maps(stack(EMBEDDED, prometheus={"dashboards": False}, gateway={})))


def test_a_program_of_your_own_brings_its_dashboard() -> None:
    panel = Panel(
        title="Lookups", description="Lookups a second.", queries=[Query(expression="rate(lookups{$source}[5m])")]
    )
    board = Board(name="registry", title="Registry", rows=[Row(title="Lookups", panels=[panel])])
    source = MetricsSource(name="schemas", component="registry", label="registry", boards=[board], overview=[panel])
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.EXTERNAL, sources=[source])
    found = run(lambda: Monitoring("kafka", args) and None)
    [own] = found["ConfigMap kafka-dashboard-registry"].inputs["data"].values()
    assert 'rate(lookups{namespace=\\"$namespace\\",registry=\\"$registry\\"}[5m])' in own
    [first] = found["ConfigMap kafka-dashboard-overview"].inputs["data"].values()
    assert 'rate(lookups{namespace=\\"$namespace\\",registry!=\\"\\"}[5m])' in first


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Board(name="My Board", title="x", rows=[]), "name: 'My Board' is not a name of a dashboard"),
        (lambda: Panel(title="x", description="x", queries=[]), "queries: empty"),
        (
            lambda: Panel(title="x", description="x", queries=[Query(expression="up")], bad_from=1, bad_below=1),
            "bad_below: excludes bad_from",
        ),
        (
            lambda: MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI, grafana="grafana"),
            "grafana: 'grafana' is not an address of Grafana: write one such as https://grafana.example.com",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make()


@pytest.mark.parametrize(("name", "imported"), [("dev", False), ("prod", True)])
def test_grafanas_sdk_is_imported_by_stacks_with_dashboards_alone(name: str, imported: bool) -> None:
    program = (
        f"import sys; from infra.check import check; check([{name!r}]); print('grafana_foundation_sdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(imported)
