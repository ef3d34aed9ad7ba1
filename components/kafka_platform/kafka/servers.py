"""Bootstrap servers. No Pulumi."""

import ipaddress
import re
from collections.abc import Sequence

_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[(?P<address>[0-9A-Fa-f:.]+)\]):(?P<port>\d{1,5})")


def check_bootstrap_servers(servers: str) -> None:
    """Raises unless it is `host:port`, or several of them with commas."""
    if all(map(_is_server, servers.split(","))):
        return
    if re.search(r"[\s;]", servers):
        together = ",".join(re.split(r"[\s,;]+", servers.strip()))
        raise ValueError(f"{servers!r} is not host:port: write several with commas and no spaces, as in '{together}'")
    for each in servers.split(","):
        host, _, port = each.rpartition(":")
        if _is_ipv6(host) and not _is_server(each):
            raise ValueError(f"{each!r} is not host:port: put an address of IPv6 in brackets, as in '[{host}]:{port}'")
    raise ValueError(f"{servers!r} is not host:port: write kafka.example.com:9092, several with commas")


def check_servers(servers: Sequence[str]) -> None:
    """Raises unless each is one `host:port`."""
    for each in servers:
        check_bootstrap_servers(each)
        if "," in each:
            raise ValueError(f"{each!r} is several servers: write each as an entry of its own")


def public_address(servers: str) -> str | None:
    """The first server that is given by an address of the internet; None if there is none, or only names."""
    for each in servers.split(","):
        host = each.rpartition(":")[0].strip("[]")
        try:
            if ipaddress.ip_address(host).is_global:
                return host
        except ValueError:
            continue
    return None


def _is_server(text: str) -> bool:
    match = _SERVER.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        return False
    return match["address"] is None or _is_ipv6(match["address"])


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
