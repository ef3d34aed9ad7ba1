"""The vocabulary of the conformance table: resources as data, and what the provider promises about each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Properties = Mapping[str, Any]


class Provider(StrEnum):
    """The provider resource that a case's resource uses."""

    PLAIN = "plain"
    MUTABLE = "mutable"
    """ConfigMaps and Secrets change in place."""
    UPSERT = "upsert"
    """Creating what exists already takes it over."""
    RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Resource options that the cases use."""

    ignore_changes: Sequence[str] = ()
    depends_on: Sequence[str] = ()
    """Names of other cases."""
    retain_on_delete: bool = False
    timeout: str = ""
    """Of creation and update, as Pulumi writes it ("5s")."""
    import_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a program."""

    token: str
    """Pulumi's type token."""
    properties: Properties
    """`{namespace}` in any text stands for the namespace of the test run; {"$secret": x} marks x as secret."""
    provider: Provider = Provider.PLAIN
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What happens to one resource when the program changes."""

    name: str
    first: Resource
    second: Resource | None = None
    """None when the program does not change: then nothing happens."""
    operation: str = "same"
    """What the preview of the change says: same, update or replace."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """Paths that the preview names and the kind of each change."""
    deletes_first: bool | None = None
    """For a replacement: whether the old object goes before the new one comes."""

    def at(self, step: int) -> Resource:
        """The resource as the program of a step (1 or 2) declares it."""
        return self.second if step > 1 and self.second is not None else self.first


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A resource that cannot be created, or does not become ready, and what the user reads about it."""

    name: str
    resource: Resource
    says: Sequence[str]
    """Texts that the error contains."""
    exists: bool = False
    """Whether the object exists all the same, so that the state keeps it and the next deployment tries again."""
    pods: bool = False
    """Whether the case needs nodes."""


def filled(value: Any, **texts: str) -> Any:
    """The value with placeholders such as {namespace} replaced in every text."""
    if isinstance(value, str):
        for name, text in texts.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, Mapping):
        return {key: filled(element, **texts) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [filled(element, **texts) for element in value]
    return value
