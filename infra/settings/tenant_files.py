"""Reads teams' own files into the settings of their stack, and holds them to the rules of the platform's owner."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as Folder
from typing import Any

from kafka_platform.kafka.entities import AclResource, Cleanup, User
from kafka_platform.values.misfits import show
from kafka_platform.values.units import milliseconds
from kafka_platform.values.words import Path, show_path, suggest

from infra.settings.beside import Beside
from infra.settings.core import Core
from infra.settings.faults import Fault
from infra.settings.relations.declared import Claims
from infra.settings.tenant_file import TenantFile, covers, exceeded
from infra.settings.topic import Topic

KEY = "tenantFiles"
_PARTS = ("topics", "users")


@dataclass(frozen=True)
class Origins:
    """Which team's file says what."""

    files: dict[str, str] = field(default_factory=dict)
    """The file of each tenant."""
    topics: dict[str, str] = field(default_factory=dict)
    """The tenant of each topic that is in a file."""
    users: dict[tuple[str, str], None] = field(default_factory=dict)
    """Tenant and name of each user that is in a file."""

    def placed(self, fault: Fault) -> Fault:
        """The fault, with the file that has what is at fault in front of its path."""
        match fault.path:
            case ("topics", str() as name, *_) if name in self.topics:
                return replace(fault, place=f"{self.files[self.topics[name]]}: {show_path(fault.path)}")
            case ("tenants", str() as tenant, "users", str() as name, *_) if (tenant, name) in self.users:
                return replace(fault, place=f"{self.files[tenant]}: {show_path(fault.path[2:])}")
        return fault


def add_tenant_files(data: dict[str, Any], folder: Folder, faults: list[Fault]) -> Origins:
    """Puts the topics and users of teams' files beside those of the stack file, and says where each is from."""
    origins = Origins()
    beside = Beside(folder, faults, less="declare less", example="write topics: and users: with names below")
    named = data.get(KEY)
    for tenant, declared in named.items() if isinstance(named, dict) else ():
        name = declared.get("file") if isinstance(declared, dict) else None
        if not isinstance(name, str) or not name.endswith((".yaml", ".yml")):
            continue  # the model says so
        place: Path = (KEY, tenant, "file")
        content = beside.read(name, place)
        if beside.is_full:
            break
        if content is None:
            continue
        origins.files[tenant] = name
        faults += [
            Fault(
                path=(), place=f"{name}: {show_path((str(key),))}", message=f"unknown key: {suggest(str(key), _PARTS)}"
            )
            for key in content
            if key not in _PARTS
        ]
        faults += _add_topics(data, tenant, content.get("topics") or {}, origins)
        faults += _add_users(data, tenant, content.get("users") or {}, origins)
    return origins


def _add_topics(data: dict[str, Any], tenant: str, found: Any, origins: Origins) -> Iterator[Fault]:
    file = origins.files[tenant]
    topics = data.get("topics") or {}
    if not isinstance(found, dict) or not isinstance(topics, dict):
        yield Fault(
            path=(), place=f"{file}: topics", message=f"{show(found)} is not topics by name: write orders: {{}}"
        )
        return
    for name, topic in found.items():
        where = f"{file}: {show_path(('topics', name))}"
        if name in topics:
            other = origins.topics.get(name)
            of = "the stack file or topicFiles" if other is None else f"{origins.files[other]} of tenant {other!r}"
            yield Fault(path=(), place=where, message=f"{of} declares this topic too: rename it")
            continue
        if isinstance(topic, dict) and topic.get("tenant", tenant) != tenant:
            message = f"{topic['tenant']!r} is another tenant than {tenant!r}, whose file this is: remove the key"
            yield Fault(path=(), place=f"{where}.tenant", message=message)
        origins.topics[name] = tenant
        topics[name] = {**(topic or {}), "tenant": tenant} if isinstance(topic, dict | None) else topic
    data["topics"] = topics


def _add_users(data: dict[str, Any], tenant: str, found: Any, origins: Origins) -> Iterator[Fault]:
    file = origins.files[tenant]
    tenants = data.get("tenants")
    if not isinstance(tenants, dict) or tenant not in tenants:
        message = f"{tenant!r} is not a tenant of the stack file: declare it under tenants, which says its namespace"
        yield Fault(path=(KEY, tenant), message=message)
        return
    own = tenants[tenant] if isinstance(tenants[tenant], dict) else {}
    users = own.get("users") or {}
    if not isinstance(found, dict) or not isinstance(users, dict):
        yield Fault(path=(), place=f"{file}: users", message=f"{show(found)} is not users by name: write api: {{}}")
        return
    for name in found:
        if name in users:
            message = "the stack file declares this user too: keep one of them"
            yield Fault(path=(), place=f"{file}: {show_path(('users', name))}", message=message)
        else:
            origins.users[tenant, name] = None
    tenants[tenant] = {**own, "users": {**found, **users}}


def rule_faults(settings: Core, origins: Origins) -> Iterator[Fault]:
    """What teams' files declare beyond the rules of the platform's owner."""
    rules = settings.tenant_files
    yield from _shared_names(rules)
    for name, topic in settings.topics.items():
        tenant = origins.topics.get(name)
        if tenant is not None and tenant in rules:
            yield from _topic_faults(("topics", name), tenant, rules[tenant], name, topic)
    totals = Counter[str]()
    for name, of in origins.topics.items():
        totals[of] += settings.topics[name].partitions if name in settings.topics else 0
    for tenant, rule in rules.items():
        total = totals[tenant]
        if rule.all_partitions is not None and total > rule.all_partitions:
            message = f"{total:,} partitions of all topics are more than the {rule.all_partitions:,} of this team: {_ask(tenant, 'allPartitions', 'declare fewer')}"
            yield Fault(path=(), place=f"{rule.file}: topics", message=message)
    for tenant, name in origins.users:
        found = settings.tenants.get(tenant)
        if found is not None and tenant in rules and name in found.users:
            user = found.users[name]
            path = ("tenants", tenant, "users", name)
            yield from _user_faults(path, tenant, rules[tenant], user)
            limits = rules[tenant].quotas
            given = user.quotas or found.quotas
            for key, most in exceeded(limits, given) if limits is not None else ():
                message = f"is above the highest limit of this team, {most}: {_ask(tenant, f'quotas.{key}', f'write at most {most}')}"
                yield Fault(path=(*path, "quotas", key), message=message)


def _shared_names(rules: Mapping[str, TenantFile]) -> Iterator[Fault]:
    """Names that two teams could claim."""
    claims = Claims()
    for tenant, rule in rules.items():
        for pattern in rule.owned(tenant):
            taken = claims.of_others(pattern, tenant)
            if taken is not None:
                message = (
                    f"{pattern!r} and {taken[0]!r} of tenant {taken[1]!r} can mean the same: make one of them longer"
                )
                yield Fault(path=(KEY, tenant, "owns"), message=message)
            claims.add(pattern, tenant)


def _topic_faults(path: Path, tenant: str, rule: TenantFile, name: str, topic: Topic) -> Iterator[Fault]:
    own = rule.owned(tenant)
    if not covers(own, name):
        yield Fault(path=path, message=f"is not a name of this team: call it {_listed(own)}")
    if rule.partitions is not None and topic.partitions > rule.partitions:
        fix = _ask(tenant, "partitions", f"write at most {rule.partitions:,}")
        message = f"{topic.partitions:,} partitions are more than the {rule.partitions:,} of this team: {fix}"
        yield Fault(path=(*path, "partitions"), message=message)
    if rule.replicas is not None and topic.replicas is not None and topic.replicas < rule.replicas:
        fix = _ask(tenant, "replicas", f"write {rule.replicas}, or remove the key")
        message = f"{topic.replicas} copies are fewer than the {rule.replicas} of this team: {fix}"
        yield Fault(path=(*path, "replicas"), message=message)
    if rule.retention is None or topic.cleanup is Cleanup.COMPACT:
        return
    kept = None if topic.retention is None else milliseconds(topic.retention)
    if kept is None or kept < 0 or kept > milliseconds(rule.retention):
        what = "missing, so records may be kept" if topic.retention is None else f"{topic.retention} is"
        fix = _ask(tenant, "retention", f"write at most {rule.retention}")
        message = f"{what} longer than the {rule.retention} of this team: {fix}"
        yield Fault(path=(*path, "retention"), message=message)


def _user_faults(path: Path, tenant: str, rule: TenantFile, user: User) -> Iterator[Fault]:
    if user.adopt:
        message = f"only the stack file may take over a user: declare it in tenants.{tenant}.users there"
        yield Fault(path=(*path, "adopt"), message=message)
    own = rule.owned(tenant)
    for key, allowed in (
        ("writes", own),
        ("reads", (*own, *rule.reads)),
        ("groups", own),
        ("transactions", own),
    ):
        for pattern in getattr(user, key):
            if not covers(allowed, pattern):
                yield Fault(path=(*path, key), message=_beyond(pattern, allowed, tenant, key))
    for index, acl in enumerate(user.acls):
        if acl.resource is AclResource.CLUSTER:
            message = (
                f"rights on the cluster are for the stack file alone: declare the user in tenants.{tenant}.users there"
            )
            yield Fault(path=(*path, "acls", index), message=message)
        elif not covers(own, acl.name):
            yield Fault(path=(*path, "acls", index, "name"), message=_beyond(acl.name, own, tenant, "acls"))


def _beyond(pattern: str, allowed: Iterable[str], tenant: str, key: str) -> str:
    fix = f"use {_listed(allowed)}"
    if key == "reads":
        fix += f", or ask the platform's owner for it in {KEY}.{tenant}.reads"
    return f"{pattern!r} goes beyond what this team may name: {fix}"


def _ask(tenant: str, key: str, fix: str) -> str:
    return f"{fix}, or ask the platform's owner for more in {KEY}.{tenant}.{key}"


def _listed(patterns: Iterable[str]) -> str:
    return " or ".join(patterns)
