"""What the provisioner costs with many topics and users: its own processor time and the broker's, with a real Kafka."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.measure import measured, processor_seconds
from tests.kafka_process import KAFKA_JVM, LocalKafka, find_jars
from tests.provisioning import Bench, topic

PASSWORD = "correct-horse-battery"
PROVISIONER = [sys.executable, "-m", "kafka_platform_runtime.provisioner"]


def user_of(number: int) -> dict[str, Any]:
    """One that writes and reads a topic and has quotas, as a tenant's user."""
    acls = [
        {
            "resource": "topic",
            "name": f"topic-{number:05}",
            "pattern": "literal",
            "operations": ["DESCRIBE", "READ", "WRITE"],
        },
        {"resource": "group", "name": f"group-{number:05}", "pattern": "literal", "operations": ["READ"]},
    ]
    return {"acls": acls, "quotas": {"producer_byte_rate": 1_000_000, "consumer_byte_rate": 1_000_000}}


def declared(subject: str, count: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The declarations and the passwords of so many."""
    if subject == "topics":
        return {f"topic.topic-{n:05}": topic(1, deletion="allow") for n in range(count)}, {}
    names = [f"user-{n:05}" for n in range(count)]
    return {f"user.{name}": user_of(n) for n, name in enumerate(names)}, dict.fromkeys(names, PASSWORD)


def local() -> LocalKafka:
    """A broker with room for what is measured, as deployed ones are run."""
    jars = find_jars()
    if jars is None:
        raise SystemExit("no Kafka: `make up` fetches it")
    return LocalKafka(jars=jars, jvm_options=KAFKA_JVM, heap="512m")


def provisioning(folder: Path, counts: Sequence[int]) -> Iterator[tuple[str, str, Mapping[int, float]]]:
    """Each in a Kafka of its own: what is there already costs too."""
    for subject in ("topics", "users"):
        costs: dict[str, dict[int, float]] = {}
        for count in counts:
            with local() as kafka:
                files, passwords = declared(subject, count)
                bench = Bench(
                    kafka=kafka, folder=folder / f"{subject}-{count}", owner="bench", files=files, passwords=passwords
                )
                environment = {**os.environ, **bench.environment()}
                for run in ("all", "nothing"):
                    before = processor_seconds(kafka.members[0].pid)
                    own = measured(PROVISIONER, environment).processor
                    costs.setdefault(f"provisioning {run} of {subject}", {})[count] = own
                    broker = processor_seconds(kafka.members[0].pid) - before
                    costs.setdefault(f"broker's part of that, {run} of {subject}", {})[count] = broker
        for what, found in costs.items():
            yield what, "s", found
