"""Connectors as they were found: pure functions from what Kafka Connect and Strimzi say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafka_platform.connect.spec import ConnectorState

from infra.live.pods import condition
from infra.live.text import told

NOT_DECLARED = "not declared: it keeps its last configuration until connect.removedConnectors names it"
MOST_KEYS = 5
"""Settings that are named of those that somebody changed by hand."""
RUNNING = ConnectorState.RUNNING.value
FAILED, MISSING, STARTING, UNKNOWN = "failed", "missing", "starting", "unknown"


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
    wanted: str = RUNNING
    """What the file says."""
    drift: str = ""
    """What was changed by hand, in one line."""

    @property
    def is_as_wanted(self) -> bool:
        """Whether it is as the file says."""
        return self.state == self.wanted and not self.drift


def states(answer: Any) -> dict[str, Seen]:
    """What Kafka Connect says of its connectors (`GET /connectors?expand=status`), by name."""
    told_of = answer.items() if isinstance(answer, dict) else ()
    return {name: _state(name, each["status"]) for name, each in told_of}


def _state(name: str, status: Mapping[str, Any]) -> Seen:
    parts = [status["connector"], *status["tasks"]]
    said = [str(part["state"]).lower() for part in parts]
    state = "failed" if "failed" in said else STARTING if {*said} & {"unassigned", "restarting"} else said[0]
    if state == RUNNING and not status["tasks"]:
        state = STARTING
    traces = [str(part.get("trace", "")) for part in parts if part["state"] == "FAILED"]
    working = sum(task["state"] == "RUNNING" for task in status["tasks"])
    return Seen(
        name=name,
        kind=str(status.get("type", "connector")),
        state=state,
        tasks=f"{working}/{len(status['tasks'])}",
        reason=_cause(traces[0]) if traces else "",
    )


def _cause(trace: str) -> str:
    """The last cause of a stack trace, in one line."""
    lines = trace.splitlines() or ["it does not say why"]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return told(causes[-1] if causes else lines[0])


def operated_state(connector: Mapping[str, Any]) -> Seen:
    """What Strimzi says of a KafkaConnector."""
    metadata, status = connector["metadata"], connector.get("status") or {}
    name, reported = str(metadata["name"]), status.get("connectorStatus") or {}
    if reported.get("connector"):
        found = _state(name, {"tasks": [], **reported})
    else:
        found = Seen(name=name, kind="connector", state=STARTING)
    if status.get("observedGeneration") != metadata.get("generation"):
        return replace(
            found, state=STARTING, reason=found.reason or "Strimzi's operator has not seen it yet: does it run?"
        )
    refused = condition(connector, "NotReady")
    if refused.get("status") == "True" and found.state != "failed":
        why = told(f"{refused.get('reason', 'NotReady')}: {refused.get('message', '')}".rstrip(": "))
        return replace(found, state="failed", reason=why)
    return found


def failed_parts(connector: Mapping[str, Any]) -> tuple[bool, list[int]]:
    """Whether a KafkaConnector itself has failed, and which of its tasks have."""
    reported = (connector.get("status") or {}).get("connectorStatus") or {}
    tasks = [int(each["id"]) for each in reported.get("tasks") or [] if each.get("state") == "FAILED"]
    return (reported.get("connector") or {}).get("state") == "FAILED", tasks


def drift(deployed: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Which settings are not as they were deployed last; values are not shown, as they may be secrets."""
    known = {key: value for key, value in found.items() if key != "name"}
    keys = sorted(key for key in deployed.keys() | known.keys() if deployed.get(key) != known.get(key))
    if not keys:
        return ""
    more = f" and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else ""
    return told(f"changed by hand: {', '.join(keys[:MOST_KEYS])}{more}: --restore sets it back")
