"""What checks of fields have in common. No Pulumi."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

# A name without dots is a Service of the pod's own namespace.
_IN_CLUSTER = re.compile(r"[^.:]+(\.[^.]+(\.svc(\.cluster\.local)?)?)?")


def check_field(name: str, check: Callable[..., object], *arguments: object) -> None:
    """Calls `check`; what it raises begins with the name of the field."""
    try:
        check(*arguments)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


PORT_SCHEMA: Final = {"type": "integer", "minimum": 1, "maximum": 65535}
"""A port in JSON Schema; `check_ports` holds for the same ones."""


def check_ports(ports: Sequence[int]) -> None:
    """Raises unless each is a TCP port."""
    for port in ports:
        if not 1 <= port <= 65535:
            raise ValueError(f"{port} is out of range: use 1 to 65535")


def check_network(network: str, example: str) -> None:
    """Raises unless it is a network, as the example is."""
    try:
        ipaddress.ip_network(network)
    except ValueError:
        raise ValueError(f"{network!r} is not a network: write one such as {example}") from None


def check_source_ranges(networks: Sequence[str]) -> None:
    """Raises unless there are some, and each is a network that somebody may come from."""
    if not networks:
        raise ValueError(
            f"no network is given, so nobody could connect: write those that may, such as {_SOMEBODY}; or remove the key to let all in"
        )
    for network in networks:
        check_network(network, _SOMEBODY)
        nobody = next((why for why, each in _NOBODY if _is_within(network, each)), None)
        if nobody is not None:
            raise ValueError(
                f"{network!r} is {nobody}, from which nobody can connect: write the clients' network, such as {_SOMEBODY}"
            )


_SOMEBODY = "203.0.113.0/24"
# https://www.iana.org/assignments/iana-ipv4-special-registry, and the one for IPv6: what is never a packet's source from outside.
_NOBODY = [
    ("the machine itself", "127.0.0.0/8"),
    ("the machine itself", "::1/128"),
    ("no address", "0.0.0.0/8"),
    ("no address", "::/128"),
    ("multicast", "224.0.0.0/4"),
    ("multicast", "ff00::/8"),
    ("reserved", "240.0.0.0/4"),
]


def _is_within(network: str, other: str) -> bool:
    one, all_of = ipaddress.ip_network(network), ipaddress.ip_network(other)
    return one.version == all_of.version and one.subnet_of(all_of)  # type: ignore[arg-type]


def check_proxies(networks: Sequence[str]) -> None:
    """Raises unless each is a network, and none of them is everywhere."""
    for network in networks:
        check_network(network, "10.42.0.0/16")
        if ipaddress.ip_network(network).prefixlen == 0:
            raise ValueError(
                f"{network!r} is everywhere, so every caller could claim any address: name the network of the proxies"
            )


def check_url(url: str) -> None:
    """Raises unless it is an address of HTTP."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is not a URL: write one such as http://gateway.streaming.svc")


def is_in_cluster(host: str) -> bool:
    """Whether what is sent to a host of this name stays in the cluster."""
    return _IN_CLUSTER.fullmatch(host) is not None


def check_login_url(url: str) -> None:
    """Raises unless a login that is sent to this address is encrypted, or stays in the cluster."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_in_cluster(parts.hostname or ""):
        raise ValueError(f"is sent to {url!r} in the clear: use https there, or remove it")


# Default of the API server's --service-node-port-range.
NODE_PORTS = range(30000, 32768)


def check_node_port(port: int) -> None:
    """Raises unless Kubernetes opens this port on every machine."""
    if port not in NODE_PORTS:
        raise ValueError(f"{port} is out of range: use {NODE_PORTS.start} to {NODE_PORTS.stop - 1}")


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


def check_origins(origins: Sequence[str]) -> None:
    """Raises unless each is an origin of web pages, or `*`."""
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is not an origin: write one such as https://shop.example.com, or '*'")
