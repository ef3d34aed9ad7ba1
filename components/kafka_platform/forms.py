"""Fields of what people declare: bounds, check, example and schema are at the field, once. No Pulumi."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from kafka_platform.checks import checked
from kafka_platform.names import check_label
from kafka_platform.ranges import check_ranges
from kafka_platform.units import cores, memory, milliseconds, quantity

_FORM = "form"
DURATION = r"^(forever|(\d{1,15}(ms|s|m|h|d))+)$"
"""Patterns of JSON Schema, for editors: the checks decide."""
QUANTITY = r"^\d{1,19}(\.\d{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a field's value looks like.

    Args:
        check: raises `ValueError`, without the field's name, for a value that is not acceptable.
        schema: of the value in a stack file, as JSON Schema; what only the check knows is left out.
    """

    check: Callable[[Any], None]
    schema: Mapping[str, Any]


class Spec:
    """Base of frozen dataclasses that check themselves when they are made: each field, then what they are together."""

    def __post_init__(self) -> None:
        check_ranges(self)
        for name, form in forms(type(self)).items():
            value = getattr(self, name)
            if value is not None:
                checked(name, form.check, value)
        self.check()

    def check(self) -> None:
        """Raise `ValueError` that begins with a field's name for fields that do not fit each other."""


class Compute(Spec):
    """Base of what a pod gets: `cpu`, `cpu_limit` and `memory`, each with the default and the bounds of its program."""

    cpu: str
    cpu_limit: str | None
    memory: str

    def check(self) -> None:
        """The limit is no less than what is reserved."""
        if self.cpu_limit is not None and quantity(self.cpu_limit) < quantity(self.cpu):
            raise ValueError(f"cpu_limit: {self.cpu_limit} is less than cpu ({self.cpu}): raise it or leave it out")


def shared(spec: Any, kind: type) -> dict[str, Any]:
    """The values that an object has of the fields of `kind`, one of its bases."""
    return {each.name: getattr(spec, each.name) for each in fields(kind)}


def forms(kind: type) -> dict[str, Form]:
    """The forms of a dataclass's fields, by name."""
    return {each.name: each.metadata[_FORM] for each in fields(kind) if _FORM in each.metadata}


def duration(default: Any, *, least: str, most: str | None = None) -> Any:
    """A field with a duration such as `500ms`, `10s` or `1d12h`.

    Args:
        default: of the field.
        least: the shortest.
        most: the longest; None where another field decides on it.
    """

    def check(text: str) -> None:
        length = milliseconds(text)
        if most is None and length < milliseconds(least):
            raise ValueError(f"{text!r} is too short: write a duration of at least {least}, such as {default}")
        if most is not None and not milliseconds(least) <= length <= milliseconds(most):
            raise ValueError(f"{text!r} is out of range: use {least} to {most}")

    return _field(default, check, {"pattern": DURATION, "examples": [default]})


def processors(default: Any, *, example: str | None = None) -> Any:
    """A field with cores, such as `500m` or `2`."""
    return _field(default, cores, {"pattern": QUANTITY, "examples": [example or default]})


def memory_of(what: str, default: str, *, least: str) -> Any:
    """A field with the memory of a program, such as `192Mi`; `what` names it in the message, as in `a probe`."""

    def check(text: str) -> None:
        memory(text)
        if quantity(text) < quantity(least):
            raise ValueError(f"{text} is too little for {what}: use at least {least}")

    return _field(default, check, {"pattern": QUANTITY, "examples": [default]})


def namespaces() -> Any:
    """A field with names of namespaces; none by default."""

    def check(names: Sequence[str]) -> None:
        for name in names:
            check_label(name, "namespace")

    return _field((), check, {})


def _field(default: Any, check: Callable[[Any], Any], schema: Mapping[str, Any]) -> Any:
    metadata = {_FORM: Form(check=check, schema=schema)}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)
