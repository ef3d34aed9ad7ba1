"""One look at the cluster: everything that the exporter shows, within its bounds."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kafka_platform_runtime.exporter.cluster import EARLIEST, LATEST, Cluster, Group, Metadata, Partition
from kafka_platform_runtime.exporter.history import History, points_each
from kafka_platform_runtime.exporter.settings import Settings
from kafka_platform_runtime.failures import Refused, Rejected, Transient
from kafka_platform_runtime.mounted import texts
from kafka_platform_runtime.runs import MOST_RUNS, Run, runs_of, version_of

T = TypeVar("T")

LONGEST_GROUP = 255
"""Characters of a group's name. Kafka takes any text, and a label of Prometheus should be no novel."""
LADDER = (60, 240, 960, 3_840, 15_360, 61_440, 245_760, 983_040)
"""Seconds ago, up to eleven days, at which an unknown lag is looked up by the timestamps of records."""
MOST_LOOKED_UP = 200
"""Partitions looked up like this in one look; each takes a broker one search in its indexes for each rung of the ladder."""
LOOK_SECONDS = 120.0
"""How long a look asks: brokers that answer slowly must not make it look like one that hangs (HUNG_SECONDS)."""
MOST_OFFSETS = 200_000
"""Committed offsets that a look remembers, each with some 300 bytes. Of more, those of the groups with most are left out:
whoever may use groups could otherwise fill the memory with them."""
OFFSETS_AT_ONCE = 20_000
"""Offsets that one answer may have, if each group has committed some of all partitions."""
WITH_OFFSETS = frozenset({"classic", "consumer", "streams"})


@dataclass(frozen=True, kw_only=True)
class TopicState:
    """What is known of a topic. None: not known."""

    partitions: int
    under_replicated: int
    offline: int
    """Partitions without a leader."""
    written: int | None
    """Sum of the end offsets."""
    records: int | None
    """Offsets between the begin and the end."""
    size: int | None


@dataclass(frozen=True, kw_only=True)
class GroupState:
    """What is known of a group."""

    state: str
    members: int | None


@dataclass(frozen=True, kw_only=True)
class Lag:
    """How far a group is behind in a topic."""

    records: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The result of a look."""

    brokers: int = 0
    addresses: Sequence[tuple[str, int]] = ()
    """Where clients reach those brokers."""
    topics: Mapping[str, TopicState] = field(default_factory=dict)
    groups: Mapping[str, GroupState] = field(default_factory=dict)
    lags: Mapping[tuple[str, str], Lag] = field(default_factory=dict)
    """By group and topic."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many topics, groups and pairs of both are not shown, and of how many groups the lag is not."""
    runs: Sequence[Run] = ()
    """The newest run of the provisioner for each owner."""
    unapplied: Mapping[str, bool] = field(default_factory=dict)
    """By owner, whether what is declared is something else than what was applied last."""


class Questions:
    """Asks brokers during one look. One that did not answer is not asked again in it, and none after LOOK_SECONDS.

    Args:
        brokers: those that are up.
        errors: counts failures by what was asked.
    """

    def __init__(self, brokers: Iterable[int], errors: Counter[str]) -> None:
        self._brokers = set(brokers)
        self._errors = errors
        self._until = time.monotonic() + LOOK_SECONDS

    def __call__(self, what: str, broker: int, question: Callable[..., T], *details: object) -> T | None:
        """The answer to `question(broker, *details)`; None if there is none."""
        if broker not in self._brokers:
            return None
        if time.monotonic() > self._until:
            self._errors[what] += 1
            self._brokers.clear()
            return None
        try:
            return question(broker, *details)
        except Transient:
            self._errors[what] += 1
            self._brokers.discard(broker)
            return None


class Looker:
    """Looks at a cluster again and again, and remembers what a single look cannot tell.

    Args:
        settings: the bounds.
        clock: the Unix time.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._histories: dict[Partition, History] = {}
        """Of partitions that some group has committed offsets of."""
        self._ends: dict[Partition, int] = {}
        self._begins: dict[Partition, int] = {}
        self._looked_up: set[Partition] = set()
        self._sizes: dict[int, Mapping[str, int]] = {}
        self._runs: Sequence[Run] = ()
        self._runs_end: int | None = None
        """The end of the topic of runs when they were read; None if they were not."""
        self.errors: Counter[str] = Counter()
        """What could not be asked of a broker, and how often."""

    def look(self, cluster: Cluster) -> Snapshot:
        """Ask everything once.

        Raises:
            Transient: not even the metadata can be had.
            Rejected: the login failed.
        """
        metadata = cluster.metadata()
        ask = Questions(metadata.brokers, self.errors)
        shown = sorted(metadata.topics)[: self._settings.most_topics]
        groups, unseen = self._groups(metadata, cluster, ask)
        committed, unread = self._committed(groups, metadata, cluster, ask)
        members: dict[str, int] = {}
        for broker, own in _by_coordinator(groups).items():
            busy = [each.name for each in own if each.state != "Empty" and each.kind == "classic"]
            members |= ask("members", broker, cluster.members, busy) or {}
        members |= self._newer_members(cluster, groups)
        # Ends after commits: a group is never ahead of what is known of its topic.
        read = {each for offsets in committed.values() for each in offsets}
        wanted = set(shown) | {topic for topic, _ in read}
        self._offsets(metadata, wanted & metadata.topics.keys(), cluster, ask)
        self._remember(read)
        self._look_up(metadata, committed, cluster, ask)
        self._read_runs(metadata, cluster, ask)
        self._measure(metadata, cluster, ask)
        lags, pairs = self._lags(committed)
        return Snapshot(
            brokers=len(metadata.brokers),
            addresses=metadata.addresses,
            topics={name: self._topic(name, metadata) for name in shown},
            groups={
                each.name: GroupState(
                    state=each.state, members=members.get(each.name, 0 if each.state == "Empty" else None)
                )
                for each in groups
            },
            lags=lags,
            left_out={"topics": len(metadata.topics) - len(shown), "groups": unseen, "offsets": unread, "pairs": pairs},
            runs=self._runs,
            unapplied=self._unapplied(),
        )

    def _groups(self, metadata: Metadata, cluster: Cluster, ask: Questions) -> tuple[list[Group], int]:
        """The groups that are shown, and how many are not."""
        found = [group for broker in metadata.brokers for group in ask("groups", broker, cluster.groups) or []]
        fit = [each for each in found if len(each.name) <= LONGEST_GROUP]
        # Groups with members come first: nobody waits for what the others would read.
        fit.sort(key=lambda each: (each.state in ("Empty", "Dead"), each.name))
        shown = fit[: self._settings.most_groups]
        return shown, len(found) - len(shown)

    def _committed(
        self, groups: Iterable[Group], metadata: Metadata, cluster: Cluster, ask: Questions
    ) -> tuple[dict[str, Mapping[Partition, int]], int]:
        """What groups have committed, and of how many it is left out."""
        found: dict[str, Mapping[Partition, int]] = {}
        total = left_out = 0
        at_once = max(1, OFFSETS_AT_ONCE // max(1, sum(map(len, metadata.topics.values()))))
        for broker, own in _by_coordinator(groups).items():
            names = [each.name for each in own if each.kind in WITH_OFFSETS]
            for begin in range(0, len(names), at_once):
                answer = ask("offsets", broker, cluster.committed, names[begin : begin + at_once]) or {}
                found |= answer
                total += sum(map(len, answer.values()))
                while total > MOST_OFFSETS:
                    largest = max(found, key=lambda name: (len(found[name]), name))
                    total -= len(found.pop(largest))
                    left_out += 1
        return found, left_out

    def _newer_members(self, cluster: Cluster, groups: Iterable[Group]) -> dict[str, int]:
        busy = [each.name for each in groups if each.kind == "consumer" and each.state != "Empty"]
        try:
            return cluster.newer_members(busy)
        except Transient:
            self.errors["members"] += 1
            return {}

    def _offsets(self, metadata: Metadata, topics: Iterable[str], cluster: Cluster, ask: Questions) -> None:
        """Begins and ends of all partitions of these topics."""
        led = _by_leader(metadata, ((topic, number) for topic in topics for number in metadata.topics[topic]))
        for known in (self._ends, self._begins):
            for each in [each for each in known if each[0] not in metadata.topics]:
                del known[each]
        for leader, partitions in led.items():
            begins = ask("ends", leader, cluster.offsets, partitions, EARLIEST) or {}
            self._begins |= {each: offset for each, (offset, _) in begins.items()}
            ends = ask("ends", leader, cluster.offsets, partitions, LATEST) or {}
            self._ends |= {each: offset for each, (offset, _) in ends.items()}

    def _remember(self, read: set[Partition]) -> None:
        """When the partitions that groups read had which end."""
        now = self._clock()
        self._histories = {each: history for each, history in self._histories.items() if each in read}
        self._looked_up &= read
        most = points_each(len(read))
        for each in read & self._ends.keys():
            self._histories.setdefault(each, History()).see(now, self._ends[each], most)

    def _look_up(
        self,
        metadata: Metadata,
        committed: Mapping[str, Mapping[Partition, int]],
        cluster: Cluster,
        ask: Questions,
    ) -> None:
        """Learn when records were written that were there before the first look, from their timestamps."""
        unknown = {
            each
            for offsets in committed.values()
            for each, offset in offsets.items()
            if each in self._histories and each not in self._looked_up and not self._histories[each].reaches(offset)
        }
        chosen = sorted(unknown)[:MOST_LOOKED_UP]
        now = self._clock()
        points: dict[Partition, list[tuple[int, float]]] = defaultdict(list)
        for leader, partitions in _by_leader(metadata, chosen).items():
            for ago in LADDER:
                at = now - ago
                found = ask("ends", leader, cluster.offsets, partitions, int(at * 1000))
                if found is None:
                    break
                for each, (offset, _) in found.items():
                    points[each].append((offset, at))
            else:
                self._looked_up |= set(partitions)
        for each, learned in points.items():
            self._histories[each].learn(learned)

    def _measure(self, metadata: Metadata, cluster: Cluster, ask: Questions) -> None:
        """Sizes of topics on all brokers; of one that is away, the last that was known."""
        for broker in metadata.brokers:
            found = ask("sizes", broker, cluster.sizes)
            if found is not None:
                self._sizes[broker] = found
        holding = {each for topic in metadata.topics.values() for one in topic.values() for each in one.brokers}
        self._sizes = {broker: sizes for broker, sizes in self._sizes.items() if broker in holding}

    def _lags(self, committed: Mapping[str, Mapping[Partition, int]]) -> tuple[dict[tuple[str, str], Lag], int]:
        """How far groups are behind, those first that are behind most; and how many pairs are not shown."""
        now = self._clock()
        found: dict[tuple[str, str], Lag] = {}
        for group, offsets in committed.items():
            for partition, offset in offsets.items():
                history = self._histories.get(partition)
                end = self._ends.get(partition)
                if history is None or end is None:
                    continue
                # What retention has deleted is nothing that the group could still read.
                following = max(offset, self._begins.get(partition, 0))
                pair = (group, partition[0])
                before = found.get(pair, Lag(records=0, seconds=0.0))
                found[pair] = Lag(
                    records=before.records + max(0, end - following),
                    seconds=max(before.seconds, history.age(following, now)),
                )
        most = self._settings.most_pairs
        if len(found) > most:
            kept = sorted(found, key=lambda pair: (-found[pair].seconds, pair))[:most]
            return {pair: found[pair] for pair in kept}, len(found) - most
        return found, 0

    def _topic(self, name: str, metadata: Metadata) -> TopicState:
        partitions = metadata.topics[name]
        ends = [self._ends[name, number] for number in partitions if (name, number) in self._ends]
        begins = [self._begins[name, number] for number in partitions if (name, number) in self._begins]
        # A sum without some of the partitions would look like a topic that was made anew.
        known = len(ends) == len(begins) == len(partitions)
        sizes = [each[name] for each in self._sizes.values() if name in each]
        return TopicState(
            partitions=len(partitions),
            under_replicated=sum(each.in_sync < len(each.brokers) for each in partitions.values()),
            offline=sum(each.leader < 0 for each in partitions.values()),
            written=sum(ends) if known else None,
            records=sum(ends) - sum(begins) if known else None,
            size=sum(sizes) if sizes else None,
        )

    def _read_runs(self, metadata: Metadata, cluster: Cluster, ask: Questions) -> None:
        """What the provisioner did, read anew only if there is a record more."""
        topic = self._settings.runs
        if topic is None or topic not in metadata.topics:
            self._runs, self._runs_end = (), None
            return
        [(leader, partitions)] = list(_by_leader(metadata, [(topic, 0)]).items()) or [(-1, [])]
        ends = ask("runs", leader, cluster.offsets, partitions, LATEST) or {}
        end = ends.get((topic, 0), (self._runs_end, 0))[0]
        if end == self._runs_end:
            return
        try:
            self._runs = runs_of(cluster.entries(topic), self._settings.stack)
            self._runs_end = end
        except (Refused, Rejected, Transient):
            self.errors["runs"] += 1

    def _unapplied(self) -> dict[str, bool]:
        """A run that Kafka does not let in cannot note anything: that nothing is noted of what is declared tells of it."""
        if self._settings.declared is None or self._runs_end is None:
            return {}
        found: dict[str, bool] = {}
        noted = {each.resources: each for each in self._runs}
        try:
            for folder in sorted(self._settings.declared.iterdir())[:MOST_RUNS]:
                declared, run = texts(folder), noted.get(folder.name)
                if declared and (run is None or run.version is not None):
                    found[folder.name] = run is None or run.version != version_of(declared)
        except (OSError, UnicodeDecodeError):
            self.errors["runs"] += 1
        return found


def _by_coordinator(groups: Iterable[Group]) -> dict[int, list[Group]]:
    found: dict[int, list[Group]] = defaultdict(list)
    for each in groups:
        found[each.coordinator].append(each)
    return found


def _by_leader(metadata: Metadata, partitions: Iterable[Partition]) -> dict[int, Sequence[Partition]]:
    """Partitions by their leaders; those without one are left out."""
    found: dict[int, list[Partition]] = defaultdict(list)
    for topic, number in partitions:
        known = metadata.topics.get(topic, {}).get(number)
        if known is not None and known.leader >= 0:
            found[known.leader].append((topic, number))
    return {**found}
