"""Serves the components to Pulumi's engine."""

import dataclasses
import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pulumi
from pulumi.provider import ConstructResult, main
from pulumi.provider.experimental import component
from pulumi.provider.experimental.analyzer import ComponentDefinition, PropertyDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

import kafka_platform
from kafka_platform.host.arrivals import Arrivals, refusal
from kafka_platform.host.described import PACKAGE, SpecAnalyzer, complete, schema
from kafka_platform.kafka.connection import KafkaConnection


def _components() -> dict[type[pulumi.ComponentResource], type]:
    """The public components, with their args."""
    public = {name: getattr(kafka_platform, name) for name in dir(kafka_platform)}
    found = [each for each in public.values() if isinstance(each, type) and issubclass(each, pulumi.ComponentResource)]
    return {each: public[f"{each.__name__}Args"] for each in found}


class Host(ComponentProvider):
    """Pulumi's component host, with the schema that specs declare, and with args read as `Arrivals` does."""

    def __init__(self) -> None:
        components = _components()
        # It makes an analyzer of its own.
        vars(component)["Analyzer"] = SpecAnalyzer
        super().__init__(list(components), PACKAGE, version=_version())
        self._args = {each.__name__: args for each, args in components.items()}
        for name, args in self._args.items():
            complete(args, self._component_defs[name].inputs)
        for definition in self._type_defs.values():
            if dataclasses.is_dataclass(definition.python_type):
                complete(definition.python_type, definition.properties)
        self.schema = json.dumps(schema(_version(), self._component_defs, self._type_defs))
        self._arrivals = Arrivals(types=self.get_type_definition)

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: pulumi.Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """As the base class; what the component says of its args is one message, which names the field as it was written."""
        try:
            return super().construct(name, resource_type, inputs, options)
        except ComponentInitError as failed:
            if not isinstance(failed.inner, ValueError):
                raise
            message = str(failed.inner)
        path, _, reason = message.partition(": ")
        if re.fullmatch(r"[\w.\[\]-]+", path) is None:
            raise refusal(message)
        definition = self._component_defs[resource_type.rpartition(":")[2]]
        raise refusal(f"{self._written(path, definition)}: {reason}")

    def map_inputs(self, inputs: Any, component_def: ComponentDefinition) -> Any:
        """The args by their names in Python, with plain values where these are known."""
        return self._arrivals.read(inputs, component_def, self._args[component_def.name])

    def get_state(self, instance: pulumi.ComponentResource, component_def: ComponentDefinition) -> dict[str, Any]:
        """As the base class; keeps the connection of a cluster."""
        connection = getattr(instance, "connection", None)
        if isinstance(connection, KafkaConnection):
            self._arrivals.remembered.add(instance.urn, connection)
        state: dict[str, Any] = super().get_state(instance, component_def)
        return state

    def _written(self, path: str, definition: ComponentDefinition) -> str:
        """A path of Python's names as another language writes it; keys of mappings stay as they are."""
        properties, names = definition.inputs, definition.inputs_mapping
        inner: PropertyDefinition | None = None
        written: list[str] = []
        for part in path.split("."):
            if inner is None:
                name = next((name for name, python in names.items() if python == part), part)
                found = properties.get(name, PropertyDefinition())
                written.append(name)
                inner = found.items or found.additional_properties
            else:
                written.append(part)
                found, inner = inner, None
            of = self.get_type_definition(found) if found.ref else None
            properties, names = (of.properties, of.properties_mapping) if of else ({}, {})
        return ".".join(written)


def serve() -> None:
    """Serve the components until the engine ends this process."""
    main(Host(), sys.argv[1:])


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "0.0.0"
