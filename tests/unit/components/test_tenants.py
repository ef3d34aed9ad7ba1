"""Tenants: what each uses is recorded, how near its users are to their quotas is shown, by the names that Kafka has."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kafka_platform import Engine, Monitoring, MonitoringArgs, Quotas, WatchedTenant
from kafka_platform.monitoring.objects import rules
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.monitoring.tenants import Use

from tests.promtool import promtool
from tests.unit.components.graph import run
from tests.unit.components.test_monitoring import CONNECTION, stack
from tests.unit.test_platform import EMBEDDED, EXTERNAL, STRIMZI

TENANTS = {
    "shop": WatchedTenant(users={"api": Quotas(produce="1MB/s", consume="2MB/s"), "batch": Quotas(produce="1MB/s")}),
    "reports": WatchedTenant(users={"svc@corp": Quotas(produce="4MB/s", request_percentage=50), "CN=x.y": Quotas()}),
}
BOARD = "ConfigMap kafka-dashboard-tenants"


def recorded(tenants: dict[str, WatchedTenant], **more: Any) -> list[dict[str, Any]]:
    spec = MonitoredSpec(engine=Engine.STRIMZI, tenants=tenants, **more)
    groups = rules(spec, "kafka", "streaming", [])
    return [rule for group in groups if group["name"].endswith("-tenants") for rule in group["rules"]]


def used(metric: str, user: str, pod: str, value: float) -> dict[str, str]:
    labels = f'namespace="streaming",kafka_cluster="kafka",user="{user}",pod="{pod}"'
    return {"series": f"{metric}{{{labels}}}", "values": f"{value}x10"}


def test_what_is_used_is_summed_by_tenant_and_compared_with_quotas_broker_by_broker(tmp_path: Path) -> None:
    try:
        tool = promtool()
    except RuntimeError as error:
        pytest.skip(str(error))
    known = 'kafka_cluster="kafka",namespace="streaming"'
    written = Use.PRODUCE.metric
    expected = {
        # All users and brokers of a tenant, and nobody else's: a dot is a dot.
        Use.PRODUCE.by_tenant: {f'tenant="reports",{known}': 3e6, f'tenant="shop",{known}': 1.5e6},
        Use.PRODUCE.of_quota: {
            f'tenant="shop",user="api",{known}': 0.75,
            f'tenant="shop",user="batch",{known}': 0.25,
            f'tenant="reports",user="svc%40corp",{known}': 0.5,
        },
        Use.REQUEST.of_quota: {f'tenant="reports",user="svc%40corp",{known}': 1.2},
    }
    test = {
        "interval": "1m",
        "input_series": [
            used(written, "api", "kafka-0", 750_000),
            used(written, "api", "kafka-1", 500_000),
            used(written, "batch", "kafka-1", 250_000),
            used(written, "svc%40corp", "kafka-1", 2_000_000),
            used(written, "CN%3Dx.y", "kafka-1", 1_000_000),
            used(written, "CN%3DxAy", "kafka-1", 9_000_000),
            used(Use.REQUEST.metric, "svc%40corp", "kafka-0", 60),
        ],
        "promql_expr_test": [
            {
                "expr": name,
                "eval_time": "5m",
                "exp_samples": [{"labels": f"{name}{{{labels}}}", "value": value} for labels, value in found.items()],
            }
            for name, found in expected.items()
        ],
    }
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "tenants", "rules": recorded(TENANTS)}]}))
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    done = subprocess.run([tool, "test", "rules", tmp_path / "tests.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_users_with_the_same_quota_share_a_rule() -> None:
    tenants = {"shop": WatchedTenant(users={f"user-{number}": Quotas(produce="1MB/s") for number in range(500)})}
    assert [each["record"] for each in recorded(tenants)].count(Use.PRODUCE.of_quota) == 1


@pytest.mark.parametrize(
    "nothing",
    [
        recorded({}),
        # Kafka measures users only where one has a quota.
        recorded({"shop": WatchedTenant(users={"api": Quotas()})}),
        recorded(TENANTS, nodes=False),
    ],
)
def test_without_quotas_or_metrics_nothing_is_recorded(nothing: list[Any]) -> None:
    # Strimzi's nodes show metrics whatever a program says.
    assert nothing == []


def tenants(**quotas: Any) -> dict[str, Any]:
    user = {"writes": ["orders"]}
    return {
        "shop": {"quotas": quotas, "users": {"api": user, "batch": user | {"quotas": {"consume": "9MB/s"}}}},
        "empty": {"users": {}},
    }


MANAGED = {**EXTERNAL, "kafka": {**EXTERNAL["kafka"], "adminSecret": "admin"}}
TOPICS = {"orders": {"partitions": 1}}


def test_a_stack_compares_with_the_quotas_that_its_users_have() -> None:
    found = stack(EMBEDDED, prometheus={}, topics=TOPICS, tenants=tenants(produce="1MB/s"))
    assert BOARD in found
    groups = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"]
    [group] = [each for each in groups if each["name"].endswith("-tenants")]
    limits = {each["record"]: each["expr"] for each in group["rules"] if each["record"].startswith("user:")}
    assert limits[Use.PRODUCE.of_quota].endswith('user=~"api"}) / 1000000')
    assert limits[Use.FETCH.of_quota].endswith('user=~"batch"}) / 9000000')


def test_a_user_with_a_certificate_has_the_name_that_kafka_gives_it() -> None:
    given = tenants(produce="1MB/s")
    given["shop"]["users"] = {"api": {"writes": ["orders"], "auth": "mtls"}}
    kafka = {**STRIMZI["kafka"], "listeners": {"internal": {"certificates": True}}}
    found = stack({**STRIMZI, "kafka": kafka}, prometheus={}, topics=TOPICS, tenants=given)
    assert 'user=~"CN%3Dapi"' in json.dumps(found["PrometheusRule kafka-alerts"].inputs["spec"]).replace("\\", "")


@pytest.mark.parametrize(
    ("raw", "quotas"), [(EMBEDDED, {}), (MANAGED, {"produce": "1MB/s"})], ids=["no quota", "an external Kafka"]
)
def test_elsewhere_there_is_no_dashboard(raw: dict[str, Any], quotas: dict[str, str]) -> None:
    given = tenants(**quotas)
    del given["shop"]["users"]["batch"]
    assert BOARD not in stack(raw, prometheus={}, topics={"orders": {"partitions": 1, "replicas": 1}}, tenants=given)


def test_only_what_is_limited_has_a_panel() -> None:
    shop = {"shop": WatchedTenant(users={"api": Quotas(consume="1MB/s")})}
    args = MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI, tenants=shop)
    [content] = run(lambda: Monitoring("kafka", args) and None)[BOARD].inputs["data"].values()
    titles = [each["title"] for each in json.loads(content)["panels"] if "quota" in each["title"]]
    assert titles == ["Use of quotas by user", "Used quota of reads", "Delay by the quota of reads"]


@pytest.mark.parametrize(
    ("tenants", "message"),
    [
        ({"The Shop": WatchedTenant(users={"api": Quotas()})}, "tenants: 'The Shop' is not a Kubernetes name"),
        ({"shop": {"users": {}}}, "tenants.shop.users: empty: name a user at least"),
        ({"shop": {"users": {"api": {"produce": "fast"}}}}, "tenants.shop.users.api.produce: 'fast' is not a rate"),
    ],
)
def test_what_cannot_be_watched_is_refused(tenants: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        MonitoringArgs(connection=CONNECTION, engine=Engine.STRIMZI, tenants=tenants)
