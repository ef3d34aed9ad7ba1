"""Requests, responses and routes: the thin layer between the ASGI server and what the gateway does."""

import asyncio
import json
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from kafka_platform_runtime.gateway import encodings
from kafka_platform_runtime.gateway.budget import Budget
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.errors import GatewayError, Header, malformed, too_large

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

V2 = "application/vnd.kafka.v2+json"
PATHS_KEPT = 1000


class Gone(Exception):  # noqa: N818 - not an error: somebody left
    """The caller closed the connection before the response."""


class Response(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A response whose body is known."""

    status: int = 200
    body: bytes = b""
    content_type: str = V2
    headers: Sequence[Header] = ()


class Request:
    """One request: what was requested, by whom, and how to send the response piece by piece."""

    __slots__ = (
        "_query",
        "authorization",
        "begun",
        "caller",
        "content_length",
        "content_type",
        "held",
        "receive",
        "scope",
        "send",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.caller: Caller
        self.begun = False
        """Whether a response of unknown length was begun: nothing else can be sent then."""
        self.content_type = b""
        self.content_length: int | None = None
        self.authorization: bytes | None = None
        self.held = 0
        self._query: dict[str, str] | None = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = value
            elif name == b"content-type":
                self.content_type = value
            elif name == b"content-length":
                self.content_length = int(value)

    @property
    def method(self) -> str:
        """GET, POST, ...; WEBSOCKET for the opening of a WebSocket."""
        method: str = self.scope.get("method", "WEBSOCKET")
        return method

    @property
    def address(self) -> str:
        """Where the connection comes from; empty if that is unknown."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    @property
    def path(self) -> str:
        """The path, as it was sent."""
        raw: bytes = self.scope["raw_path"]
        return raw.decode("latin-1")

    def header(self, name: str) -> str | None:
        """The first header of this name (lower case)."""
        wanted = name.encode()
        for key, value in self.scope["headers"]:
            if key == wanted:
                text: str = value.decode("latin-1")
                return text
        return None

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters.

        Raises:
            GatewayError: one of them is given twice, or is not UTF-8.
        """
        if self._query is None:
            try:
                pairs = urllib.parse.parse_qsl(
                    self.scope["query_string"].decode("ascii"),
                    keep_blank_values=True,
                    errors="strict",
                    max_num_fields=50,
                )
            except ValueError:
                raise malformed("The query cannot be read: at most 50 parameters, percent-encoded UTF-8.") from None
            self._query = dict(pairs)
            if len(self._query) != len(pairs):
                raise malformed("The query names a parameter twice.")
        return self._query

    def known(self, *names: str) -> None:
        """Refuse parameters with other names.

        Raises:
            GatewayError: there is one; the message lists the known names.
        """
        for name in self.query:
            if name not in names:
                raise malformed(f"Unknown parameter {name[:50]!r}: use {', '.join(names) or 'none'}.")

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 2**63 - 1) -> int:
        """An integer from the query.

        Raises:
            GatewayError: it is not an integer, or out of bounds.
        """
        text = self.query.get(name)
        if text is None:
            return default
        try:
            value = int(text) if len(text) < 25 and text.isascii() else None
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise malformed(f"{name}={text[:50]}: must be a whole number from {least} to {most}.")
        return value

    def flag(self, name: str) -> bool:
        """Whether a parameter is `true`; a missing one is `false`.

        Raises:
            GatewayError: it is neither.
        """
        text = self.query.get(name, "false").lower()
        if text not in {"true", "false"}:
            raise malformed(f"{name}={text[:50]}: must be true or false.")
        return text == "true"

    async def body(self, limit: int, budget: Budget, seconds: float) -> bytes:
        """The whole body, inflated; its bytes count in the budget until the request is answered.

        Raises:
            GatewayError: it is larger than `limit`, the budget is used up, it takes longer than `seconds`, or it is encoded
                in another way than Content-Encoding says, or in an unsupported one.
            Gone: the caller left.
        """
        is_plain = encodings.is_plain(self.header("content-encoding"))
        body = await self._body(limit, budget, seconds)
        return body if is_plain else await encodings.inflated(body, limit, lambda count: self.hold(count, budget))

    async def _body(self, limit: int, budget: Budget, seconds: float) -> bytes:
        length = self.content_length
        if length is not None:
            if length > limit:
                raise too_large(f"The body has {length} bytes: at most {limit} are accepted.")
            self.hold(length, budget)
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        first: bytes = message["body"]
        if not message["more_body"]:
            if length is None:
                self._hold(len(first), limit, budget)
            return first
        if length is None:
            self._hold(len(first), limit, budget)
        parts = [first]
        try:
            async with asyncio.timeout(seconds):
                while message["more_body"]:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    part: bytes = message["body"]
                    if length is None:
                        self._hold(len(part), limit, budget)
                    parts.append(part)
        except TimeoutError:
            raise GatewayError(
                HTTPStatus.REQUEST_TIMEOUT,
                40801,
                f"The body did not arrive within {seconds:g} s.",
                [("connection", "close")],
            ) from None
        return b"".join(parts)

    def _hold(self, count: int, limit: int, budget: Budget) -> None:
        if self.held + count > limit:
            raise too_large(f"The body has more than {limit} bytes.")
        self.hold(count, budget)

    def hold(self, count: int, budget: Budget) -> None:
        """Count bytes that are held until the response is written.

        Raises:
            GatewayError: there are too many.
        """
        budget.take(count, self.caller.usage)
        self.held += count

    async def begin(self, content_type: str, headers: Iterable[Header] = ()) -> None:
        """Begin a response of unknown length; its pieces follow through `piece`."""
        self.begun = True
        await self.send(
            {
                "type": "http.response.start",
                "status": HTTPStatus.OK,
                "headers": [
                    (b"content-type", content_type.encode()),
                    *((name.encode(), value.encode()) for name, value in headers),
                ],
            }
        )

    async def piece(self, data: bytes) -> None:
        """Send a piece; returns when the connection can take more (a slow reader delays only itself)."""
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End the response that was begun."""
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def gone(self) -> None:
        """Return when the caller has closed the connection."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


Handler = Callable[..., Awaitable[Response | None]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method and a path, and their handler.

    Args:
        method: GET, POST, ..., or WEBSOCKET.
        path: template; each `{...}` matches one segment, passed to the handler in order.
        handler: coroutine function of the request and the segments; it returns None when it has responded itself.
        name: label in the metrics.
        public: whether no credentials are needed (`request.caller` is then unset).
        long: whether the response is a stream: it does not count as a request in flight.
    """

    method: str
    path: str
    handler: Handler
    name: str
    public: bool = False
    long: bool = False


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._found: dict[tuple[str, str], tuple[Route, list[str]]] = {}
        """Recently used paths; most callers repeat the same ones."""
        self._by_length: dict[int, list[tuple[tuple[str | None, ...], dict[str, Route]]]] = {}
        for route in routes:
            pattern = tuple(None if part.startswith("{") else part for part in route.path.split("/"))
            same_length = self._by_length.setdefault(len(pattern), [])
            methods = next((methods for known, methods in same_length if known == pattern), None)
            if methods is None:
                methods = {}
                same_length.append((pattern, methods))
                # Literal segments win over `{...}`.
                same_length.sort(key=lambda each: [part is None for part in each[0]])
            methods[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, list[str]]:
        """The route, and the decoded segments that its template leaves open.

        Raises:
            GatewayError: there is none (404), or not with this method (405), or a segment is not UTF-8 (400).
        """
        known = self._found.get((method, path))
        if known is not None:
            return known
        found = self._look(method, path)
        if len(self._found) >= PATHS_KEPT:
            self._found.clear()
        self._found[method, path] = found
        return found

    def _look(self, method: str, path: str) -> tuple[Route, list[str]]:
        # Clients of the API write `/consumers/{group}/` too.
        parts = (path[:-1] if len(path) > 1 and path.endswith("/") else path).split("/")
        allowed: Mapping[str, Route] | None = None
        for pattern, methods in self._by_length.get(len(parts), ()):
            if all(want is None or want == have for want, have in zip(pattern, parts, strict=True)):
                route = methods.get(method)
                if route is None and method == "HEAD":
                    route = methods.get("GET")
                if route is not None:
                    return route, [
                        have if "%" not in have else _decoded(have)
                        for want, have in zip(pattern, parts, strict=True)
                        if want is None
                    ]
                allowed = allowed or methods
        if allowed is not None:
            names = ", ".join(sorted(name for name in allowed if name != "WEBSOCKET"))
            raise GatewayError(HTTPStatus.METHOD_NOT_ALLOWED, 40501, f"Use {names} here.", [("allow", names)])
        raise GatewayError(HTTPStatus.NOT_FOUND, 40400, "There is nothing at this path: see /openapi.json.")


def _decoded(segment: str) -> str:
    try:
        return urllib.parse.unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise malformed("The path is not percent-encoded UTF-8.") from None


def error_response(error: GatewayError, **more: Any) -> Response:
    """The response for an error."""
    body = json.dumps({"error_code": error.code, "message": error.message, **more}).encode()
    return Response(status=error.status, body=body, headers=error.headers)


def encoded_headers(response: Response) -> list[tuple[bytes, bytes]]:
    """The headers of a response for ASGI."""
    kind = b"application/vnd.kafka.v2+json" if response.content_type is V2 else response.content_type.encode()
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(response.body))]
    if response.status == HTTPStatus.NO_CONTENT:
        headers = []
    if response.headers:
        headers.extend((name.encode(), value.encode()) for name, value in response.headers)
    return headers
