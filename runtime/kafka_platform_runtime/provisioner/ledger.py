"""The ledger: what was applied last, kept in a compacted topic of the cluster itself.

Key `<owner>/topic.<name>` or `<owner>/user.<name>`, value the declaration, never a password. `<owner>/run` names the
newest run of an owner, so that an older one still in progress notices and stops, and that run's stack.
Stacks that share a Kafka name their owners alike: entries of an owner with a stack are those of `<owner>@<stack>`.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka_platform_runtime.compacted import CompactedTopic
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Superseded
from kafka_platform_runtime.provisioner.declarations import LEDGER_TOPIC
from kafka_platform_runtime.provisioner.planning.recorded import Recorded

_RUN = "run"
LEDGER = f"the ledger ({LEDGER_TOPIC})"
"""What messages call it."""


class Ledger:
    """Reads the ledger topic, which must exist, and writes this owner's entries.

    Args:
        connection: an administrator's login.
        owner: the scope of the entries; no `/` in it.
        former_owners: their entries count as this owner's, because it replaced them.
        stack: the stack that this owner belongs to; None if no other stack uses this Kafka.
        former_stacks: stacks whose owner of the same name this one replaced.
    """

    def __init__(
        self,
        connection: Connection,
        owner: str,
        former_owners: Iterable[str] = (),
        *,
        stack: str | None = None,
        former_stacks: Iterable[str] = (),
    ) -> None:
        self._name = owner
        self._owner = owner
        self._stack = stack
        self._stacks = {stack, *former_stacks}
        self._owners = {owner, *former_owners}
        self._run = uuid.uuid4().hex
        self._claimed = False
        self._topic = CompactedTopic(connection, LEDGER_TOPIC, LEDGER)

    def close(self) -> None:
        """End the connections."""
        self._topic.close()

    def read(self) -> Recorded:
        """All entries up to the newest one.

        Raises:
            Transient: the partition has no leader, or the records do not arrive.
        """
        self._topic.catch_up()
        stacks = self._holders()
        mine: dict[str, Mapping[str, Any]] = {}
        others: dict[str, str] = {}
        for full_key, value in self._topic.entries.items():
            owner, _, key = full_key.partition("/")
            if key == _RUN or not isinstance(value, dict):
                continue
            if owner == self._owner:
                mine[key] = value
            elif owner in self._owners:
                mine.setdefault(key, value)
            else:
                others[key] = owner
        return Recorded(mine=mine, others=others, stacks=stacks)

    def claim(self, is_ours: Callable[[Mapping[str, Mapping[str, Any]]], bool] = lambda _: True) -> None:
        """Make this the owner's newest run.

        Args:
            is_ours: whether entries by key, of an owner that names no stack, are this stack's.

        Raises:
            Transient: the ledger cannot be read or written now.
        """
        run: dict[str, Any] = {"id": self._run, "startedAt": int(time.time())}
        if self._stack is not None:
            self._topic.catch_up()
            self._find_scope(self._stack, is_ours)
            run["stack"] = self._stack
        self._topic.write({f"{self._owner}/{_RUN}": run})
        self._claimed = True

    def _find_scope(self, stack: str, is_ours: Callable[[Mapping[str, Mapping[str, Any]]], bool]) -> None:
        """Which owner's entries this stack writes, and which ones count as its own."""
        holders = self._holders()
        own = f"{self._name}@{stack.replace('/', ':')}"
        scopes = {self._name, own, *(owner for owner in holders if owner.partition("@")[0] == self._name)}
        mine = {owner for owner in scopes if holders.get(owner, stack) in self._stacks}
        untold = {} if self._name in holders else self._of(self._name)
        if self._name not in holders and not (untold and is_ours(untold)):
            mine.discard(self._name)  # it is left to an owner without a stack, such as an embedded Kafka's
        self._owner = self._name if self._name in mine and own not in holders else own
        self._owners = (self._owners - {self._name}) | mine

    def _of(self, owner: str) -> dict[str, Mapping[str, Any]]:
        prefix = f"{owner}/"
        return {
            full_key.removeprefix(prefix): value
            for full_key, value in self._topic.entries.items()
            if full_key.startswith(prefix) and full_key != f"{prefix}{_RUN}" and isinstance(value, dict)
        }

    def _holders(self) -> dict[str, str]:
        """The stack of every owner that names one."""
        return {
            owner: str(value["stack"])
            for owner, _, key in (full_key.partition("/") for full_key in self._topic.entries)
            if key == _RUN
            and isinstance(value := self._topic.entries[f"{owner}/{key}"], dict)
            and value.get("stack") is not None
        }

    def check(self) -> None:
        """Check that this is still the owner's newest run.

        Raises:
            Superseded: another one has begun since.
        """
        self._topic.catch_up()
        newest = self._topic.entries.get(f"{self._owner}/{_RUN}")
        if self._claimed and isinstance(newest, dict) and newest.get("id") != self._run:
            raise Superseded("a newer run of the same owner has begun and takes over")

    def contested(self, keys: Iterable[str]) -> dict[str, str]:
        """Of the keys that this owner has recorded, those that another owner recorded before, with that owner.

        Raises:
            Transient: the ledger cannot be read now.
        """
        self._topic.catch_up()
        # Entries are in the order of their first record, since a newer value takes the place of the older one.
        first: dict[str, str] = {}
        for full_key in self._topic.entries:
            owner, _, key = full_key.partition("/")
            first.setdefault(key, owner)
        return {key: first[key] for key in keys if first.get(key, self._owner) not in self._owners}

    def record(self, applied: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Write what was applied, by key; None removes an entry.

        Raises:
            Transient, Refused: not every entry could be written.
        """
        records: dict[str, Mapping[str, Any] | None] = {}
        for key, value in applied.items():
            records[f"{self._owner}/{key}"] = value
            for former in self._owners - {self._owner}:
                if f"{former}/{key}" in self._topic.entries:
                    records[f"{former}/{key}"] = None
        self._topic.write(records)

    def take_over(self) -> None:
        """Move the entries that former owners left to this owner, once everything is applied.

        Raises:
            Transient, Refused: not every entry could be written.
        """
        left = [
            (full_key, key)
            for full_key in self._topic.entries
            for owner, _, key in (full_key.partition("/"),)
            if owner in self._owners - {self._owner} and key != _RUN
        ]
        # The owner's own first: if killed in between, both exist, which is read as the owner's.
        self._topic.write(
            {
                f"{self._owner}/{key}": self._topic.entries[full_key]
                for full_key, key in left
                if f"{self._owner}/{key}" not in self._topic.entries
            }
        )
        self._topic.write({full_key: None for full_key, _ in left})
