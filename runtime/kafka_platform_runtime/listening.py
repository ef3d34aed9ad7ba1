"""Listening on all addresses of a pod, whichever families it has: IPv4, IPv6 or both."""

import errno
import socket
import socketserver

EVERYWHERE = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - a pod's addresses are not known before
"""All addresses of both families; of IPv4 alone where the kernel has no IPv6."""
_FAMILY = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
_MAPPED = "::ffff:"
"""What an IPv4 address begins with at a socket for both families."""
_NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def listen(port: int, backlog: int) -> socket.socket:
    """A socket that listens on all addresses of both families, or of IPv4 where the kernel has no IPv6."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    return socket.create_server(("0.0.0.0", port), backlog=backlog)  # noqa: S104 - a pod's own addresses


def origin(address: str) -> str:
    """Who is behind a peer's address: the address of IPv4, of IPv6 its first 64 bits, of which one host may have all the rest."""
    if address.startswith(_MAPPED):
        return address.removeprefix(_MAPPED)
    if ":" not in address:
        return address
    network = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:8]
    return socket.inet_ntop(socket.AF_INET6, network + bytes(8)) + "/64"


class BothFamilies(socketserver.TCPServer):
    """A server that listens on `EVERYWHERE`; kubelet and Prometheus ask at the pod's address, whichever that is."""

    address_family = _FAMILY

    def server_bind(self) -> None:
        """Accept IPv4 as well where the socket is an IPv6 one."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()
