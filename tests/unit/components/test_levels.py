"""Service levels: what is promised is measured, burns as fast as it fails, and nothing is promised that nobody measures."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka_platform import Engine, LatencyLevel, Level, Monitoring, MonitoringArgs
from kafka_platform.levels.measures import LONGEST_BUCKET, Measured, measures, missing
from kafka_platform.levels.monitoring import FAST, FAST_LATER, PERIOD_DAYS, SLOW, SLOW_LATER
from kafka_platform.levels.spec import objective
from kafka_platform.monitoring.objects import rules
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform_runtime.probe.metrics import BUCKETS

from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from tests.dashboards import SOURCES
from tests.promtool import promtool
from tests.unit.components.graph import run
from tests.unit.components.test_monitoring import CONNECTION
from tests.unit.test_platform import EMBEDDED

LEVELS = {
    "platform": Level(availability="99.9%", latency=LatencyLevel(p99="500ms")),
    "shop": Level(users=["shop-api", "shop.batch"], availability="99%"),
    "payments": Level(group="payments-*", freshness="1m"),
}
SPEC = MonitoredSpec(engine=Engine.STRIMZI, exporter=True, levels=LEVELS)
PROBE = 'namespace="streaming",probe="latency-probe",write="native"'
GATEWAY = 'namespace="streaming",gateway="gateway"'
DAY = 24 * 60


def test_a_latency_of_the_longest_bucket_can_be_missed() -> None:
    """Prometheus says the bound of the last finite bucket, 10 s, of whatever takes longer."""
    level = Level(latency=LatencyLevel(p99="10s"))
    [slowest] = measures("platform", level, Measured(probe=PROBE))
    assert BUCKETS[-1] == LONGEST_BUCKET
    assert slowest.errors.endswith(" >= bool 10")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is measured, minute by minute, and which alerts come of it."""

    name: str
    measured: Mapping[str, str]
    at: str
    every: str = "1m"
    """How often Prometheus computes the rules."""
    fast: bool = False
    slow: bool = False
    level: str = "platform"
    promise: str = "availability"
    by: str = "probe"


def probed(failed: str, minutes: int) -> dict[str, str]:
    """A thousand probes a minute that are written, and those that are not."""
    return {
        f"kafka_probe_written_total{{{PROBE}}}": f"0+1000x{minutes}",
        f"kafka_probe_write_errors_total{{{PROBE}}}": failed,
        f'kafka_probe_lost_total{{{PROBE},read="native"}}': f"0x{minutes}",
    }


def requested(failed: str, minutes: int, user: str) -> dict[str, str]:
    own = f'{GATEWAY},user="{user}"'
    return {
        f'gateway_user_requests_total{{{own},outcome="ok"}}': f"0+1000x{minutes}",
        f'gateway_user_requests_total{{{own},outcome="failed"}}': failed,
    }


def lag(seconds: str, group: str = "payments-fraud") -> dict[str, str]:
    own = f'namespace="streaming",exporter="kafka-exporter",consumergroup="{group}",topic="orders"'
    return {f"kafka_consumergroup_lag_seconds{{{own}}}": seconds}


CASES = [
    # 2% of the writes fail, twenty times what may: two hundredths of the budget are gone within an hour.
    Case(name="fast", measured=probed("0+20x90", 90), at="80m", fast=True),
    # All fail for half a minute, and then nothing.
    Case(name="a bad moment", measured=probed("0x60 500x60", 90), at="64m"),
    # It failed for an hour and is over: nobody is woken any more.
    Case(name="over", measured=probed("0+40x60 2400x120", 180), at="100m", slow=True),
    # It has just started, and failed as often as in the first case: of a month's budget that is next to nothing.
    Case(name="a start", measured=probed("0+20x20", 20), at="10m"),
    # It has just started, and every other write fails.
    Case(name="a bad start", measured=probed("0+1000x20", 20), at="10m", fast=True),
    # Four times what may, for a day and more: it makes a ticket.
    Case(name="slow", measured=probed(f"0+4x{DAY}", DAY), at="1d", every="5m", slow=True),
    # Half of what may.
    Case(name="kept", measured=probed(f"0+0.5x{DAY}", DAY), at="1d", every="5m"),
    Case(name="nothing is measured", measured={}, at="2h"),
    Case(
        name="records come late",
        measured={
            f'kafka_probe_latency_seconds_bucket{{{PROBE},read="native",le="0.5"}}': "0+0x90",
            f'kafka_probe_latency_seconds_bucket{{{PROBE},read="native",le="1"}}': "0+60x90",
            f'kafka_probe_latency_seconds_bucket{{{PROBE},read="native",le="+Inf"}}': "0+60x90",
            f'kafka_probe_latency_seconds_count{{{PROBE},read="native"}}': "0+60x90",
        },
        at="80m",
        fast=True,
        promise="latency",
    ),
    Case(
        name="a tenant's requests fail",
        measured=requested("0+300x90", 90, "shop-api"),
        at="80m",
        fast=True,
        level="shop",
        by="gateway",
    ),
    Case(name="those of another tenant fail", measured=requested("0+300x90", 90, "shopXbatch"), at="80m", level="shop"),
    Case(
        name="a group is late",
        measured=lag("120x90"),
        at="80m",
        fast=True,
        level="payments",
        promise="freshness",
        by="exporter",
    ),
    Case(name="a group is fresh", measured=lag("30x90"), at="80m", level="payments"),
    Case(name="another group is late", measured=lag("120x90", "orders"), at="80m", level="payments"),
]


def judged(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def tool() -> str:
    try:
        return promtool()
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The rules of levels, without alerts about anything else."""
    groups = rules(SPEC, "kafka", "streaming", [(each, None) for each in SOURCES])
    for group in groups:
        group["rules"] = [
            each for each in group["rules"] if "record" in each or each["alert"].startswith("ErrorBudget")
        ]
        for rule in group["rules"]:
            rule.pop("annotations", None)
    made = tmp_path / "rules.yml"
    made.write_text(json.dumps({"groups": groups}))
    return made


def as_test(case: Case) -> dict[str, Any]:
    labels = {
        "kafka_cluster": "kafka",
        "level": case.level,
        "measured_by": case.by,
        "namespace": "streaming",
        "promise": case.promise,
    }
    wanted = {"ErrorBudgetBurnsFast": (case.fast, "critical"), "ErrorBudgetBurnsSlowly": (case.slow, "warning")}
    return {
        "alert_rule_test": [
            {
                "alertname": name,
                "eval_time": case.at,
                "exp_alerts": [{"exp_labels": {**labels, "severity": severity}}] if fires else [],
            }
            for name, (fires, severity) in wanted.items()
            # What burns fast long enough burns slowly too.
            if not (case.fast and name == "ErrorBudgetBurnsSlowly")
        ],
        "input_series": [{"series": series, "values": values} for series, values in case.measured.items()],
        "interval": "1m",
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_budget_that_burns_is_told_of(case: Case, tool: str, file: Path) -> None:
    tests = file.with_name("tests.yml")
    content = {"evaluation_interval": case.every, "rule_files": [file.name], "tests": [as_test(case)]}
    tests.write_text(json.dumps(content))
    assert judged(tool, "test", "rules", tests) == ""


def test_what_is_left_of_a_budget_is_recorded(tool: str, file: Path) -> None:
    own = 'kafka_cluster="kafka",level="platform",measured_by="probe",namespace="streaming",promise="availability"'
    # Of a thousand one may fail, and half of one does.
    measured = {
        f"kafka_probe_written_total{{{PROBE}}}": "0+9995x130",
        f"kafka_probe_write_errors_total{{{PROBE}}}": "0+5x130",
    }
    measured[f'kafka_probe_lost_total{{{PROBE},read="native"}}'] = "0x130"
    query = {"expr": f"round(level:error_budget_left:ratio{{{own}}}, 0.01)", "eval_time": "2h"}
    query["exp_samples"] = [{"labels": f"{{{own}}}", "value": 0.5}]  # type: ignore[assignment]
    series = [{"series": name, "values": values} for name, values in measured.items()]
    tests = file.with_name("tests.yml")
    content = {"input_series": series, "interval": "1m", "promql_expr_test": [query]}
    tests.write_text(json.dumps({"evaluation_interval": "1m", "rule_files": [file.name], "tests": [content]}))
    assert judged(tool, "test", "rules", tests) == ""


def test_prometheus_takes_every_rule(tool: str, file: Path) -> None:
    assert judged(tool, "check", "rules", "--lint=all", "--lint-fatal", file) == ""


def test_the_burn_rates_are_those_of_the_workbook() -> None:
    hours = PERIOD_DAYS * 24
    shares = {FAST: (0.02, 1), FAST_LATER: (0.05, 6), SLOW: (0.1, 24), SLOW_LATER: (0.1, 72)}
    for rate, (share, window) in shares.items():
        assert rate == pytest.approx(share * hours / window)


@pytest.mark.parametrize("engine", Engine)
def test_levels_are_judged_alike_on_every_engine(engine: Engine) -> None:
    levels = {"platform": LEVELS["platform"]}
    args = MonitoringArgs(connection=CONNECTION, engine=engine, probes=["latency-probe"], levels=levels)
    found = run(lambda: Monitoring("kafka", args) and None)
    groups = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"]
    recorded = [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]
    assert recorded == [
        *("level:errors:rate5m", "level:events:rate5m", "level:objective:ratio") * 2,
        "level:error_budget_left:ratio",
    ]
    assert "ConfigMap kafka-dashboard-levels" in found


def test_without_levels_nothing_is_recorded() -> None:
    found = run(lambda: Monitoring("kafka", MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI)) and None)
    [group] = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"]
    assert all("alert" in rule for rule in group["rules"])
    assert not [each for each in group["rules"] if each["alert"].startswith("ErrorBudget")]
    assert "ConfigMap kafka-dashboard-levels" not in found


def test_a_level_that_nothing_measures_is_refused_in_a_program() -> None:
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.EXTERNAL, gateways=["gateway"], levels=LEVELS)
    with pytest.raises(
        ValueError, match=r"^levels\.platform\.latency: nothing measures it: add the probe, or remove it$"
    ):
        run(lambda: Monitoring("kafka", args) and None)


def test_names_in_queries_stand_for_themselves() -> None:
    """A name is neither a regular expression nor the end of a text."""
    level = Level(users=["a.b|c"], availability="99%")
    [measure] = measures("x", level, Measured(gateway='gateway!=""'))
    assert 'user=~"a\\\\.b\\\\|c"' in measure.events
    for bad in ('x"} or up{', "x\\", "two\nlines"):
        with pytest.raises(ValueError, match=r"^(topic|group|users): "):
            Level(topic=bad, availability="99%")
        with pytest.raises(ValueError, match=r"^(topic|group|users): "):
            Level(group=bad, freshness="1m")
        with pytest.raises(ValueError, match=r"^(topic|group|users): "):
            Level(users=[bad], availability="99%")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "availability: missing: write availability, latency or freshness"),
        ({"availability": "100%"}, "availability: '100%' is not an objective: write 50% to 99.9999%, such as 99.9%"),
        ({"availability": "0.999"}, "availability: '0.999' is not an objective"),
        ({"freshness": "1m"}, "group: missing: freshness is of a consumer group: write its name"),
        ({"group": "g", "availability": "99%"}, "availability: a group is late rather than unavailable"),
        ({"group": "g", "topic": "t", "freshness": "1m"}, "group: excludes topic: write a level for each"),
        (
            {"topic": "t", "latency": {"p99": "1s"}},
            "topic: its records are not timed: latency is of the platform: remove one of them",
        ),
        ({"users": ["u"], "latency": {"p99": "1s"}}, "users: its records are not timed"),
        ({"latency": {"p99": "1h"}}, "latency.p99: '1h' is out of range: use 1ms to 10s"),
    ],
)
def test_what_cannot_be_promised_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Level(**given)


def faults(levels: Any, **more: Any) -> list[str]:
    platform = {**EMBEDDED, "prometheus": {}, **more, "levels": levels}
    try:
        parse({key: value for key, value in platform.items() if value is not None})
    except SettingsError as error:
        return [str(each) for each in error.faults]
    return []


TENANTS = {"shop": {"users": {"shop-api": {"reads": ["orders"]}}}, "empty": {"namespace": "empty"}}
TOPICS = {"orders": {"partitions": 3}}


@pytest.mark.parametrize(
    ("levels", "more", "line"),
    [
        (
            {"platform": {"availability": "99.9%"}},
            {},
            "levels.platform.availability: nothing measures it: write probe: {} or gateway: {}, or remove the key",
        ),
        (
            {"platform": {"latency": {"p99": "1s"}}},
            {"gateway": {}},
            "levels.platform.latency: nothing measures it: write probe: {}, or remove the key",
        ),
        (
            {"shop": {"tenant": "shop", "availability": "99%"}},
            {"probe": {}},
            "levels.shop.availability: nothing measures it: write gateway: {}, or remove the key",
        ),
        (
            {"shop": {"tenant": "shopp", "availability": "99%"}},
            {"gateway": {}},
            "levels.shop.tenant: 'shopp' is not a tenant of this file: declare it under tenants, or name one that is there",
        ),
        (
            {"shop": {"tenant": "empty", "availability": "99%"}},
            {"gateway": {}},
            "levels.shop.tenant: 'empty' has no users, so nobody calls: add one",
        ),
        (
            {"platform": {"availability": "99%"}},
            {"probe": {}, "prometheus": None},
            "levels: no Prometheus computes them: write prometheus: {}, or remove the key",
        ),
        (
            {"platform": {"availability": "99%"}},
            {"probe": {}, "prometheus": {"alerts": False}},
            "prometheus.alerts: it leaves out the rules by which levels are computed: remove the key, or levels",
        ),
        (
            {"platform": {"availability": "99%"}},
            {"probe": {}, "prometheus": {"install": True, "retention": "2d"}},
            "prometheus.retention: levels are judged over 3d: write 3d or more, such as 30d",
        ),
        (
            {"platform": {"availability": "99%"}},
            {"probe": {}, "prometheus": {"server": {"retention": "1d"}}},
            "prometheus.server.retention: levels are judged over 3d: write 3d or more, such as 30d",
        ),
        (
            {"The Platform": {"availability": "99%"}},
            {"probe": {}},
            "levels.'The Platform': 'The Platform' is not a name of a level: use a-z, 0-9 and -, up to 40, beginning with a letter",
        ),
        (
            {"shop": {"tenant": "shop", "latency": {"p99": "1s"}}},
            {"probe": {}},
            "levels.shop.tenant: its records are not timed: latency is of the platform: remove one of them",
        ),
    ],
)
def test_a_stack_file_is_told_what_to_write(levels: Any, more: Any, line: str) -> None:
    [found] = faults(levels, tenants=TENANTS, topics=TOPICS, **more)
    assert found.startswith(line)


def test_a_tenant_is_its_users() -> None:
    levels = {"platform": {"availability": "99.9%"}, "shop": {"tenant": "shop", "availability": "99%"}}
    assert faults(levels, tenants=TENANTS, topics=TOPICS, gateway={}, probe={}) == []


def test_what_is_missing_is_named_once() -> None:
    assert list(missing(Level(group="g", freshness="1m"), Measured())) == [("freshness", "exporter")]
    assert str(objective("99.95%")) == "0.9995"
