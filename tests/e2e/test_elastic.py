"""A worker from zero to many pods and back, under a burst, new versions, a drained node and a Kafka that is away."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import MakeStack
from tests.elastic import DRIVER, Watch, drive, platform, replicas, report, topics_of
from tests.harness import Stack, client_pod, eventually, kubectl, scrape, why_no_keda

NAMESPACE = "e2e-elastic"
WORKER = "sorter"
QUICK = "quick"
"""One whose pods the exporter adds."""
READINGS = topics_of(WORKER)[0]
BURST = 20_000
MOST = 6
AWAY_SECONDS = 45
"""How long Kafka is away: longer than the cooldown and than three failed looks."""
SCALE = {
    "min": 0,
    "max": MOST,
    "recordsPerSecondPerPod": 190,
    "acceptableDelay": "5s",
    # Much shorter than the defaults, so that all of it is seen in a few minutes.
    "polling": "2s",
    "cooldown": "20s",
    "stabilization": "10s",
    "scaleDownPeriod": "5s",
}
SELECTOR = f"app.kubernetes.io/component=worker,app.kubernetes.io/instance={WORKER}"


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    reason = why_no_keda()
    if reason is not None:
        pytest.skip(reason)
    workers = {WORKER: {"scale": SCALE}, QUICK: {"scale": {**SCALE, "min": 1, "stabilization": "60s"}}}
    stack = make_stack("e2e-elastic", platform(NAMESPACE, workers) | {"exporter": {"surge": True}})
    stack.up()
    client_pod(NAMESPACE, DRIVER, DRIVER, programs=["elastic.py"])
    return stack


def test_a_burst_from_zero_and_back(stack: Stack) -> None:
    assert replicas(NAMESPACE, WORKER) == (0, 0), "nothing waits, and there are pods"
    with Watch(NAMESPACE, WORKER) as watch:
        burst = drive(NAMESPACE, "burst", READINGS, "0", str(BURST))
        found = report(NAMESPACE, WORKER, burst, 180)
        eventually("no pod is left when nothing waits", lambda: replicas(NAMESPACE, WORKER) == (0, 0), 180)
    assert burst["acknowledged"] == BURST
    assert (found["lost"], found["out_of_order"]) == (0, 0), found
    assert found["duplicated"] < BURST // 100, found
    assert watch.most == MOST, [there for _, _, there in watch.seen]
    stack.preview("--expect-no-changes")


@pytest.mark.usefixtures("stack")
def test_a_step_is_met_before_lag_shows_it_and_the_autoscaler_keeps_the_pods() -> None:
    rate, needed = 500, 3
    with ThreadPoolExecutor(1) as threads, Watch(NAMESPACE, QUICK) as watch:
        writing = threads.submit(drive, NAMESPACE, "write", topics_of(QUICK)[0], "0", "20:5", f"{rate}:60")
        eventually("the exporter adds pods", lambda: raised() >= 1, 60)
        written = writing.result()
    found = report(NAMESPACE, QUICK, written, 120)
    assert (found["lost"], found["out_of_order"]) == (0, 0), found
    wanted = [each for _, each, _ in watch.seen]
    # Once there, they stay while records come: the autoscaler reads the same rate.
    assert wanted == sorted(wanted), wanted
    assert wanted[-1] >= needed, wanted


def raised() -> float:
    shown = scrape(NAMESPACE, DRIVER, f"http://kafka-exporter.{NAMESPACE}.svc:9404/metrics")
    return shown[f'kafka_surge_raised_total{{namespace="{NAMESPACE}",workload="{QUICK}"}}']


@pytest.mark.usefixtures("stack")
def test_the_exporter_may_change_no_other_workload() -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:kafka-exporter"

    def may(verb: str, what: str, *more: str) -> bool:
        return kubectl("-n", NAMESPACE, "auth", "can-i", verb, what, account, *more, check=False).strip() == "yes"

    assert may("patch", f"deployments/{QUICK}", "--subresource=scale")
    for verb, what, more in (
        ("patch", f"deployments/{WORKER}", ["--subresource=scale"]),
        ("patch", f"deployments/{QUICK}", []),
        ("patch", "statefulsets/kafka", ["--subresource=scale"]),
        ("get", "secrets", []),
        ("list", "deployments", []),
    ):
        assert not may(verb, what, *more), f"it may {verb} {what}"


@pytest.mark.usefixtures("stack")
@pytest.mark.long
def test_new_versions_and_a_drained_node_lose_nothing() -> None:
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(drive, NAMESPACE, "write", READINGS, str(BURST), "400:75")
        eventually("pods come", lambda: replicas(NAMESPACE, WORKER)[1] >= 2, 60)
        kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{WORKER}")
        kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{WORKER}", "--timeout=300s")
        pods = ("-n", NAMESPACE, "get", "pods", f"--selector={SELECTOR}")
        node = kubectl(*pods, "-o", "jsonpath={.items[*].spec.nodeName}").split()[0]
        try:
            kubectl("drain", node, f"--pod-selector={SELECTOR}", "--delete-emptydir-data", "--timeout=300s")
            written = writing.result()
        finally:
            kubectl("uncordon", node)
    found = report(NAMESPACE, WORKER, written, 120)
    assert (found["lost"], found["out_of_order"]) == (0, 0), found
    # A record is dealt with again if its pod loses the partition before it has committed: the more of them, the slower.
    assert found["duplicated"] < found["dealt_with"] // 10, found
    # Each pod that comes or goes makes the group share out once, and a pod that comes with others not even that.
    assert found["assignments_of_a_pod"] <= 2 * (MOST + 2), found


@pytest.mark.usefixtures("stack")
@pytest.mark.long
def test_pods_stay_while_kafka_is_away() -> None:
    written = drive(NAMESPACE, "burst", READINGS, str(BURST + 100_000), str(BURST))
    eventually("pods come", lambda: replicas(NAMESPACE, WORKER)[1] >= 2, 60)
    with Watch(NAMESPACE, WORKER) as watch:
        # All at once, while most of the records still wait.
        kubectl("-n", NAMESPACE, "scale", "statefulset/kafka", "--replicas=0")
        kubectl("-n", NAMESPACE, "delete", "pod", "kafka-0", "--force", "--grace-period=0")
        time.sleep(AWAY_SECONDS)
        kubectl("-n", NAMESPACE, "scale", "statefulset/kafka", "--replicas=1")
    wanted = [each for _, each, _ in watch.seen]
    assert min(wanted) >= 2, wanted
    found = report(NAMESPACE, WORKER, written, 240)
    assert (found["lost"], found["out_of_order"]) == (0, 0), found
    eventually("no pod is left when nothing waits", lambda: replicas(NAMESPACE, WORKER) == (0, 0), 180)
