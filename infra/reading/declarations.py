"""Topics and users as they are declared, however that is done.

The provisioner's ConfigMap and Strimzi's KafkaTopic and KafkaUser become the same two values, and one set of rules reads
those.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka_platform.kube.declared import REMOVED_KEY

from infra.reading.kinds import Declares, Kind
from infra.reading.rights import Right
from infra.reading.settings import texts
from infra.reading.values import at, items, mapping, number, text


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic as it is declared."""

    partitions: int | None = None
    replicas: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    deletable: bool = False
    """Whether its records go when its declaration does."""
    adopted: bool = False
    """Whether an existing one that this stack did not create may be adopted."""


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as it is declared."""

    rights: frozenset[Right] = frozenset()
    quotas: Mapping[str, float] = field(default_factory=dict)
    password_version: int | None = None
    adopted: bool = False
    """Whether an existing one is adopted."""


@dataclass(frozen=True, kw_only=True)
class Declarations:
    """What one object declares, by name."""

    topics: dict[str, Topic] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)


def is_provisioned(kind: Kind, inputs: Any) -> bool:
    """Whether the object is what the provisioner reads."""
    return (
        kind.name == "ConfigMap" and text(inputs, "metadata", "labels", "app.kubernetes.io/component") == "provisioner"
    )


def declarations_in(kind: Kind, inputs: Any, *, name: str = "", retained: bool = False) -> Declarations:
    """The topics and users that one object declares, if it declares any.

    Args:
        kind: its kind.
        inputs: the object.
        name: its name, if that is not the one in its metadata.
        retained: whether the topic or user is kept when the object is removed.
    """
    name = name or text(inputs, "metadata", "name")
    if kind.declares is Declares.TOPIC:
        topic = _custom_topic(inputs, retained=retained)
        return Declarations(topics={text(inputs, "spec", "topicName") or name: topic})
    if kind.declares is Declares.USER:
        return Declarations(users={name: _custom_user(inputs)})
    if is_provisioned(kind, inputs):
        return provisioned(mapping(inputs, "data"))
    return Declarations()


def provisioned(data: Mapping[str, Any]) -> Declarations:
    """The topics and users in what the provisioner reads; what is no declaration is left out."""
    found = Declarations()
    for key, value in data.items():
        part, _, name = key.partition(".")
        try:
            declaration = json.loads(value)
        except (TypeError, ValueError):
            continue
        if isinstance(declaration, dict) and part == "topic":
            found.topics[name] = _provisioned_topic(declaration)
        if isinstance(declaration, dict) and part == "user":
            # A key of a ConfigMap cannot be called as every user.
            found.users[text(declaration, "name") or name] = _provisioned_user(declaration)
    return found


def _provisioned_topic(declaration: Mapping[str, Any]) -> Topic:
    return Topic(
        partitions=number(declaration, "partitions"),
        replicas=number(declaration, "replicas"),
        config=texts(declaration.get("config")),
        deletable=declaration.get("deletion") == "allow",
        adopted=declaration.get("adopt") is True,
    )


def _provisioned_user(declaration: Mapping[str, Any]) -> User:
    rights = {
        Right(str(acl.get("resource")), _pattern(acl, "name", "pattern", "prefixed"), str(operation))
        for acl in items(declaration, "acls")
        for operation in items(acl, "operations")
    }
    return User(
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
        config=texts(at(inputs, "spec", "config")),
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


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): float(each) for key, each in value.items() if isinstance(each, int | float)}


def removed_names(data: Mapping[str, Any]) -> list[str]:
    """What a ConfigMap with declarations wants deleted, such as subjects and connectors."""
    try:
        return [str(each) for each in json.loads(data.get(REMOVED_KEY, "[]"))]
    except (TypeError, ValueError):
        return []
