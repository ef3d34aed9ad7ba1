"""The rules: pure functions from a resource (its type and properties) to what is wrong with it.

The same functions judge what a program registers (`pulumi preview --policy-pack policies`) and what a stack file alone
tells (`python -m infra check`). How strict they are follows from the environment that the stack file names.
"""

from infra.rules import data, network, pods, secrets, users
from infra.rules.rule import Level, Resource, Rule

__all__ = ["RULES", "Level", "Resource", "Rule"]

RULES: tuple[Rule, ...] = (
    network.ENCRYPTED_LISTENERS,
    data.REPLICATED_DATA,
    users.NO_WILDCARD_RIGHTS,
    users.NO_ADMINISTRATOR_RIGHTS,
    users.OWN_TRANSACTIONS,
    users.TENANT_QUOTAS,
    pods.PINNED_IMAGES,
    pods.RESOURCE_REQUESTS,
    pods.SCALED_WITHOUT_REPLICAS,
    data.PROTECTED_DATA,
    secrets.NO_PLAIN_SECRETS,
    network.EXTERNAL_TLS,
    data.BOUNDED_RETENTION,
    data.NOTHING_TAKEN_OVER,
)
