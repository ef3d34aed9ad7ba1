"""The Secrets to be made, as `infra render` writes them: with a mark wherever a generated password belongs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka_platform_runtime.failures import Refused

DEFAULT_FILE = "/etc/kafka-platform/templates/templates.json"


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
    digests: Mapping[str, str] = field(default_factory=dict)
    """Texts with marks of passwords, whose SHA-256 belongs in the place of further marks."""


def templates_file(environment: Mapping[str, str]) -> Path:
    """Where the templates are."""
    return Path(environment.get("TEMPLATES_FILE") or DEFAULT_FILE)


def read(file: Path) -> Templates:
    """The templates in a file. Raises `Refused` for one that is not as `infra render` writes it."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Templates(
            namespace=content["namespace"],
            store=content["store"],
            marks=list(content["marks"]),
            secrets=[Template(**each) for each in content["secrets"]],
            digests=dict(content.get("digests", {})),
            taken={mark: Taken(**each) for mark, each in content.get("taken", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused([f"{file}: cannot be read: {type(error).__name__}: {error}"]) from None
