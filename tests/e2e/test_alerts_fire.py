"""A real Prometheus, and real faults: each makes the right alert fire within its time and no other one page, and the alert
ends when the fault does.

Most alerts wait for minutes by intention, so that the rules are made faster: each time in them, how long a state has to last
and how far back a rule looks, is divided by FASTER, and so is the interval in which Prometheus reads and evaluates. Nothing
else of the rules is changed, they are those that `pulumi up` put there. Limits in seconds that an expression compares with
(`> 60`) stay as they are, and so does what the platform itself needs to notice a fault.
"""

import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import PATIENCE, Stack, client_pod, eventually, get, in_pod, kubectl
from tests.logins import Authority
from tests.tiers import IS_LONG
from tests.volumes import Volumes

NAMESPACE = "e2e-alerts"
SMALL = "alerts-small"
"""Storage class of volumes that fill up in a moment, and that nobody else fills: the sandbox's others are folders of the
machine's disk."""
SIZE = "256m"
NODES = 3 if IS_LONG else 1
"""With one of three gone nobody is hurt; that is a case of the long ones."""
FASTER = 10
"""By how much times in rules are divided."""
INTERVAL = "3s"
"""How often the faster Prometheus reads: the rules look back over 30 s and more, ten times of it."""
SLACK = 30
"""Seconds on top of an alert's own time: two evaluations, and what the platform takes to notice."""
DELIVERED = 120
"""Seconds until a changed Secret is in the pods that mount it, and read."""

PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {
        "engine": "embedded",
        "nodes": NODES,
        "storage": "1Gi",
        "storageClass": SMALL,
        "resources": {"cpu": "50m", "memory": "768Mi"},
        "deletion": "allow",
    },
    "topics": {"orders": {"partitions": 1, "deletion": "allow"}},
    "tenants": {"shop": {"users": {"app": {"reads": ["orders"], "writes": ["orders"], "groups": ["shop-*"]}}}},
    "gateway": {"pods": {"min": 1}, "resources": {"cpu": "50m", "memory": "512Mi"}},
    "probe": {"interval": "1s", "lostAfter": "10s"},
    "prometheus": {"dashboards": False, "server": {"persistent": False, "resources": {"cpu": "20m"}}},
    "alerts": {"webhook": {"url": f"http://hook.{NAMESPACE}.svc:8080/"}},
}
BUSY = frozenset({"KafkaPathSlow"})
"""A ticket that a machine may be due that runs other tests too: records take seconds on it."""
CATCH_UP = """
import sys
sys.path.insert(0, "/programs")
from confluent_kafka import Consumer
from ledger import connection
consumer = Consumer(connection() | {"group.id": "shop-late", "auto.offset.reset": "earliest"})
consumer.subscribe(["orders"])
read = idle = 0
while not read or idle < 5:
    record = consumer.poll(1)
    read, idle = (read, idle + 1) if record is None else (read + 1, 0)
consumer.close()
"""
HOOK = """
import http.server, sys
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers['Content-Length'])).decode(), flush=True)
        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('', 8080), Hook).serve_forever()
"""


def faster(text: str, factor: int = FASTER) -> str:
    """Rules with every time divided: `for`, ranges, subqueries and offsets."""
    groups = json.loads(text)["groups"]
    for group in groups:
        group["interval"] = INTERVAL
        for rule in group["rules"]:
            rule["expr"] = re.sub(r"\[([^\]]+)\]", lambda found: f"[{_divided(found[1], factor)}]", rule["expr"])
            if "for" in rule:
                rule["for"] = _divided(rule["for"], factor)
    return json.dumps({"groups": groups})


def seconds(text: str) -> float:
    units = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))


def _divided(text: str, factor: int) -> str:
    """A duration or a subquery's two; a step is never shorter than the interval."""
    return ":".join(
        f"{max(math.ceil(seconds(each) / factor), 0 if seconds(each) == 0 else 3)}s" for each in text.split(":")
    )


def test_only_times_of_rules_are_divided() -> None:
    rule = {"alert": "A", "expr": "deriv(lag{x='[5m'}[30m:1m]) > 60 and rate(x[5m]) > 0.1", "for": "30m", "labels": {}}
    made = json.loads(
        faster(json.dumps({"groups": [{"rules": [rule | {"expr": "deriv(lag[30m:1m]) > 60 and rate(x[5m]) > 0.1"}]}]}))
    )
    [one] = made["groups"][0]["rules"]
    assert one["expr"] == "deriv(lag[180s:6s]) > 60 and rate(x[30s]) > 0.1"
    assert one["for"] == "180s"


def ask(path: str) -> Any:
    """Prometheus' answer, asked in its own pod, as no other one reaches it: by what its image has, official or not."""
    url = f"http://localhost:9090/api/v1/{path}"
    program = f"import urllib.request; print(urllib.request.urlopen('{url}').read().decode())"
    command = f'wget -qO- {url} 2>/dev/null || python3 -c "{program}"'
    return json.loads(in_pod(NAMESPACE, "prometheus-0", "sh", "-c", command))["data"]


def alerts(state: str = "firing") -> dict[str, str]:
    """Names of the alerts in this state, with their severities."""
    return {
        each["labels"]["alertname"]: each["labels"]["severity"]
        for each in ask("alerts")["alerts"]
        if each["state"] == state
    }


def pages() -> set[str]:
    return {name for name, severity in alerts().items() if severity == "critical"}


@pytest.fixture(scope="module")
def volumes() -> Iterator[Volumes]:
    """Those of the brokers."""
    made = Volumes(SMALL, measured=True)
    try:
        for node in range(NODES):
            made.make(f"{SMALL}-{node}", SIZE, "1Gi")
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def stack(volumes: Volumes, make_stack: MakeStack) -> Stack:
    stack = make_stack("alerts", PLATFORM)
    stack.up()
    client_pod(NAMESPACE, "hook", "app", labels={"app": "hook"}, programs=["ledger.py", "flow.py"])
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hook", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "hook"}, "ports": [{"port": 8080}]},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(service))
    in_pod(
        NAMESPACE, "hook", "sh", "-c", "cat > /tmp/hook.py; (python3 /tmp/hook.py > /tmp/hook.log 2>&1 &)", stdin=HOOK
    )
    return stack


@pytest.fixture(scope="module")
def lasting(stack: Stack) -> dict[str, float]:
    """The faster rules are in force; how long each alert's state has to last, in seconds."""
    rules = [rule for group in json.loads(quicken())["groups"] for rule in group["rules"]]
    return {rule["alert"]: seconds(rule["for"]) for rule in rules if "alert" in rule}


@pytest.fixture
def quick(lasting: dict[str, float]) -> dict[str, float]:
    """As `lasting`, and nothing fires, whatever the test before has left."""
    quiet()
    return lasting


def quicken() -> str:
    """Puts the faster rules in force, also after a deployment that has put the others back and is over.

    By them the restart of a gateway lasts long enough to page: the probe has to succeed for as long as they look back.
    """
    data = get("configmap", "prometheus", NAMESPACE)["data"]
    content = json.loads(data["prometheus.yml"])
    if content["global"]["scrape_interval"] != INTERVAL:
        content["global"] |= {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL, "scrape_timeout": INTERVAL}
        data |= {"prometheus.yml": json.dumps(content), "rules.yml": faster(data["rules.yml"])}
        kubectl("-n", NAMESPACE, "patch", "configmap", "prometheus", "--type=merge", "-p", json.dumps({"data": data}))
        kubectl("-n", NAMESPACE, "delete", "pod", "prometheus-0")
        kubectl("-n", NAMESPACE, "rollout", "status", "statefulset/prometheus", "--timeout=300s")
    errors, seen = "kafka_probe_write_errors_total", 30 // int(INTERVAL.rstrip("s")) - 1
    succeeds = quote(f"min(count_over_time({errors}[30s])) >= {seen} and max(rate({errors}[30s])) == 0")
    eventually("the probe's writes succeed", lambda: bool(ask(f"query?query={succeeds}")["result"]), 300)
    quiet()
    rules: str = data["rules.yml"]
    return rules


def quiet() -> None:
    """Everything is read, and nothing fires that others on this machine do not cause."""
    eventually(
        "every target is up",
        lambda: (
            bool(ask("targets")["activeTargets"])
            and all(each["health"] == "up" for each in ask("targets")["activeTargets"])
        ),
        120,
    )
    try:
        eventually("no alert is left", lambda: not alerts().keys() - BUSY, 180)
    except AssertionError as error:
        raise AssertionError(f"{error}: {alerts()}") from None


def fires(name: str, lasting: float, *also: str) -> None:
    """The alert fires after its own time, and no page but it and those that say the same of the same fault."""
    began, limit = time.monotonic(), PATIENCE * (lasting + SLACK)
    while name not in alerts():
        assert time.monotonic() - began < limit, (
            f"{name} has not fired after {limit:.0f} s: {alerts('pending')} {alerts()}"
        )
        assert pages() <= {name, *also}, f"also pages: {pages()}"
        time.sleep(1)
    took = time.monotonic() - began
    print(f"\n{name} fired after {took:.0f} s (its own time: {lasting:.0f} s)")
    assert pages() <= {name, *also}, f"also pages: {pages()}"


def ends(name: str) -> None:
    began = time.monotonic()
    eventually(f"{name} has ended", lambda: name not in alerts(), 180)
    print(f"{name} ended after {time.monotonic() - began:.0f} s")
    quiet()


def scaled(kind: str, name: str, replicas: int) -> None:
    kubectl("-n", NAMESPACE, "scale", kind, name, f"--replicas={replicas}")


def test_the_real_rules_load_and_every_target_is_up(stack: Stack) -> None:
    """As `pulumi up` left it: nothing is made faster yet."""
    eventually(
        "every target is up", lambda: {each["health"] for each in ask("targets")["activeTargets"]} == {"up"}, 120
    )
    jobs = {each["scrapePool"].rpartition("/")[2] for each in ask("targets")["activeTargets"]}
    assert jobs >= {"gateway", "latency-probe", "kubelet"}
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    assert rules
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}, rules
    wrong = [rule.get("lastError") for rule in rules if rule.get("lastError")]
    assert not wrong
    counted = quote('count({topic="orders",consumergroup=""}) <= 10')
    eventually("a topic is shown by ten series at most", lambda: bool(ask(f"query?query={counted}")["result"]), 90)
    plan = json.loads(stack.preview("--json"))
    assert {step["op"] for step in plan["steps"]} <= {"same", "read", "refresh"}


def test_no_other_pod_reaches_prometheus_or_alertmanager(stack: Stack) -> None:
    for address in (f"prometheus.{NAMESPACE}.svc:9090", f"prometheus-alertmanager.{NAMESPACE}.svc:9093"):
        program = f"import urllib.request; urllib.request.urlopen('http://{address}/-/ready', timeout=5)"
        refused = in_pod(
            NAMESPACE, "hook", "python3", "-c", f"try:\n {program}\n print('reached')\nexcept OSError: print('refused')"
        )
        assert refused.strip() == "refused", address


def test_its_token_can_list_pods_and_do_nothing_else(stack: Stack) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:prometheus"

    def may(*what: str) -> bool:
        return kubectl("auth", "can-i", *what, f"--as={account}", check=False).strip() == "yes"

    assert may("list", "pods", "-n", NAMESPACE)
    assert may("get", "nodes", "--subresource=metrics")
    for denied in (
        ("list", "secrets", "-n", NAMESPACE),
        ("list", "pods", "-n", "kube-system"),
        ("create", "pods", "--subresource=exec", "-n", NAMESPACE),
        ("get", "nodes", "--subresource=proxy"),
        ("get", "configmaps", "-n", NAMESPACE),
    ):
        assert not may(*denied), denied


def test_a_gateway_that_stops_pages_and_is_told(quick: dict[str, float]) -> None:
    scaled("statefulset", "gateway", 0)
    try:
        # The probe goes through the gateway: what it tells is the same fault.
        fires("HttpGatewayGone", quick["HttpGatewayGone"], "KafkaPathBroken", "KafkaWritesFail")
        eventually(
            "the webhook is told", lambda: "HttpGatewayGone" in in_pod(NAMESPACE, "hook", "cat", "/tmp/hook.log"), 90
        )
    finally:
        scaled("statefulset", "gateway", 1)
    ends("HttpGatewayGone")


@pytest.mark.long
def test_a_broker_that_is_gone_makes_a_ticket_and_pages_nobody(quick: dict[str, float]) -> None:
    """One of three: nobody is hurt."""
    scaled("statefulset", "kafka", 2)
    try:
        fires("KafkaPartitionsUnderReplicated", quick["KafkaPartitionsUnderReplicated"])
    finally:
        scaled("statefulset", "kafka", 3)
    ends("KafkaPartitionsUnderReplicated")


@pytest.mark.long
def test_brokers_that_are_all_gone_page(quick: dict[str, float]) -> None:
    scaled("statefulset", "kafka", 0)
    try:
        # A record that was acknowledged and not read yet breaks a path too; there may be none.
        fires("KafkaGone", quick["KafkaGone"] + 60, "KafkaWritesFail", "HttpGatewayFails", "KafkaPathBroken")
        eventually("writes fail", lambda: "KafkaWritesFail" in alerts(), 90)
    finally:
        scaled("statefulset", "kafka", 3)
    ends("KafkaGone")


@pytest.mark.long
def test_a_probe_that_may_not_log_in_any_more_makes_a_ticket(quick: dict[str, float]) -> None:
    """Its Secret gets another password than Kafka knows; the pod is made anew, as it would be some day."""
    secret = "latency-probe-kafka"
    before = get("secret", secret, NAMESPACE)["data"]
    wrong = json.dumps({"stringData": {"password": "another"}})
    kubectl("-n", NAMESPACE, "patch", "secret", secret, "--type=merge", "-p", wrong)
    chosen = ("-l", "app.kubernetes.io/component=latency-probe")
    kubectl("-n", NAMESPACE, "delete", "pod", *chosen)
    try:
        fires("KafkaProbeGone", quick["KafkaProbeGone"], "KafkaPathBroken", "KafkaWritesFail")
    finally:
        kubectl("-n", NAMESPACE, "patch", "secret", secret, "--type=merge", "-p", json.dumps({"data": before}))
        kubectl("-n", NAMESPACE, "delete", "pod", *chosen)
    ends("KafkaProbeGone")


@pytest.mark.long
def test_a_volume_that_fills_up_pages(quick: dict[str, float], volumes: Volumes) -> None:
    """One of three: it is full within hours by its trend, and the others go on."""
    claim = get("persistentvolumeclaim", "data-kafka-0", NAMESPACE)["spec"]["volumeName"]
    volumes.fill(claim, 0.93)
    try:
        # A kubelet looks at its volumes once a minute.
        fires("KafkaVolumeFullSoon", quick["KafkaVolumeFullSoon"] + 60)
        eventually("the ticket is made too", lambda: "KafkaVolumeAlmostFull" in alerts(), 90)
    finally:
        volumes.clear(claim)
    ends("KafkaVolumeFullSoon")


@pytest.mark.long
def test_a_group_that_falls_behind_makes_a_ticket_and_pages_nobody(quick: dict[str, float]) -> None:
    """It reads less than is written, until it catches up."""
    flow = "(python3 /programs/flow.py orders shop-late > /tmp/flow.log 2>&1 & echo $! > /tmp/flow.pid)"
    in_pod(NAMESPACE, "hook", "sh", "-c", flow)
    try:
        # The exporter looks every half minute, and a trend takes two looks.
        fires("KafkaConsumerLagGrows", quick["KafkaConsumerLagGrows"] + 60)
    finally:
        in_pod(NAMESPACE, "hook", "sh", "-c", "kill $(cat /tmp/flow.pid)")
    assert not pages()
    in_pod(NAMESPACE, "hook", "python3", "-c", CATCH_UP)
    ends("KafkaConsumerLagGrows")


@pytest.mark.long
def test_a_provisioner_that_is_refused_makes_a_ticket_and_pages_nobody(stack: Stack, quick: dict[str, float]) -> None:
    """A topic is to be taken over that is not there: nothing is applied until the declaration is mended."""
    stack.write(PLATFORM | {"topics": {**PLATFORM["topics"], "absent": {"adopt": True}}})
    try:
        assert "there is no such topic" in stack.up(fails=True)
        # The exporter looks every half minute.
        fires("KafkaProvisionerFails", quick["KafkaProvisionerFails"] + 30)
        assert not pages()
    finally:
        stack.write(PLATFORM)
        stack.up()
    quicken()
    done = "query?query=kafka_provisioner_last_run_failed==0"
    eventually("the last run is one that succeeded", lambda: bool(ask(done)["result"]), 60)


@pytest.mark.long
def test_what_is_declared_and_applied_by_no_run_makes_a_ticket(quick: dict[str, float]) -> None:
    """As after a Job that Kafka did not let in: nothing is noted of it, and nobody reads kube-state-metrics here."""

    def declare(text: str | None) -> None:
        change = json.dumps({"data": {"topic.unapplied": text}})
        kubectl("-n", NAMESPACE, "patch", "configmap", "kafka-declarations", "--type=merge", "-p", change)

    declare('{"partitions": 1, "replicas": 1}')
    try:
        fires("KafkaProvisionerFails", quick["KafkaProvisionerFails"] + DELIVERED)
        assert not pages()
    finally:
        declare(None)
    ends("KafkaProvisionerFails")


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_certificate_that_ends_soon_makes_a_ticket_and_one_that_has_ended_pages(
    stack: Stack, quick: dict[str, float], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)

    def deliver(days: int) -> None:
        certificate, key = authority.issue("gateway", "/CN=gateway", f"DNS:gateway.{NAMESPACE}.svc", days=days)
        secret("tls", "gateway-tls", f"--cert={certificate}", f"--key={key}")

    deliver(days=60)
    secret("generic", "gateway-ca", f"--from-file=ca.crt={authority.ca_file}")
    secured = {
        "gateway": PLATFORM["gateway"] | {"tls": {"certificate": "gateway-tls"}},
        "probe": PLATFORM["probe"] | {"gatewayAuthority": "gateway-ca"},
    }
    stack.write(PLATFORM | secured)
    stack.up()
    quicken()
    deliver(days=5)
    try:
        fires("HttpGatewayCertificateExpires", quick["HttpGatewayCertificateExpires"] + DELIVERED)
        assert not pages()
        deliver(days=-1)
        # Open connections go on; a pod that starts has none.
        kubectl("-n", NAMESPACE, "delete", "pod", "gateway-0")
        fires("KafkaWritesFail", quick["KafkaWritesFail"] + 60, "KafkaPathBroken", "HttpGatewayCertificateEnds")
        eventually("its end pages too", lambda: "HttpGatewayCertificateEnds" in alerts(), 180)
        assert "HttpGatewayCertificateExpires" not in alerts()
    finally:
        deliver(days=60)
    ends("KafkaWritesFail")
    assert not alerts().keys() & {"HttpGatewayCertificateExpires", "HttpGatewayCertificateEnds"}


def secret(kind: str, name: str, *options: str) -> None:
    """Makes a Secret in the platform's namespace, or gives it another content."""
    rendered = kubectl("-n", NAMESPACE, "create", "secret", kind, name, *options, "--dry-run=client", "-o", "json")
    kubectl("apply", "-f", "-", stdin=rendered)
