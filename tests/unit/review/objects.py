"""Changes of single resources, written by hand."""

from collections.abc import Mapping
from typing import Any

from infra.reading.kinds import KINDS
from infra.review.changes import Change, Operation, Preview
from infra.review.report import markdown, review


def made(name: str, spec: Mapping[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    """The inputs of an object."""
    metadata = {"name": name, "namespace": "streaming", **others.pop("metadata", {})}
    return {"metadata": metadata, **({} if spec is None else {"spec": dict(spec)}), **others}


def change(
    kind: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    name: str | None = None,
    operation: Operation | None = None,
    **others: Any,
) -> Change:
    """A change of an object; the operation follows from the two sides."""
    if operation is None:
        operation = (
            Operation.CREATE
            if before is None
            else Operation.DELETE
            if after is None
            else Operation.SAME
            if before == after
            else Operation.UPDATE
        )
    resource = name or (after or before or {}).get("metadata", {}).get("name", "it")
    urn = f"urn:pulumi:prod::kafka-platform::kafka-platform:index:Part${KINDS[kind].type}::{resource}"
    return Change(operation=operation, urn=urn, before=before, after=after, **others)


def said(*changes: Change) -> dict[str, list[str]]:
    """The review's lines by section; those that need a second look begin with `!`."""
    sections: dict[str, list[str]] = {}
    for line in markdown(review("prod", Preview(changes=changes))).splitlines():
        if line.startswith("**"):
            section = sections.setdefault(line.strip("*"), [])
        elif line.startswith("- "):
            section.append(line.removeprefix("- ").replace(":warning: ", "! "))
    return sections
