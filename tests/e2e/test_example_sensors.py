"""The sensor stream of examples/, deployed as its tutorial does, while its pods come and go."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from sandbox.choice import Mode, choose
from sandbox.instance import state_folder
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, get, in_pod, kubectl

SENSORS = ROOT / "examples" / "sensors"
NAMESPACE, APPLICATIONS = "e2e-sensors", "e2e-sensors-apps"
RATE = 100
SECONDS = 10
"""How long readings flow before and after each disturbance."""


pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    """The example's own stack file in namespaces of the test, with a fixed number of pods, which are not scaled meanwhile."""
    if choose(state_folder()) is Mode.OFF:
        pytest.skip("this cluster pulls its images: the example's are in no registry")
    platform: dict[str, Any] = yaml.safe_load((SENSORS / "stack.yaml").read_text())["config"]["kafka-platform:platform"]
    platform["namespace"] = NAMESPACE
    platform["tenants"]["sensors"]["namespace"] = APPLICATIONS
    del platform["gateway"], platform["keda"]
    workers = platform["workers"]
    workers["sensors-producer"]["environment"] |= {"READINGS_PER_SECOND": str(RATE), "HOT_EVERY": "7"}
    workers["sensors-minutes"] |= {"replicas": 2, "environment": {"WINDOW": "2s"}}
    del workers["sensors-alerts"]["scale"]
    workers["sensors-alerts"] |= {"replicas": 2}
    workers["sensors-alerts"]["environment"] |= {"WORK_MS": "1"}
    for worker in workers.values():
        tag = worker["image"]
        image = [
            sys.executable,
            "-m",
            "sandbox",
            "image",
            "--tag",
            tag,
            str(SENSORS / tag.split(":")[0].removeprefix("sensors-")),
        ]
        subprocess.run(image, cwd=ROOT, check=True)
    made = make_stack("sensors", platform)
    made.up()
    return made


def pods(worker: str) -> list[str]:
    return kubectl(
        "-n", APPLICATIONS, "get", "pods", "-l", f"app.kubernetes.io/instance={worker}", "-o", "name"
    ).split()


def compared() -> dict[str, int]:
    """What the three topics have of each other."""
    names = ("readings", "alerts", "minutes", "-10", "60")
    found: dict[str, int] = json.loads(in_pod(APPLICATIONS, "operator", "python3", "/programs/sensors.py", *names))
    return found


def test_nothing_is_lost_while_pods_come_and_go(stack: Stack, record_property: Callable[[str, object], None]) -> None:
    readers = ("sensors-alerts", "sensors-minutes")
    client_pod(APPLICATIONS, "operator", "operator", programs=["sensors.py"])
    time.sleep(SECONDS)
    for reader in readers:
        kubectl("-n", APPLICATIONS, "rollout", "restart", f"deployment/{reader}")
    for reader in readers:
        kubectl("-n", APPLICATIONS, "rollout", "status", f"deployment/{reader}", "--timeout=300s")
    time.sleep(SECONDS)
    after_restart = compared()
    for reader in readers:
        kubectl("-n", APPLICATIONS, "delete", pods(reader)[0], "--grace-period=0", "--force", "--wait=false")
    time.sleep(SECONDS)
    kubectl("-n", APPLICATIONS, "scale", "deployment/sensors-producer", "--replicas=0")
    eventually("the writer is gone", lambda: not pods("sensors-producer"), 90)

    def all_read() -> bool:
        now = compared()
        return now["alerts_missing"] == 0 and now["in_minutes"] == now["readings"]

    eventually("both groups have read all", all_read, 180)
    found = compared()
    print(f"\nafter the rolling restart: {after_restart}\nat the end: {found}")
    record_property("figures", [after_restart, found])
    assert found["readings"] > RATE * SECONDS
    assert found["devices"] == 20
    assert found["alerts"] > 100
    assert found["out_of_order"] == 0
    assert found["alerts_invented"] == 0
    # Who leaves in peace leaves nothing to do again; on a machine with too much to do some pods do not get to it in time.
    assert after_restart["alerts_twice"] <= after_restart["alerts"] // 20
    assert after_restart["minutes_twice"] == 0
    # librdkafka in Python and franz-go in Go agree where a device is.
    assert found["elsewhere"] == 0


def test_a_pod_ends_in_order_and_at_once(stack: Stack) -> None:
    """By leaving its group, long before Kubernetes would kill it."""
    for worker, last in (("sensors-alerts", "the group is left"), ("sensors-minutes", "the group is left")):
        pod = pods(worker)[0].removeprefix("pod/")
        assert get("pod", pod, APPLICATIONS)["spec"]["terminationGracePeriodSeconds"] >= 30
        with subprocess.Popen(
            ["kubectl", "-n", APPLICATIONS, "logs", "--follow", pod], stdout=subprocess.PIPE, text=True
        ) as log:
            kubectl("-n", APPLICATIONS, "delete", "pod", pod, "--wait=true")
            assert last in log.communicate(timeout=120)[0].splitlines()[-1]
