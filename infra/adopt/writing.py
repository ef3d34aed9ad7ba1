"""A stack file as text that people go on with, and files of topics beside it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.live.text import shown
from infra.settings.stackfile import KEY, MOST_BYTES

TOPICS_A_FILE = 2_500
"""At their longest these are about half of what one file may have."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\*?|(\d+(ms|s|m|h|d))+|\d+(B|[kMGT]B|[KMGTP]i)(/s)?")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
"""What YAML, or one of its readers, takes for something else than text."""
_LONGEST_NOTE = 1_000


def files(name: str, settings: Mapping[str, Any], notes: Sequence[str]) -> dict[str, str]:
    """The stack file `Pulumi.<name>.yaml` and what it names, by name."""
    topics: Mapping[str, Any] = settings["topics"]
    rest = {key: value for key, value in settings.items() if key != "topics"}
    made: dict[str, str] = {}
    # With room for what people add.
    if len("\n".join(_entries(topics, ""))) > MOST_BYTES // 4:
        names = sorted(topics)
        for start in range(0, len(names), TOPICS_A_FILE):
            file = f"{name}-topics{'' if not start else f'-{start // TOPICS_A_FILE + 1}'}.yaml"
            part = {each: topics[each] for each in names[start : start + TOPICS_A_FILE]}
            made[file] = "\n".join(_entries(part, "")) + "\n"
        rest["topicFiles"] = list(made)
    else:
        rest["topics"] = topics
    lines = [
        "# yaml-language-server: $schema=schema.json",
        f"# Written by `kafka-platform adopt` from what was in {shown(settings['kafka']['bootstrapServers'])}: deploying it changes nothing there.",
        *_told(notes),
        "config:",
        f"  {KEY}:",
    ]
    for key in ("namespace", "kafka", "topicFiles", "topics", "tenants"):
        value = rest.get(key)
        if isinstance(value, Mapping) and key == "topics":
            lines += [f"    {key}:", *_entries(value, "      ")] if value else []
        elif key == "tenants":
            for tenant, of in (value or {}).items():
                lines += [f"    {key}:", f"      {_text(tenant)}:", "        users:", *_entries(of["users"], " " * 10)]
        elif value is not None:
            lines.append(f"    {key}: {_flow(value)}")
    return made | {f"Pulumi.{name}.yaml": "\n".join(lines) + "\n"}


def _told(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield "#"
        yield "# Left alone in Kafka, and not declared here:"
        yield from (f"# - {shown(each, _LONGEST_NOTE)}" for each in notes)


def _entries(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    return (f"{indent}{_text(name)}: {_flow(values[name])}" for name in sorted(values))


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    is_plain = _PLAIN.fullmatch(text) and text.lower().rstrip("*") not in _WORDS
    return text if is_plain else json.dumps(text, ensure_ascii=False)
