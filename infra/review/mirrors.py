"""What changes of a mirror mean for the records and offsets that it brings from another Kafka."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.reading.values import items, text
from infra.review.changes import Change, Operation
from infra.review.context import Context
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names
from infra.review.workloads import workload

_Config = Mapping[str, str]
_ALIAS, _SERVERS, _NAMING = "source.cluster.alias", "source.cluster.bootstrap.servers", "replication.policy.class"
_STATE = "state"
_LISTS = {"topics": "topics", "groups": "the offsets of groups"}
TOLD = frozenset({_ALIAS, _SERVERS, _NAMING, *_LISTS})
"""Settings whose changes have sentences of their own."""


def is_mirror(config: _Config) -> bool:
    """Whether it is the configuration of a connector of a mirror."""
    return _ALIAS in config


def made(name: str, config: _Config) -> Finding:
    """What a new one brings."""
    what = _LISTS["groups"] if "groups" in config else _LISTS["topics"]
    listed = _listed(config.get("groups" if "groups" in config else "topics", ""))
    shown = f"new: brings {what} {names(listed)} from {code(config[_SERVERS])}"
    return _finding(Section.ACCESS, name, shown, look=True)


def deleted(config: _Config) -> str:
    """What its removal means."""
    if "groups" in config:
        return "deleted: offsets of groups are no longer set: after a failover groups begin where they were set last"
    return f"deleted: what is written at {code(config[_SERVERS])} from now on is not here"


def changed(name: str, old: _Config, new: _Config, *, both: bool = False) -> Iterator[Finding]:
    """What another configuration means: of the connector of one kind, or of `both` in one."""
    if old.get(_NAMING) != new.get(_NAMING) or old.get(_ALIAS) != new.get(_ALIAS):
        shown = "topics or their source are called otherwise: everything is mirrored again, and offsets of groups are not those before"
        yield _finding(Section.DATA, name, shown, look=True)
    elif old.get(_SERVERS) != new.get(_SERVERS):
        shown = f"reads from {code(new.get(_SERVERS, ''))} instead of {code(old.get(_SERVERS, ''))}: if that is another Kafka, records are missing or twice"
        yield _finding(Section.DATA, name, shown, look=True)
    for key, what in _LISTS.items():
        if not both and key != ("groups" if "groups" in new else "topics"):
            continue
        before, after = _listed(old.get(key, "")), _listed(new.get(key, ""))
        added, gone = [each for each in after if each not in before], [each for each in before if each not in after]
        if added:
            yield _finding(Section.ACCESS, name, f"also brings {what} {names(added)}", look=True)
        if gone:
            yield _finding(Section.DATA, name, f"no longer brings {what} {names(gone)}", look=True)


def mirror_maker(change: Change, context: Context) -> Iterator[Finding]:
    """The same for one that Strimzi runs, and what happens to its workers."""
    yield from workload(change, context)
    before, after = _of_object(change.before), _of_object(change.after)
    if change.operation is Operation.DELETE:
        yield _finding(Section.DATA, change.name, deleted({_SERVERS: before.get(_SERVERS, "")}), look=True)
    elif not before:
        yield made(change.name, {key: value for key, value in after.items() if key != "groups"})
    else:
        yield from changed(change.name, before, after, both=True)
        if before.get(_STATE) != after.get(_STATE):
            state = after.get(_STATE, "running")
            shown = f"is {state}" if state == "running" else f"is {state}: what is written at its source waits there"
            yield _finding(Section.DATA, change.name, shown, look=state != "running")


def _of_object(side: Mapping[str, Any] | None) -> dict[str, str]:
    """What a KafkaMirrorMaker2 says, as it is declared to Kafka Connect itself."""
    mirror = next(iter(items(side, "spec", "mirrors")), None)
    if mirror is None:
        return {}
    return {
        _ALIAS: text(mirror, "source", "alias"),
        _SERVERS: text(mirror, "source", "bootstrapServers"),
        _NAMING: text(mirror, "sourceConnector", "config", _NAMING),
        _STATE: text(mirror, "sourceConnector", "state"),
        "topics": text(mirror, "topicsPattern"),
        "groups": text(mirror, "groupsPattern"),
    }


def _listed(expressions: str) -> list[str]:
    """Names, and prefixes that end in `*`, of the regular expressions that they became."""
    return [
        re.sub(r"\\(.)", r"\1", each.removesuffix(".*")) + ("*" if each.endswith(".*") else "")
        for each in expressions.split(",")
        if each
    ]


def _finding(section: Section, name: str, text: str, *, look: bool) -> Finding:
    return Finding(section=section, what="mirror", subject=name, text=text, look=look)
