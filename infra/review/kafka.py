"""What changes in Kafka: topics, users and broker settings, however they are declared.

The provisioner's ConfigMap and Strimzi's KafkaTopic and KafkaUser become the same two values, and one set of rules reads
those.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import javaproperties
from kafka_platform.doors import broker_door, client_door

from infra.review.changes import Change, Operation, at, items, mapping, number, text
from infra.review.findings import Finding, Section
from infra.review.quantities import code, duration, names, size
from infra.review.rights import Right, powers

RETENTION = "retention.ms"
RETENTION_SIZE = "retention.bytes"
_KNOWN_CONFIG = frozenset({RETENTION, RETENTION_SIZE, "cleanup.policy", "min.insync.replicas"})
_UNCLEAN = "unclean.leader.election.enable"
_SENSITIVE = re.compile(r"password|secret|token|credential|jaas|\.key\b|keystore\.(key|certificate)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic as it is declared."""

    partitions: int | None = None
    replicas: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    deletable: bool = False
    """Whether its records go when its declaration does."""
    adopted: bool = False
    """Whether one that somebody else made may be taken over."""


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as it is declared."""

    rights: frozenset[Right] = frozenset()
    quotas: Mapping[str, float] = field(default_factory=dict)
    password_version: int | None = None
    adopted: bool = False
    """Whether it is somebody else's that is taken over."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Everything that is declared on one side of the change, by owner and name."""

    topics: dict[tuple[str, str], Topic] = field(default_factory=dict)
    users: dict[tuple[str, str], User] = field(default_factory=dict)


def is_declarations(change: Change) -> bool:
    """Whether it is what the provisioner reads."""
    return change.kind == "ConfigMap" and change.part == "provisioner"


def declared(changes: Sequence[Change]) -> tuple[Declared, Declared]:
    """What is declared before and after."""
    before, after = Declared(), Declared()
    for change in changes:
        if change.operation is Operation.SAME and change.retained == change.retained_after:
            continue
        if is_declarations(change) and change.operation is not Operation.DELETE:
            owner = f"{change.namespace}/{change.name}"
            _read_declarations(before, owner, mapping(change.before, "data"))
            _read_declarations(after, owner, mapping(change.after, "data"))
        elif change.kind in ("KafkaTopic", "KafkaUser") and change.operation is not Operation.REPLACE:
            owner = f"{change.namespace}/{text(change.shown, 'metadata', 'labels', 'strimzi.io/cluster')}"
            for side, inputs, retained in (
                (before, change.before, change.retained),
                (after, change.after, change.retained_after),
            ):
                if inputs is None:
                    continue
                if change.kind == "KafkaTopic":
                    name = text(inputs, "spec", "topicName") or change.name
                    side.topics[owner, name] = _custom_topic(inputs, retained=retained)
                else:
                    side.users[owner, change.name] = _custom_user(inputs)
    return before, after


def declarations_in(kind: str, inputs: Mapping[str, Any]) -> tuple[Mapping[str, Topic], Mapping[str, User]]:
    """The topics and users by name that one resource declares, if it declares any."""
    side = Declared()
    name = text(inputs, "metadata", "name")
    if kind == "KafkaTopic":
        return {text(inputs, "spec", "topicName") or name: _custom_topic(inputs, retained=False)}, {}
    if kind == "KafkaUser":
        return {}, {name: _custom_user(inputs)}
    if kind == "ConfigMap" and text(inputs, "metadata", "labels", "app.kubernetes.io/component") == "provisioner":
        _read_declarations(side, "", mapping(inputs, "data"))
    return {key[1]: each for key, each in side.topics.items()}, {key[1]: each for key, each in side.users.items()}


def _read_declarations(side: Declared, owner: str, data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        part, _, name = key.partition(".")
        try:
            declaration = json.loads(value)
        except (TypeError, ValueError):
            continue
        if not isinstance(declaration, dict):
            continue
        if part == "topic":
            side.topics[owner, name] = Topic(
                partitions=number(declaration, "partitions"),
                replicas=number(declaration, "replicas"),
                config=_texts(declaration.get("config")),
                deletable=declaration.get("deletion") == "allow",
                adopted=declaration.get("adopt") is True,
            )
        if part == "user":
            rights = {
                Right(str(acl.get("resource")), _pattern(acl, "name", "pattern", "prefixed"), str(operation))
                for acl in items(declaration, "acls")
                for operation in items(acl, "operations")
            }
            side.users[owner, name] = User(
                rights=frozenset(rights),
                quotas=_numbers(declaration.get("quotas")),
                password_version=number(declaration, "passwordVersion"),
                adopted=declaration.get("adopt") is True,
            )


def _custom_topic(inputs: Mapping[str, Any], *, retained: bool) -> Topic:
    managed = text(inputs, "metadata", "annotations", "strimzi.io/managed") != "false"
    return Topic(
        partitions=number(inputs, "spec", "partitions"),
        replicas=number(inputs, "spec", "replicas"),
        config=_texts(at(inputs, "spec", "config")),
        # The operator deletes the topic with its resource.
        deletable=managed and not retained,
    )


_QUOTAS = {
    "producerByteRate": "producer_byte_rate",
    "consumerByteRate": "consumer_byte_rate",
    "requestPercentage": "request_percentage",
    "controllerMutationRate": "controller_mutation_rate",
}
"""KafkaUser's names of Kafka's quotas."""


def _custom_user(inputs: Mapping[str, Any]) -> User:
    rights: set[Right] = set()
    for acl in items(inputs, "spec", "authorization", "acls"):
        resource = mapping(acl, "resource")
        kind = text(resource, "type")
        name = "kafka-cluster" if kind == "cluster" else _pattern(resource, "name", "patternType", "prefix")
        for operation in items(acl, "operations") or [acl.get("operation", "All")]:
            # `DescribeConfigs` is DESCRIBE_CONFIGS.
            word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(operation)).upper()
            rights.add(Right(kind, name, word, denied=text(acl, "type") == "deny"))
    quotas = {_QUOTAS.get(key, key): value for key, value in mapping(inputs, "spec", "quotas").items()}
    return User(rights=frozenset(rights), quotas=_numbers(quotas))


def _pattern(value: Mapping[str, Any], name: str, pattern: str, prefixed: str) -> str:
    return text(value, name) + ("*" if text(value, pattern) == prefixed else "")


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): str(each).lower() if isinstance(each, bool) else str(each) for key, each in value.items()}


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): float(each) for key, each in value.items() if isinstance(each, int | float)}


# ---- topics


def topic_findings(
    before: Declared, after: Declared, defaults: tuple[Mapping[str, str], Mapping[str, str]]
) -> Iterator[Finding]:
    """What happens to topics; `defaults` are the brokers' settings on both sides, as far as they are known."""
    renamed = _renamed(before, after)
    for key in dict.fromkeys([*after.topics, *before.topics]):
        was, is_, name = before.topics.get(key), after.topics.get(key), key[1]
        if is_ is not None and is_.adopted and not (was is not None and was.adopted):
            yield _topic(Section.DATA, name, "is taken over if it exists, and changed to what is declared", look=True)
        if was is not None and is_ is not None:
            yield from _changed_topic(name, was, is_, defaults)
        elif is_ is not None:
            yield _topic(Section.CAPACITY, name, f"new: {_shape(is_)}")
        elif was is not None:
            if was.deletable:
                yield _topic(Section.DATA, name, "removed, and its records are deleted", look=True)
            else:
                yield _topic(Section.DATA, name, "no longer declared; it stays in Kafka with its records")
            if key in renamed:
                there = "are deleted" if was.deletable else f"stay in {code(name)}"
                yield _topic(
                    Section.DATA,
                    name,
                    f"looks renamed to {code(renamed[key])}: that is a new, empty topic, and the records {there}",
                    look=True,
                )


def _renamed(before: Declared, after: Declared) -> dict[tuple[str, str], str]:
    """Topics that went, and the one new topic of the same owner that is declared just like it."""
    gone = {key: each for key, each in before.topics.items() if key not in after.topics}
    new = {key: each for key, each in after.topics.items() if key not in before.topics}
    pairs: dict[tuple[str, str], str] = {}
    for key, was in gone.items():
        alike = [other for other, is_ in new.items() if is_ == was and other[0] == key[0]]
        others = [other for other, each in gone.items() if each == was and other[0] == key[0]]
        if len(alike) == 1 and len(others) == 1:
            pairs[key] = alike[0][1]
    return pairs


def _changed_topic(
    name: str, was: Topic, is_: Topic, defaults: tuple[Mapping[str, str], Mapping[str, str]]
) -> Iterator[Finding]:
    if was.partitions != is_.partitions and was.partitions and is_.partitions:
        if is_.partitions < was.partitions:
            detail = "Kafka cannot take partitions away: this is refused, or the topic has to be made anew"
            yield _topic(Section.DATA, name, f"partitions {was.partitions} -> {is_.partitions}: {detail}", look=True)
        else:
            # The hash of a key is taken modulo the number of partitions: the old records of a key stay where they are.
            compacted = "compact" in is_.config.get("cleanup.policy", "")
            detail = "records of a key go to another partition from now on"
            if compacted:
                detail += ", and the old ones of a compacted topic stay where they are"
            section = Section.DATA if compacted else Section.CAPACITY
            yield _topic(section, name, f"partitions {was.partitions} -> {is_.partitions}: {detail}", look=compacted)
    if was.replicas != is_.replicas and was.replicas and is_.replicas:
        fewer = is_.replicas < was.replicas
        detail = ": fewer copies of each record" if fewer else ""
        section = Section.DATA if fewer else Section.CAPACITY
        yield _topic(section, name, f"replicas {was.replicas} -> {is_.replicas}{detail}", look=fewer)
    if is_.deletable and not was.deletable:
        yield _topic(Section.DATA, name, "deletion is allowed: removing it later deletes its records", look=True)
    if was.deletable and not is_.deletable:
        yield _topic(Section.OTHER, name, "deletion is no longer allowed: removing it later keeps its records")
    yield from config_findings("topic", name, was.config, is_.config, defaults)


def config_findings(
    what: str,
    name: str,
    was: Mapping[str, str],
    is_: Mapping[str, str],
    defaults: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> Iterator[Finding]:
    """What changed topic settings mean; also those of brokers, by the topics' names."""
    for key in sorted(key for key in was.keys() | is_.keys() if was.get(key) != is_.get(key)):
        old, new = was.get(key), is_.get(key)
        if key in (RETENTION, RETENTION_SIZE):
            yield _retention(what, name, key, (old, defaults[0].get(key)), (new, defaults[1].get(key)))
        elif key == "cleanup.policy":
            yield _cleanup(what, name, old or "delete", new or "delete")
        elif key in ("min.insync.replicas", "default.replication.factor"):
            fewer = _integer(old or defaults[0].get(key)) > _integer(new or defaults[1].get(key))
            words = "min in-sync replicas" if key.startswith("min") else "copies of new topics"
            detail = ": a record counts as written with fewer copies" if fewer else ""
            shown = f"{words} {old or 'default'} -> {new or 'default'}{detail}"
            yield Finding(
                section=Section.DATA if fewer else Section.OTHER, what=what, subject=name, text=shown, look=fewer
            )
        elif key == _UNCLEAN:
            loses = new == "true"
            shown = f"{_UNCLEAN} {old or 'default'} -> {new or 'default'}"
            if loses:
                shown += ": a copy that lags may lead, and what it lacks is lost"
            yield Finding(
                section=Section.DATA if loses else Section.OTHER, what=what, subject=name, text=shown, look=loses
            )
        else:
            yield Finding(section=Section.OTHER, what=what, subject=name, text=setting(key, old, new))


def setting(key: str, old: str | None, new: str | None) -> str:
    """A changed setting; values of keys that sound secret are not shown."""
    if _SENSITIVE.search(key):
        return f"{code(key)} changes"
    return f"{code(key)}: {_or_default(old)} -> {_or_default(new)}"


def _or_default(value: str | None) -> str:
    return "default" if value is None else code(value)


def _retention(
    what: str, name: str, key: str, was: tuple[str | None, str | None], is_: tuple[str | None, str | None]
) -> Finding:
    word, show = ("retention", duration) if key == RETENTION else ("retention size", size)

    def shown(own: str | None, default: str | None) -> str:
        value = own if own is not None else default
        plain = "the cluster's default" if value is None or not _is_integer(value) else show(int(value))
        return f"{plain} (the default)" if own is None and value is not None else plain

    old, new = (own if own is not None else default for own, default in (was, is_))
    unknown = not _is_integer(old) or not _is_integer(new)
    shorter = not unknown and _length(new) < _length(old)
    change = f"{word} {shown(*was)} -> {shown(*is_)}"
    if shorter:
        unit = f"records older than {show(_integer(new))}" if key == RETENTION else "the oldest records beyond it"
        change += f": {unit} become deletable"
    elif unknown:
        change += ": records may become deletable"
    risk = shorter or unknown
    return Finding(section=Section.DATA if risk else Section.CAPACITY, what=what, subject=name, text=change, look=risk)


def _cleanup(what: str, name: str, old: str, new: str) -> Finding:
    gains = set(new.split(",")) - set(old.split(","))
    meaning = {
        "delete": "records older than the retention become deletable",
        "compact": "of each key only the newest record is kept",
    }
    shown = f"cleanup {old} -> {new}"
    if gains:
        shown += ": " + "; ".join(meaning.get(each, each) for each in sorted(gains))
    return Finding(
        section=Section.DATA if gains else Section.CAPACITY, what=what, subject=name, text=shown, look=bool(gains)
    )


def _is_integer(value: str | None) -> bool:
    return value is not None and value.lstrip("-").isdigit()


def _integer(value: str | None) -> int:
    return int(value) if value is not None and _is_integer(value) else 0


def _length(value: str | None) -> float:
    return float("inf") if _integer(value) < 0 else _integer(value)


def _shape(topic: Topic) -> str:
    parts = [_count(topic.partitions or 1, "partition")]
    if topic.replicas is not None:
        parts.append(_count(topic.replicas, "replica"))
    if _is_integer(topic.config.get(RETENTION)):
        parts.append(f"retention {duration(int(topic.config[RETENTION]))}")
    if "cleanup.policy" in topic.config:
        parts.append(f"cleanup {topic.config['cleanup.policy']}")
    if topic.deletable:
        parts.append("removing it later deletes its records")
    return ", ".join(parts)


def _count(number_: int, what: str) -> str:
    return f"{number_:,} {what}{'' if number_ == 1 else 's'}"


def _topic(section: Section, name: str, what_happens: str, *, look: bool = False) -> Finding:
    return Finding(section=section, what="topic", subject=name, text=what_happens, look=look)


# ---- users


def user_findings(before: Declared, after: Declared) -> Iterator[Finding]:
    """Who gains and who loses what."""
    for key in dict.fromkeys([*after.users, *before.users]):
        was, is_, name = before.users.get(key), after.users.get(key), key[1]
        if is_ is None:
            assert was is not None  # noqa: S101  # the key is of one of the two
            gone = "removed: can no longer log in, and if it comes back it has a new password"
            kept = "not declared any more: it was taken over, and keeps its password and its rights"
            yield _user(name, kept if was.adopted else gone, look=True)
            continue
        gained = is_.rights - (was.rights if was else frozenset())
        lost = (was.rights if was else frozenset()) - is_.rights
        wide = any(right.wide for right in gained)
        was_adopted = was is not None and was.adopted
        if is_.adopted and not was_adopted:
            yield _user(name, "is taken over if it exists: what is not declared of it stays", look=True)
        if was_adopted and not is_.adopted:
            yield _user(
                name, "is no longer one that was taken over: nothing may be left that is not declared", look=True
            )
        if was is None:
            yield _user(name, f"new: {'may ' + allowed(gained) if gained else 'may do nothing yet'}", look=wide)
        elif gained:
            yield _user(name, f"may now {allowed(gained)}", look=wide or any(each.denied for each in lost))
        for power in powers(gained):
            yield _user(name, power, look=True)
        if lost:
            yield _user(name, f"may no longer {allowed(lost)}", look=any(each.denied for each in lost))
        if was is not None and was.password_version != is_.password_version:
            yield _user(name, "gets a new password: its applications have to read it again")
        yield from _quotas(name, was.quotas if was else {}, is_.quotas, new=was is None)


def allowed(rights: frozenset[Right]) -> str:
    """The rights in words: `write orders; read customers; join groups payments-*`."""
    by_verb: dict[str, set[str]] = {}
    # Whoever reads or writes something may also see that it is there.
    told = {(each.resource, each.name, each.denied) for each in rights if each.operation in ("READ", "WRITE", "ALL")}
    for each in sorted(rights):
        if each.operation == "DESCRIBE" and (each.resource, each.name, each.denied) in told:
            continue
        verb = _VERBS.get((each.resource, each.operation), f"{each.operation} on {each.resource}")
        if each.denied:
            verb = f"(denied) {verb}"
        by_verb.setdefault(verb, set()).add(each.name)
    return "; ".join(f"{verb} {names(sorted(found), 20)}" for verb, found in by_verb.items())


_VERBS = {
    ("topic", "WRITE"): "write",
    ("topic", "READ"): "read",
    ("topic", "DESCRIBE"): "see",
    ("group", "READ"): "join groups",
    ("group", "DESCRIBE"): "see groups",
    ("transactionalId", "WRITE"): "use transactions",
    ("transactionalId", "DESCRIBE"): "see transactions",
}


def _quotas(name: str, was: Mapping[str, float], is_: Mapping[str, float], *, new: bool) -> Iterator[Finding]:
    for key in sorted(key for key in was.keys() | is_.keys() if was.get(key) != is_.get(key)):
        old, now = (_quota(key, each.get(key)) for each in (was, is_))
        word = {"producer_byte_rate": "produce", "consumer_byte_rate": "consume"}.get(key, key.replace("_", " "))
        text_ = f"quota {word}: {now}" if new else f"quota {word}: {old} -> {now}"
        yield Finding(section=Section.CAPACITY, what="user", subject=name, text=text_, look=key not in is_)


def _quota(key: str, value: float | None) -> str:
    if value is None:
        return "no limit"
    return f"{size(int(value))}/s" if key.endswith("byte_rate") else f"{value:g}"


def _user(name: str, what_happens: str, *, look: bool = False) -> Finding:
    return Finding(section=Section.ACCESS, what="user", subject=name, text=what_happens, look=look)


# ---- brokers

_BROKER_NAMES = {
    "log.retention.ms": RETENTION,
    "log.retention.bytes": RETENTION_SIZE,
    "log.cleanup.policy": "cleanup.policy",
}
"""Broker settings that are the defaults of topic settings with another name."""


def properties(content: str) -> dict[str, str]:
    """The settings in a file of Java properties, as Kafka reads it. A file that it could not read has none."""
    try:
        return javaproperties.loads(content)
    except javaproperties.InvalidUEscapeError:
        return {}


def broker_settings(inputs: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The brokers' settings in a ConfigMap of ours or in a Kafka resource; None if there are none, or not yet known."""
    content = text(inputs, "data", "cluster.properties")
    if content:
        return properties(content)
    config = at(inputs, "spec", "kafka", "config")
    return _texts(config) if isinstance(config, Mapping) else None


def topic_defaults(settings: Mapping[str, str]) -> dict[str, str]:
    """What topics get that do not say otherwise, by the topics' names of settings."""
    found = {_BROKER_NAMES.get(key, key): value for key, value in settings.items()}
    if RETENTION not in found and _is_integer(settings.get("log.retention.hours")):
        found[RETENTION] = str(int(settings["log.retention.hours"]) * 3_600_000)
    return found


def broker_findings(name: str, was: Mapping[str, str], is_: Mapping[str, str]) -> Iterator[Finding]:
    """What changed broker settings mean."""
    as_topic = {RETENTION, RETENTION_SIZE, "cleanup.policy", "min.insync.replicas", "default.replication.factor"}
    old, new = topic_defaults(was), topic_defaults(is_)
    for key in sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)):
        opens = broker_door(key, old.get(key)) or broker_door(key, new.get(key))
        if opens is not None:
            yield _door("brokers", name, opens, setting(key, old.get(key), new.get(key)))
            continue
        one = {key: old[key]} if key in old else {}, {key: new[key]} if key in new else {}
        what = "default of topics in" if key in as_topic else "brokers"
        yield from config_findings(what, name, *one)


def opened_by(name: str, settings: Mapping[str, str]) -> Iterator[Finding]:
    """What settings of new brokers open."""
    for key, value in sorted(settings.items()):
        opens = broker_door(key, value)
        if opens is not None:
            yield _door("brokers", name, opens, setting(key, None, value))


def _door(what: str, name: str, opens: str, shown: str) -> Finding:
    return Finding(section=Section.ACCESS, what=what, subject=name, text=f"{opens}: {shown}", look=True)


# ---- clients


def client_findings(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Finding]:
    """What changed options of a worker's clients open; both sides are the data of its ConfigMap."""
    seen: set[str] = set()
    for file in sorted(key for key in after if key.endswith((".properties", ".conf"))):
        was, is_ = (properties(text(side, file)) for side in (before, after))
        for key in sorted(is_):
            opens = client_door(key, is_[key])
            # Java's file, librdkafka's and Spring's have the same options.
            if (
                opens is not None
                and was.get(key) != is_[key]
                and not file.startswith("application")
                and key not in seen
            ):
                seen.add(key)
                yield _door("worker", name, opens, setting(key, was.get(key), is_[key]))
