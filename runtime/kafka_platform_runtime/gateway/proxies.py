"""Where a request comes from that was passed on: what a proxy says of it counts only if the proxy is one to trust."""

import ipaddress
from collections.abc import Iterable, Sequence

HEADER = b"x-forwarded-for"
MOST_HOPS = 16
"""Addresses that are looked at, from the nearest on: nobody has more proxies one behind the other."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TrustedProxies:
    """The proxies whose word about their callers counts.

    Args:
        networks: where they are.

    Raises:
        ValueError: one is no network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(each) for each in networks]

    def caller(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """The address that a request comes from.

        Each proxy appends the address that it got the request from. So the list is read from its end, for as long as the address
        that said so is a proxy's: what a caller wrote into it is before that, and does not count.
        """
        if not self._networks or not self._trusts(_address(peer)):
            return peer
        found = peer
        said = b",".join(value for name, value in headers if name == HEADER)
        for text in reversed(said.decode("latin-1").split(",")[-MOST_HOPS:]):
            address = _address(text.strip())
            if address is None:
                break
            found = str(address)
            if not self._trusts(address):
                break
        return found

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> Address | None:
    """The address, which some proxies write with a port; one of IPv4 also where IPv6 carries it."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
