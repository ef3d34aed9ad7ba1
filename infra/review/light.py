"""What changes of light connectors mean for the data that they move."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.reading.values import mapping, text
from infra.review.changes import Change
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names


def light_findings(change: Change) -> Iterator[Finding]:
    """What happens to the data of the connector whose file changed; nothing for other ConfigMaps."""
    old, new = _file(change.before), _file(change.after)
    name = str((new or old or {}).get("name"))

    def say(section: Section, shown: str, *, look: bool = False) -> Finding:
        return Finding(section=section, what="connector", subject=name, text=shown, look=look)

    if new is None:
        if old is not None:
            yield say(Section.DATA, f"removed: no longer {_way(old)}", look=True)
        return
    topics = new["topics"]
    if _is_sink(new):
        known = old is not None and _is_sink(old) and _place(old) == _place(new)
        added = [each for each in topics if not known or old is None or each not in old["topics"]]
        if added:
            yield say(Section.ACCESS, f"data of {names(added)} now also goes to {code(_place(new))}", look=True)
        elif opened := [each for each in _nodes(new) if each not in _nodes(old)]:
            yield say(Section.ACCESS, f"data of {names(topics)} may now also go to {names(opened)}", look=True)
        gone_topics = [each for each in (old["topics"] if old is not None else []) if each not in topics]
        if gone_topics:
            yield say(Section.DATA, f"no longer delivers the records of {names(gone_topics)}", look=True)
    elif old is None:
        yield say(Section.OTHER, f"new: {_way(new)}")
    elif (_place(old), old["topics"]) != (_place(new), topics):
        yield say(Section.DATA, f"other data from now on: {_way(new)}, before: {_way(old)}", look=True)
    if old is not None:
        changed = [key for key in sorted(old.keys() | new.keys()) if key != "topics" and old.get(key) != new.get(key)]
        if changed and _place(old) == _place(new):
            yield say(Section.OTHER, f"settings change: {names(changed)}")


def _file(side: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the program of a light connector reads, with its topics as a list."""
    try:
        found = json.loads(text(side, "data", "connector.json"))
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str):
        return None
    topics = found.get("topics")
    return found | {"topics": [str(each) for each in topics] if isinstance(topics, list) else []}


def _is_sink(file: Mapping[str, Any]) -> bool:
    """Only sinks have records that the other system may refuse."""
    return "deadLetters" in file


def _place(file: Mapping[str, Any]) -> str:
    settings = mapping(file, "settings")
    if "urls" in settings:
        return f"{', '.join(map(str, settings['urls']))} {settings.get('path', '')}"
    if "keyspace" in settings:
        return f"{', '.join(map(str, settings.get('hosts', ())))} {settings['keyspace']}.{settings.get('table')}"
    if "bucket" in settings:
        return f"{settings.get('endpoint')}/{settings['bucket']}/{settings.get('prefix', '')}"
    return str(settings.get("url") or f"{settings.get('host')}:{settings.get('port')}")


def _nodes(file: Mapping[str, Any] | None) -> list[str]:
    """Servers of the same system that records may be sent to as well."""
    settings = mapping(file or {}, "settings")
    found = settings.get("datanodes", settings.get("nodes"))
    return [str(each) for each in found] if isinstance(found, list) else []


def _way(file: Mapping[str, Any]) -> str:
    topics, place = names(file["topics"]), code(_place(file))
    return f"moves {topics} to {place}" if _is_sink(file) else f"moves {place} to {topics}"
