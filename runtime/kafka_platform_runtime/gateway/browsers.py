"""What browsers are let do: pages of the gateway itself, and of origins that the settings name, may call; others may not.

A browser sends the password that its user has given it with whatever any page makes it send, so that a request counts only
if the page may make it. Programs send neither `Origin` nor `Sec-Fetch-Site`: nothing changes for them.
"""

from collections.abc import Collection

from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.http import Request

_OWN = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: the gateway's own page, and what the user has typed or opened."""
_USUAL_PORTS = (":80", ":443")


def allows(origins: Collection[str], origin: str | None) -> bool:
    """Whether pages of this origin may call."""
    return origin is not None and (origin in origins or "*" in origins)


def judge(request: Request, origins: Collection[str]) -> None:
    """Refuse what a page from elsewhere makes a browser send.

    Sec-Fetch-Site is the browser's own word, which no page can change and no proxy does; browsers leave it out where the
    gateway is called without TLS by another name than localhost. Then the host of the origin must be the one that was
    called. Its scheme says nothing, because TLS may have ended before the gateway.

    Args:
        request: of any method, the opening of a WebSocket too.
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
