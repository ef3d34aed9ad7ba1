"""The Secrets to be made, as `infra render` writes them: with a mark wherever a generated password belongs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka_platform_runtime.failures import Refused

KEY = "templates.json"
"""Of the ConfigMap with the templates."""
_PLACE = re.compile(r"([a-z0-9-]{1,63})/([a-z0-9.-]{1,253})")


@dataclass(frozen=True, kw_only=True)
class Template:
    """One Secret."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    type: str
    data: Mapping[str, str]
    """Text by key, with marks in it."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a Secret has that an operator makes."""

    name: str
    """Of the Secret, in the namespace of the store."""
    key: str | None
    """None: all its certificates, one after the other. Always without the last line's end."""


@dataclass(frozen=True, kw_only=True)
class Templates:
    """All of them."""

    namespace: str
    """Of the store."""
    store: str
    """Name of the Secret with the generated passwords, each by its mark."""
    marks: Sequence[str]
    """The passwords that are needed."""
    secrets: Sequence[Template]
    taken: Mapping[str, Taken] = field(default_factory=dict)
    """What belongs in the place of further marks."""
    given: Mapping[str, str] = field(default_factory=dict)
    """By their marks, the keys of passwords that are given and not generated: of all, or of none."""
    given_in: str = ""
    """Name of the Secret with these keys, in the namespace of the store."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Texts with marks of passwords, whose SHA-256 belongs in the place of further marks."""


def place(environment: Mapping[str, str]) -> tuple[str, str]:
    """Namespace and name of the ConfigMap with the templates. Raises `Refused` if the variable does not name one."""
    text = environment.get("TEMPLATES", "")
    found = _PLACE.fullmatch(text)
    if found is None:
        raise Refused([f"TEMPLATES: {text!r} is not a ConfigMap: write <namespace>/<name>"])
    return found[1], found[2]


def parsed(text: str) -> Templates:
    """The templates. Raises `Refused` for those that are not as `infra render` writes them."""
    try:
        content: dict[str, Any] = json.loads(text)
        return Templates(
            namespace=content["namespace"],
            store=content["store"],
            marks=list(content["marks"]),
            secrets=[Template(**each) for each in content["secrets"]],
            given=dict(content.get("given", {})),
            given_in=content.get("givenIn", ""),
            digests=dict(content.get("digests", {})),
            taken={mark: Taken(**each) for mark, each in content.get("taken", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused([f"{KEY}: cannot be read: {type(error).__name__}: {error}"]) from None
