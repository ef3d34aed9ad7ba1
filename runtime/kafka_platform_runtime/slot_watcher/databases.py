"""What PostgreSQL says about the replication slot of a source."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pg8000.native

from kafka_platform_runtime.failures import Refused, Transient

SECONDS = 10.0
"""How long a database may take to answer anything."""
_UNIT = 2**20
_QUESTION = """
select
  current_setting('wal_level'),
  (select setting::bigint from pg_settings where name = 'max_slot_wal_keep_size'),
  s.slot_name is not null,
  coalesce(s.active, false),
  coalesce(to_jsonb(s) ->> 'wal_status', ''),
  pg_wal_lsn_diff(
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, s.restart_lsn
  )::bigint
from (select 1) one left join pg_replication_slots s on s.slot_name = :slot
"""
"""`wal_status` and the setting are there from PostgreSQL 13 on."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where a source's slot is.

    Args:
        connector: the source's name.
        host: of the database server.
        port: of the database server.
        database: its name.
        slot: the replication slot's name.
        tls: `off`, `preferred`, `required` or `verified`.
        folder: with the files `username`, `password` and, if certificates are verified, `ca.crt`.
    """

    connector: str
    host: str
    port: int
    database: str
    slot: str
    tls: str
    folder: Path

    @classmethod
    def read(cls, text: str, folder: Path) -> "list[Slot]":
        """From JSON; each has a folder of its name.

        Raises:
            Refused: it is no list of slots.
        """
        try:
            told = json.loads(text)
            if not isinstance(told, list):
                raise TypeError("it is no list")
            return [cls(**each, folder=folder / each["connector"]) for each in told]
        except (ValueError, TypeError, KeyError) as error:
            raise Refused([f"SLOTS: is no list of slots: {error}"]) from error


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found of a slot.

    Args:
        is_logical: whether the database writes what sources read (`wal_level`).
        limit: bytes of its log that it keeps for a slot at most; None if there is no limit.
        exists: whether the slot is there.
        is_active: whether somebody reads it.
        is_lost: whether the database has removed what the slot has not read yet.
        kept: bytes of the log that are kept for it.
    """

    is_logical: bool
    limit: int | None
    exists: bool
    is_active: bool
    is_lost: bool
    kept: int


def look(slot: Slot) -> Found:
    """Asks the database.

    Raises:
        Transient: it does not answer, or lets nobody in.
    """
    try:
        connection = _connected(slot)
        try:
            [[level, limit, exists, active, status, kept]] = connection.run(_QUESTION, slot=slot.slot)
        finally:
            connection.close()
    except (pg8000.native.Error, OSError, ValueError) as error:
        raise Transient(f"connector {slot.connector}: {slot.host}:{slot.port}: {_reason(error)}") from error
    return Found(
        is_logical=level == "logical",
        limit=None if limit is None or limit < 0 else limit * _UNIT,
        exists=exists,
        is_active=active,
        is_lost=status == "lost",
        kept=max(0, kept or 0),
    )


def _connected(slot: Slot) -> "pg8000.native.Connection":
    user, password = ((slot.folder / key).read_text().rstrip("\n") for key in ("username", "password"))
    return pg8000.native.Connection(
        user,
        host=slot.host,
        port=slot.port,
        database=slot.database,
        password=password,
        timeout=SECONDS,
        ssl_context=_context(slot),
        application_name="kafka-platform-slots",
    )


def _context(slot: Slot) -> ssl.SSLContext | bool | None:
    """As the source itself encrypts; None is what the driver calls preferred."""
    known: Mapping[str, Any] = {"off": False, "preferred": None, "required": True}
    if slot.tls in known:
        found: bool | None = known[slot.tls]
        return found
    return ssl.create_default_context(cafile=str(slot.folder / "ca.crt"))


def _reason(error: Exception) -> str:
    """In one line: of what the database answers its message alone."""
    told = error.args[0] if error.args else error
    text = str(told.get("M", "it does not say why")) if isinstance(told, dict) else str(told)
    return " ".join(text.split())[:300]
