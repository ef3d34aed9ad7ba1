"""Network connections between pods."""

from collections.abc import Iterator
from typing import Any

from infra.reading.values import Object, items, mapping, number, text
from infra.review.changes import Change, Operation
from infra.review.context import Context, say
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names


def network_policy(change: Change, context: Context) -> Iterator[Finding]:
    """Connections that become allowed, and those that no longer are."""
    if change.operation is Operation.DELETE:
        if (change.namespace, change.part) not in context.gone:
            yield say(change, Section.ACCESS, "deleted: what it kept out is let in", look=True, what="network policy")
        return
    words = {
        "ingress": ("from", "lets in", "no longer lets in"),
        "egress": ("to", "lets out to", "no longer lets out to"),
    }
    for direction, (side, gains, loses) in words.items():
        old, new = (_peers(inputs, direction, side) for inputs in (change.before, change.after))
        for word, found in ((gains, new - old), (loses, old - new)):
            if not found:
                continue
            open_ = word == gains and direction == "ingress" and any(wide for *_, wide in found)
            by_ports: dict[str, list[str]] = {}
            for ports, peer, *_ in sorted(found):
                by_ports.setdefault(ports, []).append(peer)
            shown = "; ".join(f"{', '.join(peers)} ({ports})" for ports, peers in by_ports.items())
            yield say(change, Section.ACCESS, f"{word} {shown}", look=open_, what="network policy")


def _peers(inputs: Object | None, direction: str, side: str) -> set[tuple[str, str, bool]]:
    """Ports, who may talk on them, and whether that is everybody."""
    found: set[tuple[str, str, bool]] = set()
    for rule in items(inputs, "spec", direction):
        numbers = dict.fromkeys(str(number(each, "port") or text(each, "port")) for each in items(rule, "ports"))
        ports = f"port{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}" if numbers else "all ports"
        peers = items(rule, side)
        if not peers:
            found.add((ports, "everybody", True))
        for peer in peers:
            found.update((ports, name, wide) for name, wide in _peer(peer))
    return found


_COMPONENT = "app.kubernetes.io/component"


def _peer(peer: Any) -> list[tuple[str, bool]]:
    block = text(peer, "ipBlock", "cidr")
    if block:
        return [(f"addresses {code(block)}", block.endswith("/0"))]
    pods = mapping(peer, "podSelector", "matchLabels")
    own = pods.get(_COMPONENT)
    labels = [str(own)] if own else [f"{key}={value}" for key, value in pods.items()]
    which = f"pods {names(labels)} of " if pods else ""
    if "namespaceSelector" not in peer:
        return [(f"{which}the same namespace", False)]
    selector = mapping(peer, "namespaceSelector")
    labelled = [
        (text(each, "key"), str(value))
        for each in items(selector, "matchExpressions")
        for value in items(each, "values")
    ]
    labelled += [(key, str(value)) for key, value in mapping(selector, "matchLabels").items()]
    if not labelled:
        return [(f"{which}every namespace", True)]
    return [
        (
            f"{which}namespace {code(value)}"
            if key == "kubernetes.io/metadata.name"
            else f"{which}namespaces with {code(f'{key}={value}')}",
            False,
        )
        for key, value in labelled
    ]
