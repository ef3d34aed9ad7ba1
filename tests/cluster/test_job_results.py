"""What a Job's pod says at its end, as people see it: the official plugin shows it as a passing warning."""

import json
import subprocess
from collections.abc import Callable

from tests.cluster.conformance.model import Resource
from tests.cluster.conformance.runner import Stack
from tests.harness import eventually

MESSAGE = "done: 3 topics created; 0 unchanged; 1.3 s"


def test_the_message_of_a_pod_that_ended_well_is_a_passing_warning_of_one_line(stacks: Callable[[str], Stack]) -> None:
    stack = stacks("results")
    pod = {
        "restartPolicy": "Never",
        # No node has it: what a kubelet would say is said here.
        "nodeSelector": {"job-results.example.com/none": "true"},
        "containers": [{"name": "work", "image": "none"}],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "works", "namespace": "{namespace}"},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }
    stack.declare({"works": Resource(token="kubernetes:batch/v1:Job", properties=job)})
    log = stack.folder / "events.json"
    process = subprocess.Popen(
        stack.command("up", "--yes", "--skip-preview", "--event-log", str(log)),
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    names: list[str] = []

    def made() -> bool:
        found = json.loads(stack.kubectl("get", "pods", "--selector=job-name=works", "--output=json"))["items"]
        names[:] = [each["metadata"]["name"] for each in found]
        return bool(names)

    eventually("the Job has a pod", made)
    ended = {"exitCode": 0, "reason": "Completed", "message": MESSAGE, "finishedAt": "2026-01-01T00:00:00Z"}
    container = {
        "name": "work",
        "image": "none",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": ended},
    }

    def tell(phase: str) -> None:
        conditions = [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]
        status = {"phase": phase, "containerStatuses": [container], "conditions": conditions}
        stack.kubectl("patch", "pod", names[0], "--subresource=status", "--patch", json.dumps({"status": status}))

    tell("Running")
    tell("Succeeded")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    events = [json.loads(line) for line in log.read_text().splitlines()]
    warnings = [
        each["diagnosticEvent"]
        for each in events
        if "diagnosticEvent" in each and each["diagnosticEvent"]["severity"] == "warning"
    ]
    [warning] = [each for each in warnings if MESSAGE in each["message"]]
    assert f"[Pod {stack.namespace}/{names[0]}]: [Completed] {MESSAGE}" in warning["message"]
    assert warning["ephemeral"] is True
