"""The components for programs in other languages, over Pulumi's component host."""

import dataclasses
import json
import sys
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, get_args, get_origin

import pulumi
from pulumi.provider import main
from pulumi.provider.experimental import component
from pulumi.provider.experimental.analyzer import Analyzer, PropertyDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.experimental.schema import generate_schema

import kafka_platform

PACKAGE = "kafka-platform"


def _components() -> dict[type[pulumi.ComponentResource], type]:
    """The public components, with their args."""
    public = {name: getattr(kafka_platform, name) for name in dir(kafka_platform)}
    found = [each for each in public.values() if isinstance(each, type) and issubclass(each, pulumi.ComponentResource)]
    return {each: public[f"{each.__name__}Args"] for each in found}


class _Analyzer(Analyzer):
    """Pulumi's analyzer, which knows what specs call an Input: they do without Pulumi."""

    def analyze_property(self, arg: Any, typ: type, name: str, **given: Any) -> PropertyDefinition:
        of: Any = pulumi.Input
        wanted = of[get_args(arg)[0]] if get_origin(arg) is Annotated else arg
        return super().analyze_property(wanted, typ, name, **given)


class Host(ComponentProvider):
    """Pulumi's component host, which three things escape.

    Fields with a default are optional, those of a base class are described there, and lists may hold enums.
    """

    def __init__(self) -> None:
        components = _components()
        # It makes an analyzer of its own.
        vars(component)["Analyzer"] = _Analyzer
        super().__init__(list(components), PACKAGE, version=_version())
        for each, args in components.items():
            _complete(args, self._component_defs[each.__name__].inputs)
        for definition in self._type_defs.values():
            if dataclasses.is_dataclass(definition.python_type):
                _complete(definition.python_type, definition.properties)
        schema = generate_schema(PACKAGE, _version(), None, self._component_defs, self._type_defs, self._dependencies)
        self.schema = json.dumps(schema.to_json())

    def map_input_properties(
        self, inputs: Any, properties: Any, mapping: Any, component_name: str, property_path: str
    ) -> Any:
        """As the base class, but the members of enums in lists arrive as they were written."""
        mapped: Any = super().map_input_properties(inputs, properties, mapping, component_name, property_path)
        for name, definition in properties.items():
            if definition.items and definition.items.ref and isinstance(inputs, dict) and inputs.get(name):
                of = self.get_type_definition(definition.items)
                if of is not None and issubclass(of.python_type, Enum):
                    mapped[mapping[name]] = [of.python_type(each) for each in inputs[name]]
        return mapped


def serve() -> None:
    """Serve the components until the engine ends this process."""
    main(Host(), sys.argv[1:])


def _complete(of: type, properties: dict[str, PropertyDefinition]) -> None:
    docs = Analyzer(PACKAGE)
    fields = {field.name: field for field in dataclasses.fields(of)}
    names = {_camel(name): field for name, field in fields.items()}
    for name, definition in properties.items():
        field = names[name]
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
            definition.optional = True
        if not definition.description:
            found = (docs.get_docstring(base, field.name) for base in of.__mro__ if dataclasses.is_dataclass(base))
            definition.description = next((text for text in found if text), None)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "0.0.0"
