"""What changes in ConfigMaps mean: they hold the settings of brokers, clients and the gateway, and what is declared."""

import json
from collections.abc import Iterator
from typing import Any

from kafka_platform.cluster.embedded.files import is_owned
from kafka_platform.connect.applying import COMPONENT as CONNECTORS
from kafka_platform.schemas.objects import COMPONENT
from kafka_platform.streams.settings import COMPONENT as STREAMS

from infra.reading.settings import broker_settings
from infra.reading.values import items, mapping, text
from infra.review.changes import Change, Operation
from infra.review.connectors import connector_findings
from infra.review.context import Context, say
from infra.review.declared import is_declarations
from infra.review.findings import Finding, Section
from infra.review.light import light_findings
from infra.review.quantities import code, names
from infra.review.schemas import schema_findings
from infra.review.settings import broker_findings, client_findings, opened_by
from infra.review.streams import stream_findings


def config_map(change: Change, _: Context) -> Iterator[Finding]:
    """What changed settings of brokers, clients, connectors and the gateway mean."""
    yield from light_findings(change)
    if change.part == STREAMS:
        yield from stream_findings(change)
    if change.operation is Operation.DELETE:
        if change.part == COMPONENT:
            yield from schema_findings(mapping(change.before, "data"), {})
        if change.part == CONNECTORS:
            yield from connector_findings(mapping(change.before, "data"), {})
        if is_declarations(change):
            what_happens = "no longer managed: topics and users stay in Kafka as they are"
            yield say(change, Section.DATA, what_happens, look=True, what="declarations")
        return
    if change.part == COMPONENT:
        yield from schema_findings(*(mapping(side, "data") for side in (change.before, change.after)))
    if change.part == CONNECTORS:
        yield from connector_findings(*(mapping(side, "data") for side in (change.before, change.after)))
    old, new = broker_settings(change.before), broker_settings(change.after)
    if old is not None and new is not None:
        yield from broker_findings(change.name.removesuffix("-config"), old, new)
    elif new is not None:
        # What only the platform itself can set is not worth a look.
        own = {key: value for key, value in new.items() if not is_owned(key)}
        yield from opened_by(change.name.removesuffix("-config"), own)
    if change.part == "worker":
        files = [mapping(side, "data") for side in (change.before, change.after)]
        yield from client_findings(change.name.removesuffix("-client"), *files)
    addresses = [text(side, "data", "node-0.properties") for side in (change.before, change.after)]
    if all(addresses) and addresses[0] != addresses[1]:
        yield say(
            change, Section.ACCESS, "the brokers' addresses change: clients have to follow", look=True, what="brokers"
        )
    if text(change.after, "data", "gateway.json") and change.before is not None:
        yield from _gateway_settings(change)


def _gateway_settings(change: Change) -> Iterator[Finding]:
    sides: list[dict[str, Any]] = []
    for side in (change.before, change.after):
        try:
            content = json.loads(text(side, "data", "gateway.json"))
        except ValueError:
            return
        sides.append(content if isinstance(content, dict) else {})
    old, new = sides
    name = change.name.removesuffix("-config")

    def say(section: Section, shown: str, *, look: bool = False) -> Finding:
        return Finding(section=section, what="HTTP gateway", subject=name, text=shown, look=look)

    for key in sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)):
        if key == "anonymous":
            user = text(new, "anonymous", "username")
            shown = (
                f"callers without credentials are the user {code(user)}"
                if user
                else "refuses callers without credentials"
            )
            yield say(Section.ACCESS, shown, look=bool(user))
        elif key == "cors":
            added = sorted(set(map(str, items(new, "cors"))) - set(map(str, items(old, "cors"))))
            shown = f"pages of {names(added, 10)} may call" if added else "fewer pages may call"
            yield say(Section.ACCESS, shown, look="*" in added)
        elif key == "bearer":
            yield say(Section.ACCESS, "passes bearer tokens on" if new.get(key) else "refuses bearer tokens")
        elif key == "tls":
            shown = "TLS ends at the pods: its settings change" if new.get(key) else "speaks without TLS"
            yield say(Section.ACCESS, shown, look=not new.get(key))
        else:
            yield say(Section.OTHER, f"setting {code(key)} changes")
