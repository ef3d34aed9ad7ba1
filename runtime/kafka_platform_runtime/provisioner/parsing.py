"""Parses the declarations, each from a small JSON file."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from kafka_platform_runtime import mounted
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.provisioner.declarations import (
    CLUSTER_RESOURCE_NAME,
    INTERNAL_TOPICS,
    LEDGER_TOPIC,
    LONGEST_USER_NAME,
    TOPIC_PREFIX,
    USER_PREFIX,
    Acl,
    Declarations,
    Operation,
    Pattern,
    Quota,
    Resource,
    Topic,
    User,
)
from kafka_platform_runtime.runs import RUNS_TOPIC

E = TypeVar("E", bound=StrEnum)


def read(folder: Path) -> Declarations:
    """Read the declarations in a mounted folder.

    Raises:
        Refused: the folder cannot be read, or a declaration is invalid; lists all faults together.
    """
    try:
        files = mounted.texts(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused([f"DECLARATIONS_DIR: {folder} cannot be read: {error}"]) from error
    return parse(files)


def parse(files: Mapping[str, str]) -> Declarations:
    """Parse the declarations in files' contents by file name.

    Raises:
        Refused: lists all faults together.
    """
    faults: list[str] = []
    topics: dict[str, Topic] = {}
    users: dict[str, User] = {}
    for file, text in sorted(files.items()):
        try:
            value = json.loads(text)
        except ValueError as error:
            faults.append(f"{file}: is not JSON: {error}")
            continue
        if not isinstance(value, dict):
            faults.append(f"{file}: is not a JSON object")
        elif file.startswith(TOPIC_PREFIX):
            topic = parse_topic(file.removeprefix(TOPIC_PREFIX), value, faults)
            if topic is not None:
                topics[topic.name] = topic
        elif file.startswith(USER_PREFIX):
            user = parse_user(file.removeprefix(USER_PREFIX), value, faults)
            if user is not None and users.setdefault(user.name, user) is not user:
                faults.append(f"{file}: name: {user.name!r} is declared twice: keep one")
        else:
            faults.append(f"{file}: is not a known kind of declaration: name it topic.<name> or user.<name>")
    faults += _colliding(topics)
    if faults:
        raise Refused(faults)
    return Declarations(topics=topics, users=users)


def parse_topic(name: str, value: Mapping[str, Any], faults: list[str]) -> Topic | None:
    """One topic; None, and faults, if it is invalid."""
    look = _Reader(f"{TOPIC_PREFIX}{name}", value, faults)
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name) or name in {".", ".."}:
        look.fault("name", f"{name!r} is not a topic name: use up to 249 letters, digits, '.', '_' and '-'")
    if name in {LEDGER_TOPIC, RUNS_TOPIC} or name in INTERNAL_TOPICS:
        look.fault("name", f"{name!r} is an internal topic of Kafka or of this platform: choose another name")
    partitions = look.integer("partitions", least=1)
    replicas = look.integer("replicas", least=1) if "replicas" in value else None
    config = look.mapping("config")
    for setting, content in config.items():
        if not isinstance(content, str):
            look.fault(f"config.{setting}", f"{json.dumps(content)} is not text: write {json.dumps(str(content))}")
    deletion = value.get("deletion")
    if deletion not in {None, "allow"}:
        look.fault("deletion", f"{deletion!r} is not known: write 'allow', or omit it to keep the records")
    adopt = look.boolean("adopt")
    look.only("partitions", "replicas", "config", "deletion", "adopt")
    if look.failed:
        return None
    return Topic(
        name=name,
        partitions=partitions,
        replicas=replicas,
        config=dict(config),
        deletion_allowed=deletion == "allow",
        adopt=adopt,
    )


def parse_user(file: str, value: Mapping[str, Any], faults: list[str]) -> User | None:
    """One user; None, and faults, if it is invalid. The name is the file's, unless the declaration has its own."""
    look = _Reader(f"{USER_PREFIX}{file}", value, faults)
    name = value.get("name", file)
    if not isinstance(name, str) or not _is_user_name(name):
        look.fault(
            "name", f"{json.dumps(name)} is not a user name: use up to {LONGEST_USER_NAME} printable characters, not *"
        )
        name = file
    auth = value.get("auth")
    if auth not in {None, "custom"}:
        look.fault("auth", f"{json.dumps(auth)} is not known: write 'custom', or omit it for a password")
    acls: set[Acl] = set()
    declared = value.get("acls", [])
    if not isinstance(declared, list):
        look.fault("acls", "is not a list")
        declared = []
    for index, item in enumerate(declared):
        acls |= _parse_acl(f"acls[{index}]", item, look)
    quotas: dict[Quota, float] = {}
    for key, number in look.mapping("quotas").items():
        quota = look.member(Quota, f"quotas.{key}", key)
        if isinstance(number, bool) or not isinstance(number, int | float) or number <= 0:
            look.fault(f"quotas.{key}", f"{json.dumps(number)} is not a number above 0")
        elif quota is not None:
            quotas[quota] = float(number) if not float(number).is_integer() else int(number)
    version = look.integer("passwordVersion", least=0, default=1)
    adopt = look.boolean("adopt")
    look.only("name", "auth", "acls", "passwordVersion", "quotas", "adopt")
    if look.failed:
        return None
    return User(
        name=name,
        file=None if name == file else file,
        custom=auth == "custom",
        acls=frozenset(acls),
        password_version=version,
        quotas=quotas,
        adopt=adopt,
    )


def _is_user_name(name: str) -> bool:
    # `User:*` are all users, also those who did not log in.
    return name.isprintable() and name == name.strip() and name not in {"", "*"} and len(name) <= LONGEST_USER_NAME


def declared_acls(value: Mapping[str, Any]) -> frozenset[Acl]:
    """The ACLs of a user's declaration in the ledger's form; whatever cannot be read is left out."""
    look = _Reader(USER_PREFIX, value, [])
    listed = value.get("acls", [])
    return frozenset(acl for item in listed for acl in _parse_acl("acls", item, look)) if listed else frozenset()


def _parse_acl(path: str, item: object, look: "_Reader") -> set[Acl]:
    if not isinstance(item, dict):
        look.fault(path, "is not a JSON object")
        return set()
    resource = look.member(Resource, f"{path}.resource", item.get("resource"))
    pattern = look.member(Pattern, f"{path}.pattern", item.get("pattern", Pattern.LITERAL.value))
    name = item.get("name", CLUSTER_RESOURCE_NAME if resource is Resource.CLUSTER else None)
    if not isinstance(name, str) or not name:
        look.fault(f"{path}.name", f"{json.dumps(name)} is not a name: write the resource's name, or '*' for all")
        name = ""
    if resource is Resource.CLUSTER and name != CLUSTER_RESOURCE_NAME:
        look.fault(f"{path}.name", f"{name!r} is not the cluster: write {CLUSTER_RESOURCE_NAME!r} or omit it")
    operations = item.get("operations")
    if not isinstance(operations, list) or not operations:
        look.fault(f"{path}.operations", "is not a list of at least one operation")
        operations = []
    chosen = [look.member(Operation, f"{path}.operations", operation) for operation in operations]
    for key in item.keys() - {"resource", "name", "pattern", "operations"}:
        look.fault(f"{path}.{key}", "is not known: use resource, name, pattern, operations")
    if resource is None or pattern is None:
        return set()
    return {
        Acl(resource=resource, name=name, pattern=pattern, operation=operation)
        for operation in chosen
        if operation is not None
    }


def _colliding(topics: Mapping[str, Topic]) -> list[str]:
    # Kafka names a topic's metrics with '_' for '.', and so refuses two topics that differ only in these.
    seen: dict[str, str] = {}
    faults = []
    for name in topics:
        other = seen.setdefault(name.replace(".", "_"), name)
        if other != name:
            faults.append(
                f"{TOPIC_PREFIX}{name}: name: differs from topic {other!r} only by '.' and '_', which Kafka treats "
                "as the same: choose another name"
            )
    return faults


class _Reader:
    """Takes fields out of a JSON object and collects what is wrong with them."""

    def __init__(self, key: str, value: Mapping[str, Any], faults: list[str]) -> None:
        self._key = key
        self._value = value
        self._faults = faults
        self.failed = False

    def fault(self, path: str, what: str) -> None:
        self._faults.append(f"{self._key}: {path}: {what}")
        self.failed = True

    def integer(self, path: str, *, least: int, default: int | None = None) -> int:
        value = self._value.get(path, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.fault(path, f"{json.dumps(value)} is not a whole number of at least {least}")
            return least
        return value

    def boolean(self, path: str) -> bool:
        value = self._value.get(path, False)
        if not isinstance(value, bool):
            self.fault(path, f"{json.dumps(value)} is not known: write true, or omit it")
            return False
        return value

    def mapping(self, path: str) -> Mapping[str, Any]:
        value = self._value.get(path, {})
        if not isinstance(value, dict):
            self.fault(path, "is not a JSON object")
            return {}
        return value

    def member(self, kinds: type[E], path: str, value: object) -> E | None:
        if isinstance(value, str) and value in {kind.value for kind in kinds}:
            return kinds(value)
        self.fault(path, f"{json.dumps(value)} is not known: use one of {', '.join(kinds)}")
        return None

    def only(self, *names: str) -> None:
        for key in sorted(self._value.keys() - set(names)):
            self.fault(key, f"is not known: use {', '.join(names)}")
