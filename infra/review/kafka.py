"""What changes of a Kafka of Strimzi's mean."""

from collections.abc import Iterator
from typing import Any

from infra.reading.settings import broker_settings
from infra.reading.values import at, items, mapping, number, text
from infra.review.changes import Change, Operation
from infra.review.context import Context, say
from infra.review.data import stateful
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names
from infra.review.settings import broker_findings, opened_by
from infra.review.versions import is_older


def kafka(change: Change, context: Context) -> Iterator[Finding]:
    """Listeners, rights, settings and versions of a Kafka of Strimzi's."""
    yield from stateful(change, context)
    if change.operation is Operation.CREATE:
        yield from _made(change)
    if change.operation is Operation.UPDATE:
        settings = [broker_settings(side) or {} for side in (change.before, change.after)]
        yield from broker_findings(change.name, settings[0], settings[1])
        yield from _listeners(change)
        yield from _authorization(change)
        yield from _version(change)


def _made(change: Change) -> Iterator[Finding]:
    yield from opened_by(change.name, broker_settings(change.after) or {})
    for listener in items(change.after, "spec", "kafka", "listeners"):
        if text(listener, "authentication", "type") == "custom":
            shown = f"listener {code(text(listener, 'name'))} is new: {_listener(listener)}"
            yield say(change, Section.ACCESS, shown, look=True)
    supers = items(change.after, "spec", "kafka", "authorization", "superUsers")
    if supers:
        yield say(change, Section.ACCESS, f"{names(map(str, supers), 20)} may do everything", look=True)


def _listeners(change: Change) -> Iterator[Finding]:
    old, new = (
        {text(each, "name"): each for each in items(side, "spec", "kafka", "listeners")}
        for side in (change.before, change.after)
    )
    for name in dict.fromkeys([*new, *old]):
        if name not in new:
            yield say(
                change,
                Section.ACCESS,
                f"listener {code(name)} is removed: its clients can no longer connect",
                look=True,
            )
        elif name not in old or old[name] != new[name]:
            outside = text(new[name], "type") not in ("internal", "cluster-ip", "")
            way = mapping(new[name], "authentication")
            # A custom login decides who a client is.
            weaker = at(new[name], "tls") is not True or not way or text(way, "type") == "custom"
            word = "is new" if name not in old else "changes"
            yield say(
                change, Section.ACCESS, f"listener {code(name)} {word}: {_listener(new[name])}", look=outside or weaker
            )


def _authorization(change: Change) -> Iterator[Finding]:
    authorization = [mapping(side, "spec", "kafka", "authorization") for side in (change.before, change.after)]
    if authorization[0] != authorization[1]:
        shown = (
            "who decides about rights changes" if authorization[1] else "everybody may do everything: no authorization"
        )
        yield say(change, Section.ACCESS, shown, look=True)


def _version(change: Change) -> Iterator[Finding]:
    versions = [text(side, "spec", "kafka", "version") for side in (change.before, change.after)]
    if versions[0] != versions[1]:
        back = is_older(f":{versions[0]}", f":{versions[1]}")
        detail = ": Kafka cannot go back once new metadata is written" if back else ""
        section = Section.DATA if back else Section.OTHER
        yield say(change, section, f"version {versions[0]} -> {versions[1]}{detail}", look=back)


def _listener(value: Any) -> str:
    authentication = text(value, "authentication", "type") or "nobody logs in"
    encrypted = "TLS" if at(value, "tls") is True else "without TLS"
    return f"{text(value, 'type')}, port {number(value, 'port')}, {encrypted}, {authentication}"
