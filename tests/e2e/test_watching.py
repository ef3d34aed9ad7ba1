"""`top`, `doctor` and `drill` at a platform that runs: what it does, what a killed part does to it, and what is wrong once it is broken."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from infra.doctor.command import doctor
from infra.drill.command import REFUSED, drill
from infra.drill.victims import Kill, Words
from infra.top.command import top
from sandbox.pins import RUNTIME_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import CLIENTS, ROOT, Stack, eventually, get, kubectl
from tests.tiers import IS_LONG

NAMESPACE = "e2e-watching"
COPY = ["python3", "-c", (CLIENTS / "copy_worker.py").read_text()]
NAME = "watching"
OF_THE_MACHINE = {"volume-full", "version-ends", "version-ended", "versions-unknown"}
"""Findings that say something of the machine that runs the tests, or of the day."""
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {
        "engine": "embedded",
        "nodes": 3,
        "storage": "1Gi",
        "metrics": "jmx",
        "resources": {"cpu": "50m", "memory": "1Gi"},
        "deletion": "allow",
    },
    "topics": {"orders": {"deletion": "allow"}, "done": {"deletion": "allow"}},
    "tenants": {"shop": {"users": {"app": {"reads": ["orders"]}}}},
    "workers": {
        "copy": {"image": RUNTIME_IMAGE, "tenant": "shop", "reads": ["orders"], "writes": ["done"], "command": COPY}
    },
    "gateway": {"pods": {"min": 2}, "resources": {"cpu": "50m", "memory": "512Mi"}},
    "probe": {"interval": "500ms", "lostAfter": "10s", "gate": True},
}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack(NAME, PLATFORM)
    stack.up()
    return stack


def findings(stack: Stack, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    """The doctor's exit code, and what it finds besides what is the machine's."""
    capsys.readouterr()
    code = doctor(NAME, as_data=True, folder=stack.file.parent)
    output = capsys.readouterr()
    assert output.out, output.err
    found = json.loads(output.out)["findings"]
    return code, [each for each in found if each["check"] not in OF_THE_MACHINE]


def is_well(stack: Stack, capsys: pytest.CaptureFixture[str]) -> bool:
    # A broker that was restarted a while ago is worth a word, and no reason to worry.
    return all(each["check"] == "pod-restarted" for each in findings(stack, capsys)[1])


def drilled(stack: Stack, words: Words, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The report of a drill that loses nothing."""
    eventually("the platform is well", lambda: is_well(stack, capsys), 120)
    code = drill(NAME, words, within=300, as_data=True, folder=stack.file.parent)
    output = capsys.readouterr()
    assert code == 0, output
    report: dict[str, Any] = json.loads(output.out)
    print(json.dumps(report))
    return report


def test_what_runs_is_shown(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    def shown() -> dict[str, Any]:
        capsys.readouterr()
        assert top(NAME, as_data=True, folder=stack.file.parent) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    eventually("the probe's paths are timed", lambda: all(each["p99Seconds"] for each in shown()["probe"]["paths"]), 60)
    told = shown()
    brokers, gateway = told["brokers"], told["gateway"]
    assert (brokers["why"], brokers["ready"], brokers["wanted"]) == (None, 3, 3)
    assert (brokers["activeControllers"], brokers["offlinePartitions"], brokers["underReplicatedPartitions"]) == (
        1,
        0,
        0,
    )
    assert brokers["bytesInPerSecond"] > 0
    assert (gateway["why"], gateway["ready"], gateway["pods"]) == (None, 2, 2)
    assert gateway["requestsPerSecond"] > 0
    assert len(told["probe"]["paths"]) == 4
    [probes] = [each for each in told["topics"]["items"] if each["topic"] == "latency-probe"]
    assert probes["bytesInPerSecond"] > 0


def test_nothing_is_wrong_with_a_platform_that_is_well(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    eventually("the platform is well", lambda: not findings(stack, capsys)[1], 120)


def test_a_worker_a_gateway_pod_and_a_broker_die_and_nothing_is_lost(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = {Kill.BROKER: "broker kafka-2", Kill.WORKER: "worker copy-", Kill.GATEWAY: "gateway gateway-1"}
    for kill, victim in list(victims.items())[: None if IS_LONG else 1]:
        report = drilled(stack, Words(kill=kill), capsys)
        assert report["killed"].startswith(victim)
        assert (report["recovered"], report["lost"]) == (True, 0)
        assert report["readySeconds"] > 0
        assert {each["write"] for each in report["writes"]} == {"native", "http"}
    assert report["wholeSeconds"] >= report["readySeconds"]


def cordoned() -> list[str]:
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return [each["metadata"]["name"] for each in nodes if each["spec"].get("unschedulable")]


def begin_drain(stack: Stack) -> "subprocess.Popen[str]":
    """A drill in a process of its own that has closed a machine, stopped there (SIGSTOP)."""
    process = start_drain(stack)

    def is_held() -> bool:
        nonlocal process
        if process.poll() is not None:  # on a busy machine it may be over before anybody has looked
            assert process.wait() == 0, process.stdout.read() if process.stdout else ""
            process = start_drain(stack)
        if cordoned():
            process.send_signal(signal.SIGSTOP)
            if cordoned():
                return True
            process.send_signal(signal.SIGCONT)
        return False

    eventually("a machine is closed", is_held, 600)
    return process


def start_drain(stack: Stack) -> "subprocess.Popen[str]":
    program = (
        "import sys; from pathlib import Path; from infra.drill.command import drill; "
        "from infra.drill.victims import Kill, Words; "
        "sys.exit(drill(sys.argv[1], Words(kill=Kill.NODE), within=300, folder=Path(sys.argv[2])))"
    )
    command: Sequence[str] = [sys.executable, "-c", program, NAME, str(stack.file.parent)]
    return subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.long
def test_a_drill_that_is_ended_leaves_nothing_and_one_that_is_killed_is_told_of(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    eventually("the platform is well", lambda: is_well(stack, capsys), 120)
    ended = begin_drain(stack)
    ended.send_signal(signal.SIGTERM)
    ended.send_signal(signal.SIGCONT)
    assert ended.wait(180) == 130
    assert not cordoned()
    eventually("the platform is well", lambda: is_well(stack, capsys), 180)
    killed = begin_drain(stack)
    killed.kill()
    killed.wait()
    [machine] = cordoned()
    try:
        _, found = findings(stack, capsys)
        [left] = [each for each in found if each["check"] == "drill-left-node"]
        assert left["fix"] == f"kubectl uncordon {machine}"
        assert drill(NAME, Words(kill=Kill.GATEWAY), folder=stack.file.parent) == REFUSED
        assert "was cordoned by a drill of watching" in capsys.readouterr().err
    finally:
        kubectl("uncordon", machine)
        kubectl("annotate", "node", machine, "kafka-platform/drill-")
    eventually("the platform is well", lambda: is_well(stack, capsys), 180)


def test_a_broken_platform_is_told_of_with_the_fix(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": NAMESPACE},
        "spec": {"hard": {"configmaps": "1"}},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(quota))
    kubectl("-n", NAMESPACE, "set", "image", "statefulset/gateway", "gateway=registry.invalid/none:1")
    kubectl("-n", NAMESPACE, "delete", "secret", "app-kafka")
    eventually(
        "the quota is counted", lambda: bool(get("resourcequota", "full", NAMESPACE).get("status", {}).get("used"))
    )
    wanted = {
        ("pod-image", f"Pod/{NAMESPACE}/gateway-1"),
        ("object-differs", f"StatefulSet/{NAMESPACE}/gateway"),
        ("object-missing", f"Secret/{NAMESPACE}/app-kafka"),
        ("quota-full", f"ResourceQuota/{NAMESPACE}/full"),
    }

    def missing() -> set[tuple[str, str]]:
        code, found = findings(stack, capsys)
        assert code == 2
        assert all(each["fix"] for each in found)
        return wanted - {(each["check"], each["subject"]) for each in found}

    eventually("all is told of", lambda: not missing(), 60)
    assert drill(NAME, Words(kill=Kill.BROKER), folder=stack.file.parent) == REFUSED
    assert "the platform is not well before" in capsys.readouterr().err
