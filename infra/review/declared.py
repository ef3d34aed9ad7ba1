"""What is declared of Kafka before and after a change."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.reading.declarations import Declarations, Topic, User, declarations_in, is_provisioned, provisioned
from infra.reading.values import mapping, text
from infra.review.changes import Change, Operation


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Everything that is declared on one side of the change, by owner and name."""

    topics: dict[tuple[str, str], Topic] = field(default_factory=dict)
    users: dict[tuple[str, str], User] = field(default_factory=dict)

    def add(self, owner: str, found: Declarations) -> None:
        """Adds what an object of the owner declares."""
        self.topics.update({(owner, name): each for name, each in found.topics.items()})
        self.users.update({(owner, name): each for name, each in found.users.items()})


def is_declarations(change: Change) -> bool:
    """Whether it is what the provisioner reads."""
    return is_provisioned(change.record, change.shown)


def declared(changes: Sequence[Change]) -> tuple[Declared, Declared]:
    """What is declared before and after."""
    before, after = Declared(), Declared()
    for change in changes:
        if change.operation is Operation.SAME and change.retained == change.retained_after:
            continue
        if is_declarations(change) and change.operation is not Operation.DELETE:
            owner = f"{change.namespace}/{change.name}"
            before.add(owner, provisioned(mapping(change.before, "data")))
            after.add(owner, provisioned(mapping(change.after, "data")))
        elif change.record.declares is not None and change.operation is not Operation.REPLACE:
            owner = f"{change.namespace}/{text(change.shown, 'metadata', 'labels', 'strimzi.io/cluster')}"
            for side, inputs, retained in (
                (before, change.before, change.retained),
                (after, change.after, change.retained_after),
            ):
                if inputs is not None:
                    side.add(owner, declarations_in(change.record, inputs, name=change.name, retained=retained))
    return before, after
