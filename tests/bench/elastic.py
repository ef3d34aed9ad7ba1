"""Pods that follow the load, next to a fixed fleet of the largest size and to pods that follow their cores.

One broker, four workers with the same program, which takes 5 ms for a record, and the same load for each, one after the
other: x1, x4, x1. Two of them follow their lag: one from as many pods as the quiet load needs, and one from as many as can
keep up with the step until others come. Then a fifth goes from no pod to one for each partition and back, for 200,000
records written at once. Limits and what a pod handles are said; everything else is the platform's defaults, the burst's
times apart.

Ends with one line of JSON and draws what happened into docs/elastic.svg and docs/elastic-burst.svg.
"""

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
BY_LAG: dict[str, Any] = {"recordsPerSecondPerPod": PER_POD, "acceptableDelay": "8s"}
WORKERS: dict[str, dict[str, Any]] = {
    "fixed": {"replicas": MOST},
    "from-three": {"scale": {**LIMITS, **BY_LAG, "min": 3}},
    "from-one": {"scale": {**LIMITS, **BY_LAG}},
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
    }
    shown = {key: value for key, value in figures.items() if key not in {"seen", "phases", "first", "last", "begun"}}
    print(f"{worker:<10} {shown}", flush=True)
    return figures


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
    shown = {key: value for key, value in figures.items() if key not in {"seen", "phases", "first", "last", "begun"}}
    print(f"{worker:<10} {shown}", flush=True)
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
    """Runs everything."""
    reason = why_no_keda()
    if reason is not None:
        raise SystemExit(reason)
    mpl.rcParams["svg.hashsalt"] = "kafka-platform"  # the same picture for the same figures
    with tempfile.TemporaryDirectory() as folder, ending_properly():
        stack = Stack("bench-elastic", Path(folder), platform(NAMESPACE, WORKERS, volumes="10Gi"))
        try:
            stack.up()
            client_pod(NAMESPACE, DRIVER, DRIVER, programs=["elastic.py"])
            sides = {worker: stepped(worker) for worker in WORKERS if worker != "burst"}
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
