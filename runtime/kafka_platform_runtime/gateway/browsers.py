"""What browsers may do: pages of the gateway itself, and of origins in the settings, may call; others may not.

A browser sends its user's password with whatever request any page makes, so a request counts only
if the page may make it. Programs send neither `Origin` nor `Sec-Fetch-Site`: nothing changes for them.
"""

from collections.abc import Collection

from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.http import Request

_OWN = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: the gateway's own page, and what the user typed or opened."""
_USUAL_PORTS = (":80", ":443")


def allows(origins: Collection[str], origin: str | None) -> bool:
    """Whether pages of this origin may call."""
    return origin is not None and (origin in origins or "*" in origins)


def judge(request: Request, origins: Collection[str]) -> None:
    """Refuse requests that pages from elsewhere make a browser send.

    The browser itself sets Sec-Fetch-Site, which no page can change and no proxy does; browsers omit it when the
    gateway is called without TLS by a name other than localhost. Then the host of the origin must be the one that was
    called. Its scheme proves nothing, because TLS may have ended before the gateway.

    Args:
        request: of any method, including the opening of a WebSocket.
        origins: those that may call, `*` for all.

    Raises:
        GatewayError: 403.
    """
    origin, site = request.header("origin"), request.header("sec-fetch-site")
    if (origin is None and site is None) or allows(origins, origin):
        return
    if site is not None:
        if site in _OWN:
            return
    elif origin is not None and _host(origin.partition("://")[2]) == _host(request.header("host") or ""):
        return
    whose = "of another site" if origin is None else f"of origin {origin[:100]}"
    raise GatewayError(403, 40302, f"A page {whose} may not call this gateway: cors must name its origin.")


def _host(authority: str) -> str:
    """Host and port in lower case, without the port that its scheme implies."""
    text = authority.lower()
    for port in _USUAL_PORTS:
        text = text.removesuffix(port)
    return text
