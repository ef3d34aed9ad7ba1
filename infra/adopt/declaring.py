"""What a Kafka has, as a stack file declares it: exactly as it is, and a note on whatever that cannot be said of.

A topic is declared as it is, without `adopt`: if it changes before the first deployment, that is refused and not undone. A
user is declared with `adopt`, which keeps its password, and whatever of its ACLs and quotas is not declared.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kafka_platform.kafka.entities import Cleanup, Operation
from kafka_platform.kafka.protocols import SaslMechanism
from kafka_platform.values.names import check_pattern, check_user, is_internal_topic

from infra.adopt.access import Access
from infra.adopt.inventory import Acl, Inventory, Topic
from infra.review.quantities import duration, size

USER = "User:"
_RESOURCES = {"TOPIC": "topic", "GROUP": "group", "TRANSACTIONAL_ID": "transactionalId", "CLUSTER": "cluster"}
_PATTERNS = ("LITERAL", "PREFIXED")
_SHORT: Mapping[tuple[str, frozenset[str]], Sequence[str]] = {
    ("topic", frozenset({"WRITE", "DESCRIBE"})): ["writes"],
    ("topic", frozenset({"READ", "DESCRIBE"})): ["reads"],
    ("topic", frozenset({"READ", "WRITE", "DESCRIBE"})): ["writes", "reads"],
    ("group", frozenset({"READ", "DESCRIBE"})): ["groups"],
    ("transactionalId", frozenset({"WRITE", "DESCRIBE"})): ["transactions"],
}
"""Rights that have a key of their own."""


class Declared:
    """The keys of a stack file, and notes on what was left alone."""

    def __init__(self, found: Inventory, access: Access, tenant: str) -> None:
        self.notes: list[str] = [f"not told by Kafka: {each}" for each in found.unread]
        """One line each."""
        self.topics = {name: made for name, each in found.topics.items() if (made := self._topic(name, each))}
        self.users = dict(self._users(found, access))
        self.tenant = tenant

    def _leave(self, what: str, why: str) -> None:
        self.notes.append(f"{what}: {why}")

    # Topics

    def _topic(self, name: str, topic: Topic) -> dict[str, Any] | None:
        if is_internal_topic(name):
            self._leave(f"topic {name}", "is internal to Kafka, or to this platform")
            return None
        made: dict[str, Any] = {"partitions": topic.partitions}
        least = topic.config.get("min.insync.replicas", "1")
        if topic.replicas == 1 or not least.isdigit() or int(least) < topic.replicas:
            made["replicas"] = topic.replicas
        else:
            self._leave(
                f"topic {name}: replicas",
                f"{topic.replicas}, all of which must be in sync: one broker down stops its writers",
            )
        config: dict[str, str] = {}
        for setting, value in sorted(topic.config.items()):
            if setting not in _TYPED:
                config[setting] = value
                continue
            key, word_of = _TYPED[setting]
            if topic.config.get("cleanup.policy") == Cleanup.COMPACT.value and setting.startswith("retention."):
                self._leave(f"topic {name}: {setting}", f"{value} has no effect on a compacted topic")
                continue
            word = word_of(value)
            if word is None:
                self._leave(f"topic {name}: {setting}", f"{value!r} cannot be declared")
            else:
                made[key] = word
        return made | ({"config": config} if config else {})

    # Users

    def _users(self, found: Inventory, access: Access) -> Iterator[tuple[str, dict[str, Any]]]:
        rights = self._rights(found.acls)
        quotas = self._quotas(found)
        scram = access.mechanism in (SaslMechanism.SCRAM_SHA_256, SaslMechanism.SCRAM_SHA_512)
        for name in sorted({*found.passwords, *rights, *quotas}):
            try:
                if name == access.username:
                    raise ValueError(f"{name!r} is the administrator that the platform logs in as")
                check_user(name)
            except ValueError as error:
                self._leave(f"user {name}", f"{error}; its password, ACLs and quotas stay as they are")
                for each in rights.get(name, ()):
                    self._leave("ACL", str(each))
                continue
            made: dict[str, Any] = {"adopt": True}
            if not scram or name not in found.passwords:
                made["auth"] = "custom"
            made |= self._declared_rights(rights.get(name, ()))
            yield name, made | ({"quotas": quotas[name]} if name in quotas else {})

    def _rights(self, acls: Sequence[Acl]) -> dict[str, list[Acl]]:
        """The rights of each user that can be declared."""
        found: dict[str, list[Acl]] = {}
        for each in acls:
            why = _why_not(each)
            if why is None:
                found.setdefault(each.principal.removeprefix(USER), []).append(each)
            else:
                self._leave("ACL", f"{each}: {why}")
        return found

    def _declared_rights(self, acls: Sequence[Acl]) -> dict[str, Any]:
        operations: dict[tuple[str, str], set[str]] = {}
        for each in acls:
            name = f"{each.name}*" if each.pattern == "PREFIXED" else each.name
            operations.setdefault((_RESOURCES[each.resource], name), set()).add(each.operation)
        made: dict[str, Any] = {}
        for (resource, name), allowed in sorted(operations.items()):
            keys = _SHORT.get((resource, frozenset(allowed)))
            if keys is None:
                right = {"resource": resource, "name": name, "operations": sorted(allowed)}
                made.setdefault("acls", []).append(right)
            for key in keys or ():
                made.setdefault(key, []).append(name)
        return made

    def _quotas(self, found: Inventory) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        for each in found.quotas:
            of = " and ".join(f"{kind} {name or '(default)'}" for kind, name in sorted(each.of.items()))
            name = each.of.get("user")
            for limit, value in sorted(each.limits.items()):
                key, word_of = _LIMITS.get(limit, (limit, lambda _: None))
                word = word_of(value) if list(each.of) == ["user"] and name else None
                if word is None or name is None:
                    self._leave("quota", f"{limit} {value:,.10g} of {of}: cannot be declared")
                else:
                    made.setdefault(name, {})[key] = word
        return made


def _why_not(acl: Acl) -> str | None:
    """Why a rule cannot be declared; None if it can be."""
    if acl.permission != "ALLOW":
        return "rules that deny are never declared, and never removed"
    if not acl.principal.startswith(USER):
        return "is of no user"
    if acl.host != "*":
        return "is of one host"
    if acl.resource not in _RESOURCES or acl.pattern not in _PATTERNS or acl.operation not in Operation.__members__:
        return "is of a kind that cannot be declared"
    if acl.pattern == "LITERAL" and acl.name.endswith("*") and acl.name != "*":
        return "means that name with the *, and no prefix"
    if acl.resource == "CLUSTER":
        return None if (acl.name, acl.pattern) == ("kafka-cluster", "LITERAL") else "is of another cluster's name"
    try:
        check_pattern(f"{acl.name}*" if acl.pattern == "PREFIXED" else acl.name)
    except ValueError as error:
        return str(error)
    return None


def _whole(value: str) -> int | None:
    return int(value) if value.lstrip("-").isdigit() else None


def _duration(value: str) -> str | None:
    number = _whole(value)
    return None if number is None or number < -1 else duration(number)


def _size(value: str) -> str | None:
    number = _whole(value)
    return None if number is None or number < -1 else _bytes(number)


def _bytes(number: int) -> str:
    return size(number).replace(" bytes", "B")


def _cleanup(value: str) -> str | None:
    return value if value in [each.value for each in Cleanup] else None


def _rate(value: float) -> str | None:
    return f"{_bytes(int(value))}/s" if value > 0 and value.is_integer() else None


def _number(value: float) -> float:
    """As it is written: without a fraction that is none."""
    return int(value) if value.is_integer() else value


_TYPED: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "cleanup.policy": ("cleanup", _cleanup),
    "max.message.bytes": ("maxMessageSize", _size),
    "min.insync.replicas": ("minInsyncReplicas", _whole),
    "retention.bytes": ("retentionSize", _size),
    "retention.ms": ("retention", _duration),
}
"""Topic settings with keys of their own, and their values in words; None if there are none."""
_LIMITS: Mapping[str, tuple[str, Callable[[float], Any]]] = {
    "consumer_byte_rate": ("consume", _rate),
    "controller_mutation_rate": ("controllerMutations", _number),
    "producer_byte_rate": ("produce", _rate),
    "request_percentage": ("requestPercentage", _number),
}
