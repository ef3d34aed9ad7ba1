"""What can be reached from outside of the cluster, and who can log in."""

import json
import re
from collections.abc import Iterator

from infra.reading.kinds import reached_by
from infra.reading.values import Object, items, known, mapping, number, text
from infra.review.changes import Change, Operation
from infra.review.context import Context, say
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names


def service(change: Change, context: Context) -> Iterator[Finding]:
    """Whether a Service can be reached from outside, and by whom."""
    old, new = reached_by(change.before), reached_by(change.after)
    if new and new != old:
        key = json.dumps([change.namespace, mapping(change.shown, "metadata", "labels")], sort_keys=True)
        yield say(change, Section.ACCESS, f"can be reached from outside by {new}", look=key not in context.exposed)
    if old and not new:
        yield say(change, Section.ACCESS, f"can no longer be reached from outside by {old}")
    if change.operation is not Operation.UPDATE:
        return
    ranges = [items(side, "spec", "loadBalancerSourceRanges") for side in (change.before, change.after)]
    if new and ranges[0] != ranges[1]:
        shown = names(map(str, ranges[1]), 10) if ranges[1] else "everybody"
        yield say(
            change,
            Section.ACCESS,
            f"can be reached from {shown}",
            look=bool(set(ranges[1]) - set(ranges[0])) or not ranges[1],
        )
    ports = [
        [port for each in items(side, "spec", "ports") if (port := number(each, "nodePort"))]
        for side in (change.before, change.after)
    ]
    if old and new and ports[0] != ports[1]:
        yield say(
            change, Section.ACCESS, f"node port {ports[0]} -> {ports[1]}: clients outside have to follow", look=True
        )


def route(change: Change, _: Context) -> Iterator[Finding]:
    """Under which names something can be reached from outside, and whether with TLS."""
    old, new = (_hosts(change.kind, side) for side in (change.before, change.after))
    for host, encrypted in sorted(new.items()):
        if host not in old:
            how = "" if encrypted else " without TLS"
            yield say(change, Section.ACCESS, f"can be reached from outside at {code(host)}{how}", look=True)
        elif old[host] and not encrypted:
            yield say(change, Section.ACCESS, f"{code(host)} has no TLS any more", look=True)
    for host in sorted(old.keys() - new.keys()):
        yield say(change, Section.ACCESS, f"can no longer be reached at {code(host)}")
    was, is_ = (mapping(side, "metadata", "annotations") for side in (change.before, change.after))
    for key in sorted(is_):
        if _RUN_BY_CONTROLLERS.search(key) and was.get(key) != is_[key]:
            yield say(change, Section.ACCESS, f"its controller gets configuration or rights by {code(key)}", look=True)


_RUN_BY_CONTROLLERS = re.compile(r"snippet|lua|auth|whitelist|allowlist|source-range|cors", re.IGNORECASE)
"""Annotations by which controllers of Ingresses and Gateways take code of one's own, or let in whom they did not."""


def _hosts(kind: str, inputs: Object | None) -> dict[str, bool]:
    """Names by which something is reached, and whether with TLS (a route's is its Gateway's affair)."""
    if kind == "Ingress":
        encrypted = {str(host) for each in items(inputs, "spec", "tls") for host in items(each, "hosts")}
        return {text(each, "host") or "*": text(each, "host") in encrypted for each in items(inputs, "spec", "rules")}
    if kind == "Gateway":
        return {
            f"{text(each, 'hostname') or '*'}:{number(each, 'port')}": text(each, "protocol") in ("HTTPS", "TLS")
            for each in items(inputs, "spec", "listeners")
        }
    return {str(each): True for each in items(inputs, "spec", "hostnames")}


def secret(change: Change, context: Context) -> Iterator[Finding]:
    """Credentials that are delivered elsewhere, or go."""
    old, new = (text(side, "metadata", "namespace") for side in (change.before, change.after))
    if change.operation in (Operation.REPLACE, Operation.UPDATE) and old != new and known(old) and known(new):
        yield say(change, Section.ACCESS, f"delivered to namespace {code(new)} instead of {code(old)}", look=True)
    # What goes with the users is spoken of already.
    if change.operation is Operation.DELETE and change.part != "provisioner" and not change.retained:
        yield say(change, Section.ACCESS, "deleted: whoever uses it can no longer log in", look=True)


def rights(change: Change, _: Context) -> Iterator[Finding]:
    """Rights in Kubernetes."""
    wide = change.record.everywhere and change.operation is not Operation.DELETE
    yield say(change, Section.ACCESS, f"rights in Kubernetes are {change.operation.value}", look=wide)
