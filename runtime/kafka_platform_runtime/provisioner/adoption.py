"""What a first declaration would overwrite in an existing topic or user, in words.

The ledger records what was applied from here. Anything else was made by somebody else, who relies on it: a
declaration alone does not change it. `adopt: true` does, and even then undeclared parts stay.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from kafka_platform_runtime.provisioner.declarations import Acl, Mechanism, Pattern, Permission, Topic, User

ACLS_SHOWN = 20
"""ACLs that one message lists: it has to fit, with others, into the 4 KiB that Kubernetes keeps."""


def is_adopted(entry: Mapping[str, Any] | None) -> bool:
    """Whether the ledger's entry is for something that was taken over, so that the entry may be incomplete."""
    return entry is not None and entry.get("adopt") is True


def is_custom(entry: Mapping[str, Any] | None) -> bool:
    """Whether the ledger's entry is for a user who logs in with what somebody else made."""
    return entry is not None and entry.get("auth") == "custom"


def allowing(acls: Iterable[Acl]) -> frozenset[Acl]:
    """Those that allow something. Deny ACLs cannot be declared, so they are somebody else's and never removed."""
    return frozenset(acl for acl in acls if acl.permission is Permission.ALLOW)


def refuse_user(
    user: User,
    *,
    entry: Mapping[str, Any] | None,
    mechanism: Mechanism,
    credentials: Collection[Mechanism],
    gets_password: bool,
    acls: Collection[Acl],
    lost_acls: Collection[Acl],
    quotas: Mapping[str, tuple[float, float | None]],
) -> str | None:
    """Why the user is left alone; None if the declaration would overwrite nothing.

    Args:
        user: as declared, without `adopt`.
        entry: the ledger's entry, if any.
        mechanism: the kind of password that would be set.
        credentials: the user's passwords in Kafka.
        gets_password: whether a password would be set.
        acls: the user's ACLs in Kafka.
        lost_acls: those that would be removed.
        quotas: those that would change, by name: the current limit, and the declared one (None: no limit).
    """
    losses = []
    if gets_password and mechanism in credentials:
        losses.append(f"its password ({' and '.join(sorted(credentials))}) would be replaced")
    elif gets_password and credentials:
        losses.append(f"it would get a second password beside the one for {' and '.join(sorted(credentials))}")
    if lost_acls:
        denied = sorted(set(acls) - allowing(acls))
        but = ", all but those that deny" if denied else ""
        listed = describe_acls([*denied, *sorted(lost_acls)])
        losses.append(f"ACLs that are not declared would be removed{but} ({listed})")
    losses += [
        f"{name} would change from {was:,.10g} to {'no limit' if is_ is None else format(is_, ',.10g')}"
        for name, (was, is_) in sorted(quotas.items())
    ]
    if not losses:
        return None
    if is_adopted(entry):
        fix = "keep `adopt: true`, or declare what it is to keep and raise passwordVersion by one"
        return f"{user.key}: adopt: was taken over as it was, and without `adopt`: {'; '.join(losses)}: {fix}"
    return (
        f"{user.key}: exists already and was not made from here: {'; '.join(losses)}: declare another name, or write "
        "`adopt: true` to take it over with its password and with what is not declared"
    )


def refuse_topic(
    topic: Topic,
    *,
    partitions: int,
    config: Mapping[str, str],
    wanted_partitions: int | None,
    wanted: Mapping[str, str],
) -> str | None:
    """Why the topic is left alone; None if the declaration would overwrite nothing.

    Args:
        topic: as declared, without `adopt`.
        partitions: how many it has.
        config: what is set on it.
        wanted_partitions: how many it would get; None if the number stays.
        wanted: the settings that would change, as declared.
    """
    losses = []
    if wanted_partitions is not None:
        losses.append(
            f"partitions would grow from {partitions} to {wanted_partitions}, which moves keys to other partitions"
        )
    losses += [
        f"{name} would change from {config.get(name, 'the default of the cluster')} to {value}"
        for name, value in sorted(wanted.items())
    ]
    if topic.deletion_allowed:
        losses.append("`deletion: allow` would let its records be deleted later")
    if not losses:
        return None
    return (
        f"{topic.key}: exists already and was not made from here: {'; '.join(losses)}: declare it as it is, or write "
        "`adopt: true` to change it"
    )


def describe_acls(acls: Collection[Acl]) -> str:
    """In words, in the given order, as many as fit into a message."""
    shown = [describe_acl(acl) for acl in list(acls)[:ACLS_SHOWN]]
    more = len(acls) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def describe_acl(acl: Acl) -> str:
    """For example `DENY READ on topic pay* from 10.0.0.9`."""
    name = f"{acl.name}*" if acl.pattern is Pattern.PREFIXED else acl.name
    host = "" if acl.host == "*" else f" from {acl.host}"
    return f"{acl.permission.value} {acl.operation.value} on {acl.resource.value} {name}{host}"
