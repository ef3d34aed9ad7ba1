"""What a right in Kafka allows: judged by its effect, not by its name. Reviews and policies ask here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kafka_platform.values.names import RUNS_TOPIC, may_be_internal_topic

SHORTEST_PREFIX = 2
"""Characters: a prefix of one letter is the names of a dozen teams."""


@dataclass(frozen=True, order=True)
class Right:
    """One operation on what a name or prefix matches."""

    resource: str
    """Kind of the resource: `topic`, `group`, `transactionalId`, `cluster`, `delegationToken`, `user`."""
    name: str
    """Its name, or a prefix that ends in `*`."""
    operation: str
    denied: bool = False

    @property
    def harmless(self) -> bool:
        """Whether it can affect no other user's records, rights or service, whatever resource it is about."""
        return self.denied or self.operation in _LOOKING

    @property
    def any_name(self) -> bool:
        """Whether it is about every name, or about a prefix that is as good as that."""
        return (
            not self.denied
            and self.resource != "cluster"
            and self.name.endswith("*")
            and len(self.name) <= SHORTEST_PREFIX
        )

    @property
    def power(self) -> str | None:
        """What it allows beyond its owner's records, as `may change everybody's rights`; None if nothing."""
        if self.denied:
            return None
        if self.resource == "cluster":
            return _CLUSTER.get(self.operation, f"may {self.operation} on the cluster")
        if self.resource not in _KINDS:
            return _OTHERS.get(self.resource, f"may {self.operation} on {self.resource}")
        if self.resource == "topic" and self._reaches_internal:
            return f"may {_VERBS.get(self.operation, self.operation)} internal topics"
        return None

    @property
    def _reaches_internal(self) -> bool:
        """Whether it reaches records that only an administrator should: those of runs hold nothing but counts."""
        if self.any_name or self.harmless or (self.name, self.operation) == (RUNS_TOPIC, "READ"):
            return False
        return may_be_internal_topic(self.name)

    @property
    def wide(self) -> bool:
        """Whether it needs a second look: more than the named records, or more than reading and writing them."""
        return self.power is not None or self.any_name or (not self.denied and self.operation not in _USUAL)


_USUAL = frozenset({"DESCRIBE", "DESCRIBE_CONFIGS", "IDEMPOTENT_WRITE", "READ", "WRITE"})
"""Operations that touch nothing but the records, or positions, of what is named."""
_LOOKING = frozenset({"DESCRIBE", "DESCRIBE_CONFIGS"})
_KINDS = frozenset({"topic", "group", "transactionalId"})
_VERBS = {"READ": "read", "WRITE": "write to", "ALL": "do everything with"}

# https://kafka.apache.org/documentation/#operations_in_kafka: what the protocol asks for each of them on the cluster.
_CLUSTER: Mapping[str, str | None] = {
    "ALL": "may do everything on the cluster, so also give itself every other right",
    "ALTER": "may change everybody's rights and passwords",
    "ALTER_CONFIGS": "may change the brokers' settings and everybody's quotas",
    "CLUSTER_ACTION": "may act as a broker, so read every record",
    "CREATE": "may make topics of every name",
    # Only looking.
    "DESCRIBE": None,
    "DESCRIBE_CONFIGS": None,
    # Kafka 3.0 and later let every writer do so.
    "IDEMPOTENT_WRITE": None,
}
_OTHERS = {
    "delegationToken": "may use tokens by which others log in",
    "user": "may make or see tokens of other users",
}


def powers(rights: Iterable[Right]) -> list[str]:
    """What the rights allow beyond their owner's records, each once, in a stable order."""
    return list(dict.fromkeys(power for each in sorted(rights) if (power := each.power) is not None))


def shared_transactions(rights: Mapping[str, Iterable[Right]]) -> list[tuple[str, str, str, str]]:
    """Users who may write with the transactional ids of another, and so end its producers: each with one other user.

    Returns:
        User, name or prefix, the other user, the other's name or prefix.
    """
    prefixes = sorted(
        (right.name.removesuffix("*"), right.name, user)
        for user, of in rights.items()
        for right in set(of)
        if right.resource == "transactionalId" and right.operation in ("WRITE", "ALL") and not right.denied
    )
    found: dict[str, tuple[str, str, str, str]] = {}
    # Sorted, whatever a prefix covers follows it: the prefixes that are still open lie in a stack.
    above: list[tuple[str, str, str]] = []
    for plain, name, user in prefixes:
        while above and not plain.startswith(above[-1][0]):
            above.pop()
        covering = next(
            (each for each in reversed(above) if each[2] != user and (each[1].endswith("*") or each[1] == name)), None
        )
        if covering is not None:
            found.setdefault(user, (covering[2], covering[1], user, name))
        # Of those with the same name one is enough to compare with.
        if not above or above[-1][:2] != (plain, name):
            above.append((plain, name, user))
    return list(found.values())
