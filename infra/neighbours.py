"""What a stack shares with another of the same folder by mistake: the names by which callers come."""

from collections.abc import Iterator
from pathlib import Path as File

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
    if external.bootstrap is not None:
        yield external.bootstrap, (*path, "bootstrap")


def advice(settings: Settings, file: File) -> list[Fault]:
    """The names that another stack beside the file has too."""
    own = dict(hosts(settings))
    if not own:
        return []
    found: list[Fault] = []
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
                if host in theirs
            ]
    return found


def _mentions(file: File, own: dict[str, Path]) -> bool:
    """Whether it is worth the time to parse it."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return False
    return any(host.partition(":")[0] in text for host in own)


def _hosts_of(file: File) -> Iterator[tuple[str, Path]]:
    try:
        return hosts(read_stack(file))
    except SettingsError:  # its own check says why
        return iter(())
