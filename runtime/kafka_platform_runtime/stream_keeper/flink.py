"""Flink's own interface, in the same pod."""

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.json_client import JsonClient

URL = "http://127.0.0.1:8081"
ENDED = frozenset({"FINISHED", "FAILED", "CANCELED"})
_TIMEOUT_SECONDS = 10
_CAUSE = re.compile(r"^(?:Caused by: )?(?:[\w$]+\.)+([\w$]+(?:Exception|Error))(?:: (.*))?$")
_LONGEST = 400
_OTHER_TYPES = "what one of its steps keeps has other types in the new SQL"
_NO_PLACE = "it keeps state in steps that the new SQL does not have in the same place"


@dataclass(frozen=True, kw_only=True)
class Job:
    """How it is."""

    state: str
    works: bool
    """Whether all of its parts run, so that each has found its state."""

    @property
    def has_ended(self) -> bool:
        """For good."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of stopping."""

    location: str | None = None
    failure: str | None = None


class Flink:
    """Asks the JobManager about its one job."""

    def __init__(self, job: str, url: str = URL) -> None:
        self._job = job
        self._client = JsonClient("Flink", url, {"Content-Type": "application/json"}, timeout_seconds=_TIMEOUT_SECONDS)

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        status, answer = self._client.ask(method, path, content)
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status >= HTTPStatus.MULTIPLE_CHOICES or not isinstance(answer, dict):
            raise Transient(f"Flink answers {status} to {method} {path.partition('?')[0]}")
        return answer

    def job(self) -> Job | None:
        """How it is; None if it is not there yet."""
        found = self._ask("GET", f"/jobs/{self._job}/status")
        if found is None:
            return None
        state = str(found.get("status"))
        if state != "RUNNING":
            return Job(state=state, works=False)  # of one whose SQL was refused, Flink knows no more
        parts = [each.get("status") for each in (self._ask("GET", f"/jobs/{self._job}") or {}).get("vertices", [])]
        return Job(state=state, works=bool(parts) and set(parts) == {"RUNNING"})

    def reason(self) -> str | None:
        """Why it failed last."""
        found = self._ask("GET", f"/jobs/{self._job}/exceptions") or {}
        entries = (found.get("exceptionHistory") or {}).get("entries") or []
        trace = entries[0].get("stacktrace") if entries else found.get("root-exception")
        return root_cause(str(trace)) if trace else None

    def stop(self, folder: str) -> None:
        """Lets it end with a savepoint in the folder. What was begun before is not begun again."""
        content = {"targetDirectory": folder, "drain": False, "formatType": "NATIVE", "triggerId": _trigger(folder)}
        self._ask("POST", f"/jobs/{self._job}/stop", content)

    def stopped(self, folder: str) -> Outcome | None:
        """What came of it; None if nothing yet."""
        found = self._ask("GET", f"/jobs/{self._job}/savepoints/{_trigger(folder)}")
        if found is None:
            return Outcome(failure="Flink has restarted")
        if (found.get("status") or {}).get("id") != "COMPLETED":
            return None
        operation = found.get("operation") or {}
        if operation.get("location"):
            return Outcome(location=str(operation["location"]))
        trace = (operation.get("failure-cause") or {}).get("stack-trace")
        return Outcome(failure=root_cause(str(trace)) if trace else "Flink does not say why")

    def cancel(self) -> None:
        """Ends it. Its checkpoints stay."""
        self._ask("PATCH", f"/jobs/{self._job}?mode=cancel")

    def end(self) -> None:
        """Ends Flink itself, which starts again with other files."""
        self._ask("DELETE", "/cluster")


def _trigger(folder: str) -> str:
    return hashlib.md5(folder.encode(), usedforsecurity=False).hexdigest()


def root_cause(trace: str) -> str:
    """What a stack trace says, in one line."""
    if "Cannot map checkpoint/savepoint state" in trace:
        return _NO_PLACE
    if "StateMigrationException" in trace:
        return _OTHER_TYPES
    said = "it does not say why"
    for line in trace.splitlines():
        found = _CAUSE.match(line.strip())
        if found is not None:
            said = found[2] or found[1]
    return " ".join(said.split())[:_LONGEST]


def is_unfit(reason: str) -> bool:
    """Whether the state will never fit."""
    return reason in (_NO_PLACE, _OTHER_TYPES)
