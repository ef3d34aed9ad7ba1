"""What can be done with one connector while it runs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from kafka_platform.connect.spec import ConnectorState

from infra.connection import NoAnswerError
from infra.connectors.seen import failed_parts
from infra.connectors.workers import CONNECTORS, Workers
from infra.live.cluster import KAFKA_CONNECTORS

STOP_SECONDS = 60.0
"""How long a connector may take to stop: its tasks end, and the members of its group leave."""
AGAIN_SECONDS = 1.0


class Action(StrEnum):
    """What is done."""

    RESTART = "restart"
    """What has failed of it starts again."""
    PAUSE = "pause"
    """It keeps its connections and moves no records."""
    RESUME = "resume"
    """It runs again."""
    RESTORE = "restore"
    """Its configuration is set back to what was deployed last."""
    OFFSETS = "offsets"
    """Nothing: its offsets are shown."""
    RESET = "reset-offsets"
    """A sink begins anew: it writes every record again. Kafka Connect 4.3 never answers to a reset of an exactly-once source that
    has a topic of its own for its offsets (`Cannot add partition to transaction while in state READY`)."""


DATA_AT_RISK = frozenset({Action.RESET})
"""What repeats records."""
_VERBS = {ConnectorState.RUNNING: "resume", ConnectorState.PAUSED: "pause", ConnectorState.STOPPED: "stop"}


@dataclass(frozen=True, kw_only=True)
class Offset:
    """How far a connector is in one part of what it reads."""

    part: str
    """A topic and partition, or what a source calls it."""
    offset: str


def act(workers: Workers, action: Action, name: str, wanted: ConnectorState) -> Sequence[str]:
    """Does it with the connector of that name, whose declaration wants that state; what is to be said of it, in lines.

    Raises:
        NoAnswerError: it cannot be done, with the reason.
    """
    if action is Action.OFFSETS:
        return [f"{each.part}  {each.offset}" for each in offsets(workers, name)] or ["no offsets yet"]
    if action is Action.RESTART:
        return _restart(workers, name)
    if action is Action.RESTORE:
        return _restore(workers, name)
    if action is Action.RESET:
        return _reset(workers, name, wanted)
    state = ConnectorState.PAUSED if action is Action.PAUSE else ConnectorState.RUNNING
    _turn(workers, name, state)
    return (
        []
        if state is wanted
        else [f"the file says {wanted.value}: it stays {state.value} until its declaration changes"]
    )


def offsets(workers: Workers, name: str) -> Iterator[Offset]:
    """How far it is."""
    for each in _offsets(workers, name):
        part, offset = each.get("partition") or {}, each.get("offset")
        if "kafka_topic" in part:
            found = offset.get("kafka_offset") if isinstance(offset, dict) else offset
            yield Offset(part=f"{part['kafka_topic']}-{part['kafka_partition']}", offset=str(found))
        else:
            yield Offset(part=_words(part), offset=_words(offset))


def _words(told: Any) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(told.items())) if isinstance(told, dict) else str(told)


def _offsets(workers: Workers, name: str) -> list[Mapping[str, Any]]:
    answer = workers.of_connect(f"{_path(name)}/offsets")
    return list(answer.get("offsets") or []) if isinstance(answer, dict) else []


def _restart(workers: Workers, name: str) -> Sequence[str]:
    if not workers.operated:
        workers.of_connect(f"{_path(name)}/restart?includeTasks=true&onlyFailed=true", "POST")
        return []
    itself, tasks = failed_parts(workers.objects().get(name, {}))
    if not itself and not tasks:
        return [f"{name}: nothing of it has failed"]
    # The operator restarts one thing for each annotation, and takes the annotation away then.
    asked = {"strimzi.io/restart": "true"} if itself else {"strimzi.io/restart-task": str(tasks[0])}
    _patch(workers, name, {"metadata": {"annotations": asked}})
    left = len(tasks) - (0 if itself else 1)
    more = f"; {left} failed tasks are left: ask again" if left else ""
    return [f"{name}: Strimzi restarts {'it' if itself else f'task {tasks[0]}'} within two minutes{more}"]


def _restore(workers: Workers, name: str) -> Sequence[str]:
    if workers.operated:
        return [f"{name}: Strimzi sets it back by itself, within two minutes"]
    deployed = workers.deployed()
    if name not in deployed:
        raise NoAnswerError(f"connector {name} was never deployed: deploy the stack")
    workers.of_connect(f"{_path(name)}/config", "PUT", dict(deployed[name]))
    return []


def _reset(workers: Workers, name: str, wanted: ConnectorState) -> Sequence[str]:
    """Of a sink. Only a stopped connector's offsets can be changed."""
    known = _offsets(workers, name)
    if not known:
        return [f"{name}: no offsets yet"]
    _turn(workers, name, ConnectorState.STOPPED)
    try:
        _until(workers, name, known)
    finally:
        _turn(workers, name, wanted)
    return [f"{name}: {len(known)} offsets reset"]


def _until(workers: Workers, name: str, known: Sequence[Mapping[str, Any]]) -> None:
    """Asks until it has stopped, and its group has no members any more."""
    end = time.monotonic() + STOP_SECONDS
    while True:
        try:
            _drop(workers, name, known)
            return
        except NoAnswerError as error:
            if error.forbidden or time.monotonic() > end:
                raise
        time.sleep(AGAIN_SECONDS)


def _drop(workers: Workers, name: str, known: Sequence[Mapping[str, Any]]) -> None:
    status = workers.of_connect(f"{_path(name)}/status")
    if status["connector"]["state"] != "STOPPED" or status["tasks"]:
        raise NoAnswerError(f"connector {name} does not stop")
    # A sink's user may commit and not delete its group; what is older than the topic's first record is read from there.
    first = [{"partition": each["partition"], "offset": {"kafka_offset": 0}} for each in known]
    workers.of_connect(f"{_path(name)}/offsets", "PATCH", {"offsets": first})


def _turn(workers: Workers, name: str, state: ConnectorState) -> None:
    if workers.operated:
        _patch(workers, name, {"spec": {"state": state.value}})
    else:
        workers.of_connect(f"{_path(name)}/{_VERBS[state]}", "PUT")


def _patch(workers: Workers, name: str, fields: Mapping[str, Any]) -> None:
    workers.cluster.patch(KAFKA_CONNECTORS, workers.namespace, name, fields)


def _path(name: str) -> str:
    return f"{CONNECTORS}/{quote(name, safe='')}"
