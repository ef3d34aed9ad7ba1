"""What the provisioner's newest runs did: it writes them to a topic of its own, and the exporter shows them.

Key: the owner, `<name>` or `<name>@<stack>`. Value: the newest run, with counts and no names, so that whoever may read the
topic learns nothing of what is in the Kafka.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

RUNS_TOPIC = "_kafka-platform-runs"
CHANGES = ("created", "changed", "removed", "kept", "unchanged", "refused", "not_tried")
"""What can become of a declared topic or user, or of one that is no longer declared."""
MOST_RUNS = 100
"""Runs that are shown: a Kafka has a handful of owners, and each is a dozen series."""
VERSION_LENGTH = 16
"""Characters of a version."""
LONGEST_NAME = 253
"""Characters of an owner's name: it becomes a label."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the provisioner."""

    resources: str
    """The owner: the name of the `KafkaResources`."""
    ended: float
    """When it ended, as a Unix time."""
    seconds: float
    """How long it took."""
    failed: bool
    """Whether the Kafka is not as declared."""
    stack: str | None = None
    """The owner's stack, if several stacks use the Kafka."""
    version: str | None = None
    """Of what was declared (`version_of`); None from provisioners that did not note it."""
    changes: Mapping[str, int] = field(default_factory=dict)
    """How many topics and users, by what became of them (`CHANGES`)."""

    @property
    def key(self) -> str:
        """Under which the run takes the place of the owner's one before."""
        return owner_key(self.resources, self.stack)

    def value(self) -> dict[str, Any]:
        """What is written."""
        return asdict(self)


def version_of(declared: Mapping[str, str]) -> str:
    """Of declarations by file name: another one whenever one of them differs."""
    return hashlib.sha256(json.dumps(dict(declared), sort_keys=True).encode()).hexdigest()[:VERSION_LENGTH]


def owner_key(owner: str, stack: str | None) -> str:
    """The key of an owner's runs."""
    return owner if stack is None else f"{owner}@{stack}"


def runs_of(entries: Mapping[str, Any], stack: str | None) -> list[Run]:
    """The runs among a topic's entries, MOST_RUNS at most; only those of a stack, if one is given."""
    found = (_parsed(entries[key]) for key in sorted(entries))
    kept = [each for each in found if each is not None and stack in (None, each.stack)]
    newest = {each.resources: each for each in sorted(kept, key=lambda run: run.ended)}
    return [newest[name] for name in sorted(newest)][:MOST_RUNS]


def _parsed(value: Any) -> Run | None:
    if not isinstance(value, dict):
        return None
    resources, stack, changes = value.get("resources"), value.get("stack"), value.get("changes")
    ended, seconds = _number(value.get("ended")), _number(value.get("seconds"))
    if not isinstance(resources, str) or not 0 < len(resources) <= LONGEST_NAME or not isinstance(stack, str | None):
        return None
    if not isinstance(changes, dict) or ended is None or seconds is None:
        return None
    counted = {each: _number(changes.get(each, 0)) for each in CHANGES}
    known = {each: int(count) for each, count in counted.items() if count is not None}
    version = value.get("version")
    return Run(
        resources=resources,
        version=version if isinstance(version, str) and len(version) <= VERSION_LENGTH else None,
        stack=stack,
        ended=ended,
        seconds=seconds,
        failed=value.get("failed") is not False,
        changes=known,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < math.inf else None
