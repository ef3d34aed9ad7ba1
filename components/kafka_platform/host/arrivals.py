"""Converts what a program in another language sends into the args that a Python program would pass.

An Output whose value is known by now stands for that value, one of nothing is absent, and a field that may be known late
keeps it, with what it depends on. A program in Python is refused an Output wherever it would decide on what is deployed; here
only one that is not known yet is, because other languages make Outputs of everything that crosses the border.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.output import Unknown
from pulumi.provider.experimental.analyzer import ComponentDefinition, PropertyDefinition, PropertyType, TypeDefinition

from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.values.readers import later_fields
from kafka_platform.values.words import suggest

_T = TypeVar("_T")

MOST_REMEMBERED = 1000
"""Connections that are kept: as many clusters as one program may have."""


class Remembered:
    """The connections of this process' clusters, by the clusters' URNs.

    In a preview a program gets a connection as one unknown value if anything in it is unknown, such as the authority of a
    Kafka that Strimzi will run. What depends on it is previewed with the connection itself, whose other fields are known.
    """

    def __init__(self) -> None:
        self._given: list[tuple[pulumi.Output[str], KafkaConnection]] = []

    def add(self, urn: pulumi.Output[str], connection: KafkaConnection) -> None:
        """Keeps what a cluster gave; beyond MOST_REMEMBERED the oldest is forgotten."""
        self._given = [*self._given, (urn, connection)][-MOST_REMEMBERED:]

    def of(self, unknown: pulumi.Output[Any]) -> KafkaConnection | None:
        """The connection that an unknown value is, by what it depends on; None unless it is exactly one."""
        urns = {_now(each.urn.future()) for each in _now(unknown.resources()) or ()}
        latest = {_now(urn.future()): connection for urn, connection in self._given}
        found = [connection for urn, connection in latest.items() if urn is not None and urn in urns]
        return found[0] if len(found) == 1 else None


def refusal(message: str) -> InputPropertiesError:
    """What the engine shows as this message alone: beside a property it would show the value too, which may be secret."""
    return InputPropertiesError(message, None)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Position of a value in what was sent."""

    path: str = ""
    owner: type = object
    """The class whose field it is in."""
    is_late: bool = False
    """Whether the field may be, or hold, what is known only when the program runs."""
    part_of: pulumi.Output[Any] | None = None
    """The Output that it is, or is a part of, if that depends on something or is secret."""

    def inside(self, key: str | int) -> "_Place":
        path = f"{self.path}[{key}]" if isinstance(key, int) else f"{self.path}.{key}".lstrip(".")
        return replace(self, path=path)

    def refused(self, why: str) -> InputPropertiesError:
        return refusal(f"{self.path}: {why}")


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Reads what is sent, by the definitions of the package's types."""

    types: Callable[[PropertyDefinition], TypeDefinition | None]
    """The type that a property refers to."""
    remembered: Remembered = field(default_factory=Remembered)

    def read(self, sent: Mapping[str, Any], component: ComponentDefinition, args: type) -> dict[str, Any]:
        """The args by their names in Python.

        Raises:
            InputPropertiesError: a key is unknown, a value decides on what is deployed and is not known, or is a secret that would
                be deployed as plain text.
        """
        return self._fields(sent, component.inputs, component.inputs_mapping, _Place(owner=args))

    def _fields(
        self,
        sent: Mapping[str, Any],
        properties: Mapping[str, PropertyDefinition],
        names: Mapping[str, str],
        place: _Place,
    ) -> dict[str, Any]:
        late = later_fields(place.owner)
        found: dict[str, Any] = {}
        for key, value in sent.items():
            at = place.inside(key)
            if key not in properties:
                raise at.refused(f"unknown key: {suggest(key, sorted(properties))}")
            found[names[key]] = self._value(value, properties[key], replace(at, is_late=names[key] in late))
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, value: Any, wanted: PropertyDefinition, place: _Place) -> Any:
        if isinstance(value, Unknown):
            value = pulumi.Output.from_input(value)
        if isinstance(value, pulumi.Output):
            if not _now(value.is_known()):
                return self._unknown(value, wanted, place)
            matters = _now(value.resources()) or _now(value.is_secret())
            part_of = value if matters else place.part_of
            return self._value(_now(value.future(True)), wanted, replace(place, part_of=part_of))
        return None if value is None else self._known(value, wanted, place)

    def _known(self, value: Any, wanted: PropertyDefinition, place: _Place) -> Any:
        of = self.types(wanted) if wanted.ref else None
        if isinstance(value, Mapping):
            if of is not None and not of.enum:
                return self._fields(value, of.properties, of.properties_mapping, replace(place, owner=of.python_type))
            inner = wanted.additional_properties or PropertyDefinition()
            made = {key: self._value(each, inner, place.inside(key)) for key, each in value.items()}
            return {key: each for key, each in made.items() if each is not None}
        if isinstance(value, list):
            inner = wanted.items or PropertyDefinition()
            return [
                each
                for each in (self._value(each, inner, place.inside(index)) for index, each in enumerate(value))
                if each is not None
            ]
        # Numbers say what fits together, and are checked.
        if place.part_of is None or wanted.type is PropertyType.INTEGER:
            return value
        if place.is_late:
            return place.part_of.apply(lambda _: value)
        # No connection has a secret in it, whatever it depends on.
        if isinstance(value, str) and place.owner is not KafkaConnection and _now(place.part_of.is_secret()):
            raise place.refused(
                "is a secret, and would be deployed as plain text: put it into a Secret of Kubernetes, and name that"
            )
        return value

    def _unknown(self, value: pulumi.Output[Any], wanted: PropertyDefinition, place: _Place) -> Any:
        of = self.types(wanted) if wanted.ref else None
        if of is not None and of.python_type is KafkaConnection:
            connection = self.remembered.of(value)
            if connection is not None:
                return connection
            raise place.refused(
                "is not known before something else is deployed, and decides on what is deployed: pass the `connection` of one "
                "KafkaCluster as it is, or write its fields, of which only those that decide on nothing may be Outputs"
            )
        if place.is_late and wanted.ref is None and wanted.items is None and wanted.additional_properties is None:
            return value.apply(_whole) if wanted.type is PropertyType.INTEGER else value
        raise place.refused(
            "is not known before something else is deployed, and decides on what is deployed: write a value that is known"
        )


def _whole(number: Any) -> Any:
    """All numbers of other languages are floats."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _now(coroutine: Coroutine[Any, Any, _T]) -> _T | None:
    """The result of a coroutine that has nothing to wait for: what arrives is known or unknown, and never on its way."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: _T = done.value
        return result
    coroutine.close()
    return None
