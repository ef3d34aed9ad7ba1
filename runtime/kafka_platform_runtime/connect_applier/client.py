"""The REST interface of Kafka Connect, as far as it is needed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.json_client import JsonClient, plain, reason

TIMEOUT_SECONDS = 95.0
"""Kafka Connect answers within 90 seconds, which a validation that waits for a database may take."""
_MAY_IDLE = "mirror.MirrorCheckpointConnector"
"""It has no task as long as none of its consumer groups has committed anything."""
_VERBS = {"running": "resume", "paused": "pause", "stopped": "stop"}


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a connector does.

    Args:
        state: of the connector, as Kafka Connect says it.
        tasks: the states of its tasks.
        failure: why it, or a task of it, has failed; None if none has.
    """

    state: str
    tasks: Sequence[str]
    failure: str | None

    def is_as(self, wanted: str, *, may_idle: bool = False) -> bool:
        """Whether it is `running`, `paused` or `stopped`, with all its tasks; `may_idle`: it may have none."""
        states = {self.state, *self.tasks}
        if wanted == "stopped":
            return states == {"STOPPED"}
        return states == {wanted.upper()} and (may_idle or bool(self.tasks))

    def __str__(self) -> str:
        tasks = ", ".join(sorted(each.lower() for each in self.tasks)) or "none yet"
        return f"the connector is {self.state.lower()}, its tasks: {tasks}"


class Connect:
    """A Kafka Connect."""

    def __init__(self, url: str) -> None:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        self._client = JsonClient("Kafka Connect", url, headers, timeout_seconds=TIMEOUT_SECONDS)

    def names(self) -> set[str]:
        """The connectors that it has."""
        status, answer = self._client.ask("GET", "/connectors")
        return set(self._expected(None, status, answer))

    def config(self, name: str) -> dict[str, str] | None:
        """A connector's configuration; None if there is no such connector."""
        status, answer = self._client.ask("GET", f"{_path(name)}/config")
        return None if status == 404 else dict(self._expected(name, status, answer))

    def faults(self, name: str, config: Mapping[str, str]) -> list[str]:
        """What its plugin finds wrong with a configuration."""
        plugin = config["connector.class"]
        path = f"/connector-plugins/{quote(plugin, safe='')}/config/validate"
        status, answer = self._client.ask("PUT", path, {**config, "name": name})
        if status == 404:
            return [f"connector.class: no plugin in the image has {plugin}"]
        # Debezium's plugin of MongoDB has settings that it says nothing of: their value is null.
        values = (each["value"] or {} for each in self._expected(name, status, answer)["configs"])
        return [f"{each['name']}: {plain(str(error))}" for each in values for error in each.get("errors", [])]

    def create(self, name: str, config: Mapping[str, str], state: str) -> None:
        """Makes a connector in a state: one that is to be stopped never runs (KIP-980, Kafka 3.7)."""
        told = {"name": name, "config": dict(config), "initial_state": state.upper()}
        status, answer = self._client.ask("POST", "/connectors", told)
        self._expected(name, status, answer)

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Gives a connector another configuration."""
        status, answer = self._client.ask("PUT", f"{_path(name)}/config", dict(config))
        self._expected(name, status, answer)

    def turn(self, name: str, state: str) -> None:
        """Lets it run, or has it pause or stop."""
        status, answer = self._client.ask("PUT", f"{_path(name)}/{_VERBS[state]}")
        self._expected(name, status, answer)

    def restart(self, name: str) -> None:
        """Starts what has failed of it again."""
        path = f"{_path(name)}/restart?includeTasks=true&onlyFailed=true"
        status, answer = self._client.ask("POST", path)
        self._expected(name, status, answer)

    def status(self, name: str) -> Status | None:
        """What it does; None if that is not known yet."""
        status, answer = self._client.ask("GET", f"{_path(name)}/status")
        if status == 404:
            return None
        told = self._expected(name, status, answer)
        parts = [told["connector"], *told["tasks"]]
        failed = [str(each.get("trace", "")) for each in parts if each["state"] == "FAILED"]
        return Status(
            state=told["connector"]["state"],
            tasks=[each["state"] for each in told["tasks"]],
            failure=root_cause(failed[0]) if failed else None,
        )

    def delete(self, name: str) -> bool:
        """Deletes a connector; returns whether it was there."""
        status, answer = self._client.ask("DELETE", _path(name))
        if status == 404:
            return False
        self._expected(name, status, answer)
        return True

    def _expected(self, name: str | None, status: int, answer: Any) -> Any:
        if 200 <= status < 300:
            return answer
        where = "" if name is None else f"connector {name}: "
        # While it rebalances, it answers 409.
        if status in (404, 408, 409, 425, 429) or status >= 500:
            raise Transient(f"{where}Kafka Connect answers {status}: {reason(answer)}")
        raise Refused([f"{where}Kafka Connect answers {status}: {reason(answer)}"])


def may_idle(config: Mapping[str, str]) -> bool:
    """Whether a connector of this configuration may run without a task."""
    return config.get("connector.class", "").endswith(_MAY_IDLE)


def _path(name: str) -> str:
    return f"/connectors/{quote(name, safe='')}"


def root_cause(trace: str) -> str:
    """Of a stack trace in Java: what it says first, and what that was caused by in the end."""
    lines = trace.splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    first = plain(lines[0]) if lines else "it does not say why"
    last = plain(causes[-1]) if causes else ""
    return reason(f"{first.rstrip('.')}: {last}" if last and last not in first else first)
