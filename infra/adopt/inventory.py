"""What a Kafka has, as `kafka_platform_runtime.provisioner.inventory` prints it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.adopt.access import Access, AdoptError

PROGRAM = "kafka_platform_runtime.provisioner.inventory"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic, and what is set on it."""

    partitions: int
    replicas: int
    config: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, order=True)
class Acl:
    """A rule, in Kafka's words."""

    principal: str
    host: str
    resource: str
    name: str
    pattern: str
    operation: str
    permission: str

    def __str__(self) -> str:
        name = f"{self.name}*" if self.pattern == "PREFIXED" else self.name
        place = "" if self.host == "*" else f" from {self.host}"
        return f"{self.permission} {self.operation} on {self.resource} {name} for {self.principal}{place}"


@dataclass(frozen=True, kw_only=True)
class Quota:
    """Limits of a user, a client, an address or any of these together."""

    of: Mapping[str, str | None]
    limits: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All of it."""

    topics: Mapping[str, Topic]
    passwords: Mapping[str, Sequence[str]]
    """The kinds of users' passwords."""
    acls: Sequence[Acl]
    quotas: Sequence[Quota]
    unread: Sequence[str]
    """What Kafka did not tell, and why."""


def inventory_in(text: str) -> Inventory:
    """The inventory in JSON.

    Raises:
        AdoptError: it is none.
    """
    try:
        content: Any = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError(f"its version is {content['version']}")
        return Inventory(
            topics={str(name): Topic(**each) for name, each in content["topics"].items()},
            passwords=content["passwords"],
            acls=[Acl(**each) for each in content["acls"]],
            quotas=[Quota(**each) for each in content["quotas"]],
            unread=content["unread"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AdoptError(f"the inventory cannot be read, {error}: write what {PROGRAM} prints") from None


def read(access: Access) -> Inventory:
    """What the Kafka has.

    Raises:
        AdoptError: it cannot be asked.
    """
    with tempfile.TemporaryDirectory(prefix="kafka-platform-adopt-") as folder:
        # Only its owner can look into the folder.
        password_file = Path(folder) / "password"
        password_file.write_text(access.password or "", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", PROGRAM],
            env={key: value for key, value in os.environ.items() if not key.startswith("KAFKA_")}
            | access.environment(password_file),
            capture_output=True,
            text=True,
        )
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if done.returncode != 0 and "No module named" in reason:
        raise AdoptError(f"{reason}: pip install ./runtime, or run it where Kafka can be reached and give --inventory")
    if done.returncode != 0:
        raise AdoptError(f"{access.servers}: {reason}")
    return inventory_in(done.stdout)
