"""What would be lost and read twice now, and the steps of a failover: pure functions from what was seen."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kafka_platform.mirror.spec import ReplicationSpec

from infra.live.cluster import Unseen
from infra.live.samples import Samples
from infra.live.text import told

LAG = "kafka_mirror_lag_records"
LATENCY = "kafka_mirror_latency_seconds_max"
LOOKS = "kafka_mirror_fetches_total"
NAMES = (LAG, LATENCY, LOOKS)


@dataclass(frozen=True, kw_only=True)
class Behind:
    """A topic of the mirror."""

    topic: str
    records: int
    """At the source and not here, as far as it was known last."""
    seconds: float | None
    """How long its newest records were on their way; None if none came of late."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """How the mirror is."""

    source: str
    state: str
    """As the stack file says: running, paused or stopped."""
    answers: bool | None
    """Whether the source answers; None if that cannot be told."""
    topics: Sequence[Behind]
    repeats: str
    """How often offsets of groups are translated."""
    why: str | None = None
    """Why nothing is known, or not all."""

    @property
    def lost(self) -> int:
        """Records that would be lost."""
        return sum(each.records for each in self.topics)


def report(
    spec: ReplicationSpec, before: Mapping[str, Samples | Unseen], now: Mapping[str, Samples | Unseen]
) -> Report:
    """From two looks at the metrics of the workers, some seconds apart."""
    seen = [each for each in now.values() if isinstance(each, Samples)]
    unseen = next((each.why for each in now.values() if isinstance(each, Unseen)), None)
    # A task that has moved to another worker leaves no series behind.
    records: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = {}
    for each in seen:
        for (topic,), value in each.by(LAG, "topic").items():
            records[topic] += value
        for labels, value in each.series.get(LATENCY, ()):
            topic = labels.get("topic", "")
            seconds[topic] = max(value, seconds.get(topic, 0.0))
    # Kafka's consumers show a topic with dots a second time, with underscores.
    again = {topic.replace(".", "_") for topic in records if "." in topic}
    records = {topic: value for topic, value in records.items() if topic not in again}
    return Report(
        source=spec.origin.name,
        state=spec.state.value,
        answers=_answers(before, seen),
        topics=[
            Behind(topic=topic, records=math.ceil(value), seconds=seconds.get(topic))
            for topic, value in sorted(records.items(), key=lambda each: (-each[1], each[0]))
        ],
        repeats=spec.checkpoints,
        why=unseen or (None if records else "no worker shows metrics of a mirror: is it deployed, and does it run?"),
    )


def _answers(before: Mapping[str, Samples | Unseen], now: Sequence[Samples]) -> bool | None:
    earlier = [each for each in before.values() if isinstance(each, Samples)]
    totals = [[each.total(LOOKS) for each in look] for look in (earlier, now)]
    first, last = (sum(each for each in look if each is not None) for look in totals)
    if not any(each is not None for look in totals for each in look):
        return None
    return last > first


def lines(found: Report, stack: str) -> Iterator[str]:
    """The report as text, and the steps."""
    state = {True: "answers", False: "does not answer", None: "is unknown"}[found.answers]
    yield f"mirror of {found.source}: {found.state}; its source {state}"
    if found.why is not None:
        yield f"not known: {told(found.why)}"
    for each in found.topics:
        way = "" if each.seconds is None else f", {each.seconds:,.1f} s on their way"
        yield f"  {told(each.topic)}: {each.records:,} records not mirrored{way}"
    known = "as was known last" if found.answers is False else "now"
    lost = f"{found.lost:,} records ({known}), the newest of each partition" if found.topics else "not known"
    yield f"lost, if {found.source} is lost: {lost}"
    yield f"read twice: what groups read in the last {found.repeats} before their last commit there"
    yield "to go over (docs/disaster-recovery.md):"
    yield f"  1. stop what still writes at {found.source}"
    yield f"  2. in Pulumi.{stack}.yaml, mirror.state: stopped; deploy it"
    yield "  3. give writers and readers the servers and the logins of this Kafka; start them"
    yield f"  4. python -m infra top {stack}: groups go on"
