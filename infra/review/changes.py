"""What a preview would do: `pulumi preview --json`, or two sets of rendered resources, as a list of changes.

Secrets end here: whatever the engine masked stays masked, the content of Kubernetes Secrets is dropped without being
looked at, and of the resources' outputs (generated passwords are among them) nothing is read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from infra.reading.kinds import Kind, kind_of
from infra.reading.values import Object, text


class Operation(Enum):
    """What happens to a resource."""

    SAME = "same"
    CREATE = "created"
    IMPORT = "imported"
    UPDATE = "updated"
    REPLACE = "replaced"
    DELETE = "deleted"


_OPERATIONS = {
    "same": Operation.SAME,
    "create": Operation.CREATE,
    "import": Operation.IMPORT,
    "import-replacement": Operation.REPLACE,
    "update": Operation.UPDATE,
    "replace": Operation.REPLACE,
    "create-replacement": Operation.REPLACE,
    "delete-replaced": Operation.REPLACE,
    "delete": Operation.DELETE,
}
"""The engine's steps (sdk/go/common/apitype, OpType). Those that only read, refresh or forget are no changes."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one resource."""

    operation: Operation
    urn: str
    before: Object | None = None
    """Its inputs until now; None if it is new."""
    after: Object | None = None
    """Its new inputs; None if it is removed."""
    retained: bool = False
    """Whether the object is kept when the resource is removed (`retainOnDelete`), as of before the change."""
    retained_after: bool = False
    """The same as of after the change."""
    protected: bool = False
    """Whether the engine refuses to delete it (`protect`), as of before the change."""
    protected_after: bool = False
    """The same as of after the change."""
    reasons: tuple[str, ...] = ()
    """Properties because of which it is replaced."""

    @property
    def type(self) -> str:
        """Its type token, such as `kubernetes:apps/v1:StatefulSet`."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def kind(self) -> str:
        """The last part of its type, such as `StatefulSet`."""
        return self.type.rpartition(":")[2]

    @property
    def record(self) -> Kind:
        """What is known of its kind."""
        return kind_of(self.type)

    @property
    def component(self) -> bool:
        """Whether it only groups other resources."""
        return not self.type.startswith(("kubernetes:", "random:", "pulumi:providers:"))

    @property
    def resource_name(self) -> str:
        """Its name in the program."""
        return self.urn.split("::", 3)[3]

    @property
    def shown(self) -> Object:
        """Its inputs after the change, or those that it had."""
        return self.after if self.after is not None else self.before or {}

    @property
    def name(self) -> str:
        """The name of the Kubernetes object, or that of the resource if the engine makes up the object's."""
        name = text(self.shown, "metadata", "name") or self.resource_name
        return self.resource_name if _made_up(name, self.resource_name) else name

    @property
    def namespace(self) -> str:
        """The namespace of the Kubernetes object; empty if it has none."""
        return text(self.shown, "metadata", "namespace")

    @property
    def part(self) -> str:
        """Which part of a platform the Kubernetes object belongs to, by its label `app.kubernetes.io/component`."""
        return text(self.shown, "metadata", "labels", "app.kubernetes.io/component")


def _made_up(name: str, resource_name: str) -> bool:
    return re.fullmatch(re.escape(resource_name) + "-[0-9a-f]{8}", name) is not None


@dataclass(frozen=True, kw_only=True)
class Preview:
    """All changes, those that change nothing included."""

    changes: tuple[Change, ...]
    errors: tuple[str, ...] = field(default=())
    """What the engine reports as errors."""


def read(preview: Mapping[str, Any]) -> Preview:
    """The changes in what `pulumi preview --json` printed.

    Raises:
        ValueError: it is not that.
    """
    steps = preview.get("steps", [])
    if not isinstance(steps, list) or ("steps" not in preview and "diagnostics" not in preview):
        raise ValueError("the file has no `steps`: write it by `pulumi preview --json`")
    by_urn: dict[str, Change] = {}
    for step in steps:
        operation = _OPERATIONS.get(step["op"])
        if operation is None:
            continue
        before, after = step.get("oldState") or {}, step.get("newState") or {}
        change = Change(
            operation=operation,
            urn=step["urn"],
            before=_inputs(before) if before else None,
            after=_inputs(after) if after and operation is not Operation.DELETE else None,
            retained=bool(before.get("retainOnDelete")),
            retained_after=bool(after.get("retainOnDelete")),
            protected=bool(before.get("protect")),
            protected_after=bool(after.get("protect")),
            reasons=tuple(step.get("replaceReasons") or ()),
        )
        # A replacement is several steps; the one that has both states says most.
        other = by_urn.get(change.urn)
        if other is None or (other.before is None or other.after is None):
            by_urn[change.urn] = change
    errors = [
        str(each.get("message", "")).strip().removeprefix("error: ")
        for each in preview.get("diagnostics") or []
        if each.get("severity") == "error"
    ]
    return Preview(changes=_in_order(by_urn.values()), errors=tuple(each for each in errors if each))


def compare(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> Preview:
    """The changes between two sets of rendered resources: what a provider replaces is not known here, it is an update.

    Each resource has the keys `urn`, `inputs`, `retain` and `protect`.
    """
    old, new = ({str(each["urn"]): each for each in side} for side in (before, after))
    return Preview(changes=_in_order(_compared(old, new)))


def _in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """By type and name, `node-2` before `node-10`: the engine's order differs from run to run."""

    def key(change: Change) -> tuple[str, list[tuple[int, str]]]:
        parts = re.findall(r"\d+|\D+", change.resource_name)
        return change.type, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]

    return tuple(sorted(changes, key=key))


def _compared(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
    for urn in dict.fromkeys([*new, *old]):
        was, is_ = old.get(urn), new.get(urn)
        if was is None or is_ is None:
            operation = Operation.CREATE if was is None else Operation.DELETE
        else:
            operation = Operation.SAME if was["inputs"] == is_["inputs"] else Operation.UPDATE
        yield Change(
            operation=operation,
            urn=urn,
            before=None if was is None else _inputs(was),
            after=None if is_ is None else _inputs(is_),
            retained=bool((was or {}).get("retain")),
            retained_after=bool((is_ or {}).get("retain")),
            protected=bool((was or {}).get("protect")),
            protected_after=bool((is_ or {}).get("protect")),
        )


def _inputs(state: Mapping[str, Any]) -> Object:
    """The inputs without the content of Secrets."""
    inputs = state.get("inputs")
    if not isinstance(inputs, Mapping):
        return {}
    if inputs.get("kind") == "Secret":
        return {key: value for key, value in inputs.items() if key not in ("data", "stringData")}
    return inputs
