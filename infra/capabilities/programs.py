"""What programs that teams bring have in common, whatever runs them: faults that only the whole file shows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kafka_platform.kafka.entities import AclResource, Login as KafkaLogin, Operation, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.program.logins import check_login
from kafka_platform.program.spec import ProgramSpec
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_workload
from kafka_platform.values.words import Path
from pydantic.alias_generators import to_camel

from infra.capabilities.capability import Stack
from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare
from infra.settings.relations.declared import no_topic, overlap

Right = tuple[AclResource, str, Operation]


@dataclass(frozen=True, kw_only=True)
class Login:
    """A user that a program logs in as, as its section names it."""

    key: str
    """Key of the section that names it."""
    user: str | None
    """The user; None if the platform makes one."""
    secret: "Input[str] | None"
    """Its Secret, if that is known."""
    rights: Sequence[Right]
    """What it has to be allowed."""
    needed: bool = True
    """Whether there has to be such a user."""


def rights_of(program: ProgramSpec, group: str) -> list[Right]:
    """What the user of a program needs, which reads in that group."""
    needed = [(AclResource.TOPIC, topic, Operation.READ) for topic in program.reads]
    needed += [(AclResource.GROUP, group, Operation.READ)] if program.reads else []
    return needed + [(AclResource.TOPIC, topic, Operation.WRITE) for topic in program.writes]


def rights_to_look(program: ProgramSpec, group: str) -> list[Right]:
    """What a user needs that only looks at how far a program has read."""
    found = rights_of(program, group)
    return [(kind, name, Operation.DESCRIBE) for kind, name, action in found if action is Operation.READ]


def misnamed(path: Path, name: str, what: str, stack: Stack) -> Fault | None:
    """Says why a program cannot have that name; None if it can."""
    try:
        check_workload(name, what)
    except ValueError as error:
        return Fault(path=path, message=str(error))
    if stack.is_taken(name):
        return Fault(path=path, message=f"{name!r} is the name of a part of the platform: choose another name")
    return None


def program_faults(path: Path, program: ProgramSpec, tenant: str, stack: Stack, known: Known) -> Iterator[Fault]:
    """A purpose, a tenant and topics that the file does not have."""
    settings, declared = stack.settings, stack.declared(known)
    if known(*map(str, path)):
        try:
            program.check_purpose()
        except ValueError as error:
            yield Fault(path=(*path, "reads"), message=str(error).partition(": ")[2])
    if tenant not in settings.tenants and known.names("tenants") == []:
        fix = declare("tenants", settings.tenants)
        yield Fault(path=(*path, "tenant"), message=f"{tenant!r} is not a tenant of this file: {fix}")
    if declared.complete:
        for key, topics in (("reads", program.reads), ("writes", program.writes)):
            for topic in topics:
                if not declared.has(topic):
                    yield Fault(path=(*path, key), message=no_topic(topic, declared.topics))


def shared_group(path: Path, program: ProgramSpec, other: str, group: str) -> Fault:
    """Two programs are in one group; `other` is what and who the other one is."""
    return Fault(
        path=(*path, "group") if program.group else path,
        message=f"{other} is in group {group!r} too, and each would get only part of the records: use another group",
    )


def knows_users(known: Known) -> bool:
    """Whether nothing that decides about users is at fault."""
    return known("tenants") and known("kafka", "engine") and known("kafka", "adminSecret")


def taken_user(path: Path, user: str, what: str, key: str) -> Fault:
    """The user that the platform would make for a program is a tenant's."""
    message = (
        f"its user {user!r} is a tenant's user already: rename one, or let the {what} log in as that user by {key}"
    )
    return Fault(path=path, message=message)


def login_faults(settings: Core, path: Path, what: str, tenant: str, logins: Sequence[Login]) -> Iterator[Fault]:
    """Users that can neither be made nor are there, and those that may not do what the program does.

    Args:
        settings: of the stack.
        path: of the program's section.
        what: it is, such as worker.
        tenant: that it belongs to.
        logins: the users that it logs in as.
    """
    managed, kafka = settings.manages_entities, settings.kafka
    logs_in = kafka.engine is not Engine.EXTERNAL or kafka.logs_in
    makes_users = settings.makes_users or not logs_in
    for each in logins:
        field = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", each.key)
        try:
            check_login(field, each.user, each.secret, kafka.login, needed=each.needed, makes_users=makes_users)
        except ValueError as error:
            found, _, message = str(error).partition(": ")
            message = re.sub(r"(\w+)_(secret|user)\b", lambda word: to_camel(word[0]), message)
            yield Fault(path=(*path, to_camel(found)), message=message)
            return
    for each in logins:
        if each.user is None:
            if each.needed and logs_in and not managed:
                message = "missing, an administrator makes users: name an existing one, or the administrator's Secret in kafka.adminSecret"
                yield Fault(path=(*path, each.key), message=message)
        elif not each.needed:
            yield Fault(path=(*path, each.key), message="the number of pods does not depend on lag: remove the key")
        elif managed:
            yield from _existing(settings, (*path, each.key), each.user, what, tenant, each.rights)


def _existing(
    settings: Core, path: Path, name: str, what: str, tenant: str, needed: Sequence[Right]
) -> Iterator[Fault]:
    """Faults of a user of this file that a program logs in as."""
    user, namespace = settings.users.get(name), settings.namespace_of(tenant)
    if user is None:
        fix = declare("tenants", settings.users)
        yield Fault(path=path, message=f"{name!r} is not a user of this file: {fix}")
        return
    if user.namespace != namespace:
        yield Fault(
            path=path,
            message=f"the Secret of {name!r} is delivered to namespace {user.namespace!r}, and the {what} is in "
            f"{namespace!r}: use a user of tenant {tenant!r}",
        )
    if user.auth is not KafkaLogin.SCRAM and settings.kafka.engine is not Engine.EXTERNAL:
        yield Fault(path=path, message=f"{name!r} has no password, and {what}s log in with one: use another user")
    for kind, of, action in needed:
        if not _may(user, kind, of, action):
            yield Fault(
                path=path,
                message=f"{name!r} may not {action.value.lower()} {kind.value} {of!r}: allow it, or leave the key out, then "
                "a user with that right is made",
            )


def _may(user: User, kind: AclResource, name: str, action: Operation) -> bool:
    return any(
        acl.resource is kind and overlap(acl.name, name) and {action, Operation.ALL} & set(acl.operations)
        for acl in user.all_acls()
    )
