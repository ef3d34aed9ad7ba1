"""The names by which callers come: what a stack shares with another of the same folder by mistake, and ports behind them."""

import re
from collections.abc import Iterator
from pathlib import Path as File

from kafka_platform.gateway.controllers import IngressController, controller_of
from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.words import Path

from infra.capabilities.gateway import Gateway
from infra.settings.faults import Fault, SettingsError
from infra.settings.listeners import Expose
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file, stack_names


def hosts(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The names, and those of node ports with their port, each with its key in the stack file."""
    gateway = settings.of(Gateway)
    if gateway is not None and gateway.expose is not None:
        balancer = gateway.expose.load_balancer
        if gateway.expose.host is not None:
            yield gateway.expose.host, ("gateway", "expose", "host")
        if balancer is not None and isinstance(balancer.host, str):
            yield balancer.host, ("gateway", "expose", "loadBalancer", "host")
    if settings.kafka.engine is Engine.EXTERNAL or settings.kafka.listeners.external is None:
        return
    external, path = settings.kafka.listeners.external, ("kafka", "listeners", "external")
    if external.expose is Expose.NODE_PORT:
        yield f"{external.host}:{external.port}", (*path, "port")
    else:
        yield external.host, (*path, "host")
        if external.expose in (Expose.TLS_ROUTE, Expose.INGRESS) or external.bootstrap is not None:
            yield external.bootstrap_host, (*path, "host" if external.bootstrap is None else "bootstrap")


def advice(settings: Settings, file: File) -> list[Fault]:
    """The names that another stack beside the file has too."""
    own = dict(hosts(settings))
    if not own:
        return []
    found = list(_ports_of_chart(settings))
    for other in sorted(stack_names(file.parent)):
        neighbour = stack_file(other, file.parent)
        if neighbour.resolve() != file.resolve() and _mentions(neighbour, own):
            theirs = dict(_hosts_of(neighbour))
            found += [
                Fault(
                    path=path,
                    message=f"{host!r} is a name of the stack {other!r} too, and callers reach one of them: use another, or "
                    "remove it there first",
                )
                for host, path in own.items()
                if any(is_same(host, their) for their in theirs)
            ]
    return found


def is_same(one: str, other: str) -> bool:
    """Whether both are, or contain, one name."""
    return one == other or any(_contains(*pair) for pair in ((one, other), (other, one)))


def _contains(pattern: str, host: str) -> bool:
    brokers = re.escape(pattern).replace(re.escape(_NODE_ID), "[0-9]+")
    return _NODE_ID in pattern and re.fullmatch(brokers, host) is not None


_NODE_ID = "{nodeId}"


def _mentions(file: File, own: dict[str, Path]) -> bool:
    """Whether it is worth the time to parse it."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return False
    # The first label may be written otherwise there, as a pattern.
    domains = [host.partition(":")[0].partition(".")[2] or host for host in own]
    return any(domain in text for domain in domains)


def _ports_of_chart(settings: Settings) -> Iterator[Fault]:
    """Gateways for Traefik with the usual port, where its chart has another one at the pods."""
    gateway = settings.of(Gateway)
    if gateway is not None and gateway.expose is not None and gateway.expose.port is None:
        yield from _advised(gateway.expose.gateway_class, ("gateway", "expose", "port"))
    external = settings.kafka.listeners.external
    if settings.kafka.engine is not Engine.EXTERNAL and external is not None and external.listener_port is None:
        yield from _advised(external.gateway_class, ("kafka", "listeners", "external", "listenerPort"))


def _advised(gateway_class: str | None, path: Path) -> Iterator[Fault]:
    if gateway_class is not None and controller_of(gateway_class) is IngressController.TRAEFIK:
        yield Fault(
            path=path,
            message=f"Traefik takes the port of a Gateway for that of its entry point, which its chart calls 8443: write "
            f"{path[-1]}: 8443, unless yours is 443: without such an entry point nothing is served",
        )


def _hosts_of(file: File) -> Iterator[tuple[str, Path]]:
    try:
        return hosts(read_stack(file))
    except SettingsError:  # its own check says why
        return iter(())
