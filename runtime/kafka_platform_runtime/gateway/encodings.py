"""Compressed bodies: what callers send, and what they request."""

import asyncio
import re
import zlib
from collections.abc import Callable
from http import HTTPStatus

from kafka_platform_runtime.gateway.errors import GatewayError, malformed, too_large

GZIP = 16 + zlib.MAX_WBITS
PIECE_BYTES = 64 * 1024
"""Processed and inflated at a time: between the pieces others have their turn."""
LEAST_BYTES = 4096
"""Smaller responses are not compressed: it saves no packet worth the work."""
LEVEL = 1
"""Of zlib. It shrinks JSON to a tenth, and higher levels take several times as long for little more."""
_PART = re.compile(r"\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII)


def is_plain(encoding: str | None) -> bool:
    """Whether a body with this Content-Encoding is uncompressed.

    Raises:
        GatewayError: the encoding is not supported (415).
    """
    name = (encoding or "identity").lower()
    if name in {"gzip", "x-gzip"}:
        return False
    if name == "identity":
        return True
    raise GatewayError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        41502,
        f"Content-Encoding {name[:50]!r} is not supported: send the body uncompressed or as gzip.",
        [("accept-encoding", "gzip")],
    )


async def inflated(body: bytes, limit: int, hold: Callable[[int], None]) -> bytes:
    """A gzip body, inflated.

    Args:
        body: as received.
        limit: most bytes that it may inflate to.
        hold: counts bytes before they are kept.

    Raises:
        GatewayError: it inflates to more than `limit`, is not gzip, or `hold` refuses.
    """
    parts: list[bytes] = []
    size = 0
    stream = zlib.decompressobj(GZIP)
    try:
        for begin in range(0, len(body), PIECE_BYTES):
            rest = body[begin : begin + PIECE_BYTES]
            while rest and not stream.eof:
                part = stream.decompress(rest, PIECE_BYTES)
                rest = stream.unconsumed_tail
                size += len(part)
                if size > limit:
                    raise too_large(f"The body inflates to more than {limit} bytes.")
                hold(len(part))
                parts.append(part)
                await asyncio.sleep(0)
            if stream.eof and (stream.unused_data or begin + PIECE_BYTES < len(body)):
                raise malformed("The body continues after its gzip data: compress all of it at once.")
    except zlib.error:
        raise malformed("The body is not gzip, though Content-Encoding says so.") from None
    if not stream.eof:
        raise malformed("The body ends before its gzip data does.")
    return b"".join(parts)


def wants_gzip(accepted: str | None) -> bool:
    """Whether a caller with this Accept-Encoding prefers a gzip response."""
    if accepted is None:
        return False
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        found = _PART.fullmatch(part)
        if found is not None:
            weights[found[1]] = float(found[2] or 1)
    weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return weight > 0 and weight >= weights.get("identity", 0.0)


async def deflated(body: bytes) -> bytes:
    """The body as gzip."""
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    parts: list[bytes] = []
    for begin in range(0, len(body), PIECE_BYTES):
        parts.append(stream.compress(body[begin : begin + PIECE_BYTES]))
        await asyncio.sleep(0)
    return b"".join([*parts, stream.flush()])
