"""Which row of Cassandra a record becomes: documents of JSON that the server converts, so that no text becomes CQL."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from kafka_platform_runtime.connectors.records import Record
from kafka_platform_runtime.failures import Refused

LARGEST = 15 * 1024 * 1024
"""Bytes of a document: servers close the connection instead of refusing a request that is larger than their frame."""
NAME = r"^[A-Za-z][A-Za-z0-9_]{0,47}$"
"""Of a keyspace, a table or a column."""
PART = r"^(key|value)(\.[^.\s]+)*$|^(topic|partition|offset|timestamp)$"
"""Where a column's value comes from."""
_UNQUOTED = re.compile(r"[a-z][a-z0-9_]*")
_WORD = re.compile(r"[A-Za-z_]\w*")
_PLAIN = frozenset(
    [
        "ascii",
        "bigint",
        "blob",
        "boolean",
        "date",
        "double",
        "duration",
        "float",
        "frozen",
        "inet",
        "int",
        "list",
        "map",
        "set",
        "smallint",
        "text",
        "time",
        "timestamp",
        "timeuuid",
        "tinyint",
        "tuple",
        "uuid",
        "varchar",
        "vector",
    ]
)
"""Types in which a number is what JSON says it is; the rest are `decimal`, `varint`, and what people define."""


class Tombstones(StrEnum):
    """What records without a value are."""

    REFUSE = "refuse"
    """Dead letters."""
    DELETE = "delete"
    """They delete the row of their key."""
    IGNORE = "ignore"
    """Nothing."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as its server describes it."""

    keyspace: str
    name: str
    types: Mapping[str, str]
    """Of its columns, by name."""
    key: Sequence[str]
    """Columns of its primary key."""

    def faults(self, columns: Mapping[str, str], tombstones: Tombstones) -> list[str]:
        """Why records cannot be written to it."""
        where = f"table {self.keyspace}.{self.name}"
        if not self.types:
            return [f"{where} is not there: create it, or let the connector's user look at it"]
        found = [f"{where} has no column {name}" for name in columns if name not in self.types]
        found += [
            f"{where}: column {name} is part of the key and gets no value" for name in self.key if name not in columns
        ]
        found += [f"{where} counts in column {name}" for name, kind in self.types.items() if kind == "counter"]
        if tombstones is Tombstones.DELETE:
            found += [
                f"{where}: column {name} is part of the key and comes from {columns[name]}, which tombstones have not"
                for name in self.key
                if name in columns and not of_key(columns[name])
            ]
        return found

    def insert(self, expires: int | None) -> str:
        """The statement that writes a row: a document and its time."""
        ttl = "" if expires is None else f" AND TTL {expires:d}"
        return f'INSERT INTO "{self.keyspace}"."{self.name}" JSON ? DEFAULT UNSET USING TIMESTAMP ?{ttl}'

    def delete(self) -> str:
        """The statement that deletes a row: a time, and a document for each column of the key."""
        where = " AND ".join(f'"{name}" = fromJson(?)' for name in self.key)
        # `faults` has found these columns among those that are declared, which are plain names.
        return f'DELETE FROM "{self.keyspace}"."{self.name}" USING TIMESTAMP ? WHERE {where}'  # noqa: S608


def of_key(part: str) -> bool:
    """Whether a record without a value has it."""
    return part.split(".")[0] in {"key", "topic", "partition"}


def member_name(column: str) -> str:
    """A column as the member of a document: in quotes if it has capital letters."""
    return json.dumps(column if _UNQUOTED.fullmatch(column) else f'"{column}"')


def document(record: Record, columns: Mapping[str, str], types: Mapping[str, str]) -> str:
    """The row of a record. Members that it has not are left out, so that what the row has stays.

    Raises:
        Refused: its key or value is not what the columns need.
    """
    found = cells(record, columns, types)
    text = "{" + ",".join(f"{member_name(name)}:{cell}" for name, cell in found.items()) + "}"
    if len(text) > LARGEST:
        raise Refused([f"its row has {len(text):,} characters, and Cassandra takes up to {LARGEST:,}"])
    return text


def cells(record: Record, columns: Mapping[str, str], types: Mapping[str, str]) -> dict[str, str]:
    """The values of columns, as JSON.

    Raises:
        Refused: its key or value is not what the columns need.
    """
    parsed: dict[str, Mapping[str, msgspec.Raw]] = {}
    found: dict[str, str] = {}
    for column, part in columns.items():
        whole, _, path = part.partition(".")
        if whole not in {"key", "value"}:
            found[column] = json.dumps(getattr(record, whole))
            continue
        given = record.key if whole == "key" else record.value
        if given is None:
            raise Refused([f"it has no {whole}, from which column {column} comes"])
        if not path:
            found[column] = json.dumps(_text(given, whole))
            continue
        if whole not in parsed:
            parsed[whole] = _members(given, whole)
        raw = _at(parsed[whole], path)
        if raw is not None:
            text = _text(bytes(raw), whole).strip()
            found[column] = text if _PLAIN.issuperset(_WORD.findall(types[column])) else _exact(text)
    return found


def _text(given: bytes, whole: str) -> str:
    try:
        return given.decode()
    except UnicodeDecodeError:
        raise Refused([f"its {whole} is not text"]) from None


def _members(given: bytes, whole: str) -> Mapping[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(given, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise Refused([f"its {whole} is not a JSON object"]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused([f"its {whole} is not JSON: {error}"]) from None


def _at(members: Mapping[str, msgspec.Raw], path: str) -> msgspec.Raw | None:
    found: msgspec.Raw | None = None
    for at, name in enumerate(path.split(".")):
        if at:
            try:
                members = msgspec.json.decode(found or b"", type=dict[str, msgspec.Raw])
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return None
        found = members.get(name)
        if found is None:
            return None
    return found


def _exact(text: str) -> str:
    """Numbers as text: Cassandra would read others as binary fractions of sixteen digits."""
    try:
        return json.dumps(json.loads(text, parse_float=str, parse_int=str))
    except (ValueError, RecursionError) as error:
        raise Refused([f"its value is not JSON: {error}"]) from None
