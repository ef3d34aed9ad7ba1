"""The base of everything that may stand in a stack's file."""

import re
from typing import Annotated

from kafka_platform.gateway_model import check_ports
from kafka_platform.names import check_label, check_subdomain, check_user
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*[A-Za-z0-9](@sha256:[0-9a-f]{64})?")
"""The name of a container image."""


def _namespace(value: str) -> str:
    check_label(value, "namespace")
    return value


def _namespaces(value: tuple[str, ...]) -> tuple[str, ...]:
    for namespace in value:
        _namespace(namespace)
    return value


def _user(value: str) -> str:
    check_user(value)
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


def _ports(value: tuple[int, ...]) -> tuple[int, ...]:
    check_ports(value)
    return value


NamespaceName = Annotated[str, AfterValidator(_namespace)]
"""The name of a namespace."""
NamespaceNames = Annotated[tuple[str, ...], AfterValidator(_namespaces)]
"""Names of namespaces. A fault is one of the whole list, as its message says which name it is."""
UserName = Annotated[str, AfterValidator(_user)]
"""The name of a Kafka user."""
SecretName = Annotated[str, AfterValidator(_secret)]
"""The name of a Secret."""
AdoptedObjects = Annotated[tuple[str, ...], AfterValidator(_objects)]
"""Objects of the Kubernetes cluster, as `Kind/name` or `Kind/namespace/name`. A fault is one of the whole list."""
Ports = Annotated[tuple[int, ...], AfterValidator(_ports)]
"""Ports of a pod's connections. A fault is one of the whole list."""


class Section(BaseModel):
    """A mapping with fixed keys, as a frozen object: its keys are in camelCase, and its docstrings are the documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, use_attribute_docstrings=True
    )
