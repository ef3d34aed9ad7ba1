"""Messages about values of the wrong type, for stack files and programs. No Pulumi."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kafka_platform.values.form import Form
from kafka_platform.values.words import choose, suggest


class Kind(Enum):
    """What a field's value is, in words."""

    WHOLE_NUMBER = "a whole number"
    NUMBER = "a number"
    TRUTH = "true or false"
    TEXT = "text"
    LIST = "a list"
    MAPPING = "a mapping"


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """How values are written in a stack file or a program."""

    show: Callable[[object], str]
    """A value as it is written there."""
    truth: str
    """How true and false are written there."""
    example: str
    """A list, as it is written there."""
    item: Callable[[object], str]
    """A value as an item of a list."""
    mapping: str
    """How a mapping with names of one's own is written there."""


def show(value: object) -> str:
    """A value as written in a file."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else str(value)


def show_in_program(value: object) -> str:
    """A value as it is written in a program: plain ones as they are, others by what they are."""
    if isinstance(value, bool | int | float | str) and not isinstance(value, Enum):
        text = repr(value)
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Enum):
        return str(value)
    return f"an object of the class {type(value).__name__}"


_LONGEST_SHOWN = 100
"""Characters of a value that a message to a program shows."""

IN_FILE = Spelling(
    show=show, truth="true or false", example="[orders]", item=str, mapping="names below it, each followed by a colon"
)
IN_PROGRAM = Spelling(
    show=show_in_program,
    truth="True or False",
    example='["orders"]',
    item=show_in_program,
    mapping='names with values, such as {"orders": ...}',
)


def unknown_word(value: Any, words: Sequence[str], spelling: Spelling, *, decides: bool) -> str:
    """What is wrong with a value that is none of a field's words. None is guessed where they decide on deletion or rights."""
    what = spelling.show(value)
    if not isinstance(value, bool | int | float | str):
        return f"{what} stands where one word belongs: use one of {', '.join(words)}"
    return f"{what} is not known: {(choose if decides else suggest)(str(value), words)}"


def misfit(kind: Kind, value: object, spelling: Spelling, form: Form | None = None) -> str:
    """What is wrong with a value that is of another kind than its field, and what to write.

    Args:
        kind: what is wanted.
        value: what is given.
        spelling: how values are written where it is declared.
        form: of the field, if it has one.
    """
    what = spelling.show(value)
    if kind in (Kind.WHOLE_NUMBER, Kind.NUMBER):
        if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
            return f"{what} is text: write {kind.value} without quotes"
        return f"{what} is not {kind.value}: write one such as 3"
    if kind is Kind.TRUTH:
        return f"{what} is not {kind.value}: write {spelling.truth}"
    if kind is Kind.LIST:
        fix = f"[{spelling.item(value)}]" if isinstance(value, str | int) else f"a list such as {spelling.example}"
        return f"{what} is not a list: write {fix}"
    if kind is Kind.MAPPING:
        return f"{what} is not a mapping: write {spelling.mapping}"
    return _not_text(value, what, form)


def _not_text(value: object, what: str, form: Form | None) -> str:
    hint = None if form is None else form.hint
    if not isinstance(value, bool | int | float):
        return f"{what} stands where a text belongs: write {hint or 'a single value'}"
    if form is not None and form.endless is not None and value == -1:
        return f"{what} is a bare number: write {form.endless}, which is Kafka's -1"
    if hint is not None:
        return f"{what} is {'not text' if isinstance(value, bool) else 'a bare number'}: write {hint}"
    return f"{what} is not text: put it in quotes, as in '{what}'"
