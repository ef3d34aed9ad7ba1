"""Pods that follow the load, next to a fixed fleet of the largest size and to pods that follow their cores.

One broker, five workers with the same program, which takes 5 ms for a record, and the same load for each, one after the
other: x1, x4, x1. Three of them follow their lag: one from as many pods as can keep up with the step until others come, and
two from as many as the quiet load needs, of which one is also given pods by the exporter (`exporter.surge`). For these two it
says what the time from the step until the new pods read is made of. Then another goes from no pod to one for each partition
and back, for 200,000 records written at once. Limits and what a pod handles are said; everything else is the platform's
defaults, the burst's times apart.

`python -m tests.bench.elastic fixed from-one surge` measures these alone, without pictures.

Ends with one line of JSON and draws what happened into docs/elastic.svg and docs/elastic-burst.svg.
"""

import datetime
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot

from tests.bench.measure import ending_properly, report
from tests.elastic import DRIVER, PARTITIONS, Watch, drive, platform, replicas, report as results, topics_of
from tests.harness import ROOT, Stack, client_pod, eventually, kubectl, why_no_keda

NAMESPACE = "bench-elastic"
RATE, FACTOR = 120, 4
PHASE_SECONDS = 70
SETTLED_SECONDS = 35
"""So long after a step in the load the pods are what they shall be."""
MOST = 6
PER_POD = 160
"""Records that a pod handles in a second, with a sixth of its time to spare: 5 ms each, and its commits."""
BURST = 200_000
PATIENCE_SECONDS = 300
"""Before tests.harness.PATIENCE."""
LIMITS: dict[str, Any] = {"min": 1, "max": MOST}
DELAY_SECONDS = 8
BY_LAG: dict[str, Any] = {"recordsPerSecondPerPod": PER_POD, "acceptableDelay": f"{DELAY_SECONDS}s"}
WORKERS: dict[str, dict[str, Any]] = {
    "fixed": {"replicas": MOST},
    # The product of the two that `surge` says: the exporter does not know what a pod handles, and KEDA decides alone.
    "from-three": {"scale": {**LIMITS, "lagThreshold": PER_POD * DELAY_SECONDS, "min": 3}},
    "from-one": {"scale": {**LIMITS, "lagThreshold": PER_POD * DELAY_SECONDS}},
    "surge": {"scale": {**LIMITS, **BY_LAG}},
    "by-cores": {"scale": {**LIMITS, "cpu": {"percent": 70}}},
    "burst": {"scale": {"min": 0, **BY_LAG, "cooldown": "30s", "stabilization": "30s", "scaleDownPeriod": "15s"}},
}


def stepped(worker: str) -> dict[str, Any]:
    """What the load does to a worker; latencies in milliseconds."""
    rates = [RATE, RATE, RATE * FACTOR, RATE * FACTOR, RATE, RATE]
    parts = [PHASE_SECONDS - SETTLED_SECONDS, SETTLED_SECONDS] * 3
    load = [f"{rate}:{seconds}" for rate, seconds in zip(rates, parts, strict=True)]
    with Watch(NAMESPACE, worker) as watch:
        written = drive(NAMESPACE, "write", topics_of(worker)[0], "0", *load)
        found = results(NAMESPACE, worker, written, PATIENCE_SECONDS)
    settled = [found["phases"][index]["p99_ms"] for index in (1, 3, 5)]
    figures = {
        **found,
        "settled_p99_ms": max(settled),
        "pod_seconds": watch.pod_seconds(written["begun"], written["ended"]),
        "most_pods": watch.most,
        "begun": written["begun"],
        "seen": watch.seen,
        "reaction": reaction(worker, written["begun"] + PHASE_SECONDS, found["joined"], watch.seen),
    }
    print(f"{worker:<10} {shown_of(figures)}", flush=True)
    return figures


def shown_of(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are printed."""
    hidden = {"seen", "phases", "first", "last", "begun", "joined"}
    return {key: value for key, value in figures.items() if key not in hidden}


def reaction(
    worker: str, step: float, joined: Mapping[str, float], seen: Sequence[tuple[float, int, int]]
) -> dict[str, float]:
    """Seconds from a step in the load until the number of pods is raised, and of the first pod that came then: its object made, its
    program started, and its first partitions."""
    before = max((wanted for at, wanted, _ in seen if at <= step), default=0)
    raised = next((at for at, wanted, _ in seen if at > step and wanted > before), None)
    selector = f"app.kubernetes.io/component=worker,app.kubernetes.io/instance={worker}"
    pods = json.loads(kubectl("-n", NAMESPACE, "get", "pods", f"--selector={selector}", "-o", "json"))["items"]
    new = [each for each in pods if _time(each["metadata"]["creationTimestamp"]) > step]
    if raised is None or not new:
        return {}
    first = min(new, key=lambda each: joined.get(each["metadata"]["name"], float("inf")))
    started = first["status"]["containerStatuses"][0]["state"].get("running", {}).get("startedAt")
    found = {
        "raised": raised,
        "made": _time(first["metadata"]["creationTimestamp"]),
        "started": None if started is None else _time(started),
        "reads": joined.get(first["metadata"]["name"]),
        "all_read": max((joined.get(each["metadata"]["name"], 0.0) for each in new), default=None),
    }
    return {name: round(at - step, 1) for name, at in found.items() if at}


def _time(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def burst() -> dict[str, Any]:
    """What a burst does to a worker without pods."""
    worker = "burst"
    eventually("no pod at the beginning", lambda: replicas(NAMESPACE, worker) == (0, 0), PATIENCE_SECONDS)
    with Watch(NAMESPACE, worker) as watch:
        written = drive(NAMESPACE, "burst", topics_of(worker)[0], "0", str(BURST))
        found = results(NAMESPACE, worker, written, PATIENCE_SECONDS)
        eventually("no pod at the end", lambda: replicas(NAMESPACE, worker) == (0, 0), PATIENCE_SECONDS)
    figures = {
        **found,
        "seconds_to_first": found["first"] - written["begun"],
        "seconds_to_drain": found["last"] - written["begun"],
        "most_pods": watch.most,
        "begun": written["begun"],
        "seen": watch.seen,
    }
    print(f"{worker:<10} {shown_of(figures)}", flush=True)
    return figures


def draw(file: Path, curves: Mapping[str, Sequence[tuple[float, int, int]]], begun: Mapping[str, float]) -> None:
    """The number of pods over the time since the load began."""
    figure, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
    for name, seen in curves.items():
        axes.step([at - begun[name] for at, _, _ in seen], [there for _, _, there in seen], where="post", label=name)
    axes.set(xlabel="seconds", ylabel="pods", ylim=(0, None))
    figure.legend(loc="outside right upper")  # beside the curves, which it would cover
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Runs everything, or the workers that are named."""
    reason = why_no_keda()
    if reason is not None:
        raise SystemExit(reason)
    mpl.rcParams["svg.hashsalt"] = "kafka-platform"  # the same picture for the same figures
    with tempfile.TemporaryDirectory() as folder, ending_properly():
        chosen = {name: WORKERS[name] for name in sys.argv[1:] or WORKERS}
        surge = {"exporter": {"surge": True}} if "surge" in chosen else {}
        stack = Stack("bench-elastic", Path(folder), platform(NAMESPACE, chosen, volumes="10Gi") | surge)
        try:
            stack.up()
            client_pod(NAMESPACE, DRIVER, DRIVER, programs=["elastic.py"])
            sides = {worker: stepped(worker) for worker in chosen if worker != "burst"}
            if chosen != WORKERS:
                return
            drained = burst()
        finally:
            stack.run("cancel", "--yes")
            stack.destroy()
            kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    draw(ROOT / "docs/elastic.svg", {n: e["seen"] for n, e in sides.items()}, {n: e["begun"] for n, e in sides.items()})
    draw(ROOT / "docs/elastic-burst.svg", {"pods": drained["seen"]}, {"pods": drained["begun"]})
    runs = [*sides.values(), drained]

    def next_to_fixed(worker: str, figure: str) -> float:
        return float(sides[worker][figure] / sides["fixed"][figure])

    report(
        p99_ratio=next_to_fixed("from-three", "p99_ms"),
        pod_seconds_ratio=next_to_fixed("from-three", "pod_seconds"),
        from_one_p99_ratio=next_to_fixed("from-one", "p99_ms"),
        from_one_settled_p99_ratio=next_to_fixed("from-one", "settled_p99_ms"),
        from_one_pod_seconds_ratio=next_to_fixed("from-one", "pod_seconds"),
        surge_p99_ms=sides["surge"]["p99_ms"],
        surge_p99_ratio=next_to_fixed("surge", "p99_ms"),
        surge_pod_seconds_ratio=next_to_fixed("surge", "pod_seconds"),
        reaction={name: sides[name]["reaction"] for name in ("from-one", "surge")},
        cores_p99_ratio=next_to_fixed("by-cores", "p99_ms"),
        lost=sum(each["lost"] for each in runs),
        duplicated=sum(each["duplicated"] for each in runs),
        out_of_order=sum(each["out_of_order"] for each in runs),
        seconds_to_first=drained["seconds_to_first"],
        seconds_to_drain=drained["seconds_to_drain"],
        burst_pods=drained["most_pods"],
        partitions=PARTITIONS,
        p50_ms={name: each["p50_ms"] for name, each in sides.items()},
        p99_ms={name: each["p99_ms"] for name, each in sides.items()},
        settled_p99_ms={name: each["settled_p99_ms"] for name, each in sides.items()},
        pod_seconds={name: round(each["pod_seconds"]) for name, each in sides.items()},
        most_pods={name: each["most_pods"] for name, each in sides.items()},
        assignments={name: each["assignments_of_a_pod"] for name, each in [*sides.items(), ("burst", drained)]},
    )


if __name__ == "__main__":
    main()
