"""What a drill kills, and why it must not: pure functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kafka_platform.kafka.protocols import Engine

from infra.doctor.diagnosis import Diagnosis
from infra.live.cluster import Manifest
from infra.live.pods import Part, instance, is_ready, name, of, part
from infra.settings.core import Environment
from infra.settings.model import Settings
from infra.top.model import Brokers


class Kill(StrEnum):
    """What dies."""

    BROKER = "broker"
    GATEWAY = "gateway"
    WORKER = "worker"
    NODE = "node"


class RefusedError(Exception):
    """A drill is refused; the message has the reasons, one a line."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the caller has said about the drill."""

    kill: Kill
    name: str | None = None
    """A pod, a worker or a machine. Default: the last of its kind by name."""
    production: str | None = None
    """The stack's name once more, where it is one for production."""
    accept_outage: bool = False
    """Whether an outage of writes or of the gateway is accepted until the victim is back."""


@dataclass(frozen=True, kw_only=True)
class Victim:
    """What is killed."""

    kill: Kill
    pods: Sequence[Manifest]
    """Those that die."""
    machine: str | None = None
    """The one that is drained."""

    @property
    def called(self) -> str:
        """What it is called in the report."""
        return f"{self.kill} {self.machine or name(self.pods[0])}"


_PARTS = {Kill.BROKER: Part.BROKER, Kill.GATEWAY: Part.GATEWAY, Kill.WORKER: Part.WORKER}


def choose(words: Words, pods: Sequence[Manifest], nodes: Sequence[Manifest]) -> Victim:
    """The victim. Raises `RefusedError` if there is no such thing."""
    if words.kill is Kill.NODE:
        return _machine(words, pods, nodes)
    own = [each for each in of(pods, _PARTS[words.kill]) if is_ready(each)]
    chosen = [each for each in own if words.name in (None, name(each), instance(each))]
    if not chosen:
        which = f" called {words.name}" if words.name else ""
        known = ", ".join(map(name, own)) or "none"
        raise RefusedError(f"there is no {words.kill}{which} that is ready: there is {known}")
    return Victim(kill=words.kill, pods=[chosen[-1]])


def _machine(words: Words, pods: Sequence[Manifest], nodes: Sequence[Manifest]) -> Victim:
    open_ones = [name(each) for each in nodes if not each["spec"].get("unschedulable")]
    if len(open_ones) < 2:
        raise RefusedError("the cluster has no second machine that takes pods: what is evicted could run nowhere")
    watching = {each["spec"].get("nodeName") for each in of(pods, Part.PROBE)}
    carrying = [each for each in pods if part(each) in (Part.BROKER, Part.CONTROLLER, Part.GATEWAY, Part.WORKER)]
    by_machine = {
        machine: [each for each in carrying if each["spec"].get("nodeName") == machine] for machine in open_ones
    }
    chosen = [machine for machine in sorted(by_machine) if by_machine[machine] and words.name in (None, machine)]
    if words.name is None:
        chosen = [machine for machine in chosen if machine not in watching]
        # Those with brokers say the most.
        chosen.sort(key=lambda machine: any(part(each) is Part.BROKER for each in by_machine[machine]))
    elif words.name in watching:
        raise RefusedError(
            f"machine {words.name} runs the probe, which has to see what happens: choose another machine"
        )
    if not chosen:
        which = f"machine {words.name}" if words.name else "no machine without the probe"
        raise RefusedError(f"{which} has pods of the platform, or takes pods: there is {', '.join(sorted(open_ones))}")
    return Victim(kill=Kill.NODE, pods=by_machine[chosen[-1]], machine=chosen[-1])


_BLOCKING = (
    "not-deployed",
    "object-foreign",
    "pod-",
    "workload-",
    "kafka-",
    "strimzi-",
    "path-broken",
    "claim-lost",
    "drill-",
)
"""The doctor's checks whose findings refuse a drill; for those about Kafka, a warning is enough."""
_HARMLESS = ("kafka-throttled", "pod-restarted", "pod-evicted")


def refusals(stack: str, settings: Settings, words: Words, found: Diagnosis, brokers: Brokers) -> Iterator[str]:
    """The reasons to refuse the drill, each with what to do."""
    if settings.environment is Environment.PROD and words.production != stack:
        yield f"{stack} is marked as production (environment: prod): to break it nevertheless, write --production {stack}"
    if settings.probe is None:
        yield "the probe is missing, so nobody would see what happens: write probe: {} in the stack file and deploy it"
    if words.kill is Kill.BROKER and settings.kafka.engine is Engine.EXTERNAL:
        yield "somebody else runs the brokers: ask them for a drill"
    if words.kill is Kill.GATEWAY and settings.gateway is None:
        yield "the stack has no gateway"
    if words.kill is Kill.WORKER and not settings.workers:
        yield "the stack has no workers"
    for each in found.findings:
        if each.check.startswith(_BLOCKING) and each.check not in _HARMLESS:
            yield f"the platform is not well before: {each.subject}: {each.message}: {each.fix}"
    if not words.accept_outage:
        yield from _outages(settings, words, brokers)


def _outages(settings: Settings, words: Words, brokers: Brokers) -> Iterator[str]:
    kafka, word = settings.kafka, "to do it nevertheless, write --accept-outage"
    if words.kill in (Kill.BROKER, Kill.NODE) and kafka.engine is not Engine.EXTERNAL:
        spare = kafka.defaults.replicas_on(kafka.brokers) - kafka.defaults.min_insync_replicas_on(kafka.brokers)
        if kafka.brokers == 1:
            yield f"there is one broker, and nobody can write until it is back: {word}"
        elif spare < 1:
            yield f"kafka.defaults: with one broker less, too few copies are in sync for any write: {word}"
        elif kafka.engine is Engine.STRIMZI and brokers.under_replicated_partitions is None:
            yield f"it cannot be told whether all copies are in sync ({brokers.why}): {word}"
    if words.kill is Kill.GATEWAY and settings.gateway is not None and settings.gateway.pods.min == 1:
        yield f"gateway.pods.min is 1, and nobody can reach it until it is back: {word}"
