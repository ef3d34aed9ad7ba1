"""Who reads a topic whose records are at risk, or whose schema changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from infra.reading.declarations import Declarations, User, declarations_in
from infra.reading.values import Object
from infra.review.changes import Change
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names

_FEW = 8
"""Readers of one topic that a line names."""
_PARTS = ("-value", "-key")
"""What the name of a schema's subject has after that of its topic."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the stack file says of its users and topics, as far as it is known."""

    called: Mapping[str, str] = field(default_factory=dict)
    """What the users' programs are called, such as `worker fraud-check`; others are called users."""
    topics: Mapping[str, str] = field(default_factory=dict)
    """The tenants of topics."""
    users: Mapping[str, str] = field(default_factory=dict)
    """The tenants of users."""

    def tenant_of(self, finding: Finding) -> str | None:
        """Whose topic or user a finding is about."""
        if finding.what == "user":
            return self.users.get(finding.subject)
        topic = _of_subject(finding.subject) if finding.what == "schema" else finding.subject
        return self.topics.get(topic or "") if finding.what in ("topic", "schema") else None


@dataclass(frozen=True, kw_only=True)
class Readers:
    """What users may read, before the change and after it."""

    before: Mapping[str, User]
    after: Mapping[str, User]
    kept: frozenset[str]
    """The topics that are declared after the change."""
    known: Known

    @classmethod
    def of(cls, changes: Sequence[Change], known: Known) -> "Readers":
        """Those in all changes, those that change nothing included."""
        before = [_declared(each, each.before) for each in changes]
        after = [_declared(each, each.after) for each in changes]
        return cls(
            before={name: user for each in before for name, user in each.users.items()},
            after={name: user for each in after for name, user in each.users.items()},
            kept=frozenset(name for each in after for name in each.topics),
            known=known,
        )

    def told(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """The findings, with the readers of topics whose records, or their form, somebody has to look at."""
        for each in findings:
            topic = _topic(each)
            readers = [] if topic is None else self._of(topic)
            text = f"{each.text}: read by {names(readers, _FEW)}" if readers else each.text
            tenant = self.known.tenant_of(each)
            yield replace(each, text=text if tenant is None else f"{text} (tenant {code(tenant)})")

    def _of(self, topic: str) -> list[str]:
        users = self.after if topic in self.kept else self.before
        return sorted(
            self.known.called.get(name, f"user {name}") for name, user in users.items() if _reads(user, topic)
        )


def _declared(change: Change, inputs: Object | None) -> Declarations:
    return Declarations() if inputs is None else declarations_in(change.record, inputs, name=change.name)


def _topic(finding: Finding) -> str | None:
    """The topic of a finding that is worth telling its readers."""
    if finding.what == "schema":
        return _of_subject(finding.subject) if finding.section is Section.DATA else None
    return finding.subject if finding.what == "topic" and (finding.section is Section.DATA or finding.look) else None


def _of_subject(subject: str) -> str | None:
    part = next((each for each in _PARTS if subject.endswith(each)), None)
    return None if part is None else subject.removesuffix(part)


def _reads(user: User, topic: str) -> bool:
    return any(
        right.resource == "topic"
        and right.operation in ("READ", "ALL")
        and not right.denied
        and (topic.startswith(right.name[:-1]) if right.name.endswith("*") else right.name == topic)
        for right in user.rights
    )
