"""What changed settings of topics, brokers and clients mean."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kafka_platform.kafka.doors import broker_door, client_door
from kafka_platform.program.client_files import STREAMS_FILE
from kafka_platform.worker.state import client_option

from infra.reading.settings import RETENTION, RETENTION_SIZE, properties, topic_defaults, whole
from infra.reading.values import text
from infra.review.findings import Finding, Section
from infra.review.quantities import code, duration, size

_UNCLEAN = "unclean.leader.election.enable"
_SENSITIVE = re.compile(r"password|secret|token|credential|jaas|\.key\b|keystore\.(key|certificate)", re.IGNORECASE)


def config_findings(
    what: str,
    name: str,
    was: Mapping[str, str],
    is_: Mapping[str, str],
    defaults: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> Iterator[Finding]:
    """What changed topic settings mean; also those of brokers, by the topics' names."""
    for key in sorted(key for key in was.keys() | is_.keys() if was.get(key) != is_.get(key)):
        old, new = was.get(key), is_.get(key)
        if key in (RETENTION, RETENTION_SIZE):
            yield _retention(what, name, key, (old, defaults[0].get(key)), (new, defaults[1].get(key)))
        elif key == "cleanup.policy":
            yield _cleanup(what, name, old or "delete", new or "delete")
        elif key in ("min.insync.replicas", "default.replication.factor"):
            fewer = (whole(old or defaults[0].get(key)) or 0) > (whole(new or defaults[1].get(key)) or 0)
            words = "min in-sync replicas" if key.startswith("min") else "copies of new topics"
            detail = ": a record counts as written with fewer copies" if fewer else ""
            shown = f"{words} {old or 'default'} -> {new or 'default'}{detail}"
            yield Finding(
                section=Section.DATA if fewer else Section.OTHER, what=what, subject=name, text=shown, look=fewer
            )
        elif key == _UNCLEAN:
            loses = new == "true"
            shown = f"{_UNCLEAN} {old or 'default'} -> {new or 'default'}"
            if loses:
                shown += ": a copy that lags may lead, and what it lacks is lost"
            yield Finding(
                section=Section.DATA if loses else Section.OTHER, what=what, subject=name, text=shown, look=loses
            )
        else:
            yield Finding(section=Section.OTHER, what=what, subject=name, text=setting(key, old, new))


def setting(key: str, old: str | None, new: str | None) -> str:
    """A changed setting; values of keys that sound secret are not shown."""
    if _SENSITIVE.search(key):
        return f"{code(key)} changes"
    return f"{code(key)}: {_or_default(old)} -> {_or_default(new)}"


def _or_default(value: str | None) -> str:
    return "default" if value is None else code(value)


def _retention(
    what: str, name: str, key: str, was: tuple[str | None, str | None], is_: tuple[str | None, str | None]
) -> Finding:
    word, show = ("retention", duration) if key == RETENTION else ("retention size", size)

    def shown(own: str | None, default: str | None) -> str:
        value = own if own is not None else default
        number = whole(value)
        plain = "the cluster's default" if number is None else show(number)
        return f"{plain} (the default)" if own is None and value is not None else plain

    old, new = (whole(own if own is not None else default) for own, default in (was, is_))
    change = f"{word} {shown(*was)} -> {shown(*is_)}"
    risk = True
    if old is None or new is None:
        change += ": records may become deletable"
    elif new >= 0 and (old < 0 or new < old):
        unit = f"records older than {show(new)}" if key == RETENTION else "the oldest records beyond it"
        change += f": {unit} become deletable"
    else:
        risk = False
    return Finding(section=Section.DATA if risk else Section.CAPACITY, what=what, subject=name, text=change, look=risk)


def _cleanup(what: str, name: str, old: str, new: str) -> Finding:
    gains = set(new.split(",")) - set(old.split(","))
    meaning = {
        "delete": "records older than the retention become deletable",
        "compact": "of each key only the newest record is kept",
    }
    shown = f"cleanup {old} -> {new}"
    if gains:
        shown += ": " + "; ".join(meaning.get(each, each) for each in sorted(gains))
    return Finding(
        section=Section.DATA if gains else Section.CAPACITY, what=what, subject=name, text=shown, look=bool(gains)
    )


# ---- brokers


def broker_findings(name: str, was: Mapping[str, str], is_: Mapping[str, str]) -> Iterator[Finding]:
    """What changed broker settings mean."""
    as_topic = {RETENTION, RETENTION_SIZE, "cleanup.policy", "min.insync.replicas", "default.replication.factor"}
    old, new = topic_defaults(was), topic_defaults(is_)
    for key in sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)):
        opens = broker_door(key, old.get(key)) or broker_door(key, new.get(key))
        if opens is not None:
            yield _door("brokers", name, opens, setting(key, old.get(key), new.get(key)))
            continue
        one = {key: old[key]} if key in old else {}, {key: new[key]} if key in new else {}
        what = "default of topics in" if key in as_topic else "brokers"
        yield from config_findings(what, name, *one)


def opened_by(name: str, settings: Mapping[str, str]) -> Iterator[Finding]:
    """What settings of new brokers open."""
    for key, value in sorted(settings.items()):
        opens = broker_door(key, value)
        if opens is not None:
            yield _door("brokers", name, opens, setting(key, None, value))


def _door(what: str, name: str, opens: str, shown: str) -> Finding:
    return Finding(section=Section.ACCESS, what=what, subject=name, text=f"{opens}: {shown}", look=True)


# ---- clients


def client_findings(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Finding]:
    """What changed options of a worker's clients open; both sides are the data of its ConfigMap."""
    seen: set[str] = set()
    for file in sorted(key for key in after if key.endswith((".properties", ".conf"))):
        was, is_ = (properties(text(side, file)) for side in (before, after))
        for key in sorted(is_):
            opens = client_door(client_option(key), is_[key])
            # Java's file, librdkafka's and Spring's have the same options.
            if (
                opens is not None
                and was.get(key) != is_[key]
                and not file.startswith("application")
                and key not in seen
            ):
                seen.add(key)
                yield _door("worker", name, opens, setting(key, was.get(key), is_[key]))
    former, group = (properties(text(side, STREAMS_FILE)).get("application.id") for side in (before, after))
    if former and group and former != group:
        anew = f"group {code(former)} -> {code(group)}: begins anew without state; topics and offsets of {code(former)} stay as they are"
        yield Finding(section=Section.DATA, what="worker", subject=name, text=anew, look=True)
