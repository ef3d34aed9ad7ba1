"""Namespaces, tenants and their users."""

from collections.abc import Iterator, Sequence
from typing import Any

from kafka_platform.kafka.entities import AclResource, Login, User
from kafka_platform.values.names import check_label, check_user, check_user_secret
from kafka_platform.values.words import choose

from infra.settings.core import Core, Tenant
from infra.settings.faults import Fault, Known
from infra.settings.relations.declared import Declared, no_topic, repeated

_OF_KUBERNETES = "kube-"
"""Prefix of Kubernetes' own namespaces, which it reserves."""


def creation_fault(namespace: str) -> str | None:
    """The fault of creating a namespace of that name, if it is one of Kubernetes itself."""
    if namespace == "default":
        return f"{namespace!r} is in every Kubernetes cluster already: write createNamespace: false, or another name"
    if namespace.startswith(_OF_KUBERNETES):
        return (
            f"{namespace!r} is of Kubernetes itself, which is never made: write createNamespace: false, or another name"
        )
    return None


def system_namespace_fault(namespace: str) -> str | None:
    """The fault of a platform or a team in a namespace of that name, if it is one of Kubernetes' own programs."""
    if not namespace.startswith(_OF_KUBERNETES):
        return None
    return f"{namespace!r} is of Kubernetes itself, whose programs may read all Secrets in it: choose another namespace"


def namespace_faults(settings: Core, known: Known, made: Sequence[str], makers: Sequence[str]) -> Iterator[Fault]:
    """Namespaces that are reserved, or that nothing creates.

    `made` are those that capabilities make, `makers` the keys of the file that say so.
    """
    reserved = system_namespace_fault(settings.namespace) or (
        creation_fault(settings.namespace) if settings.create_namespace else None
    )
    if reserved is not None:
        yield Fault(path=("namespace",), message=reserved)
    for name, tenant in settings.tenants.items():
        try:
            check_label(name, "name")
        except ValueError as error:
            yield Fault(path=("tenants", name), message=str(error))
        if tenant.namespace is not None and (reserved := system_namespace_fault(tenant.namespace)) is not None:
            yield Fault(path=("tenants", name, "namespace"), message=reserved)
            continue
        if not tenant.create_namespace:
            continue
        if tenant.namespace is None:
            yield Fault(
                path=("tenants", name, "createNamespace"),
                message="the tenant has no namespace of its own: name it by namespace, or remove the key",
            )
        elif (reserved := creation_fault(tenant.namespace)) is not None:
            yield Fault(path=("tenants", name, "namespace"), message=reserved)
        elif tenant.namespace == settings.namespace and not settings.create_namespace:
            yield Fault(
                path=("tenants", name, "createNamespace"),
                message=f"{tenant.namespace!r} is the platform's namespace, which is not to be made: remove the key",
            )
    yield from _adopted(settings, known, made, makers)


def _adopted(settings: Core, known: Known, made: Sequence[str], makers: Sequence[str]) -> Iterator[Fault]:
    yield from repeated(("adopt",), settings.adopt)
    if not known("adopt") or not all(known(key) for key in ("tenants", "namespace", "createNamespace", *makers)):
        return
    all_made = [*settings.created_namespaces, *made]
    for each in settings.adopt:
        kind, _, name = each.partition("/")
        if kind == "Namespace" and name not in all_made:
            fix = choose(name, all_made)
            yield Fault(path=("adopt",), message=f"{each}: this file does not make that namespace: {fix}")


def user_faults(settings: Core, known: Known, declared: Declared) -> Iterator[Fault]:
    """Users that are declared twice, and rights on unknown topics."""
    owners: dict[str, str] = {}
    secrets: dict[tuple[str, Any], str] = {}
    for tenant_name, tenant in settings.tenants.items():
        for name, user in tenant.users.items():
            path = ("tenants", tenant_name, "users", name)
            try:
                check_user(name)
            except ValueError as error:
                yield Fault(path=path, message=str(error))
            else:
                yield from _secret(settings, path, name, user, secrets)
            owner = owners.setdefault(name, tenant_name)
            if owner != tenant_name:
                yield Fault(path=path, message=f"tenant {owner!r} has a user of that name too: rename one")
            yield from _user(path, tenant, user)
            if declared.complete:
                yield from _rights_on_nothing(path, user, declared)


def _secret(
    settings: Core, path: tuple[str, ...], name: str, user: User, secrets: dict[tuple[str, Any], str]
) -> Iterator[Fault]:
    """Faults of the name of a user's Secret; `secrets` are those of the users before, by namespace and name."""
    if user.auth is Login.CUSTOM or user.keeps_password or not settings.makes_users:
        return
    if user.secret is None:
        try:
            check_user_secret(name)
        except ValueError as error:
            field, _, message = str(error).partition(": ")
            yield Fault(path=(*path, field), message=message)
            return
    secret = user.secret_of(name)
    other = secrets.setdefault((settings.namespace_of(path[1]), secret), name)
    if other != name:
        yield Fault(path=(*path, "secret"), message=f"{secret!r} is the Secret of user {other!r}: name another one")


def _user(path: tuple[str, ...], tenant: Tenant, user: User) -> Iterator[Fault]:
    if user.namespace is not None:
        yield Fault(
            path=(*path, "namespace"),
            message=f"unknown key: write namespace at the tenant, tenants.{path[1]}.namespace",
        )
    for key in ("writes", "reads", "groups", "transactions"):
        yield from repeated((*path, key), getattr(user, key))
    seen: set[tuple[AclResource, str]] = set()
    for index, acl in enumerate(user.acls):
        if (acl.resource, acl.name) in seen:
            yield Fault(
                path=(*path, "acls", index),
                message=f"{acl.resource.value} {acl.name!r} is in this list already: merge the operations into one entry",
            )
        seen.add((acl.resource, acl.name))
        yield from repeated((*path, "acls", index, "operations"), [each.value for each in acl.operations])


def _rights_on_nothing(path: tuple[str, ...], user: User, declared: Declared) -> Iterator[Fault]:
    for key, patterns in (("writes", user.writes), ("reads", user.reads)):
        for pattern in dict.fromkeys(patterns):
            if not declared.has(pattern):
                yield Fault(path=(*path, key), message=no_topic(pattern, declared.topics))
    for index, acl in enumerate(user.acls):
        if acl.resource is AclResource.TOPIC and not declared.has(acl.name):
            yield Fault(path=(*path, "acls", index, "name"), message=no_topic(acl.name, declared.topics))
