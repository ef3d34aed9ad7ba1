"""What operators from official Helm charts have in common. No Pulumi."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from kafka_platform.kube.objects import Object
from kafka_platform.operators.sources import ChartSource
from kafka_platform.values.forms import Spec, formed, mapping, named
from kafka_platform.values.free_maps import check_values
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label
from kafka_platform.values.ranges import within

MOST_REPLICAS = 5
"""One pod of each part works and the others wait: more of them only cost."""

_REGISTRY = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*[A-Za-z0-9]")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def namespace_of_its_own(default: Any) -> Any:
    """A field with the namespace of an operator."""
    return named(check_label, "namespace", default=default)


def registry_of_images() -> Any:
    """A field with a registry that has an operator's images; the official one by default."""
    return formed(None, _check_registry)


def replicas_of_parts() -> Any:
    """A field with the number of pods of each part; two by default."""
    return within(1, MOST_REPLICAS, default=2)


def version_of(what: str, default: str, *, least: Iterable[int]) -> Any:
    """A field with the version of `what` and of its chart, none older than `least`."""

    def check(version: str) -> None:
        match = _VERSION.fullmatch(version)
        if match is None:
            raise ValueError(f"{version!r} is not a version of {what}: write three numbers, such as {default}")
        if tuple(map(int, match.groups())) < tuple(least):
            oldest = ".".join(map(str, least))
            raise ValueError(f"{version} is too old: use {oldest} or newer, such as {default}")

    return formed(default, check, examples=[default])


def _check_registry(registry: str) -> None:
    if not _REGISTRY.fullmatch(registry):
        raise ValueError(f"{registry!r} is not a registry: write one such as registry.example.com")


@dataclass(frozen=True, kw_only=True)
class OperatorSpec(Spec):
    """Settings of an operator, shared by programs and stack files."""

    namespace: Input[str] = namespace_of_its_own(MISSING)
    """Namespace of the operator."""
    create_namespace: bool = True
    """Whether the namespace is created (and removed) with it. Default true."""
    replicas: int = replicas_of_parts()
    """Pods of each of its parts: one is active, the others take over if its machine fails. Default 2."""
    registry: str | None = registry_of_images()
    """Registry that has the operator's images under their usual names. Default: the official one."""
    values: Mapping[str, Any] = mapping(check_values)
    """Further values of the Helm chart, on top of those that other fields set. Default: none."""

    def owned(self) -> Mapping[str, str]:
        """Chart values that other fields decide, each with the reason why it cannot be given."""
        return {}

    def check(self) -> None:
        """No value is given that another field decides."""
        super().check()
        for key, reason in self.owned().items():
            if key in self.values:
                raise ValueError(f"values: {key}: {reason}")


def definitions_kept(kinds: str, *keys: str) -> dict[str, str]:
    """The values with which a chart would own the CRDs of its `kinds`, with the reason why they cannot be given."""
    reason = f"the chart would delete every {kinds} when it goes: remove the key, the definitions are kept"
    return dict.fromkeys(keys or ("crds",), reason)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a chart, and others on top of them."""
    made = dict(below)
    for key, value in above.items():
        old = made.get(key)
        made[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return made


@dataclass(frozen=True, kw_only=True)
class OperatorChart:
    """The Helm chart of an operator."""

    release: str
    """Name of the release, which the names of its objects begin with."""
    values: Mapping[str, Any]
    official: ChartSource
    """Where it is unless the args say otherwise."""
    needed: Sequence[Object] = ()
    """Objects in its namespace that are created before it, such as a Secret. Default: none."""
