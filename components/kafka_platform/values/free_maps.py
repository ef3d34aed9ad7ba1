"""Maps with free keys, and free texts, checked against the format in which they end up. Pure functions, no Pulumi.

Settings and components call the same checks. Every check raises `ValueError` with one sentence that names the key, or the
value, and what to write instead.
"""

import re
from collections.abc import Mapping
from typing import Any

from kafka_platform.values.names import LONGEST_NAME, check_object_labels, is_label_key

LONGEST_TEXT = 32_767
"""Characters of one value: Kafka's protocol carries no longer text."""
MOST_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations of one object: what Kubernetes takes."""

# No name of Kafka, librdkafka or a plugin has other characters: anything that would need an escape is an attempt to get
# around a check.
_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_JVM_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_JVM_VALUE = re.compile(r"[A-Za-z0-9._/%+-]*")
_OURS = ("pulumi.com", "kafka-platform", "strimzi.io", "kubectl.kubernetes.io", "meta.helm.sh")
_OUR_LABELS = frozenset(f"app.kubernetes.io/{key}" for key in ("component", "instance", "managed-by", "name"))
# Kubernetes' controllers set these on pods, and Services and ReplicaSets find pods by them.
_POD_LABEL_DOMAINS = frozenset({"apps.kubernetes.io", "batch.kubernetes.io", "statefulset.kubernetes.io"})
_POD_LABELS = frozenset({"controller-revision-hash", "controller-uid", "job-name", "pod-template-hash"})


def as_text(value: Any) -> Any:
    """A number, or true or false, as Kafka writes it; what else it is stays."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return value


def check_text(text: str, what: str = "text", longest: int = LONGEST_TEXT) -> None:
    """Raises unless `text` is one line of printable characters."""
    if len(text) > longest:
        raise ValueError(f"{shown(text)} has {len(text):,} characters: use up to {longest:,}")
    if not text.isprintable():
        raise ValueError(
            f"{shown(text)} is not one line of printable characters, as {what} has to be: remove line breaks and control characters"
        )


def check_lines(text: str, what: str = "text") -> None:
    """Raises unless `text` is lines of printable characters."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{shown(text)} has {len(text):,} characters: use up to {LONGEST_TEXT:,}")
    if not _has_lines_only(text):
        raise ValueError(f"{shown(text)} has control characters, which {what} cannot have: remove them")


def _has_lines_only(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and re.sub(r"[\n\t]", "", text).isprintable()


def check_settings(config: Mapping[str, str]) -> None:
    """Raises unless all keys are names of settings, and all values fit on a line: for files of properties and options."""
    for name, value in config.items():
        if len(name) > LONGEST_NAME or not _SETTING.fullmatch(name):
            raise ValueError(
                f"{shown(name)} is not the name of a setting: use letters, digits, '.', '_' and '-', such as num.io.threads"
            )
        # The value is not shown: it may be a secret.
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"{name}: its value has {len(value):,} characters: use up to {LONGEST_TEXT:,}")
        for position, character in enumerate(value, 1):
            if not character.isprintable():
                raise ValueError(
                    f"{name}: its value has the character U+{ord(character):04X} at position {position}: write one line of "
                    "printable characters"
                )


def check_variables(variables: Mapping[str, object]) -> None:
    """Raises unless all keys are names of variables, and all values that are known can be handed to a program."""
    for name, value in variables.items():
        if len(name) > LONGEST_NAME or not _VARIABLE.fullmatch(name):
            raise ValueError(f"{shown(name)} is not a variable: use letters, digits and _")
        if isinstance(value, str) and not _has_lines_only(value):
            raise ValueError(f"{name}: its value has control characters, or more than {LONGEST_TEXT:,}: remove them")


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises unless an object of Kubernetes may have these labels, and none is this platform's own."""
    check_object_labels(labels)
    for key in labels:
        if _is_ours(key) or key in _OUR_LABELS:
            raise ValueError(f"{key!r} says whose the object is: remove it")


def check_pod_labels(labels: Mapping[str, str]) -> None:
    """Raises unless pods may have these labels, and none is one by which this platform or Kubernetes finds pods."""
    check_labels(labels)
    for key in labels:
        if key in _POD_LABELS or key.lower().rpartition("/")[0] in _POD_LABEL_DOMAINS:
            raise ValueError(f"{key!r} is set on pods by Kubernetes itself: remove it")


def _is_ours(key: str) -> bool:
    domain = key.lower().rpartition("/")[0]
    return any(domain == own or domain.endswith(f".{own}") for own in _OURS)


def check_annotations(annotations: Mapping[str, str]) -> None:
    """Raises unless an object of Kubernetes may have these annotations, and none is this platform's or a tool's own."""
    for key, value in annotations.items():
        if not is_label_key(key):
            raise ValueError(f"{shown(key)} is not the key of an annotation: write one such as example.com/size")
        if _is_ours(key):
            raise ValueError(f"{key!r} says how the object is deployed: remove it")
        check_lines(value, "an annotation")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > MOST_ANNOTATIONS:
        raise ValueError(f"annotations have {size:,} bytes: Kubernetes takes {MOST_ANNOTATIONS:,}, use fewer")


def check_jvm_options(options: Mapping[str, str]) -> None:
    """Raises unless all are -XX options that stay one word of Java's command line, and run no program."""
    for name, value in options.items():
        if len(name) > LONGEST_NAME or not _JVM_OPTION.fullmatch(name):
            raise ValueError(f"{shown(name)} is not an -XX option: use letters and digits, such as MaxGCPauseMillis")
        if name in ("Flags", "OnError", "OnOutOfMemoryError", "VMOptionsFile"):
            raise ValueError(f"{name}: it runs a program, or reads more options: remove it")
        if len(value) > LONGEST_NAME or not _JVM_VALUE.fullmatch(value):
            raise ValueError(
                f"{name}: {shown(value)} is not the value of an -XX option: use one word of letters, digits and . _ / % + -"
            )


def check_values(values: Mapping[str, Any]) -> None:
    """Raises unless the values of a chart are plain data without control characters."""
    waiting: list[tuple[str, Any]] = [("", values)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, Mapping):
            for key, each in value.items():
                check_text(str(key), "the key of a chart's value", LONGEST_NAME)
                waiting.append((f"{where}.{key}" if where else str(key), each))
        elif isinstance(value, list | tuple):
            waiting += [(where, each) for each in value]
        elif isinstance(value, str) and not re.sub(r"[\n\t]", "", value).isprintable():
            raise ValueError(f"{where}: {shown(value)} has control characters: remove them")


def shown(text: str) -> str:
    """A text in a message: in quotes, and short."""
    return repr(text if len(text) <= 80 else f"{text[:60]}...")
