"""Time and memory of `pulumi preview` for a stack of 10 to 3,000 topics, next to a bare Pulumi program.

The bare program registers as many ConfigMaps as our stack registers resources (`ratio`); a second one registers one
ConfigMap a topic (`ratio_to_a_resource_per_topic`), as a program does that has no provisioner. Then the same for a Kafka of
Strimzi with 1,000 and 3,000 topics and 100 tenants, next to bare programs that register as many custom resources in the
same namespace, which is not there yet (`strimzi_ratio`).
"""

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

from sandbox.environment import backend_url
from tests.bench.measure import Usage, alternate, measured, report
from tests.harness import ROOT, Stack

COUNTS = (10, 100, 1_000, 3_000)
COMPARED_AT = 1_000
RUNS = 3
STRIMZI_COUNTS = (1_000, 3_000)
STRIMZI_RUNS = 2
TENANTS = 100

BARE_PROGRAM = """
import os, pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.core.v1 import ConfigMap
provider = Provider("cluster")
for number in range(int(os.environ["BARE_COUNT"])):
    ConfigMap(
        f"bare-{number}",
        metadata={"name": f"bare-{number}", "namespace": "default"},
        data={"value": str(number)},
        opts=pulumi.ResourceOptions(provider=provider),
    )
"""
BARE_TOPICS = """
import os, pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apiextensions import CustomResource
provider = Provider("cluster")
for number in range(int(os.environ["BARE_COUNT"])):
    CustomResource(
        f"bare-{number}",
        api_version="kafka.strimzi.io/v1",
        kind="KafkaTopic",
        metadata={"name": f"bare-{number}", "namespace": "bench-preview", "labels": {"strimzi.io/cluster": "kafka"}},
        spec={"partitions": 1 + number % 12, "replicas": 3, "config": {"retention.ms": str(86400000 * (1 + number % 30))}},
        opts=pulumi.ResourceOptions(provider=provider),
    )
"""


def platform(topics: int) -> dict[str, Any]:
    """Settings with this many topics of different sizes."""
    return {
        "namespace": "bench-preview",
        "kafka": {"engine": "embedded", "nodes": 3},
        "topics": {
            f"topic-{number:05}": {"partitions": 1 + number % 12, "retention": f"{1 + number % 30}d"}
            for number in range(topics)
        },
    }


def strimzi(topics: int) -> dict[str, Any]:
    """The same for Strimzi, with TENANTS of one user each."""
    return {
        **platform(topics),
        "kafka": {
            "engine": "strimzi",
            "pools": {
                "controllers": {"roles": ["controller"], "nodes": 3, "storage": "20Gi"},
                "brokers": {"roles": ["broker"], "nodes": 6, "storage": "100Gi"},
            },
        },
        "tenants": {
            f"tenant-{number:03}": {
                "users": {f"user-{number:03}": {"writes": [f"topic-{number:05}"], "reads": [f"topic-{number:05}"]}}
            }
            for number in range(TENANTS)
        },
    }


class Bare:
    """A Pulumi project of its own with a bare program."""

    def __init__(self, folder: Path, count: int, program: str = BARE_PROGRAM) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "__main__.py").write_text(program)
        virtualenv = ROOT / ".venv"
        (folder / "Pulumi.yaml").write_text(
            f"name: bare\nruntime:\n  name: python\n  options:\n    toolchain: pip\n    virtualenv: {virtualenv}\n"
        )
        (folder / "state").mkdir()
        self.environment = os.environ | {
            "PULUMI_BACKEND_URL": backend_url(folder / "state"),
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "BARE_COUNT": str(count),
        }
        self.environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        measured(["pulumi", "stack", "init", "bare", "--cwd", str(folder), "--non-interactive"], self.environment)

    def preview(self) -> Usage:
        """One preview."""
        command = ["pulumi", "preview", "--stack", "bare", "--cwd", str(self.folder), "--non-interactive"]
        return measured(command, self.environment)


def of_strimzi(folder: Path) -> dict[str, Any]:
    """What previews of a Kafka of Strimzi take."""
    figures: dict[str, Any] = {}
    for count in STRIMZI_COUNTS:
        stack = Stack(f"strimzi{count}", folder / f"strimzi-{count}", strimzi(count))
        registered = stack.preview("--json").count('"op": "create"')
        bare = Bare(folder / f"topics-{count}", registered, BARE_TOPICS)
        command, environment = stack.command("preview"), stack.environment
        preview = functools.partial(measured, command, environment)
        ours, theirs = alternate(STRIMZI_RUNS, preview, bare.preview)
        print(
            f"{count:>6} topics of Strimzi, {registered} resources: {ours.seconds:6.2f} s, {ours.megabytes:6.0f} MB; "
            f"bare: {theirs.seconds:6.2f} s, {theirs.megabytes:6.0f} MB"
        )
        figures[str(count)] = {
            "ratio": round(ours.seconds / theirs.seconds, 3),
            "resources": registered,
            "seconds": round(ours.seconds, 2),
            "milliseconds_per_topic": round(ours.seconds * 1000 / count, 2),
            "megabytes": round(ours.megabytes),
            "bare_megabytes": round(theirs.megabytes),
        }
    return figures


def main() -> None:
    """Prints a table and the line of JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stacks = {count: Stack(f"bench{count}", folder / str(count), platform(count)) for count in COUNTS}
        sides = {
            count: lambda stack=stack: measured(stack.command("preview"), stack.environment)
            for count, stack in stacks.items()
        }
        registered = stacks[COUNTS[0]].preview("--json").count('"op": "create"')
        same, per_topic = Bare(folder / "same", registered), Bare(folder / "topic", COMPARED_AT)
        *ours, bare, bare_per_topic = alternate(RUNS, *sides.values(), same.preview, per_topic.preview)
        with_strimzi = of_strimzi(folder)
    by_count = dict(zip(COUNTS, ours, strict=True))
    for count, usage in by_count.items():
        print(f"{count:>6} topics: {usage.seconds:6.2f} s, {usage.megabytes:6.0f} MB")
    print(
        f"bare, {registered} resources: {bare.seconds:6.2f} s; bare, {COMPARED_AT} resources: {bare_per_topic.seconds:6.2f} s"
    )
    extra = {
        count: (by_count[count].seconds - by_count[COUNTS[0]].seconds) / (count - COUNTS[0]) for count in COUNTS[2:]
    }
    report(
        ratio=by_count[COMPARED_AT].seconds / bare.seconds,
        ratio_to_a_resource_per_topic=by_count[COMPARED_AT].seconds / bare_per_topic.seconds,
        n=COMPARED_AT,
        resources=registered,
        seconds={count: round(usage.seconds, 2) for count, usage in by_count.items()},
        megabytes={count: round(usage.megabytes) for count, usage in by_count.items()},
        milliseconds_per_topic={count: round(seconds * 1000, 3) for count, seconds in extra.items()},
        bare_seconds=bare.seconds,
        bare_seconds_per_topic_resources=bare_per_topic.seconds,
        strimzi_ratio=max(each["ratio"] for each in with_strimzi.values()),
        strimzi=with_strimzi,
        runs=RUNS,
    )


if __name__ == "__main__":
    main()
