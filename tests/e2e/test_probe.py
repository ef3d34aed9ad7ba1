"""The latency probe as `pulumi up` deploys it: the gate, the canary's metrics, and what a killed broker does to them."""

import json
import re
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, get, kubectl, scrape

NAMESPACE = "e2e-probe"
NAME = "latency-probe"
PATHS = [(write, read) for write in ("native", "http") for read in ("native", "http")]
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {
        "engine": "embedded",
        "nodes": 3,
        "storage": "1Gi",
        "resources": {"memory": "768Mi"},
        "deletion": "allow",
    },
    "topics": {"orders": {"deletion": "allow"}},
    "tenants": {"shop": {"users": {"app": {"reads": ["orders"]}}}},
    "gateway": {"pods": {"min": 1}, "resources": {"cpu": "50m", "memory": "512Mi"}},
    "probe": {"interval": "500ms", "lostAfter": "10s", "gate": True},
}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("probe", PLATFORM)
    stack.up()
    client_pod(NAMESPACE, "client", "app")
    return stack


def scraped() -> dict[str, float]:
    """Every series of the canary, by the Service."""
    return scrape(NAMESPACE, "client", f"http://{NAME}.{NAMESPACE}.svc:9404/metrics")


def of_paths(metrics: dict[str, float], name: str) -> dict[tuple[str, str], float]:
    return {(write, read): metrics[f'{name}{{read="{read}",write="{write}"}}'] for write, read in PATHS}


def gates() -> list[dict[str, Any]]:

    chosen = "app.kubernetes.io/component=latency-gate"
    found: list[dict[str, Any]] = json.loads(kubectl("-n", NAMESPACE, "get", "pods", "-l", chosen, "-o", "json"))[
        "items"
    ]
    return found


def uid(pod: str) -> str | None:
    """A pod's identity; None while there is no such pod."""
    return kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "jsonpath={.metadata.uid}", check=False) or None


def is_ready() -> bool:
    return bool(get("deployment", NAME, NAMESPACE)["status"].get("readyReplicas") == 1)


def test_the_gate_has_passed_and_says_so(stack: Stack) -> None:
    [pod] = gates()
    assert pod["status"]["phase"] == "Succeeded"
    message = pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"]
    figure = r"[\d.]+ m?s"
    paths = "; ".join(rf"{write}->{read} p50 {figure} p99 {figure}" for write, read in PATHS)
    assert re.fullmatch(rf"passed: {paths}; 60 probes each, lost 0", message), message
    print(f"\n{message}")


def test_the_metrics_have_all_four_paths(stack: Stack) -> None:
    assert stack.outputs()["probe"] == {"metricsUrl": f"http://{NAME}.{NAMESPACE}.svc:9404/metrics"}
    eventually("the canary is ready", is_ready, 60)
    eventually(
        "every path is timed",
        lambda: all(count > 20 for count in of_paths(scraped(), "kafka_probe_latency_seconds_count").values()),
        60,
    )
    found = scraped()
    for kind in ("lost", "found", "duplicated", "out_of_order", "undecided"):
        assert set(of_paths(found, f"kafka_probe_{kind}_total").values()) == {0}, kind


def test_an_unchanged_stack_shows_no_change(stack: Stack) -> None:

    plan = json.loads(stack.preview("--json"))
    assert {step["op"] for step in plan["steps"]} <= {"same", "read", "refresh"}


def test_by_hand(stack: Stack) -> None:
    """The command's own stack file is one of stacks/; what it runs is the same for every stack."""
    from infra.probe import command
    from infra.settings.parsing import parse

    done = subprocess.run(command(parse(dict(stack.platform))), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"\n{done.stdout}")
    for write, read in PATHS:
        assert re.search(rf"^{write}->{read} +60 .* 0 +0 +0$", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-1].startswith("passed: ")
    helped = subprocess.run(
        [sys.executable, "-m", "infra", "probe", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert "STACK" in helped.stdout


def test_a_killed_broker_loses_nothing(stack: Stack) -> None:
    before = of_paths(scraped(), "kafka_probe_read_total")
    killed = uid("kafka-1")
    kubectl("-n", NAMESPACE, "delete", "pod", "kafka-1", "--grace-period=0", "--force", "--wait=false")
    eventually("another kafka-1", lambda: uid("kafka-1") not in (killed, None), 180)
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "--timeout=300s", "pod/kafka-1")

    def goes_on() -> bool:
        now = of_paths(scraped(), "kafka_probe_read_total")
        return all(now[path] > before[path] + 100 for path in PATHS)

    eventually("all paths go on", goes_on, 180)
    eventually(
        "nothing old is left",
        lambda: max(of_paths(scraped(), "kafka_probe_oldest_unread_seconds").values()) < 5,
        60,
    )
    time.sleep(12)  # longer than a probe may take
    found = scraped()
    counted = {
        kind: of_paths(found, f"kafka_probe_{kind}_total")
        for kind in ("read", "lost", "found", "duplicated", "out_of_order", "undecided")
    }
    print(f"\n{counted}\n{ {name: value for name, value in found.items() if 'errors' in name} }")
    for kind in ("lost", "found", "duplicated", "out_of_order", "undecided"):
        assert set(counted[kind].values()) == {0}, kind


@pytest.mark.long
def test_a_gate_that_does_not_open_says_why(stack: Stack) -> None:
    """The gateway is taken away behind Pulumi's back, and the gate told to run again."""
    platform = {**stack.platform, "probe": {**stack.platform["probe"], "gateProbes": 5, "gateDeadline": "15s"}}
    kubectl("-n", NAMESPACE, "scale", "statefulset", "gateway", "--replicas=0")
    try:
        # A gateway that is ending answers for some seconds.
        chosen = ("-l", "app.kubernetes.io/component=gateway", "--timeout=120s")
        kubectl("-n", NAMESPACE, "wait", "pod", "--for=delete", *chosen)
        stack.write(platform)
        output = stack.up(fails=True)
    finally:
        kubectl("-n", NAMESPACE, "scale", "statefulset", "gateway", "--replicas=1")
    assert re.search(r"not ready: 15 s have passed: .*native->http has delivered no probe yet", output), output
    kubectl("-n", NAMESPACE, "rollout", "status", "statefulset/gateway", "--timeout=300s")
    stack.up()
    assert any("passed: " in str(pod["status"]) for pod in gates())


@pytest.mark.long
def test_without_a_probe(stack: Stack) -> None:
    platform = dict(stack.platform)
    del platform["probe"]
    stack.write(platform)
    stack.up()
    chosen = ("-l", f"app.kubernetes.io/instance={NAME}")
    eventually(
        "nothing of the probe is left",
        lambda: NAME not in kubectl("-n", NAMESPACE, "get", "all,networkpolicy,secret", *chosen),
        30,
    )
    assert "probe" not in stack.outputs()
