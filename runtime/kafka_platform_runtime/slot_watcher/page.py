"""What Prometheus reads, and what the log says."""

import time

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from kafka_platform_runtime.slot_watcher.databases import Found

NO_LIMIT = -1
"""As PostgreSQL has it."""


class Page:
    """What is known of the slot of each source."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._kept = self._gauge("kept_bytes", "Bytes of its log that the database keeps for the slot.")
        self._limit = self._gauge(
            "limit_bytes", "Bytes that it keeps for a slot at most (max_slot_wal_keep_size), or -1."
        )
        self._active = self._gauge("active", "Whether somebody reads the slot.")
        self._lost = self._gauge("lost", "Whether what the slot has not read is removed.")
        self._seen = self._gauge("last_success_timestamp_seconds", "When the database last answered.")
        self.trouble: str | None = None
        """Why the program is not ready: it always is, as its readiness holds up nothing else."""

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"connect_slots_{name}", text, ["connector"], registry=self._registry)

    @property
    def text(self) -> bytes:
        """The metrics."""
        return generate_latest(self._registry)

    def known(self, connector: str) -> None:
        """There is such a source. It counts as never seen, until it is."""
        self._seen.labels(connector).set(0)

    def found(self, connector: str, found: Found) -> None:
        """Its database has answered."""
        self._seen.labels(connector).set(time.time())
        self._limit.labels(connector).set(NO_LIMIT if found.limit is None else found.limit)
        self._kept.labels(connector).set(found.kept)
        self._active.labels(connector).set(found.is_active)
        self._lost.labels(connector).set(found.is_lost)


def advice(slot: str, found: Found) -> list[str]:
    """What should be changed in the database, each in one line with the fix."""
    said = []
    if not found.is_logical:
        said.append("wal_level is not logical: alter system set wal_level = 'logical', then restart the server")
    if found.limit is None:
        said.append(
            f"max_slot_wal_keep_size is -1, so slot {slot} can fill the database's disk: alter system set max_slot_wal_keep_size = '20GB' "
            "(less than what is free), then select pg_reload_conf()"
        )
    if found.is_lost:
        said.append(
            f"slot {slot} is lost, its changes were removed: select pg_drop_replication_slot('{slot}'), then reset the source's offsets for a new snapshot"
        )
    return said
