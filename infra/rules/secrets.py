"""The rule about secrets that can be read."""

import re
from collections.abc import Iterator

from infra.reading.settings import broker_settings
from infra.reading.values import items, known, mapping, text
from infra.rules.rule import Level, Resource, Rule, one_by_one

_SECRET_NAME = re.compile(r"(?:^|[^a-z])(?:password|passwd|secret|api[_.-]?key|token|private[_.-]?key)$", re.IGNORECASE)
_ASSIGNED = re.compile(r"""["'\\]*([A-Za-z0-9_.-]+)["'\\]*\s*[=:]\s*["'\\]*([^"'\\\s,;}]+)""")
"""Quotes may have a backslash, as those of a text in JSON do."""
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}")
_REFERENCE = re.compile(r"^(?:[$/<{\[(%]|file:|null$|none$|true$|false$|\d+$)", re.IGNORECASE)
"""Values that are no secret: variables, paths, numbers, nothing."""


def _plain_secrets(resource: Resource) -> Iterator[str]:
    for container in resource.containers:
        for variable in items(container, "env"):
            name, value = text(variable, "name"), text(variable, "value")
            if value and _SECRET_NAME.search(name) and not _REFERENCE.match(value):
                yield f"{resource.shown}: variable {name} holds a secret readable: mount a Secret as a file"
    if resource.kind == "ConfigMap":
        for key, value in mapping(resource.properties, "data").items():
            if isinstance(value, str) and known(value) and (found := _secret_in(key, value)):
                yield f"{resource.shown}: {found} in {key} is a secret that everybody may read: put it in a Secret"
    for key, value in mapping(resource.properties, "metadata", "annotations").items():
        if (
            isinstance(value, str)
            and known(value)
            and not key.startswith("pulumi.com/")
            and (found := _secret_in(key, value))
        ):
            yield f"{resource.shown}: annotation {key} holds a secret readable ({found}): put it in a Secret"
    for key, value in (broker_settings(resource.properties) or {}).items() if resource.kind == "Kafka" else ():
        if _SECRET_NAME.search(key) and not _REFERENCE.match(value):
            yield f"{resource.shown}: setting {key} holds a secret readable: put it in a Secret"


def _secret_in(key: str, value: str) -> str | None:
    """What in a text looks like a secret: its name, never its value."""
    if _PRIVATE_KEY.search(value):
        return "a private key"
    if _SECRET_NAME.search(key) and value.strip() and not _REFERENCE.match(value.strip()):
        return key
    for match in _ASSIGNED.finditer(value):
        if _SECRET_NAME.search(match[1]) and not _REFERENCE.match(match[2]):
            return match[1]
    return None


NO_PLAIN_SECRETS = Rule(
    name="no-plain-secrets",
    reason="Anyone who may look at pods can read ConfigMaps, annotations and variables, and they end up in logs.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_plain_secrets),
)
