"""What one declared user needs, and what is removed from one that is no longer declared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kafka_platform_runtime.provisioner.adoption import allowing, is_adopted, is_custom, refuse_user
from kafka_platform_runtime.provisioner.declarations import Acl, Mechanism, Quota, User
from kafka_platform_runtime.provisioner.parsing import declared_acls
from kafka_platform_runtime.provisioner.passwords import fingerprint, matches
from kafka_platform_runtime.provisioner.planning.actual import Actual
from kafka_platform_runtime.provisioner.planning.changes import UserChange, UserRemoval
from kafka_platform_runtime.provisioner.planning.recorded import BEGUN, FINGERPRINT, Recorded


def plan_user(
    user: User, actual: Actual, recorded: Recorded, password: str | None, refusals: list[str], *, is_proven: bool
) -> UserChange | None:
    """What the user needs; None if it is refused.

    Args:
        user: as declared.
        actual: what the cluster has.
        recorded: what was applied last.
        password: the one made for this user, if it can be read.
        refusals: receives a refusal.
        is_proven: whether the user can log in with `password`, and so is this owner's whatever the ledger says.
    """
    entry = recorded.mine.get(user.key)
    last = _LastApplied.of(entry)
    existing = _ExistingUser.of(user.name, actual)
    change = _compare(user, existing)
    if user.adopt:
        change = replace(
            change, remove_acls=change.remove_acls & last.acls, unset_quotas=change.unset_quotas & last.quotas
        )
    keeps_password = user.keeps_password if user.adopt or user.custom else is_proven and not _is_ours(entry)
    set_password = not keeps_password and last.needs_password(user, password, has_login=existing.has_login)
    refusal = _refuse(user, entry, last, existing, change, set_password=set_password)
    if refusal is not None:
        refusals.append(refusal)
        return None
    if set_password or is_proven:
        kept = fingerprint(password) if password is not None else None
    else:
        kept = None if user.keeps_password else last.fingerprint
    return UserChange(
        user=user,
        set_password=set_password,
        fingerprint=kept,
        add_acls=change.add_acls,
        remove_acls=change.remove_acls,
        set_quotas=change.set_quotas,
        unset_quotas=tuple(sorted(change.unset_quotas)),
        record=last.value != user.value(),
        is_new=not existing.has_login and not user.adopt,
        other_credentials=existing.credentials - {actual.mechanism},
        is_unknown=entry is None,
    )


def plan_removal(name: str, last: Mapping[str, Any], actual: Actual) -> UserRemoval:
    """What is removed from a user that is no longer declared and whose ledger entry is `last`."""
    if is_adopted(last):
        return UserRemoval(name=name, kept=True)
    return UserRemoval(
        name=name,
        # What somebody else gave it to log in with is not ours to take away.
        credentials=frozenset() if is_custom(last) else actual.credentials.get(name, frozenset()),
        acls=allowing(actual.acls.get(name, frozenset())),
        quotas=tuple(sorted(actual.quotas.get(name, {}))),
    )


def _is_ours(entry: Mapping[str, Any] | None) -> bool:
    """Whether the user was made from here, according to the ledger."""
    return entry is not None and not is_adopted(entry)


@dataclass(frozen=True, kw_only=True)
class _ExistingUser:
    """What the cluster has of one user, and the kind of credentials that clients log in with."""

    mechanism: Mechanism
    credentials: frozenset[Mechanism]
    acls: frozenset[Acl]
    quotas: Mapping[str, float]

    @classmethod
    def of(cls, name: str, actual: Actual) -> "_ExistingUser":
        return cls(
            mechanism=actual.mechanism,
            credentials=actual.credentials.get(name, frozenset()),
            acls=actual.acls.get(name, frozenset()),
            quotas=actual.quotas.get(name, {}),
        )

    @property
    def has_login(self) -> bool:
        """Whether it has a credential of the kind that is set here."""
        return self.mechanism in self.credentials


@dataclass(frozen=True, kw_only=True)
class _Difference:
    """The difference between an existing user's ACLs and quotas and the declared ones."""

    add_acls: frozenset[Acl]
    remove_acls: frozenset[Acl]
    set_quotas: Mapping[str, float]
    unset_quotas: frozenset[str]
    declared_quotas: Mapping[str, float]


def _compare(user: User, existing: _ExistingUser) -> _Difference:
    declared = {quota.value: float(user.quotas[quota]) for quota in Quota if quota in user.quotas}
    return _Difference(
        add_acls=user.acls - existing.acls,
        remove_acls=allowing(existing.acls - user.acls),
        set_quotas={name: value for name, value in declared.items() if existing.quotas.get(name) != value},
        unset_quotas=frozenset(existing.quotas.keys() - declared.keys()),
        declared_quotas=declared,
    )


def _refuse(
    user: User,
    entry: Mapping[str, Any] | None,
    last: "_LastApplied",
    existing: _ExistingUser,
    change: _Difference,
    *,
    set_password: bool,
) -> str | None:
    """Why the user is left alone; None if it may be changed."""
    if user.adopt:
        if user.custom:
            return None  # whether it exists is known to whoever made what it logs in with
        is_there = existing.credentials or existing.acls or existing.quotas or (set_password and entry is not None)
        if is_there:
            return None
        return f"{user.key}: adopt: there is no such user: remove `adopt` to create it, or correct the name"
    if _is_ours(entry):
        return None
    is_said = entry is not None and last.password_version != user.password_version
    return refuse_user(
        user,
        entry=entry,
        mechanism=existing.mechanism,
        credentials=existing.credentials,
        gets_password=set_password and not is_said,
        acls=existing.acls,
        lost_acls=change.remove_acls - last.acls,
        quotas={
            name: (existing.quotas[name], change.declared_quotas.get(name))
            for name in (*change.set_quotas, *change.unset_quotas)
            if name in existing.quotas and name not in last.quotas
        },
    )


@dataclass(frozen=True, kw_only=True)
class _LastApplied:
    """The ledger's entry for one user."""

    value: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    acls: frozenset[Acl] = frozenset()

    @classmethod
    def of(cls, entry: Mapping[str, Any] | None) -> "_LastApplied":
        value = dict(entry or {})
        kept = value.pop(FINGERPRINT, None)
        return cls(value=value, fingerprint=kept, acls=declared_acls(value))

    @property
    def quotas(self) -> frozenset[str]:
        return frozenset(self.value.get("quotas", {}))

    @property
    def password_version(self) -> int:
        return int(self.value.get("passwordVersion", 1))

    def needs_password(self, user: User, password: str | None, *, has_login: bool) -> bool:
        if not self.value or self.value.get(BEGUN) or is_custom(self.value):
            return True
        if not has_login or self.password_version != user.password_version:
            return True
        if self.fingerprint is None:
            return is_adopted(self.value)
        return password is not None and not matches(password, self.fingerprint)
