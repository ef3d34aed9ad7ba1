"""Brings Kafka Connect to what is declared: every change is validated before one is made."""

import time

from kafka_platform_runtime.connect_applier.client import Connect, may_idle
from kafka_platform_runtime.connect_applier.declarations import Connector, Declared
from kafka_platform_runtime.failures import Refused, Transient

PATIENCE_SECONDS = 30.0
"""How long a configuration may be refused by its plugin: it asks the database, which may have just been started."""
_IDLE = {
    "org.apache.kafka.connect.mirror.MirrorSourceConnector": ": no topic of these is at its source, or it may not see any there: the "
    "workers' log says of what it fails"
}
"""Why a connector that does not fail may have no tasks, by its class."""
RESTART_SECONDS = 10.0
"""How long something that failed may take to run again once it was restarted."""


class Applier:
    """Applies declarations, in as many attempts as that takes.

    Args:
        connect: the Kafka Connect.
        declared: what it is to have.
    """

    def __init__(self, connect: Connect, declared: Declared) -> None:
        self._connect = connect
        self._declared = declared
        self._refused_since: float | None = None
        self._applied: set[str] = set()
        self._deleted: set[str] = set()
        self._restarted: dict[str, float] = {}

    def attempt(self) -> str:
        """What was done, in one line.

        Raises:
            Refused: a configuration is invalid, in which case nothing was changed, or a connector has failed.
            Transient: another attempt may help.
        """
        there = {each.name: self._connect.config(each.name) for each in self._declared.connectors}
        changed = [each for each in self._declared.connectors if there[each.name] != self._stored(each)]
        self._validate(changed)
        for each in changed:
            self._change(each, is_new=there[each.name] is None)
            self._applied.add(each.name)
            print(f"{each.name}: applied", flush=True)
        for name in self._declared.removed:
            if self._connect.delete(name):
                self._deleted.add(name)
                print(f"{name}: deleted", flush=True)
        for each in self._declared.connectors:
            self._settle(each)
        # Something may fail just after it began.
        for each in self._declared.connectors:
            self._settle(each)
        return self._summary()

    def _change(self, connector: Connector, *, is_new: bool) -> None:
        """Makes a connector, or gives it its configuration; one that is not to run does not do so meanwhile."""
        if is_new:
            self._connect.create(connector.name, connector.config, connector.state)
            return
        if connector.state != "running":
            self._connect.turn(connector.name, connector.state)
        self._connect.put(connector.name, connector.config)

    @staticmethod
    def _stored(connector: Connector) -> dict[str, str]:
        """The configuration as Kafka Connect gives it back."""
        return {**connector.config, "name": connector.name}

    def _validate(self, changed: list[Connector]) -> None:
        faults = [
            f"connector {each.name}: {fault}"
            for each in changed
            for fault in self._connect.faults(each.name, each.config)
        ]
        if not faults:
            return
        now = time.monotonic()
        if self._refused_since is None:
            self._refused_since = now
        if now - self._refused_since < PATIENCE_SECONDS:
            raise Transient(faults[0])
        raise Refused(faults)

    def _settle(self, connector: Connector) -> None:
        """Returns if a connector is as declared."""
        name, status = connector.name, self._connect.status(connector.name)
        if status is None:
            raise Transient(f"connector {name}: Kafka Connect does not report its state yet")
        plugin = connector.config.get("connector.class", "")
        if status.is_as(connector.state, may_idle=may_idle(connector.config)):
            return
        if status.failure is None:
            self._turn(connector, status.state)
            raise Transient(f"connector {name}: {status}{'' if status.tasks else _IDLE.get(plugin, '')}")
        since = self._restarted.get(name)
        if since is None:
            # It may have failed of what it was told before.
            self._restarted[name] = time.monotonic()
            self._connect.restart(name)
        elif time.monotonic() - since > RESTART_SECONDS:
            raise Refused([f"connector {name}: failed: {status.failure}"])
        raise Transient(f"connector {name}: {status.failure}")

    def _turn(self, connector: Connector, state: str) -> None:
        """Tells a connector the state that it is to have, unless it is on its way there."""
        if connector.state != "running" or state in ("PAUSED", "STOPPED"):
            self._connect.turn(connector.name, connector.state)

    def _summary(self) -> str:
        known = {each.name for each in self._declared.connectors}
        for name in sorted(self._connect.names() - known):
            print(f"{name}: is not declared, and keeps its last configuration", flush=True)
        unchanged = len(known - self._applied)
        return f"done: {len(self._applied)} applied, {unchanged} unchanged, {len(self._deleted)} deleted"
