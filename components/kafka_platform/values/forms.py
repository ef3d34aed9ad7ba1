"""Fields of specs: bounds, check, example and schema are declared once, at the field. No Pulumi."""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, field, fields
from enum import Enum
from functools import cache
from typing import Any, Self

from kafka_platform.values.checks import check_field
from kafka_platform.values.form import DURATION, FORM, PERCENTAGE, QUANTITY, RATE, SIZE, Form
from kafka_platform.values.free_maps import check_lines
from kafka_platform.values.later import known
from kafka_platform.values.misfits import IN_PROGRAM, unknown_word
from kafka_platform.values.names import check_label, is_label_key
from kafka_platform.values.ranges import check_ranges
from kafka_platform.values.readers import check_keys, later_fields, read_fields
from kafka_platform.values.units import bytes_per_second, cores, memory, milliseconds, percent, quantity, size_bytes


class Spec:
    """Base of frozen dataclasses that check themselves when constructed: first each field, then all together.

    First each field is read: words become enums, and mappings the dataclasses that they describe. Values that are known
    only at run time, such as Outputs, are not checked.
    """

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Raises `ValueError` for keys that are unknown or missing; without any it is Python, or Pydantic, that looks."""
        if given:
            check_keys(cls, given)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        read_fields(self)
        check_ranges(self)
        kind: Any = type(self)
        later = later_fields(kind)
        for name, form in forms(kind).items():
            given = getattr(self, name)
            value = known(given) if name in later else given
            # Of a list of Outputs nothing is known, which is not an empty list.
            if value is not None and (value or not given or value is given):
                check_field(name, form.check, value)
        self.check()

    def check(self) -> None:
        """Raise `ValueError` that begins with a field's name for fields that do not fit each other."""


class Compute(Spec):
    """Base of the resources of a pod: `cpu`, `cpu_limit` and `memory`, each with the default and the bounds of its program."""

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


@cache
def forms(kind: type) -> dict[str, Form]:
    """The forms of a dataclass's fields, by name."""
    return {each.name: each.metadata[FORM] for each in fields(kind) if FORM in each.metadata}


def duration(default: Any, *examples: str, least: str, most: str | None = None, whole_seconds: bool = False) -> Any:
    """A field with a duration such as `500ms`, `10s` or `1d12h`.

    Args:
        default: of the field.
        examples: of it; the default unless others are given.
        least: the shortest.
        most: the longest; None where another field decides on it.
        whole_seconds: whether Kubernetes gets it, which counts in seconds.
    """
    shown = list(examples) or [default]

    def check(text: str) -> None:
        length = milliseconds(text)
        if most is None and length < milliseconds(least):
            raise ValueError(f"{text!r} is too short: write a duration of at least {least}, such as {shown[0]}")
        is_fraction = whole_seconds and length % 1000
        if most is not None and (is_fraction or not milliseconds(least) <= length <= milliseconds(most)):
            raise ValueError(
                f"{text!r} is out of range: use {'whole seconds, ' if whole_seconds else ''}{least} to {most}"
            )

    return formed(default, check, pattern=DURATION, examples=shown)


def wait(default: Any, *examples: str, zero: bool = False) -> Any:
    """A field with a duration that ends, such as `30s`; the default is the example unless others are given.

    Args:
        default: of the field.
        examples: of it.
        zero: whether it may be no time at all.
    """
    shown = list(examples) or [default]

    def check(text: str) -> None:
        if milliseconds(text) < (0 if zero else 1):
            raise ValueError(f"{text!r} is not a time to wait: write a duration such as {shown[0]}")

    return formed(default, check, pattern=DURATION, examples=shown)


def size(default: Any, *examples: str) -> Any:
    """A field with a bound in bytes, such as `1Mi`; the default is the example unless others are given."""
    shown = list(examples) or [default]

    def check(text: str) -> None:
        if size_bytes(text) < 1:
            raise ValueError(f"{text!r} is not a size: write one such as {shown[0]}")

    return formed(default, check, pattern=SIZE, examples=shown)


def rate(default: Any, *examples: str) -> Any:
    """A field with bytes a second, such as `20MB/s`; the default is the example unless others are given."""
    return formed(default, bytes_per_second, pattern=RATE, examples=list(examples) or [default])


def percentage(example: str) -> Any:
    """A field with a share, such as `70%`; none by default."""
    return formed(None, percent, pattern=PERCENTAGE, examples=[example])


def described(default: Any, **schema: Any) -> Any:
    """A field that the spec judges together with others, with what editors are told of it."""
    return formed(default, lambda _: None, **schema)


def processors(default: Any, *examples: str) -> Any:
    """A field with cores, such as `500m` or `2`; the default is the example unless others are given."""
    return formed(default, cores, pattern=QUANTITY, examples=list(examples) or [default])


def memory_of(what: str, default: str, *, least: str) -> Any:
    """A field with the memory of a program, such as `192Mi`; `what` names it in the message, as in `a probe`."""

    def check(text: str) -> None:
        memory(text)
        if quantity(text) < quantity(least):
            raise ValueError(f"{text} is too little for {what}: use at least {least}")

    return formed(default, check, pattern=QUANTITY, examples=[default])


def label_of_machines(default: Any) -> Any:
    """A field with a label of Kubernetes' machines, such as `topology.kubernetes.io/zone`."""

    def check(label: str) -> None:
        if not is_label_key(label):
            raise ValueError(f"{label!r} is not a label of machines: write one such as topology.kubernetes.io/zone")

    return formed(default, check)


def namespaces() -> Any:
    """A field with names of namespaces; none by default."""
    return names(check_label, "namespace")


def named(check: Callable[..., object], *kind: str, default: Any = None, **schema: Any) -> Any:
    """A field with a name, or a like text, that `check` accepts; none by default, `MISSING`: it is needed."""
    return formed(default, lambda name: check(name, *kind), **schema)


def names(check: Callable[..., object], *kind: str) -> Any:
    """A field with names, each of which `check` accepts; none by default."""

    def check_all(given: Sequence[str]) -> None:
        for name in given:
            check(name, *kind)

    return formed((), check_all)


def words(what: str) -> Any:
    """A field with a program's arguments, without control characters; none by default."""

    def check(given: Sequence[str]) -> None:
        for word in given:
            check_lines(word, what)

    return formed((), check)


def word_of(words: type[Enum], default: Any) -> Any:
    """A field with one of an enum's words, as text since other languages know it as that."""
    known = [str(each.value) for each in words]

    def check(word: str) -> None:
        if word not in known:
            raise ValueError(unknown_word(word, known, IN_PROGRAM, decides=False))

    return formed(default, check)


def mapping(check: Callable[[Any], object], **schema: Any) -> Any:
    """A field with free keys; empty by default."""
    return formed_by(dict, check, **schema)


def formed_by(make: Callable[[], Any], check: Callable[[Any], object], **schema: Any) -> Any:
    """A field with its own form, whose default is created for each object (`default_factory`)."""
    return field(default_factory=make, metadata={FORM: Form(check=check, schema=schema)})


def formed(default: Any, check: Callable[[Any], object], **schema: Any) -> Any:
    """A field with a form of its own; `MISSING` as the default: it is needed."""
    metadata = {FORM: Form(check=check, schema=schema)}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)
