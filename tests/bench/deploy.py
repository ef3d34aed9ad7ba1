"""`pulumi up` to the first record on a warm sandbox, next to `kubectl apply` of the same objects.

The objects are those that the deployed stack recorded; both sides start from nothing and end when a client pod with the
credentials of a user, made as soon as these are there, has had a record acknowledged. `kubectl apply` ends at once and
tells nothing; `pulumi up` ends when all is ready, and when that is, is reported too.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench.measure import report
from tests.harness import Stack, client_pod, eventually, in_pod, kubectl

NAMESPACE = "bench-deploy"
RUNS = 3
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
    "topics": {"orders": {"partitions": 3}},
    "tenants": {"bench": {"users": {"app": {"writes": ["orders"]}}}},
}


def first_record() -> None:
    """Ends when a record was acknowledged; the pod is made as soon as the user's credentials are there."""
    secret = ("-n", NAMESPACE, "get", "secret", "app-kafka", "--ignore-not-found", "-o", "name")
    eventually("the credentials are there", lambda: bool(kubectl(*secret, check=False)), 240)
    client_pod(NAMESPACE, "client", "app", programs=["access.py"])

    def acknowledged() -> bool:
        return (
            in_pod(NAMESPACE, "client", "python3", "/programs/access.py", "produce", "orders", check=False).strip()
            == "ok"
        )

    eventually("a record is acknowledged", acknowledged, 240)


def clear(stack: Stack) -> None:
    """Nothing is left of the deployment."""
    stack.destroy()
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")


def timed(deploy: Callable[[], object]) -> tuple[float, float]:
    """Seconds from nothing to the first record, and to the end of the command and the first record."""
    started = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        deployed = pool.submit(deploy)
        first_record()
        first = time.monotonic() - started
        deployed.result()
    return first, time.monotonic() - started


def manifests(stack: Stack) -> list[dict[str, Any]]:
    """The Kubernetes objects of the deployed stack, as a person would keep them in files."""
    state = json.loads(stack.run("stack", "export", "--show-secrets"))
    found = []
    for resource in state["deployment"]["resources"]:
        if not resource["type"].startswith("kubernetes:") or resource["type"].endswith("Patch"):
            continue
        shown: dict[str, Any] = plain(resource["inputs"])
        shown["metadata"].pop("annotations", {}).pop("pulumi.com/autonamed", None)
        shown["metadata"].setdefault("namespace", resource["id"].split("/")[0] if "/" in resource["id"] else None)
        shown["metadata"].setdefault("name", resource["id"].split("/")[-1])
        if shown["metadata"]["namespace"] is None:
            del shown["metadata"]["namespace"]
        found.append({key: value for key, value in shown.items() if not key.startswith("__")})
    return sorted(found, key=lambda each: each["kind"] != "Namespace")


def plain(value: Any) -> Any:
    """The value without Pulumi's marks of what is secret."""
    if isinstance(value, dict):
        if "plaintext" in value:
            return json.loads(value["plaintext"])
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def main() -> None:
    """Prints both sides' figures and the line of JSON."""
    with tempfile.TemporaryDirectory() as name:
        stack = Stack("benchdeploy", Path(name), PLATFORM)
        stack.up()
        objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests(stack)})
        clear(stack)
        by_pulumi, by_kubectl = [], []
        for _ in range(RUNS):
            by_pulumi.append(timed(lambda: stack.run("up", "--yes", "--skip-preview")))
            clear(stack)
            by_kubectl.append(timed(lambda: kubectl("apply", "--server-side", "-f", "-", stdin=objects)))
            kubectl("delete", "namespace", NAMESPACE)
    medians = [[statistics.median(each) for each in zip(*side, strict=True)] for side in (by_pulumi, by_kubectl)]
    (ours, ours_whole), (theirs, theirs_whole) = medians
    for name, side in (("pulumi up", by_pulumi), ("kubectl apply", by_kubectl)):
        print(f"{name:<14} first record after {', '.join(f'{first:.1f}' for first, _ in side)} s")
    report(
        ratio=ours / theirs,
        pulumi_seconds=ours,
        kubectl_seconds=theirs,
        ratio_with_the_end_of_the_command=ours_whole / theirs_whole,
        pulumi_seconds_with_the_end_of_the_command=ours_whole,
        n=RUNS,
    )


if __name__ == "__main__":
    main()
