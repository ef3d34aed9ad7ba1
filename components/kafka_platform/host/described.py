"""What other languages see of the components: their schema, with the package's names and docs, derived from the specs."""

import dataclasses
import inspect
import re
import types
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

import pulumi
from pulumi.provider.experimental.analyzer import Analyzer, ComponentDefinition, PropertyDefinition, TypeDefinition
from pulumi.provider.experimental.schema import generate_schema

from kafka_platform.kafka.connection import KafkaConnection

PACKAGE = "kafka-platform"
_REPOSITORY = "https://github.com/kafka-platform/kafka-platform"
_ABOUT = {
    "displayName": "Kafka Platform",
    "description": "An elastic, multi-tenant Kafka data platform on any Kubernetes cluster",
    "keywords": ["kafka", "kubernetes", "category/infrastructure", "kind/component"],
    "homepage": _REPOSITORY,
    "repository": _REPOSITORY,
    "publisher": "kafka-platform",
    "license": "Apache-2.0",
}
_NAMES: dict[str, dict[str, Any]] = {
    "nodejs": {"packageName": "@kafka-platform/components"},
    # The library itself is kafka_platform.
    "python": {"packageName": "kafka_platform_sdk"},
    "go": {
        "importBasePath": "github.com/kafka-platform/sdk-go/kafkaplatform",
        "modulePath": "github.com/kafka-platform/sdk-go/kafkaplatform",
        "rootPackageName": "kafkaplatform",
    },
    "csharp": {"rootNamespace": "KafkaPlatform"},
    "java": {"basePackage": "com.github.kafkaplatform"},
}
"""What the generated packages are called; otherwise their names would be Pulumi's own."""


class SpecAnalyzer(Analyzer):
    """Pulumi's analyzer, which also knows what specs call an Input, since they do without Pulumi.

    A connection goes from component to component as it is: nothing of it is plain, and its words are text, because a YAML
    program cannot hand on an enum.
    """

    def analyze_property(self, arg: Any, typ: type, name: str, **given: Any) -> PropertyDefinition:
        """As Pulumi's."""
        of: Any = pulumi.Input
        wanted = of[get_args(arg)[0]] if get_origin(arg) is Annotated else arg
        if wanted is KafkaConnection:
            given["can_be_plain"] = False
        if typ is KafkaConnection:
            wanted = _as_text(wanted)
            given |= {"can_be_plain": False, "is_component_output": True}
        return super().analyze_property(wanted, typ, name, **given)


def _as_text(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType) and any(map(_is_enum, get_args(hint))):
        return str | None
    return str if _is_enum(hint) else hint


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def complete(args: type, properties: dict[str, PropertyDefinition]) -> None:
    """Makes fields with a default optional, and describes those of base classes."""
    docs = Analyzer(PACKAGE)
    fields = {camel(field.name): field for field in dataclasses.fields(args)}
    for name, definition in properties.items():
        field = fields[name]
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
            definition.optional = True
        if not definition.description:
            found = (docs.get_docstring(base, field.name) for base in args.__mro__ if dataclasses.is_dataclass(base))
            definition.description = next((text for text in found if text), None)


def schema(
    version: str, components: dict[str, ComponentDefinition], definitions: dict[str, TypeDefinition]
) -> dict[str, Any]:
    """The package's schema. Docs are without the source's indentation; fields and words are named as other languages do."""
    everything: list[ComponentDefinition | TypeDefinition] = [*components.values(), *definitions.values()]
    names = {name for each in everything for mapping in _mappings(each) for name in mapping.values()}
    for each in _described(everything):
        if each.description:
            each.description = _respelled(inspect.cleandoc(each.description), names)
    for each in _described(everything):
        # Otherwise the generator for Go forgets the types of what is listed nowhere else.
        for item in (getattr(each, "items", None), getattr(each, "additional_properties", None)):
            if item is not None and item.ref:
                item.plain = None
    for definition in definitions.values():
        for word in definition.enum or []:
            word.name = "".join(part.capitalize() for part in word.name.split("_"))
    made: dict[str, Any] = generate_schema(PACKAGE, version, None, components, definitions, []).to_json() | _ABOUT
    made["language"] = {name: made["language"][name] | own for name, own in _NAMES.items()}
    return made


def _mappings(definition: ComponentDefinition | TypeDefinition) -> Iterator[dict[str, str]]:
    if isinstance(definition, ComponentDefinition):
        yield from (definition.inputs_mapping, definition.outputs_mapping)
    else:
        yield definition.properties_mapping


def _described(definitions: Iterable[ComponentDefinition | TypeDefinition]) -> Iterator[Any]:
    """Everything that has a description."""
    for each in definitions:
        yield each
        if isinstance(each, ComponentDefinition):
            yield from _nested([*each.inputs.values(), *each.outputs.values()])
        else:
            yield from _nested(each.properties.values())
            yield from each.enum or []


def _nested(properties: Iterable[PropertyDefinition]) -> Iterator[PropertyDefinition]:
    for each in properties:
        yield each
        yield from _nested([inner for inner in (each.items, each.additional_properties) if inner is not None])


_CODE = re.compile(r"`[^`]+`")
_NAME = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")


def _respelled(text: str, names: set[str]) -> str:
    def name(match: re.Match[str]) -> str:
        return camel(match[0]) if match[0] in names else match[0]

    return _CODE.sub(lambda code: _NAME.sub(name, code[0]), text)


def camel(name: str) -> str:
    """A field's name as other languages have it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
