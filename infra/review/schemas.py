"""What changes of declared schemas mean for who writes and who reads."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.reading.declarations import removed_names
from infra.review.findings import Finding, Section
from infra.review.quantities import code

_ORDER = {
    "BACKWARD": "update readers before writers",
    "FORWARD": "update writers before readers",
    "FULL": "readers and writers may be updated in any order",
}


def schema_findings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    """What happens to subjects."""
    before, after = _subjects(old), _subjects(new)
    for name in dict.fromkeys([*after, *before]):
        was, is_ = before.get(name), after.get(name)
        if was is None and is_ is not None:
            yield _subject(Section.OTHER, name, f"new: {is_['type'].lower()}, {_level(is_)}")
        elif is_ is None:
            yield _subject(Section.DATA, name, "no longer declared; it stays in the registry")
        elif was is not None:
            yield from _changed(name, was, is_)
    deleted = removed_names(old)
    for name in removed_names(new):
        if name not in deleted:
            yield _subject(Section.DATA, name, "deleted: who reads records with its schemas fails", look=True)


def _changed(name: str, was: Mapping[str, str], is_: Mapping[str, str]) -> Iterator[Finding]:
    if was["compatibility"] != is_["compatibility"]:
        weaker = is_["compatibility"] == "NONE" or was["compatibility"].startswith("FULL")
        shown = f"compatibility {_level(was)} -> {_level(is_)}"
        yield _subject(Section.DATA, name, shown, look=weaker)
    if (was["schema"], was["type"]) != (is_["schema"], is_["type"]):
        level = is_["compatibility"].partition("_")[0]
        if level == "NONE":
            detail = "nothing makes sure that readers understand what is written"
        else:
            detail = _ORDER.get(level, "see its compatibility")
        shown = f"its schema changes ({code(_level(is_))}): {detail}"
        yield _subject(Section.DATA, name, shown, look=level == "NONE")


def _subjects(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for key, text in data.items():
        try:
            declared = json.loads(text) if key.startswith("subject.") else None
        except (TypeError, ValueError):
            continue
        if isinstance(declared, dict):
            fields = ("type", "schema", "compatibility")
            found[str(declared.get("subject"))] = {each: str(declared.get(each, "")) for each in fields}
    return found


def _level(declared: Mapping[str, str]) -> str:
    first, *others = declared["compatibility"].lower().split("_")
    return first + "".join(map(str.title, others))


def _subject(section: Section, name: str, what_happens: str, *, look: bool = False) -> Finding:
    return Finding(section=section, what="schema", subject=name, text=what_happens, look=look)
