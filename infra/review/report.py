"""The review as Markdown, within the length that a comment may have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from infra.reading.settings import broker_settings, topic_defaults
from infra.review import objects
from infra.review.changes import Operation, Preview
from infra.review.declared import declared
from infra.review.findings import Line, Section, lines
from infra.review.quantities import names
from infra.review.readers import Known, Readers
from infra.review.topics import topic_findings
from infra.review.users import user_findings

MOST_CHARACTERS = 65_536
"""Of a comment on GitHub; beyond it the comment is refused ("body is too long")."""
_FEW = 20
"""Names in a line that needs no second look, and in every line when there are too many."""
_LINES_OF_ERRORS = 20


@dataclass(frozen=True, kw_only=True)
class Review:
    """What is to be said about a preview."""

    stack: str
    lines: tuple[Line, ...]
    operations: Counter[Operation]
    """How many resources of Kubernetes and of pulumi-random are concerned."""
    errors: tuple[str, ...]
    basis: str = ""
    """What was compared, if it was not the deployed state."""

    @property
    def looks(self) -> int:
        """How many of the changes need a second look."""
        return sum(line.look for line in self.lines)

    @property
    def changed(self) -> bool:
        """Whether anything would change."""
        return any(count for operation, count in self.operations.items() if operation is not Operation.SAME)


def review(stack: str, preview: Preview, basis: str = "", known: Known | None = None) -> Review:
    """What a reviewer wants to know of a preview.

    Args:
        stack: its name.
        preview: what would change.
        basis: what was compared, if it was not the deployed state.
        known: what the stack file says of users and topics.
    """
    before, after = declared(preview.changes)
    settings = [
        (broker_settings(each.before), broker_settings(each.after))
        for each in preview.changes
        if each.kind in ("ConfigMap", "Kafka")
    ]
    defaults = tuple(
        {key: value for each in settings for key, value in topic_defaults(each[side] or {}).items()} for side in (0, 1)
    )
    found = [
        *topic_findings(before, after, (defaults[0], defaults[1])),
        *user_findings(before, after),
        *objects.findings(preview.changes),
    ]
    return Review(
        stack=stack,
        lines=tuple(lines(Readers.of(preview.changes, known or Known()).told(found))),
        operations=Counter(each.operation for each in preview.changes if not each.component),
        errors=preview.errors,
        basis=basis,
    )


def markdown(found: Review, limit: int = MOST_CHARACTERS) -> str:
    """The review as Markdown of at most `limit` bytes; what is least important is left out first, and counted."""
    head, foot = _head(found), _foot(found)
    shown = [(line, _bullet(line, None if line.look else _FEW)) for line in found.lines]
    if _length(head, [*_with_headings(shown), foot]) > limit:
        shown = [(line, _bullet(line, _FEW)) for line in found.lines]
    kept = len(shown)
    body = _with_headings(shown)
    while kept and _length(head, [*body, foot]) > limit:
        # Each step leaves out at least as many lines as are too many, at the length of the longest.
        excess = _length(head, [*body, foot]) - limit
        kept -= max(1, excess // 2_000)
        kept = max(kept, 0)
        body = [*_with_headings(shown[:kept]), _left_out(found.lines[kept:])]
    return "\n\n".join([head, *body, foot]) + "\n"


def _length(head: str, parts: Sequence[str]) -> int:
    return len("\n\n".join([head, *parts]).encode()) + 1


def _head(found: Review) -> str:
    if found.errors:
        shown = "\n".join(found.errors).splitlines()[:_LINES_OF_ERRORS]
        reasons = "\n".join(line[:500].replace("`", "'") for line in shown)
        return f"### {found.stack}: the preview failed\n\n```\n{reasons}\n```"
    if not found.changed:
        return f"### {found.stack}: no changes"
    count = len(found.lines)
    words = f"{count:,} change{'' if count == 1 else 's'}"
    looks = found.looks
    second = f"{looks:,} need{'s' if looks == 1 else ''} a second look" if looks else "nothing needs a second look"
    return f"### {found.stack}: {words}, {second}"


def _foot(found: Review) -> str:
    counts = [
        f"{found.operations[operation]:,} {operation.value if operation is not Operation.SAME else 'unchanged'}"
        for operation in (*list(Operation)[1:], Operation.SAME)
        if found.operations[operation]
    ]
    basis = f" {found.basis}" if found.basis else ""
    if found.errors:
        return f"<sub>What is said above is only as far as the preview came.{basis}</sub>"
    return f"<sub>Resources: {', '.join(counts) or 'none'}.{basis}</sub>"


def _with_headings(shown: Sequence[tuple[Line, str]]) -> list[str]:
    parts: list[str] = []
    for section in Section:
        bullets = [bullet for line, bullet in shown if line.section is section]
        if bullets:
            parts += [f"**{section.value}**", "\n".join(bullets)]
    return parts


def _bullet(line: Line, most: int | None) -> str:
    several = len(line.subjects) > 1 and line.what not in ("brokers", "controllers", "pods")
    what = f"{_plural(line.what)} ({len(line.subjects):,})" if several else line.what
    text = f"{what} {names(line.subjects, most)}: {line.text}"
    return f"- :warning: {text}" if line.look else f"- {text}"


def _plural(what: str) -> str:
    if what.endswith("y") and not what.endswith("ay"):
        return what[:-1] + "ies"
    return what + ("es" if what.endswith(("ch", "s")) else "s")


def _left_out(rest: Sequence[Line]) -> str:
    counts = Counter(line.section for line in rest)
    looks = sum(line.look for line in rest)
    shown = ", ".join(f"{counts[section]:,} of {section.value}" for section in Section if counts[section])
    warning = f", {looks:,} of which need a second look" if looks else ""
    return f"**Left out because a comment has no room for them: {shown}{warning}.** `pulumi preview --diff` shows all."
