"""The base of all sections of a stack file."""

import re
from typing import Annotated

from kafka_platform.values.names import check_label, check_subdomain
from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel


def _namespace(value: str) -> str:
    check_label(value, "namespace")
    return value


def _secret(value: str) -> str:
    check_subdomain(value, "Secret name")
    return value


_OBJECT = re.compile(r"[A-Z][A-Za-z0-9]*(/[a-z0-9-]{1,63})?/[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}")


def _objects(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not _OBJECT.fullmatch(each):
            raise ValueError(
                f"{each!r} is not an object: write Kind/name, or Kind/namespace/name for one in a namespace, "
                "such as Namespace/streaming or Secret/streaming/api-kafka"
            )
    return value


_STACK = re.compile(r"[A-Za-z0-9._-]{1,100}(/[A-Za-z0-9._-]{1,100}){2}")


def _stacks(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not _STACK.fullmatch(each):
            raise ValueError(f"{each!r} is not a stack: write organization/project/stack, such as acme/streaming/prod")
    return value


NamespaceName = Annotated[
    str,
    AfterValidator(_namespace),
    WithJsonSchema({"type": "string", "pattern": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}),
]
"""The name of a namespace."""
SecretName = Annotated[str, AfterValidator(_secret)]
"""The name of a Secret."""
AdoptedObjects = Annotated[tuple[str, ...], AfterValidator(_objects)]
"""Objects of the Kubernetes cluster, as `Kind/name` or `Kind/namespace/name`. A fault is one of the whole list."""
FormerStacks = Annotated[tuple[str, ...], AfterValidator(_stacks)]
"""Stacks, as `organization/project/stack`. A fault is one of the whole list."""


class Section(BaseModel):
    """A mapping with fixed keys, as a frozen object: its keys are in camelCase, and its docstrings are the documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, use_attribute_docstrings=True
    )
