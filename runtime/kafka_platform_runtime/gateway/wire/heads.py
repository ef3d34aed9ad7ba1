"""What is wrong with a request's head, before anything looks at what it requests."""

from collections.abc import Sequence
from http import HTTPStatus

import httptools

from kafka_platform_runtime.gateway.errors import GatewayError, malformed

HEAD_BYTES = 32 * 1024
"""Size of the request line and headers together."""
HEAD_FIELDS = 100
SINGLE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"last-event-id",
        b"origin",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields that matter here and must not have two meanings; also those of SINGLE_PREFIX."""
SINGLE_PREFIX = b"x-gateway-"
OF_UPGRADE = frozenset({b"upgrade", b"http2-settings"})
"""Fields, and words in the field Connection, with which a caller offers another protocol."""

Fields = Sequence[tuple[bytes, bytes]]


def head_too_large() -> GatewayError:
    """The error for a head that exceeds the bounds."""
    return GatewayError(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        43101,
        f"The head of the request is too large: at most {HEAD_BYTES} bytes and {HEAD_FIELDS} fields are accepted.",
    )


def ambiguity(
    parser: "httptools.HttpRequestParser", url: bytes, fields: Fields, opens_socket: bool
) -> GatewayError | None:
    """Why the head could have two meanings, or none; None if it has one.

    Args:
        parser: the one that read it.
        url: the target.
        fields: names (lower case) and values.
        opens_socket: whether it requests a WebSocket.
    """
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        for name in names:
            if (name in SINGLE or name.startswith(SINGLE_PREFIX)) and names.count(name) > 1:
                return malformed(f"The field {name.decode()} is given twice: send it once.")
    version = parser.get_http_version()
    if b"host" not in names and version == "1.1":
        return malformed("The field host is missing, which HTTP/1.1 requires.")
    if version not in {"1.1", "1.0"}:
        return malformed("Speak HTTP/1.1.")
    if url[:1] != b"/" or b"#" in url:
        return _of_target(parser, url, fields)
    if opens_socket:
        framed = b"content-length" in names or b"transfer-encoding" in names
        if framed or version != "1.1" or parser.get_method() != b"GET":
            return malformed("A WebSocket is opened by GET of HTTP/1.1 without a body.")
    if b"expect" in names and dict(fields)[b"expect"].lower() != b"100-continue":
        return GatewayError(HTTPStatus.EXPECTATION_FAILED, 41701, "Expect 100-continue, or nothing.")
    return None


def _of_target(parser: "httptools.HttpRequestParser", url: bytes, fields: Fields) -> GatewayError | None:
    """Judge a target that is not a plain path."""
    if url == b"*" or parser.get_method() == b"CONNECT":
        return None
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return malformed("The target of the request is not a URL.")
    if parsed.fragment is not None:
        return malformed("The target of the request has a fragment: leave out # and what follows.")
    authority = (parsed.host or b"") + (b":%d" % parsed.port if parsed.port else b"")
    if authority.lower() != dict(fields).get(b"host", authority).lower():
        return malformed("The target of the request and the field host name different hosts.")
    return None


def without_upgrade(parser: "httptools.HttpRequestParser", url: bytes, fields: Fields) -> bytes:
    """The head without the offer of HTTP/2, which Java's client makes with each request."""
    version = parser.get_http_version().encode()
    head = [parser.get_method(), b" ", url, b" HTTP/", version, b"\r\n"]
    for name, value in fields:
        if name == b"connection":
            wishes = [wish.strip() for wish in value.split(b",")]
            value = b", ".join(wish for wish in wishes if wish.lower() not in OF_UPGRADE)
        if name not in OF_UPGRADE and (name != b"connection" or value):
            head += [name, b": ", value, b"\r\n"]
    return b"".join([*head, b"\r\n"])
