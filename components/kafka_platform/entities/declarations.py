"""Input of the provisioner: one small JSON text for each topic and user."""

import json
from collections.abc import Mapping
from typing import Any

from kafka_platform.kafka.entities import Acl, Deletion, Login, Topic, User, check_min_insync
from kafka_platform.kafka.topic_settings import faults
from kafka_platform.kube.declared import MAX_BYTES, size_of
from kafka_platform.values.later import is_later
from kafka_platform.values.names import check_topic, check_user, check_user_secret, user_key

LONGEST_DECLARED_TOPIC = 253 - len("topic.")
"""Characters of the name of a topic that a ConfigMap declares: Kubernetes takes 253 for a key. Kafka, and Strimzi's resources, take 249."""


def topic_declaration(topic: Topic, default_replicas: int | None) -> str:
    """A topic, as the provisioner reads it."""
    declaration: dict[str, Any] = {"partitions": topic.partitions}
    replicas = topic.replicas if topic.replicas is not None else default_replicas
    if replicas is not None:
        declaration["replicas"] = replicas
    config = topic.kafka_config()
    if config:
        declaration["config"] = config
    if topic.deletion is Deletion.ALLOW:
        declaration["deletion"] = "allow"
    if topic.adopt:
        declaration["adopt"] = True
    return json.dumps(declaration, separators=(",", ":"))


def user_declaration(name: str, user: User) -> str:
    """A user, as the provisioner reads it; the password is not in it."""
    declaration: dict[str, Any] = {}
    if user_key(name) != name:
        declaration["name"] = name
    if user.auth is Login.CUSTOM:
        declaration["auth"] = "custom"
    acls = user.all_acls()
    if acls:
        declaration["acls"] = [_acl(acl) for acl in acls]
    declaration["passwordVersion"] = user.password_version
    quotas = user.quotas.kafka_quotas() if user.quotas is not None else {}
    if quotas:
        declaration["quotas"] = quotas
    if user.adopt:
        declaration["adopt"] = True
    return json.dumps(declaration, separators=(",", ":"))


def _acl(acl: Acl) -> dict[str, Any]:
    # `*` alone is Kafka's literal wildcard; a longer pattern that ends in it is a prefix.
    prefixed = acl.name.endswith("*") and acl.name != "*"
    return {
        "resource": acl.resource.value,
        "name": acl.name[:-1] if prefixed else acl.name,
        "pattern": "prefixed" if prefixed else "literal",
        "operations": [operation.value for operation in acl.operations],
    }


def declarations(
    topics: Mapping[str, Topic], users: Mapping[str, User], default_replicas: int | None = None
) -> dict[str, str]:
    """All of them by key, in a stable order.

    Raises:
        ValueError: they do not fit into one ConfigMap.
    """
    rendered = {f"topic.{name}": topic_declaration(topics[name], default_replicas) for name in sorted(topics)}
    rendered |= {f"user.{user_key(name)}": user_declaration(name, users[name]) for name in sorted(users)}
    size = size_of(rendered)
    if size > MAX_BYTES:
        raise ValueError(
            f"topics: {len(topics)} topics and {len(users)} users are {size:,} bytes of declarations, and a ConfigMap "
            f"takes {MAX_BYTES:,}: divide them among several KafkaResources"
        )
    return rendered


def check_declared(topic: str) -> None:
    """Raises for the name of a topic that is too long for the key of its declaration."""
    if len(topic) > LONGEST_DECLARED_TOPIC:
        raise ValueError(
            f"'{topic[:60]}...' has {len(topic)} characters, more than the key of a ConfigMap takes: "
            f"use up to {LONGEST_DECLARED_TOPIC}"
        )


def check_topics(
    topics: Mapping[str, Topic], nodes: int | None, default_replicas: int | None, default_min_insync: int | None
) -> None:
    """Raises for a topic that the cluster cannot hold."""
    folded: dict[str, str] = {}
    for name, topic in sorted(topics.items()):
        check_topic(name)
        # Kafka names metrics with '_' for '.', and refuses two topics that differ in nothing else.
        other = folded.setdefault(name.replace(".", "_"), name)
        if other != name:
            raise ValueError(
                f"topic {name}: differs from topic {other} only by '.' and '_', which Kafka refuses: rename one"
            )
        replicas = topic.replicas if topic.replicas is not None else default_replicas
        if replicas is None:
            continue  # the cluster decides
        if nodes is not None and replicas > nodes:
            raise ValueError(
                f"topic {name}: replicas: {replicas} replicas on {nodes} nodes: use at most {nodes}, or add nodes"
            )
        least = topic.min_insync_replicas if topic.min_insync_replicas is not None else default_min_insync
        if least is not None:
            try:
                check_min_insync(least, replicas)
            except ValueError as error:
                if topic.min_insync_replicas is not None or replicas > 1:
                    raise ValueError(f"topic {name}: {error}") from None


def check_topic_settings(topics: Mapping[str, Topic]) -> None:
    """Raises for a setting that a Kafka run by this platform will refuse."""
    for topic, declared in sorted(topics.items()):
        for name, message in faults(declared.config):
            raise ValueError(f"topic {topic}: config: {name}: {message}")


def check_users(users: Mapping[str, User]) -> None:
    """Raises for a user that cannot be, or whose Secret cannot be called as it is or is another user's already."""
    owners: dict[tuple[Any, Any], str] = {}
    for name, user in sorted(users.items()):
        check_user(name)
        if user.secret is None and user.auth is not Login.CUSTOM and not user.keeps_password:
            try:
                check_user_secret(name)
            except ValueError as error:
                raise ValueError(f"user {name}: {error}") from None
        is_known = not is_later(user.namespace) and not is_later(user.secret)
        if user.auth is not Login.CUSTOM and not user.keeps_password and is_known:
            other = owners.setdefault((user.secret_of(name), user.namespace), name)
            if other != name:
                raise ValueError(
                    f"user {name}: secret: {user.secret_of(name)} is the Secret of user {other}: name another"
                )


def check_update(old: Mapping[str, object], new: Mapping[str, object]) -> None:
    """Raises for a change of declarations that Kafka cannot make: all such topics in one message."""
    faults: list[str] = []
    for key in sorted(old.keys() & new.keys()):
        before, after = old[key], new[key]
        if not key.startswith("topic.") or not isinstance(before, str) or not isinstance(after, str):
            continue
        had, wanted = json.loads(before), json.loads(after)
        topic = f"topic {key.removeprefix('topic.')}"
        if wanted["partitions"] < had["partitions"]:
            faults.append(
                f"{topic}: {had['partitions']} partitions -> {wanted['partitions']}: partitions never shrink: "
                f"keep {had['partitions']}, or make a new topic"
            )
        # Without a number the topic keeps what it has, and the provisioner compares a number with that.
        if "replicas" in had and "replicas" in wanted and wanted["replicas"] != had["replicas"]:
            faults.append(
                f"{topic}: {had['replicas']} replicas -> {wanted['replicas']}: fixed once the topic exists: "
                f"keep {had['replicas']}, or make a new topic"
            )
    if faults:
        raise ValueError("; ".join(faults))
