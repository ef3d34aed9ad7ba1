"""What changes of declared connectors mean for the data that they move."""

import json
from collections.abc import Container, Iterator, Mapping
from typing import Any

from infra.reading.declarations import removed_names
from infra.reading.values import at, mapping, text
from infra.review import mirrors
from infra.review.changes import Change, Operation
from infra.review.context import Context
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names

_Config = Mapping[str, str]
_PLACES = ("database.hostname", "database.port", "database.dbname", "connection.url")
_STARTS_ANEW = ("slot.name", "topic.prefix", "offsets.storage.topic", *_PLACES[:3])
"""Of a source: with another one of these it does not go on where it was."""
_LAKE = ("iceberg.catalog.warehouse", "iceberg.catalog.s3.endpoint", "iceberg.catalog.uri")
_LAKE_TABLES = ("iceberg.tables", "transforms.changes.cdc.target.pattern")
_LAKE_ROUTES = ("iceberg.tables.dynamic-enabled", "iceberg.tables.route-field")
"""These change with the table's name."""
_MEMBERS = "mongodb.connection.string"
_LISTS = ("table.include.list", "collection.include.list")
_TOLD = {*_STARTS_ANEW, *_LAKE, *_LAKE_TABLES, *_LAKE_ROUTES, "connection.url", _MEMBERS, *_LISTS, "topics"}
_STATES = {
    "running": "runs again",
    "paused": "is paused: its records wait",
    "stopped": "is stopped: its records wait",
}


def connector_findings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    """What happens to connectors, and to the data that they move."""
    before, after = _connectors(old), _connectors(new)
    removed = set(removed_names(new)) - set(removed_names(old))
    for name in dict.fromkeys([*after, *before]):
        was, is_ = before.get(name), after.get(name)
        if was is None and is_ is not None:
            yield from _new(name, is_["config"])
        elif was is not None and is_ is None and name not in removed:
            yield _connector(
                Section.DATA, name, "no longer declared: it keeps running with its last configuration", look=True
            )
        elif was is not None and is_ is not None:
            yield from _changed(name, was, is_)
    for name in sorted(removed):
        config = before[name]["config"] if name in before else {}
        yield _connector(Section.DATA, name, _deleted(config), look=True)


def connector_object(change: Change, _: Context) -> Iterator[Finding]:
    """The same for one that Strimzi runs, whose object is its declaration."""
    if change.operation is Operation.DELETE and not change.retained:
        yield _connector(Section.DATA, change.name, _deleted(_of_object(change.before)["config"]), look=True)
        return
    before, after = (
        {} if side is None else {f"connector.{change.name}": json.dumps(_of_object(side) | {"name": change.name})}
        for side in (change.before, change.after)
    )
    yield from connector_findings(before, after)


def _of_object(side: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a KafkaConnector says, as it is declared to Kafka Connect itself."""
    fixed = {"connector.class": text(side, "spec", "class"), "tasks.max": str(at(side, "spec", "tasksMax"))}
    return {"config": {**mapping(side, "spec", "config"), **fixed}, "state": text(side, "spec", "state")}


def _new(name: str, config: _Config) -> Iterator[Finding]:
    if mirrors.is_mirror(config):
        yield mirrors.made(name, config)
        return
    if "topics" in config:
        yield _leaves(name, config["topics"].split(","), config)
        return
    tables = _tables(config)
    shown = f"new: reads {names(tables)} of {code(_place(config))}" if tables else "new source"
    yield _connector(Section.OTHER, name, shown)


def _leaves(name: str, topics: list[str], config: _Config) -> Finding:
    place = _place(config)
    where = code(place) if place else "another system"
    return _connector(Section.ACCESS, name, f"data of {names(topics)} now also goes to {where}", look=True)


def _deleted(config: _Config) -> str:
    if mirrors.is_mirror(config):
        return mirrors.deleted(config)
    if "slot.name" in config:
        return (
            f"deleted: its replication slot {code(config['slot.name'])} in {code(config['database.hostname'])} stays and keeps the "
            "database's log: drop it after the last record"
        )
    if "topics" in config:
        return "deleted: what was written since it last committed does not reach the other system"
    return "deleted: what happens in the other system from now on is not read"


def _changed(name: str, was: Mapping[str, Any], is_: Mapping[str, Any]) -> Iterator[Finding]:
    old, new = was["config"], is_["config"]
    if was["state"] != is_["state"]:
        yield _connector(Section.DATA, name, _STATES.get(is_["state"], is_["state"]), look=is_["state"] != "running")
    if mirrors.is_mirror(new):
        yield from mirrors.changed(name, old, new)
        yield from _other_settings(name, old, new, mirrors.TOLD)
        return
    if "topics" not in new:
        moved = [key for key in _STARTS_ANEW if old.get(key) != new.get(key)]
        if _members(old) and not _members(old) & _members(new):
            moved.append(_MEMBERS)
        elif _members(old) != _members(new):
            yield _connector(Section.OTHER, name, f"reads from {code(_place(new))} instead of {code(_place(old))}")
        if moved:
            shown = (
                f"does not go on where it was ({names(moved)}): it starts with a snapshot, or misses changes until then"
            )
            yield _connector(Section.DATA, name, shown, look=True)
    yield from _other_tables(name, _tables(old), _tables(new))
    yield from _other_topics(name, old, new)
    if any(old.get(key) != new.get(key) for key in _LAKE_TABLES) and _LAKE[0] in old:
        shown = f"appends to {_lake_table(new)} from now on: rows that are in {_lake_table(old)} stay there"
        yield _connector(Section.DATA, name, shown, look=True)
    yield from _other_settings(name, old, new, _TOLD)


def _other_settings(name: str, old: _Config, new: _Config, told: Container[str]) -> Iterator[Finding]:
    keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key) and key not in told]
    if keys:
        yield _connector(Section.OTHER, name, f"settings change: {names(keys)}")


def _other_tables(name: str, old: list[str], new: list[str]) -> Iterator[Finding]:
    added, gone = [each for each in new if each not in old], [each for each in old if each not in new]
    if added and old:
        shown = f"also reads {names(added)}: only changes from now on, unless a signal asks for a snapshot"
        yield _connector(Section.DATA, name, shown, look=True)
    if gone:
        shown = f"no longer reads {names(gone)}: its changes are missing from the topic from now on"
        yield _connector(Section.DATA, name, shown, look=True)


def _other_topics(name: str, old: _Config, new: _Config) -> Iterator[Finding]:
    before, after = (each.get("topics", "").split(",") if each.get("topics") else [] for each in (old, new))
    added = after if _place(old) != _place(new) else [each for each in after if each not in before]
    if added:
        yield _leaves(name, added, new)
    gone = [each for each in before if each not in after]
    if gone:
        yield _connector(Section.DATA, name, f"no longer writes the records of {names(gone)}", look=True)


def _place(config: _Config) -> str:
    """Where it reads from, or writes to."""
    if "connection.url" in config:
        return config["connection.url"]
    if _LAKE[0] in config:
        return " ".join(config[key] for key in _LAKE if key in config)
    if _MEMBERS in config:
        return config[_MEMBERS]
    return "/".join(config[key] for key in ("database.hostname", "database.dbname") if key in config)


def _members(config: _Config) -> set[str]:
    """The servers of MongoDB that a source reads from: with one of them left it is the same replica set."""
    hosts = config.get(_MEMBERS, "").removeprefix("mongodb://").partition("/")[0]
    return set(hosts.split(",")) if hosts else set()


def _lake_table(config: _Config) -> str:
    """The table that a sink appends to, or those of a namespace."""
    found = next((config[key] for key in _LAKE_TABLES if key in config), "another table")
    return code(found.replace("{table}", "*"))


def _tables(config: _Config) -> list[str]:
    found = next((config[key] for key in _LISTS if key in config), "")
    return found.replace("[.]", ".").split(",") if found else []


def _connectors(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, written in data.items():
        try:
            declared = json.loads(written) if key.startswith("connector.") else None
        except (TypeError, ValueError):
            continue
        if isinstance(declared, dict) and isinstance(declared.get("config"), dict):
            config = {str(each): str(value) for each, value in declared["config"].items()}
            found[str(declared.get("name"))] = {"config": config, "state": str(declared.get("state"))}
    return found


def _connector(section: Section, name: str, what_happens: str, *, look: bool = False) -> Finding:
    return Finding(section=section, what="connector", subject=name, text=what_happens, look=look)
