"""`python -m infra connectors`: what each connector of a stack does, and the reason of one that does not work."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.objects import COMPONENT as CONNECT_COMPONENT, REST_PORT
from kafka_platform.connect.spec import ConnectorState
from kafka_platform.kube.pods import METRICS_PORT
from kafka_platform.light.objects import COMPONENT as LIGHT_COMPONENT
from kafka_platform.values.words import suggest

from infra.capabilities.connectors import StackConnector, connectors_of
from infra.check import STACKS
from infra.connection import NoAnswerError
from infra.live.cluster import PODS, Cluster, UnreachableError
from infra.live.pods import COMPONENT_LABEL, has_ended, instance, is_ready, is_running
from infra.live.text import told
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file

WORKS, FAULTS, WRONG, UNREACHABLE = 0, 1, 2, 3
VERSION = 1
"""Of the JSON: raised if a key is removed."""
NOT_DECLARED = "not declared: it keeps its last configuration until connect.removedConnectors names it"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A connector, as it was found."""

    name: str
    kind: str
    state: str
    """running, starting, paused, stopped, failed, missing, or unknown."""
    tasks: str = "-"
    """How many of its tasks or pods work, and how many there are."""
    reason: str = ""
    """Why it does not work, in one line."""
    wanted: str = ConnectorState.RUNNING.value
    """What the file says."""

    @property
    def is_as_wanted(self) -> bool:
        """Whether it is as the file says."""
        return self.state == self.wanted


def connectors(
    stack: str,
    *,
    restart: str | None = None,
    as_data: bool = False,
    folder: Path = STACKS,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Shows what the connectors of a stack do, after restarting what has failed of one if that is asked for.

    Returns:
        0 if all are as declared; 1 if one is not; 2 if the file is wrong or has no such connector; 3 if it cannot be told.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
        declared = connectors_of(settings)
        if restart is not None and (fault := _restartable(restart, declared, settings.namespace)) is not None:
            print(f"{file.name}: {fault}", file=sys.stderr)
            return WRONG
        cluster = Cluster(settings.kubernetes, environment)
        cluster.version()
        pods = _Pods(cluster, settings.namespace)
        if restart is not None:
            pods.of_connect(f"connectors/{quote(restart, safe='')}/restart?includeTasks=true&onlyFailed=true", "POST")
        found = list(pods.seen(declared))
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return WRONG
    except (UnreachableError, NoAnswerError) as error:
        print(f"{stack}: {told(error)}", file=sys.stderr)
        return UNREACHABLE
    _show(stack, found, as_data=as_data)
    if any(each.state == "unknown" for each in found):
        return UNREACHABLE
    return WORKS if all(each.is_as_wanted for each in found) else FAULTS


def _restartable(name: str, declared: Mapping[str, StackConnector], namespace: str) -> str | None:
    """Why that connector cannot be restarted; None if it can."""
    if name not in declared:
        return f"{name!r} is not a connector of this file: {suggest(name, declared)}"
    if declared[name].is_light:
        own = f"deployment/{connector_user_name(name)}"
        return f"{name!r} is a light connector, which restarts by itself; to force it: kubectl -n {namespace} rollout restart {own}"
    return None


class _Pods:
    """The pods in which connectors run."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        labels = f"{COMPONENT_LABEL} in ({CONNECT_COMPONENT},{LIGHT_COMPONENT})"
        self._all = [each for each in cluster.objects(PODS, namespace, labels) if not has_ended(each)]

    def of_connect(self, path: str, method: str = "GET") -> Any:
        """What Kafka Connect answers; raises `NoAnswerError` if none of its pods does."""
        running = [each for each in self._of(CONNECT_COMPONENT) if is_running(each)]
        failure = NoAnswerError("no pod of Kafka Connect runs: see `kafka-platform doctor`")
        for pod in sorted(running, key=is_ready, reverse=True):
            try:
                answer = self._cluster.of_pod(pod, REST_PORT, path, method)
            except NoAnswerError as error:
                failure = error
                continue
            content = _parsed(answer.body)
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return content
            said = content.get("message") if isinstance(content, dict) else None
            failure = NoAnswerError(
                f"Kafka Connect answers {answer.status}: {said or 'without a reason'}", answer.status
            )
        raise failure

    def seen(self, declared: Mapping[str, StackConnector]) -> Iterator[Seen]:
        """Each connector of the file, and those that Kafka Connect has besides."""
        in_connect: dict[str, Seen] = {}
        why = ""
        if any(not each.is_light for each in declared.values()) or self._of(CONNECT_COMPONENT):
            try:
                in_connect = states(self.of_connect("connectors?expand=status"))
            except NoAnswerError as error:
                why = told(error)
        for name, each in sorted(declared.items()):
            kind, wanted = str(each.kind_name), each.state.value
            if each.is_light:
                yield self._light(name, kind, wanted)
            elif why:
                yield Seen(name=name, kind=kind, state="unknown", reason=why, wanted=wanted)
            else:
                missing = Seen(
                    name=name, kind=kind, state="missing", reason="Kafka Connect does not have it: deploy the stack"
                )
                yield replace(in_connect.get(name, missing), kind=kind, wanted=wanted)
        for name in sorted(in_connect.keys() - declared.keys()):
            found = in_connect[name]
            yield replace(found, reason=found.reason or NOT_DECLARED, wanted="absent")

    def _light(self, name: str, kind: str, wanted: str) -> Seen:
        own = [each for each in self._of(LIGHT_COMPONENT) if instance(each) == connector_user_name(name)]
        ready = [each for each in own if is_ready(each)]
        tasks = f"{len(ready)}/{len(own)}"
        if not own:
            stopped = wanted if wanted != ConnectorState.RUNNING.value else "missing"
            reason = "" if stopped == wanted else "it has no pods: deploy the stack, or see its scaler"
            return Seen(name=name, kind=kind, state=stopped, tasks=tasks, reason=reason, wanted=wanted)
        if len(ready) == len(own):
            return Seen(name=name, kind=kind, state="running", tasks=tasks, wanted=wanted)
        reason = self._trouble(next(each for each in own if not is_ready(each)))
        return Seen(name=name, kind=kind, state="failed", tasks=tasks, reason=reason, wanted=wanted)

    def _trouble(self, pod: Mapping[str, Any]) -> str:
        """What a pod that is not ready says of itself."""
        if not is_running(pod):
            return f"pod {pod['metadata']['name']} does not run: see `kafka-platform doctor`"
        try:
            return told(self._cluster.of_pod(pod, METRICS_PORT, "readyz").body.decode("utf-8", "replace"))
        except NoAnswerError as error:
            return told(error)

    def _of(self, component: str) -> list[Mapping[str, Any]]:
        return [each for each in self._all if (each["metadata"].get("labels") or {}).get(COMPONENT_LABEL) == component]


def states(answer: Any) -> dict[str, Seen]:
    """What Kafka Connect says of its connectors (`GET /connectors?expand=status`), by name."""
    found = {}
    for name, each in answer.items() if isinstance(answer, dict) else ():
        status = each["status"]
        parts = [status["connector"], *status["tasks"]]
        said = [str(part["state"]).lower() for part in parts]
        state = "failed" if "failed" in said else "starting" if {*said} & {"unassigned", "restarting"} else said[0]
        if state == "running" and not status["tasks"]:
            state = "starting"
        traces = [str(part.get("trace", "")) for part in parts if part["state"] == "FAILED"]
        working = sum(task["state"] == "RUNNING" for task in status["tasks"])
        found[name] = Seen(
            name=name,
            kind=str(status.get("type", "connector")),
            state=state,
            tasks=f"{working}/{len(status['tasks'])}",
            reason=_cause(traces[0]) if traces else "",
        )
    return found


def _cause(trace: str) -> str:
    """The last cause of a stack trace, in one line."""
    lines = trace.splitlines() or ["it does not say why"]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return told(causes[-1] if causes else lines[0])


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        raise NoAnswerError("Kafka Connect answers something that is not JSON") from None


def _show(stack: str, found: list[Seen], *, as_data: bool) -> None:
    if as_data:
        rows = [asdict(each) for each in found]
        print(json.dumps({"version": VERSION, "stack": stack, "connectors": rows}, indent=2))
        return
    if not found:
        print("no connectors")
    widths = [
        max((len(getattr(each, name)) for each in found), default=0) for name in ("name", "kind", "state", "tasks")
    ]
    for each in found:
        state = each.state if each.is_as_wanted else each.state.upper()
        cells = (each.name, each.kind, state, each.tasks)
        row = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        wanted = "" if each.is_as_wanted or each.reason else f"the file says {each.wanted}"
        print(f"{row}  {each.reason or wanted}".rstrip())
