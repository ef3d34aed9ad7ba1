"""Rules about what users may do, and how much of it."""

from collections.abc import Iterator, Sequence

from infra.reading.rights import powers, shared_transactions
from infra.reading.values import items
from infra.rules.rule import Level, Resource, Rule, one_by_one


def _wildcards(resource: Resource) -> Iterator[str]:
    for name, user in resource.users.items():
        # A user who may only describe everything, such as an exporter, reads no records.
        found = {(each.resource, each.name) for each in user.rights if each.any_name and not each.harmless}
        for kind, pattern in sorted(found):
            which = f"every {kind}" if pattern == "*" else f"every {kind} that begins with {pattern[:-1]!r}"
            yield f"user {name}: may use {which}: name them, or write a prefix such as {name}-*"


NO_WILDCARD_RIGHTS = Rule(
    name="no-wildcard-rights",
    reason="A user of one team that may use every topic reads the other teams' data, including future topics.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_wildcards),
)


def _administrators(resource: Resource) -> Iterator[str]:
    for name, user in resource.users.items():
        for power in powers(user.rights):
            yield f"user {name}: {power}: leave it to the platform, which does so by what is declared"
    if resource.kind == "Kafka":
        for name in map(str, items(resource.properties, "spec", "kafka", "authorization", "superUsers")):
            yield f"user {name}: may do everything: leave kafka.superUsers out, and give it the rights that it needs"


NO_ADMINISTRATOR_RIGHTS = Rule(
    name="no-administrator-rights",
    reason="Anyone who may change rights, settings or internal topics may do everything, whatever else the declaration says.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_administrators),
)


def _own_transactions(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    owners = {name: (each, user) for each in resources for name, user in each.users.items()}
    rights = {name: user.rights for name, (_, user) in owners.items()}
    for user, name, other, other_name in shared_transactions(rights):
        yield (
            owners[user][0],
            f"users {user} and {other}: both may use transactional ids of {other_name}"
            + (f" (by {name})" if name != other_name else "")
            + f", and would end each other's producers: write a prefix of its own for each, such as {other}-*",
        )


OWN_TRANSACTIONS = Rule(
    name="own-transactions",
    reason="Kafka ends a producer when another one begins with its transactional id: two users with the same ids stop each other.",
    dev=Level.ADVISORY,
    staging=Level.ADVISORY,
    prod=Level.MANDATORY,
    check=_own_transactions,
    together=True,
)


def _quotas(resource: Resource) -> Iterator[str]:
    words = {"producer_byte_rate": ("produce", "WRITE"), "consumer_byte_rate": ("consume", "READ")}
    for name, user in resource.users.items():
        may = {each.operation for each in user.rights if each.resource == "topic" and not each.denied}
        missing = [word for key, (word, needs) in words.items() if may & {needs, "ALL"} and key not in user.quotas]
        if missing:
            yield f"user {name}: no limit to {' and '.join(missing)}: write quotas for its tenant"


TENANT_QUOTAS = Rule(
    name="tenant-quotas",
    reason="Without limits one client in a loop takes the brokers' network from everybody else.",
    dev=Level.ADVISORY,
    staging=Level.MANDATORY,
    prod=Level.MANDATORY,
    check=one_by_one(_quotas),
)
