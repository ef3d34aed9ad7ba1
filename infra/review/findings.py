"""What is said about changes: short sentences, in sections that are read in this order."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Section(Enum):
    """What a sentence is about; the first is the most important."""

    DATA = "Data at risk"
    ACCESS = "Access"
    CAPACITY = "Capacity"
    OTHER = "Other"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence: `<what> <subject>: <text>`."""

    section: Section
    what: str
    """What kind of thing changes, such as `topic`."""
    subject: str
    """Its name."""
    text: str
    """What happens to it."""
    look: bool = False
    """Whether it needs a second look: a revert does not undo it, or it opens a door wider than one name."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The same sentence about one or several subjects."""

    section: Section
    what: str
    subjects: tuple[str, ...]
    text: str
    look: bool


def lines(findings: Iterable[Finding]) -> list[Line]:
    """The findings with equal ones about several subjects put together; most important first, otherwise in order."""
    together: dict[tuple[Section, bool, str, str], dict[str, None]] = {}
    for each in findings:
        together.setdefault((each.section, each.look, each.what, each.text), {})[each.subject] = None
    order = {section: place for place, section in enumerate(Section)}
    made = [
        Line(section=section, what=what, subjects=tuple(subjects), text=text, look=look)
        for (section, look, what, text), subjects in together.items()
    ]
    return sorted(made, key=lambda line: (order[line.section], not line.look))
