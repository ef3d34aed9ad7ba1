"""ACLs that are in force when they are made."""

import time
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

SECONDS = 240.0
_ANY: Any = None
EVERY_RULE = AclBindingFilter(
    ResourceType.ANY, _ANY, ResourcePatternType.ANY, _ANY, _ANY, AclOperation.ANY, AclPermissionType.ANY
)


def add_rules(admin: AdminClient, *rules: AclBinding) -> None:
    """Create ACLs, and wait until the broker's authorizer has them: the controller tells it a moment later."""
    for done in admin.create_acls(list(rules)).values():
        done.result(120)
    until = time.monotonic() + SECONDS
    while missing := set(map(_key, rules)) - set(map(_key, admin.describe_acls(EVERY_RULE).result(120))):
        assert time.monotonic() < until, f"the broker does not have {missing}"
        time.sleep(0.05)


def _key(rule: AclBinding) -> tuple[object, ...]:
    pattern = rule.resource_pattern_type
    return rule.restype, rule.name, pattern, rule.principal, rule.host, rule.operation, rule.permission_type
