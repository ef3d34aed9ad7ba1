"""The Kafka Streams application of examples/totals, while pods with its state are killed, hang, and lose their machine."""

import copy
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from sandbox.choice import Mode, choose
from sandbox.instance import state_folder
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, get, in_pod, kubectl, process_of
from tests.tiers import IS_LONG

EXAMPLE = ROOT / "examples" / "totals"
NAMESPACE, SHOP = "e2e-state", "e2e-state-shop"
CUSTOMERS = 1_000_000 if IS_LONG else 400
RATE = 5_000 if IS_LONG else 100
TAKEOVER_SECONDS = 10
PROGRAM = b"totals.Main"

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Iterator[Stack]:
    """The example's own stack file in namespaces of the test, with less of everything."""
    if choose(state_folder()) is Mode.OFF:
        pytest.skip("this cluster pulls its images: the example's is in no registry")
    image = [sys.executable, "-m", "sandbox", "image", "--tag", "totals:1", str(EXAMPLE / "app")]
    subprocess.run(image, cwd=ROOT, check=True)
    platform: dict[str, Any] = yaml.safe_load((EXAMPLE / "stack.yaml").read_text())["config"]["kafka-platform:platform"]
    platform["namespace"] = NAMESPACE
    platform["kafka"] |= {"nodes": 1, "storage": "10Gi" if IS_LONG else "1Gi"}
    for topic in platform["topics"].values():
        topic["partitions"] = 4
    # The time at which a total was written shows how long there was none.
    platform["topics"]["totals"]["config"] = {"message.timestamp.type": "LogAppendTime"}
    platform["tenants"]["shop"]["namespace"] = SHOP
    platform["tenants"]["shop"]["users"] = {
        "operator": {"writes": ["orders"], "reads": ["orders", "totals"], "groups": ["operator-*"]},
        # Another team's application, whose id is not the beginning of this one.
        "totals-apps": {"reads": ["orders"], "groups": ["totals-apps"]},
    }
    worker = platform["workers"]["totals"]
    worker |= {"replicas": 2, "resources": {"cpu": "100m", "memory": "768Mi"}}
    worker["state"] |= {"size": "2Gi" if IS_LONG else "256Mi", "takeover": f"{TAKEOVER_SECONDS}s"}
    made = make_stack("state", platform)
    made.up()
    client_pod(SHOP, "operator", "operator", programs=["orders.py"])
    yield made
    kubectl("delete", "namespace", SHOP, "--ignore-not-found", "--wait=false")


@contextmanager
def orders_coming(count: int) -> Iterator[None]:
    """Orders are written at a steady rate meanwhile, and until all are."""
    failed: list[BaseException] = []

    def write() -> None:
        try:
            in_pod(
                SHOP,
                "operator",
                "python3",
                "/programs/orders.py",
                "write",
                "orders",
                *map(str, (CUSTOMERS, count, RATE)),
            )
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failed, failed


def compared() -> dict[str, Any]:
    """What the application has made of all orders, and a batch over the same records has not."""
    answer = in_pod(SHOP, "operator", "python3", "/programs/orders.py", "compare", "orders", "totals", "180")
    found: dict[str, Any] = json.loads(answer)
    return found


def asked(path: str, pod: str = "totals-0") -> tuple[int, dict[str, Any]]:
    """What a pod answers, as another one asks it."""
    program = (
        "import json, urllib.request, urllib.error\n"
        "try:\n"
        f" answer = urllib.request.urlopen('http://{pod}.totals-pods.{SHOP}.svc:8080{path}', timeout=60)\n"
        "except urllib.error.HTTPError as error:\n"
        " answer = error\n"
        "print(json.dumps([answer.status, json.load(answer)]))"
    )
    status, body = json.loads(in_pod(SHOP, "operator", "python3", "-c", program))
    return status, body


def ready_pods() -> int:
    return int(get("statefulset", "totals", SHOP)["status"].get("readyReplicas", 0))


def signalled(pod: str, number: signal.Signals) -> None:
    os.kill(process_of(SHOP, pod, PROGRAM), number)


def answers(path: str, pod: str) -> bool:
    return asked(path, pod)[0] == 200


def test_an_unchanged_stack_shows_no_change(stack: Stack) -> None:
    stack.preview("--expect-no-changes")


def test_smaller_volumes_are_refused(stack: Stack) -> None:
    declared = stack.platform
    smaller = copy.deepcopy(dict(declared))
    smaller["workers"]["totals"]["state"]["size"] = "64Mi"
    stack.write(smaller)
    refused = stack.preview(fails=True)
    stack.write(declared)
    assert "volumes never shrink: use at least" in refused


class TestKilled:
    def test_totals_equal_those_of_a_batch_after_pods_are_killed_and_hang(
        self, stack: Stack, record_property: Callable[[str, object], None]
    ) -> None:
        with orders_coming(max(CUSTOMERS * 10 // 9 + 10, RATE * 60)):
            eventually("customer 7 has a total", lambda: answers("/totals/customer%207", "totals-0"), 60)
            signalled("totals-1", signal.SIGKILL)
            # Whoever has its state, standby or not, answers for every customer.
            eventually(
                "all answer", lambda: all(answers(f"/totals/customer%20{each}", "totals-0") for each in range(8))
            )
            eventually("it is back with its state", lambda: ready_pods() == 2, 120)
            signalled("totals-0", signal.SIGSTOP)
            before = {each: asked(f"/totals/customer%20{each}", "totals-1")[1] for each in range(8)}
            eventually(
                "the standby works on what the pod that hangs had",
                lambda: all(asked(f"/totals/customer%20{each}", "totals-1")[1] != before[each] for each in range(8)),
                TAKEOVER_SECONDS + 60,
            )
            signalled("totals-0", signal.SIGKILL)
            eventually("both are back", lambda: ready_pods() == 2, 120)
        found = compared()
        record_property("longest pause of a partition in ms", found["pause"])
        print(found)
        assert found["differing"] == []
        assert found["customers"] == CUSTOMERS

    @pytest.mark.long
    def test_a_new_version_is_rolled_out_pod_by_pod_and_keeps_the_volumes(self, stack: Stack) -> None:
        volumes = {each: get("pvc", each, SHOP)["spec"]["volumeName"] for each in ("state-totals-0", "state-totals-1")}
        with orders_coming(RATE * 30):
            kubectl("-n", SHOP, "rollout", "restart", "statefulset/totals")
            kubectl("-n", SHOP, "rollout", "status", "statefulset/totals", "--timeout=300s")
        found = compared()
        print(found)
        assert found["differing"] == []
        assert volumes == {each: get("pvc", each, SHOP)["spec"]["volumeName"] for each in volumes}

    def test_another_application_cannot_reach_its_topics(self, stack: Stack) -> None:
        program = (
            "import sys\nfrom pathlib import Path\nfrom confluent_kafka import Consumer, Producer\n"
            "lines = Path('/etc/kafka-client/librdkafka.conf').read_text().splitlines()\n"
            "options = dict(line.split('=', 1) for line in lines)\n"
            "topic, answers = 'totals-app-totals-changelog', []\n"
            "producer = Producer({**options, 'message.timeout.ms': 15000})\n"
            "producer.produce(topic, b'x', b'customer 7', on_delivery=lambda error, _: answers.append(error.name()))\n"
            "producer.flush(120)\n"
            "consumer = Consumer({**options, 'group.id': 'totals-apps'})\n"
            "consumer.subscribe([topic])\n"
            "print(answers[0], consumer.poll(30).error().name())\n"
        )
        client_pod(SHOP, "other", "totals-apps")
        answer = in_pod(SHOP, "other", "python3", "-c", program).split()
        assert set(answer) <= {"TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"}, answer
        assert "TOPIC_AUTHORIZATION_FAILED" in answer


@pytest.mark.long
def test_a_standby_takes_over_from_a_drained_node(stack: Stack, record_property: Callable[[str, object], None]) -> None:
    node = get("pod", "totals-0", SHOP)["spec"]["nodeName"]
    try:
        with orders_coming(RATE * 120):
            own = "--pod-selector=app.kubernetes.io/instance=totals"
            kubectl("drain", node, own, "--delete-emptydir-data", "--timeout=300s")
            eventually("the other pod answers", lambda: answers("/totals/customer%207", "totals-1"), 60)
    finally:
        kubectl("uncordon", node)
    found = compared()
    record_property("longest pause of a partition in ms", found["pause"])
    print(found)
    assert found["differing"] == []
    eventually("both are back", lambda: ready_pods() == 2, 300)


@pytest.mark.long
def test_the_brokers_can_assign_the_partitions(stack: Stack) -> None:
    declared = stack.platform
    changed = copy.deepcopy(dict(declared))
    worker = changed["workers"]["totals"]
    # Another application, which begins at the first order.
    worker["group"] = "totals-by-brokers"
    del worker["state"]["takeover"]
    worker["state"]["protocol"] = "streams"
    stack.write(changed)
    stack.up()
    with orders_coming(RATE * 30):
        eventually("a pod answers", lambda: answers("/totals/customer%207", "totals-1"), 120)
        signalled("totals-0", signal.SIGKILL)
    eventually("both are back", lambda: ready_pods() == 2, 120)
    found = compared()
    print(found)
    assert found["differing"] == []
