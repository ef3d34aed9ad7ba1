"""ACLs in the form of confluent-kafka, and as they are declared."""

from collections.abc import Collection, Iterable
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from kafka_platform_runtime.provisioner.declarations import Acl, Operation, Pattern, Permission, Resource

_RESOURCES = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
    # librdkafka's name for Kafka's resource type 4, which for ACLs is the cluster.
    Resource.CLUSTER: ResourceType.BROKER,
}
_PATTERNS = {Pattern.LITERAL: ResourcePatternType.LITERAL, Pattern.PREFIXED: ResourcePatternType.PREFIXED}
_ACTUAL_RESOURCES = {value: key for key, value in _RESOURCES.items()}
_ACTUAL_PATTERNS = {value: key for key, value in _PATTERNS.items()}
_PRINCIPAL = "User:"

_ANY: Any = None
EVERY_ACL = AclBindingFilter(
    ResourceType.ANY, _ANY, ResourcePatternType.ANY, _ANY, _ANY, AclOperation.ANY, AclPermissionType.ANY
)


def by_user(bindings: Iterable[AclBinding], names: Collection[str]) -> dict[str, frozenset[Acl]]:
    """The ACLs of the named users that are of a kind that can be declared."""
    found: dict[str, set[Acl]] = {}
    for binding in bindings:
        name = binding.principal.removeprefix(_PRINCIPAL)
        acl = _from_binding(binding)
        if binding.principal.startswith(_PRINCIPAL) and name in names and acl is not None:
            found.setdefault(name, set()).add(acl)
    return {name: frozenset(acls) for name, acls in found.items()}


def _from_binding(binding: AclBinding) -> Acl | None:
    restype: Any = binding.restype
    pattern: Any = binding.resource_pattern_type
    operation: Any = binding.operation
    permission: Any = binding.permission_type
    if (
        restype not in _ACTUAL_RESOURCES
        or pattern not in _ACTUAL_PATTERNS
        or operation.name not in Operation.__members__
    ):
        return None  # a kind that cannot be declared: not ours
    return Acl(
        resource=_ACTUAL_RESOURCES[restype],
        name=binding.name,
        pattern=_ACTUAL_PATTERNS[pattern],
        operation=Operation(operation.name),
        permission=Permission(permission.name),
        host=binding.host,
    )


def _arguments(name: str, acl: Acl) -> tuple[Any, ...]:
    return (
        _RESOURCES[acl.resource],
        acl.name,
        _PATTERNS[acl.pattern],
        f"{_PRINCIPAL}{name}",
        acl.host,
        AclOperation[acl.operation.value],
        AclPermissionType[acl.permission.value],
    )


def to_binding(name: str, acl: Acl) -> AclBinding:
    """A user's ACL, to be added."""
    return AclBinding(*_arguments(name, acl))


def to_filter(name: str, acl: Acl) -> AclBindingFilter:
    """A filter that matches exactly a user's ACL, to be removed."""
    return AclBindingFilter(*_arguments(name, acl))
