"""What Kafka and Kubernetes accept as a name. Pure functions, no Pulumi.

Every check raises `ValueError` with one sentence that names the value and what to write instead.
"""

import hashlib
import re
from collections.abc import Mapping

# org.apache.kafka.common.internals.Topic: LEGAL_CHARS and MAX_NAME_LENGTH
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
# RFC 1123 label and subdomain, as the API server checks them.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_OBJECT_LABEL = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
# org.apache.kafka.common.Uuid: 16 bytes in base64url without padding.
_CLUSTER_ID = re.compile(r"[A-Za-z0-9_-]{22}")

# What the API server takes for a key of a ConfigMap or Secret, a little shorter.
_KEY = re.compile(r"[A-Za-z0-9._-]{1,200}")

INTERNAL_TOPICS = frozenset({"__cluster_metadata", "__consumer_offsets", "__share_group_state", "__transaction_state"})
"""Kafka's own (org.apache.kafka.common.internals.Topic). Others that begin with `__` are those of programs, such as Debezium's."""
OWN_TOPICS = "_kafka-platform"
"""With what the names of this platform's own topics begin."""
RUNS_TOPIC = f"{OWN_TOPICS}-runs"
"""Where the provisioner notes its runs (`runs.py` of the runtime): counts and times, and no names."""
RESERVED_USERS = frozenset({"admin", "broker", "ANONYMOUS"})

LONGEST_NAME = 249
"""Characters of the name of a topic (Kafka's bound), of a group or of a transactional id (this platform's)."""
LONGEST_OBJECT_USER = 200
"""Characters of the name of a user that objects of Kubernetes are called as."""
LONGEST_CERTIFICATE_NAME = 64
"""A certificate's common name has 64 characters at most (X.520)."""


IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*[A-Za-z0-9](@sha256:[0-9a-f]{64})?")
"""The name of a container image."""


JAVA_CLASS = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+")
"""A class of Java with its package."""


def check_java_class(name: str) -> None:
    """Raises unless it is the name of a class of Java with its package."""
    if not JAVA_CLASS.fullmatch(name):
        raise ValueError(f"{name!r} is not a Java class: write it with its package")


def check_image(image: str) -> None:
    """Raises unless it is the name of a container image."""
    if not image.strip():
        raise ValueError("is empty: write registry/name:tag")
    if not IMAGE.fullmatch(image):
        raise ValueError(f"{image!r} is not an image: write registry/name:tag, such as ghcr.io/acme/fraud-check:1.8.2")


def check_topic(name: str) -> None:
    """Raises unless `name` is a topic that a person may declare."""
    if name in (".", "..") or not _TOPIC.fullmatch(name):
        raise ValueError(f"{name!r} is not a Kafka topic name: use 1 to 249 of the characters a-z A-Z 0-9 . _ -")
    if is_internal_topic(name):
        raise ValueError(f"{name!r} is an internal topic of Kafka or of this platform: choose another name")


def is_internal_topic(name: str) -> bool:
    """Whether Kafka or this platform has a topic of that name for itself."""
    return name in INTERNAL_TOPICS or name.startswith(OWN_TOPICS)


def may_be_internal_topic(pattern: str) -> bool:
    """Whether a name, or a prefix with a final `*`, can match an internal topic."""
    if not pattern.endswith("*"):
        return is_internal_topic(pattern)
    prefix = pattern[:-1]
    return prefix.startswith(OWN_TOPICS) or any(each.startswith(prefix) for each in (*INTERNAL_TOPICS, OWN_TOPICS))


def check_label(name: str, what: str = "name") -> None:
    """Raises unless `name` is an RFC 1123 label (namespaces, Services, StatefulSets)."""
    if not _LABEL.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a Kubernetes {what}: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
        )


def is_subdomain(name: str) -> bool:
    """Whether `name` is an RFC 1123 subdomain."""
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def check_subdomain(name: str, what: str = "name") -> None:
    """Raises unless `name` is an RFC 1123 subdomain (Secrets, StorageClasses, host names)."""
    if not is_subdomain(name):
        raise ValueError(
            f"{name!r} is not a Kubernetes {what}: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit"
        )


def check_gateway(reference: str) -> None:
    """Raises unless it names a Gateway: `name`, or `namespace/name`."""
    namespace, slash, name = reference.rpartition("/")
    if slash:
        check_label(namespace, "namespace")
    check_subdomain(name, "Gateway name")


def is_label_key(text: str) -> bool:
    """Whether a label, or a taint, may have this key."""
    return _OBJECT_LABEL.fullmatch(text) is not None


def check_object_labels(labels: Mapping[str, str]) -> None:
    """Raises unless an object of Kubernetes may have these labels."""
    for key, value in sorted(labels.items()):
        if not is_label_key(key) or not _LABEL_VALUE.fullmatch(value):
            raise ValueError(
                f"{key!r}: {value!r} is not a label: use up to 63 of a-z A-Z 0-9 . _ - for each, as in release: prometheus"
            )


def check_user(name: str) -> None:
    """Raises unless `name` can be a Kafka user: also an e-mail address, an API key or what a certificate says."""
    if name in RESERVED_USERS:
        raise ValueError(f"{name!r} is a user of the platform itself: choose another name")
    if name == "*":
        raise ValueError("'*' means all users, including those who do not log in: name one")
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise ValueError(
            f"{name[:60]!r} is not a user name: use 1 to {LONGEST_NAME} printable characters without spaces around them"
        )


def check_user_secret(user: str) -> None:
    """Raises unless a user's Secret can be called as the user."""
    if object_user(user) != user:
        raise ValueError(
            f"secret: missing, no Secret can be called {user_secret(user)!r}: name one of up to 253 of a-z, 0-9, - and ."
        )


def object_user(user: str) -> str:
    """Name of a user's objects: the user's, if Kubernetes accepts it, otherwise a name derived from it."""
    if len(user) <= LONGEST_OBJECT_USER and _SUBDOMAIN.fullmatch(user):
        return user
    readable = re.sub(r"[^a-z0-9]+", "-", user.lower()).strip("-")[:60].rstrip("-") or "user"
    return f"{readable}-{hashlib.sha256(user.encode()).hexdigest()[:10]}"


def user_key(user: str) -> str:
    """The key of a user's declaration, and of the password: the name, where a key may be called so, otherwise made of it."""
    return user if _KEY.fullmatch(user) else object_user(user)


def passwords_secret(resources: str) -> str:
    """Name of the Secret with the passwords of the users that a `KafkaResources` declares, by `user_key`."""
    return f"{resources}-passwords"


def check_object_user(user: str) -> None:
    """Raises unless objects can be called as the user, whose Secret cannot be named."""
    if object_user(user) != user:
        raise ValueError(
            f"{user!r} cannot be part of a Secret's name: use up to {LONGEST_OBJECT_USER} of a-z, 0-9, - and ., beginning "
            "and ending with a letter or digit"
        )


def check_secret_of_user(field: str, user: str) -> None:
    """Raises unless the Secret of a user whom the field names can be called as the user; otherwise it has to be named."""
    try:
        check_user_secret(user)
    except ValueError as error:
        raise ValueError(f"{field}_{error}") from None


def check_cluster(name: str) -> None:
    """Raises unless `name` can be a Kafka cluster: the longest name made of it is a Service's, `<name>-external-<node>`."""
    check_label(name, "name")
    if len(name) > 40:
        raise ValueError(f"{name!r} is too long for a cluster's name: use up to 40 characters")


def check_gateway_name(name: str) -> None:
    """Raises unless `name` can be a gateway: it is a Service's, and its pods carry it in a label with a hash."""
    check_service_name(name, "gateway")


def check_service_name(name: str, what: str) -> None:
    """Raises unless `name` can be that of a workload and its Service, with a hash behind it in names and labels of pods."""
    check_label(name, "name")
    if name[0].isdigit():
        raise ValueError(f"{name!r} is not a Service's name: begin it with a letter")
    if len(name) > 50:
        raise ValueError(f"{name!r} is too long for a {what}'s name: use up to 50 characters")


def check_workload(name: str, what: str, longest: int = 33) -> None:
    """Raises unless `name` can be a worker or a scaler: it is a Service's and a Kafka user's, and part of longer names."""
    check_label(name, "name")
    if name[0].isdigit():
        raise ValueError(f"{name!r} is not a Service's name: begin it with a letter")
    check_user(name)
    if len(name) > longest:
        raise ValueError(f"{name!r} is too long for a {what}'s name: use up to {longest} characters")


def declarations_of(resources: str) -> str:
    """Name of the ConfigMap with what a `KafkaResources` declares."""
    return f"{resources}-declarations"


def user_secret(user: str) -> str:
    """Name of the Secret with a user's credentials."""
    return f"{user}-kafka"


def check_cluster_id(cluster_id: str) -> None:
    """Raises unless `cluster_id` is what Kafka calls a Uuid."""
    if not _CLUSTER_ID.fullmatch(cluster_id):
        raise ValueError(
            f"{cluster_id!r} is not a Kafka cluster id: use the 22 characters of a-z A-Z 0-9 _ - that the cluster had"
        )


def check_pattern(pattern: str) -> None:
    """Raises unless `pattern` is a topic, group or transaction name, or a prefix of one that ends in `*`."""
    if not pattern or "*" in pattern.removesuffix("*") or not _is_name(pattern):
        raise ValueError(
            f"{pattern!r} is not a name or prefix: write a name such as orders, or a prefix such as orders-*"
        )
    if len(pattern) > LONGEST_NAME:
        raise ValueError(f"{pattern[:60] + '...'!r} has {len(pattern):,} characters: use up to {LONGEST_NAME}")


def check_group(group: str) -> None:
    """Raises unless `group` is the name of a consumer group."""
    if not group or "*" in group or not _is_name(group):
        raise ValueError(f"{group!r} is not a consumer group: write a name such as fraud-check")
    if len(group) > LONGEST_NAME:
        raise ValueError(f"{group[:60] + '...'!r} has {len(group):,} characters: use up to {LONGEST_NAME}")


def _is_name(text: str) -> bool:
    """Whether it has only printable characters and no blanks."""
    return text.isprintable() and not any(character.isspace() for character in text)
