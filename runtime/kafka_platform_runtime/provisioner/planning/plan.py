"""What has to be done: a function of what is declared, what the cluster has and what was applied last.

It is pure except for the salts of new password fingerprints.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from kafka_platform_runtime.provisioner.declarations import TOPIC_PREFIX, USER_PREFIX, Declarations
from kafka_platform_runtime.provisioner.planning.actual import Actual
from kafka_platform_runtime.provisioner.planning.changes import (
    Change,
    TopicChange,
    TopicRemoval,
    UserChange,
    UserRemoval,
)
from kafka_platform_runtime.provisioner.planning.recorded import Recorded
from kafka_platform_runtime.provisioner.planning.topics import plan_topic
from kafka_platform_runtime.provisioner.planning.users import plan_removal, plan_user

C = TypeVar("C", TopicChange, UserChange)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The changes, in the order in which they are made.

    Args:
        refusals: why nothing at all may be applied; one sentence each.
        waits: why nothing can be applied yet; one sentence each.
        unchanged: how many declarations are already in place and recorded.
    """

    topics: tuple[TopicChange, ...] = ()
    users: tuple[UserChange, ...] = ()
    removed_users: tuple[UserRemoval, ...] = ()
    removed_topics: tuple[TopicRemoval, ...] = ()
    refusals: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes."""
        return (*self.topics, *self.users, *self.removed_users, *self.removed_topics)


def make_plan(
    declared: Declarations,
    actual: Actual,
    recorded: Recorded,
    *,
    reserved_users: Iterable[str] = (),
    passwords: Mapping[str, str] | None = None,
    proven: Collection[str] = (),
) -> Plan:
    """Plan how to bring the cluster to the declared state.

    Args:
        declared: the declared state.
        actual: what the cluster has.
        recorded: what this and other owners applied last.
        reserved_users: names that must not be declared, such as this program's own login.
        passwords: by user, if they can be read. One that differs from the last one set is set again even if its
            version is the same: the stack was destroyed and created again over kept volumes.
        proven: users that can log in with their password in `passwords`. Only this owner makes such passwords, so these
            users are its own, whatever the ledger says.
    """
    reserved = set(reserved_users)
    refusals = list(_refuse_names(declared, recorded, reserved))
    waits: list[str] = []
    topics = _needed(
        plan_topic(topic, actual, recorded, refusals, waits)
        for _, topic in sorted(declared.topics.items())
        if topic.key not in recorded.others
    )
    users = _needed(
        plan_user(user, actual, recorded, (passwords or {}).get(name), refusals, is_proven=name in proven)
        for name, user in sorted(declared.users.items())
        if user.key not in recorded.others and name not in reserved
    )
    return Plan(
        topics=topics,
        users=users,
        removed_users=tuple(
            plan_removal(name, recorded.mine[f"{USER_PREFIX}{name}"], actual)
            for name in _undeclared(recorded, USER_PREFIX, declared.users)
        ),
        removed_topics=tuple(
            TopicRemoval(
                name=name,
                delete=recorded.mine[f"{TOPIC_PREFIX}{name}"].get("deletion") == "allow",
                exists=name in actual.topics,
            )
            for name in _undeclared(recorded, TOPIC_PREFIX, declared.topics)
        ),
        refusals=tuple(refusals),
        waits=tuple(waits),
        unchanged=len(declared) - len(topics) - len(users),
    )


def _needed(changes: Iterable[C | None]) -> tuple[C, ...]:
    """Those that are not refused and change something."""
    return tuple(change for change in changes if change is not None and not change.empty)


def _refuse_names(declared: Declarations, recorded: Recorded, reserved: set[str]) -> Iterator[str]:
    """Why names must not be declared here: another owner declares them, or they are administrators."""
    for key in sorted({*(t.key for t in declared.topics.values()), *(u.key for u in declared.users.values())}):
        refusal = recorded.refuse_other(key)
        if refusal is not None:
            yield refusal
    for name in sorted(reserved & declared.users.keys()):
        yield f"{USER_PREFIX}{name}: name: {name!r} administers this cluster: choose another name"


def _undeclared(recorded: Recorded, prefix: str, declared: Collection[str]) -> list[str]:
    """Names of one kind that were applied last time and are no longer declared."""
    names = (key.removeprefix(prefix) for key in sorted(recorded.mine) if key.startswith(prefix))
    return [name for name in names if name not in declared]
