"""The spec of autoscaling: metrics and limits. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does. What concerns the worker that is scaled too is checked by `check_scale`. What KEDA
does with each of these numbers was read in `pkg/scalers/kafka_scaler.go`, `pkg/scaling/executor` and `pkg/fallback` of
KEDA 2.20.2.
"""

import math
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.kafka.entities import Acl, AclResource, Operation, User
from kafka_platform.program.clients import Commit, OffsetReset
from kafka_platform.values.forms import Spec, duration, formed, named, wait
from kafka_platform.values.free_maps import check_lines, check_text
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain
from kafka_platform.values.ranges import LEAST_NUMBER, MOST_NUMBER, MOST_PODS, within
from kafka_platform.values.units import milliseconds

MOST_PERCENT = 1000
"""Ten times the cores that are reserved: a pod may use more than those."""
SCALE_DOWN_PERIOD = "60s"
"""At most one pod is removed in this time: each removal rebalances the group, which delays records. Many at once, or in
quick succession, are a rebalance storm (kedacore/keda#1556, #5096, #7092)."""
SCALE_UP_PERIOD_SECONDS = 15
"""How often the horizontal pod autoscaler looks (`--horizontal-pod-autoscaler-sync-period`): all pods that are missing
come at once, which is one rebalance and not several."""
LONGEST_STABILIZATION = "3600s"
"""What the horizontal pod autoscaler takes at most."""

_CRON = re.compile(r"[0-9A-Za-z*/,?-]+( [0-9A-Za-z*/,?-]+){4}")
_SERVER = re.compile(r"https?://[^\s/]+(/\S*)?")


def _check_percent(percent: int) -> None:
    if not 1 <= percent <= MOST_PERCENT:
        raise ValueError(f"{percent} is out of range: use 1 to {MOST_PERCENT}, such as 70")


def _check_server(server: str) -> None:
    if not _SERVER.fullmatch(server):
        raise ValueError(f"{server!r} is not an address: write http://prometheus.monitoring.svc:9090")
    check_text(server, "an address")


def _check_query(query: str) -> None:
    if not query.strip():
        raise ValueError("is empty: write PromQL with one value, such as sum(rate(orders_total[1m]))")
    check_lines(query, "PromQL")


def _check_cron(text: str) -> None:
    if not _CRON.fullmatch(text):
        raise ValueError(f"{text!r} is not a time of cron: write five fields, such as '0 7 * * 1-5'")


def _check_timezone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f"{name!r} is not known: write one such as Europe/Zurich") from None


@dataclass(frozen=True, kw_only=True)
class CpuScale(Spec):
    """Scales on CPU, as a percentage of the request. Needs metrics-server. Cannot scale to zero."""

    percent: int = formed(70, _check_percent, minimum=1, maximum=MOST_PERCENT)
    """Percentage of `resources.cpu`. Default 70: a new pod is ready before the others are fully loaded."""


@dataclass(frozen=True, kw_only=True)
class PrometheusScale(Spec):
    """As many pods as a query's value requires."""

    server: Input[str] = formed(MISSING, _check_server)
    """Address of the Prometheus, such as `http://prometheus.monitoring.svc:9090`."""
    query: str = formed(MISSING, _check_query)
    """PromQL with one value, such as `sum(rate(orders_received_total[1m]))`."""
    per_pod: float = within(LEAST_NUMBER, MOST_NUMBER)
    """How much of that value one pod handles."""
    activation: float = within(0, MOST_NUMBER, default=0)
    """With `min: 0`: the first pod starts when the value is above this. Default 0."""
    bearer_secret: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret (in the workload's namespace) whose key `token` is the bearer token for Prometheus. Default: none."""


@dataclass(frozen=True, kw_only=True)
class CronScale(Spec):
    """A minimum number of pods between two times of the day, week or year."""

    start: str = formed(MISSING, _check_cron, examples=["0 7 * * 1-5"])
    """Start, as cron's five fields: `0 7 * * 1-5`."""
    end: str = formed(MISSING, _check_cron, examples=["0 19 * * 1-5"])
    """End: `0 19 * * 1-5`."""
    pods: int = within(1, MOST_PODS)
    """Number of pods, at least 1."""
    timezone: str = formed("UTC", _check_timezone, examples=["Europe/Zurich"])
    """Time zone, such as `Europe/Zurich`. Default UTC."""

    def check(self) -> None:
        """It ends."""
        if self.start == self.end:
            raise ValueError(f"end: {self.end!r} is the start too: write when it ends")


def _check_fallback(pods: int) -> None:
    if not 1 <= pods <= MOST_PODS:
        raise ValueError(f"{pods} is out of range: use at least 1, so that no failure ends all pods")


@dataclass(frozen=True, kw_only=True)
class Scale(Spec):
    """Metrics and limits of the number of pods; of several metrics, the one that requires most pods decides.

    By lag: as many pods as it takes to handle waiting records within the acceptable delay. Set
    `records_per_second_per_pod` and `acceptable_delay`, or their product as `lag_threshold`.
    """

    min: int = within(0, MOST_PODS, default=1)
    """Minimum number of pods. Default 1. With 0 there is none while no record waits; the first record then waits for
    `polling` and a pod's start."""
    max: int | None = within(1, MOST_PODS, default=None, floor="min")
    """Maximum number of pods. Default: the number of partitions to read; more pods would be idle."""
    records_per_second_per_pod: float | None = within(LEAST_NUMBER, MOST_NUMBER, default=None)
    """By lag: records that one pod handles in a second. Measure it: it depends on the hardware."""
    acceptable_delay: str | None = wait(None, "10s")
    """By lag: how long a record may wait, such as `10s`. You decide this for your service."""
    lag_threshold: int | None = within(1, MOST_NUMBER, default=None)
    """By lag: records that may wait for each pod. Default: the product of the two."""
    activation_lag: int = within(0, MOST_NUMBER, default=0)
    """With `min: 0`: the first pod starts when more records wait than this. Default 0. In a topic written in
    transactions, the transaction markers count as one unread record per partition: set this to its number of
    partitions, or the last pod is never removed. That many real records may then wait too."""
    cpu: CpuScale | None = None
    """By CPU. Default: not considered."""
    prometheus: PrometheusScale | None = None
    """By a Prometheus query. Default: not considered."""
    cron: Sequence[CronScale] = ()
    """By the time of day. Default: not considered."""
    even: bool = False
    """By lag: only numbers of pods that divide each topic's partitions, so that all pods get the same share. Default:
    any number."""
    only_lagging_partitions: bool = False
    """By lag: no more pods than partitions with waiting records, which helps if few keys have most records; since
    assignments are not known in advance, it may be slower. Default: up to all partitions."""
    allow_idle: bool = False
    """By lag: allows more pods than partitions: spares that take over at once. Default: refused."""
    ignore_stuck: bool = False
    """By lag: ignores a partition whose offset does not move between two measurements, as when a record cannot be
    handled. It still keeps the last pod running. A pod that commits less often than KEDA measures counts as stuck, so
    this is off by default."""
    polling: str = duration("10s", least="1s", most="3600s", whole_seconds=True)
    """How often KEDA checks whether the first pod is needed (from then on, the autoscaler checks every 15 s). Default
    10s, less than KEDA's 30s: the first record waits this long, and a check costs three small requests to Kafka."""
    cooldown: str = duration("300s", least="0s", most="86400s", whole_seconds=True)
    """With `min: 0`: how long no record must wait before the last pod is removed. Default 300s, as in KEDA: a pod's
    start and two rebalances cost more than a few minutes of one idle pod."""
    stabilization: str = duration("300s", least="0s", most=LONGEST_STABILIZATION, whole_seconds=True)
    """How long fewer pods must have sufficed before one is removed. Default 300s: lag drops to zero as soon as there
    are enough pods; without this pause they would be removed and added again, with a rebalance each time."""
    scale_down_period: str = duration(SCALE_DOWN_PERIOD, least="1s", most="1800s", whole_seconds=True)
    """At most one pod is removed in this time. Default 60s: each removal rebalances the group."""
    fallback: int | None = formed(None, _check_fallback, minimum=1, maximum=MOST_PODS)
    """Minimum number of pods after three failed measurements, as when brokers are unavailable; if there are more, they
    stay. At least 1: with 0, KEDA takes a failure for an idle group and removes all pods (kedacore/keda#4098). Default:
    `min`, or 1."""

    def check(self) -> None:
        """Something decides, it can ask for the first pod, and the numbers of pods are within the limits."""
        self._check_lag()
        if not (self.by_lag or self.cpu or self.prometheus or self.cron):
            raise ValueError(
                "records_per_second_per_pod: missing, nothing decides on the number of pods: write it with "
                "acceptable_delay, or write cpu, prometheus or cron"
            )
        if self.min == 0 and not (self.by_lag or self.prometheus or self.cron):
            raise ValueError("min: 0 pods use no CPU, so CPU never starts the first one: use at least 1")
        for index, each in enumerate(self.cron):
            if self.max is not None and each.pods > self.max:
                raise ValueError(f"cron: entry {index} wants {each.pods} pods, and max is {self.max}: use at most that")
        if self.fallback is not None:
            if self.max is not None and self.fallback > self.max:
                raise ValueError(f"fallback: {self.fallback} is more than max ({self.max}): use at most that")
            if not (self.by_lag or self.prometheus):
                raise ValueError("fallback: CPU and times of day can always be read: remove it")

    def _check_lag(self) -> None:
        rate, delay = self.records_per_second_per_pod, self.acceptable_delay
        if self.lag_threshold is not None:
            if rate is not None or delay is not None:
                raise ValueError(
                    "lag_threshold: is what records_per_second_per_pod and acceptable_delay give: keep it, or those two"
                )
        elif (rate is None) != (delay is None):
            missing, example = ("acceptable_delay", "10s") if delay is None else ("records_per_second_per_pod", "400")
            raise ValueError(f"{missing}: missing: write it too, such as {example}")
        if not self.by_lag:
            for name in ("activation_lag", "even", "only_lagging_partitions", "allow_idle", "ignore_stuck"):
                if getattr(self, name):
                    raise ValueError(f"{name}: lag does not decide here: remove it, or write acceptable_delay")
            return
        if self.activation_lag and self.min > 0:
            raise ValueError(f"activation_lag: there are always {self.min} pods (min): write min 0, or remove it")
        if self.only_lagging_partitions and self.allow_idle:
            raise ValueError(
                "only_lagging_partitions: it runs fewer pods than partitions, and allow_idle more: keep one of them"
            )
        if self.only_lagging_partitions and self.even:
            raise ValueError(
                "only_lagging_partitions: its numbers of pods do not divide the partitions, as even wants: keep one of them"
            )
        if self.even and self.allow_idle:
            raise ValueError("even: idle pods have no share of the partitions: keep even, or allow_idle")

    @property
    def by_lag(self) -> bool:
        """Whether lag decides, alone or with others."""
        return self.lag_threshold is not None or self.records_per_second_per_pod is not None

    def follows_arrivals(self, topics: Sequence[str]) -> bool:
        """Whether an exporter can add pods at once: it knows what a pod handles and may wait, and the first pod is not its to start.

        KEDA adds several topics up by a formula, which fails as a whole when one of its parts does.
        """
        return self.records_per_second_per_pod is not None and self.min >= 1 and len(topics) == 1

    @property
    def records_per_pod(self) -> int:
        """Records that may wait for each pod; only if lag decides."""
        if self.lag_threshold is not None:
            return self.lag_threshold
        assert self.records_per_second_per_pod is not None  # noqa: S101  # one of the two is there
        assert self.acceptable_delay is not None  # noqa: S101
        return max(1, math.floor(self.records_per_second_per_pod * milliseconds(self.acceptable_delay) / 1000))

    @property
    def fallback_pods(self) -> int | None:
        """Pods while KEDA cannot look; None if nothing that is looked at can fail."""
        if not (self.by_lag or self.prometheus):
            return None
        return self.fallback if self.fallback is not None else max(self.min, 1)


def useful_pods(partitions: Mapping[str, int], *, per_topic: bool) -> int:
    """How many pods of one group get something to read.

    `per_topic` is for the assignment by ranges, which gives the first partitions of all topics to the same pods.
    """
    return max(partitions.values()) if per_topic else sum(partitions.values())


def check_scale(
    scale: Scale,
    *,
    topics: Sequence[str],
    partitions: Mapping[str, int],
    group: str | None,
    offset_reset: OffsetReset,
    commit: Commit,
    per_topic: bool = False,
) -> int:
    """Raises unless the scaling fits what is scaled.

    Args:
        scale: what is wanted.
        topics: what the group reads.
        partitions: how many partitions each of them has; empty if that is not known here.
        group: the consumer group, if there is one.
        offset_reset: where the group begins.
        commit: who commits.
        per_topic: whether partitions are assigned topic by topic (`range`).

    Returns:
        The most pods that there may be: what was said, or as many as are useful.
    """
    for topic in topics:
        if partitions and topic not in partitions:
            raise ValueError(f"partitions: topic {topic!r} is missing: say how many it has, or correct its name")
    known = {topic: partitions[topic] for topic in topics} if partitions else {}
    if scale.by_lag:
        _check_lag(scale, topics=topics, partitions=known, group=group, offset_reset=offset_reset, commit=commit)
    if known and not scale.allow_idle:
        _check_useful(scale, known, per_topic=per_topic)
    if scale.max is not None:
        return scale.max
    if not known:
        raise ValueError("scale.max: missing, and the topics' partitions are not known: write it, or partitions")
    return max(useful_pods(known, per_topic=per_topic), scale.min, scale.fallback or 1)


def _check_lag(
    scale: Scale,
    *,
    topics: Sequence[str],
    partitions: Mapping[str, int],
    group: str | None,
    offset_reset: OffsetReset,
    commit: Commit,
) -> None:
    """Raises unless there is lag to scale by: topics that a group reads, and commits what it has read."""
    if not topics:
        raise ValueError("scale: lag needs topics to read, and there are none: name them, or scale by cpu")
    if not group:
        raise ValueError("scale: lag is counted for a consumer group: name the group")
    if commit is Commit.NEVER:
        zero = "so it would never go to zero" if scale.min == 0 else "so there would always be max pods"
        raise ValueError(
            f"scale: lag is counted from what the group commits, and it never commits, {zero}: commit, or scale by cpu"
        )
    for topic in topics:
        if "*" in topic:
            raise ValueError(f"scale: {topic!r} is not one topic, and lag is counted for each: name the topics")
    most = max(partitions.values(), default=None)
    from_zero = scale.min == 0 and offset_reset is OffsetReset.LATEST
    if from_zero and most is not None and scale.activation_lag >= most:
        raise ValueError(
            f"scale.activation_lag: a group that has committed nothing counts one record for each partition, so with "
            f"offset_reset latest and activation_lag {scale.activation_lag} no pod would ever start: use less than "
            f"{most}, or offset_reset earliest"
        )


def _check_useful(scale: Scale, partitions: Mapping[str, int], *, per_topic: bool) -> None:
    """Raises for more pods than have something to read."""
    limit, there = useful_pods(partitions, per_topic=per_topic), _partitions(partitions, per_topic=per_topic)
    wanted = [("max", scale.max), ("min", scale.min), ("fallback", scale.fallback)]
    wanted += [(f"cron: entry {index}", each.pods) for index, each in enumerate(scale.cron)]
    for name, value in wanted:
        if value is not None and value > limit:
            raise ValueError(
                f"scale.{name}: {value} pods, and {there} to read: the others would have nothing to do: use at most "
                f"{limit}, or more partitions"
            )


def _partitions(partitions: Mapping[str, int], *, per_topic: bool) -> str:
    count = useful_pods(partitions, per_topic=per_topic)
    are = "there is 1 partition" if count == 1 else f"there are {count} partitions"
    return f"{are} in the largest topic" if per_topic and len(partitions) > 1 else are


def scaler_user(*, topics: Sequence[str], group: str, namespace: str | None = None) -> User:
    """The Kafka user that KEDA looks with: it may see the topics' and the group's offsets, and read no record."""
    describe = [Operation.DESCRIBE]
    return User(
        acls=[
            *(Acl(resource=AclResource.TOPIC, name=topic, operations=describe) for topic in topics),
            Acl(resource=AclResource.GROUP, name=group, operations=describe),
        ],
        namespace=namespace,
    )


def scaler_user_name(name: str) -> str:
    """The user that KEDA looks with at the lag of the workload `name`."""
    return f"{name}-scaler"
