"""What a rule is, and what it judges."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from infra.reading.declarations import Topic, User, declarations_in
from infra.reading.kinds import Kind, containers, first_containers, kind_of
from infra.reading.values import text


class Level(Enum):
    """What a violation does."""

    OFF = "off"
    """Nothing: the rule does not concern the environment."""
    ADVISORY = "advisory"
    """It is shown."""
    MANDATORY = "mandatory"
    """It stops `python -m infra check`, previews and deployments."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as a program registers it."""

    type: str
    """Its type token, such as `kubernetes:apps/v1:StatefulSet`."""
    properties: Mapping[str, Any]
    name: str = ""
    """Its name in the program."""
    ignored: Sequence[str] = ()
    """Properties whose changes are ignored."""
    kept: bool | None = None
    """Whether it is kept in the cluster when it is removed from the program. Default: unknown, as CrossGuard does not
    say."""

    @property
    def kind(self) -> str:
        """The last part of its type."""
        return self.type.rpartition(":")[2]

    @property
    def record(self) -> Kind:
        """What is known of its kind."""
        return kind_of(self.type)

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The topics that it declares, by name."""
        return declarations_in(self.record, self.properties, retained=self.kept is True).topics

    @property
    def users(self) -> Mapping[str, User]:
        """The users that it declares, by name."""
        return declarations_in(self.record, self.properties).users

    @property
    def containers(self) -> list[Any]:
        """The containers of its pods, those that run first included."""
        return [*first_containers(self.record, self.properties), *containers(self.record, self.properties)]

    @property
    def shown(self) -> str:
        """How a message names it."""
        return f"{self.kind} {text(self.properties, 'metadata', 'name') or self.name}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule."""

    name: str
    reason: str
    """The reason for the rule, in one sentence."""
    dev: Level
    staging: Level
    prod: Level
    check: Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]] = field(repr=False)
    """A violation: the resource, and one line with the problem and the fix."""
    together: bool = False
    """Whether it has to see all resources of a stack at once."""

    def level(self, environment: str) -> Level:
        """How strict it is in an environment, which is called as in stack files: `dev`, `staging` or `prod`."""
        return {"dev": self.dev, "staging": self.staging, "prod": self.prod}[environment]


def one_by_one(
    check: Callable[[Resource], Iterator[str]],
) -> Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]:
    """A check of single resources as one of all of them."""

    def check_all(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
        for resource in resources:
            for message in check(resource):
                yield resource, message

    return check_all
