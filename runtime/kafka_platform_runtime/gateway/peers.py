"""The other pods of this gateway: who has a consumer instance, and requests on their way to it.

A request goes from pod to pod at most once (HOP marks it) and with the credentials that its caller sent: no pod trusts
another one more than any caller.
"""

import asyncio
import errno
import json
import re
import socket
import ssl
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from yarl import URL

from kafka_platform_runtime.gateway.errors import GatewayError, Header, overloaded, retry_after
from kafka_platform_runtime.gateway.http import Gone, Request, Response, now
from kafka_platform_runtime.gateway.settings import Tls, listed_peers
from kafka_platform_runtime.supervision import WATCH

if TYPE_CHECKING:
    from kafka_platform_runtime.gateway.server import Gateway

HOP = "x-gateway-hop"
"""Header of a request between pods: the name of the pod that sends it."""
TARGET = "x-gateway-target"
"""Header of a request between pods: the name of the pod that it is for; an address may belong to another one by now."""
CREATING = "x-gateway-creating"
"""Header of a question between pods: the asking pod is about to make an instance of this name."""
POD = "x-gateway-pod"
"""Header of the answer to such a question: the name of the pod that has the instance."""

CONNECT_SECONDS = 2.0
"""A pod in the same cluster connects within milliseconds; a node that is gone never does."""
ASK_SECONDS = 5.0
"""How long the question whether a pod has an instance may take; the pod may have to log the caller in first."""
SPARE_SECONDS = 10.0
"""What a forwarded request may take beyond the limit that the pod it is forwarded to keeps itself."""
GONE_SECONDS = 20.0
"""A pod that nobody could connect to for so long is gone, although its name is still known: by then Kafka has given the
partitions of its consumers to others (see SESSION_MILLISECONDS of the instances)."""
NAME_SECONDS = 3
"""For so long an address counts. A pod that was replaced has another one."""
QUESTIONS_AT_A_TIME = 32
REMEMBERED = 10_000
NO_INSTANCE = 40403

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FORWARDED = ("authorization", "content-type", "accept")
_RETURNED = ("retry-after", "www-authenticate", "allow")


def no_instance(group: str, name: str) -> GatewayError:
    """There is no such consumer instance."""
    return GatewayError(
        HTTPStatus.NOT_FOUND,
        NO_INSTANCE,
        f"Consumer instance {name} of group {group} does not exist: it was deleted, idle for too long or its pod ended; "
        "create another one.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a pod listens."""

    host: str
    port: int


class _Absent(Exception):  # noqa: N818 - not an error: the answer to a question
    """The pod does not exist any more."""


class Peers:
    """Forwards requests to the pod that they belong to.

    Args:
        gateway: this pod's name, its settings, and the budget of bytes.
    """

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._pod = gateway.pod
        peers = gateway.settings.peers
        listed = {} if peers is None else listed_peers(peers)
        self._listed = {pod: Address(host=host, port=port) for pod, (host, port) in listed.items()}
        self._domain = None if listed else peers
        self._client: aiohttp.ClientSession | None = None
        self._trust: tuple[int, ssl.SSLContext] | None = None
        self._silent_since: dict[str, float] = {}
        self._homes: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._questions: dict[tuple[bytes | None, str, str], asyncio.Task[tuple[str | None, bool]]] = {}
        self._slots = asyncio.Semaphore(QUESTIONS_AT_A_TIME)

    @property
    def any(self) -> bool:
        """Whether there may be other pods."""
        return self._domain is not None or bool(self._listed)

    def home(self, group: str, name: str) -> str | None:
        """The pod that was the home of an instance when it was last asked for."""
        return self._homes.get((group, name))

    async def forward(self, request: Request, body: bytes, pod: str, group: str, name: str) -> Response:
        """The answer of another pod to this request, whose body was read already.

        Raises:
            GatewayError: 404 if that pod is gone, 503 if it does not answer now.
            Gone: the caller left; the other pod notices.
        """
        headers = {each: value for each in _FORWARDED if (value := request.header(each)) is not None}
        headers.update({HOP: self._pod, TARGET: pod})
        answer = WATCH.errand("answer of a pod", self._send(request, pod, headers, body))
        gone = WATCH.errand("caller leaves", request.gone())
        try:
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Gone
            response = answer.result()
        except _Absent:
            raise no_instance(group, name) from None
        finally:
            answer.cancel()
            gone.cancel()
        return response

    async def _send(self, request: Request, pod: str, headers: Mapping[str, str], body: bytes) -> Response:
        address = self._address(pod)
        query = request.scope["query_string"].decode("latin-1")
        target = request.path + (f"?{query}" if query else "")
        try:
            async with self._session().request(
                request.method,
                self._url(address, target),
                headers=headers,
                data=body or None,
                ssl=self._context(),
                timeout=aiohttp.ClientTimeout(
                    total=self._gateway.settings.limits.timeout_seconds + SPARE_SECONDS, sock_connect=CONNECT_SECONDS
                ),
            ) as answer:
                length = answer.content_length or 0
                request.hold(length, self._gateway.budget)
                content = await answer.read()
                self._silent_since.pop(pod, None)
                returned: list[Header] = [(each, answer.headers[each]) for each in _RETURNED if each in answer.headers]
                return Response(
                    status=answer.status,
                    body=content,
                    content_type=answer.headers.get("content-type", "application/octet-stream"),
                    headers=returned,
                )
        except (aiohttp.ClientError, TimeoutError) as failure:
            self._judge(pod, failure)
            raise _unreachable(pod, isinstance(failure, aiohttp.ClientConnectorError)) from None

    def _judge(self, pod: str, failure: Exception) -> None:
        """Tell a pod that is gone from one that does not answer.

        Raises:
            _Absent: it is gone.
        """
        if _is_absence(failure):
            self._silent_since.pop(pod, None)
            raise _Absent
        if isinstance(failure, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            # A pod whose node died keeps its name for minutes.
            if len(self._silent_since) >= REMEMBERED:
                self._silent_since.clear()
            if now() - self._silent_since.setdefault(pod, now()) > GONE_SECONDS:
                raise _Absent

    async def locate(self, request: Request, group: str, name: str, *, creating: bool = False) -> str | None:
        """The pod that has an instance; None if no pod has it.

        Args:
            request: whose caller asks; the pods are asked with his credentials.
            group: the consumer group.
            name: the instance's name.
            creating: whether this pod is about to make it. Of two pods that make the same one at the same time the one
                whose name comes first wins; pods that cannot be asked have no say.

        Raises:
            GatewayError: no pod has it, but one of them could not be asked.
        """
        key = (request.authorization, group, name)
        if creating:
            pod, unsure = await self._ask_all(key, creating=True)
            return pod
        task = self._questions.get(key)
        if task is None:
            task = self._questions[key] = WATCH.errand("question to the pods", self._ask_all(key, creating=False))
            task.add_done_callback(lambda _: self._questions.pop(key, None))
        pod, unsure = await asyncio.shield(task)
        if pod is not None:
            self._homes[group, name] = pod
            self._homes.move_to_end((group, name))
            if len(self._homes) > REMEMBERED:
                self._homes.popitem(last=False)
        else:
            self._homes.pop((group, name), None)
            if unsure:
                raise overloaded("A pod of the gateway that may have this consumer does not answer: try again.")
        return pod

    async def _ask_all(self, key: tuple[bytes | None, str, str], *, creating: bool) -> tuple[str | None, bool]:
        """The pod that has it, and whether one of them could not be asked."""
        async with self._slots:
            addresses, unsure = await self._everybody()
            questions = [WATCH.errand("question to a pod", self._ask(address, key, creating)) for address in addresses]
            try:
                for answered in asyncio.as_completed(questions):
                    try:
                        pod = await answered
                    except (aiohttp.ClientError, TimeoutError) as failure:
                        unsure = unsure or not _is_absence(failure)
                    except GatewayError:
                        unsure = True
                    else:
                        if pod is not None:
                            return pod, False
            finally:
                for question in questions:
                    question.cancel()
        return None, unsure

    async def _ask(self, address: Address, key: tuple[bytes | None, str, str], creating: bool) -> str | None:
        authorization, group, name = key
        headers = {HOP: self._pod}
        if creating:
            headers[CREATING] = "true"
        if authorization is not None:
            headers["authorization"] = authorization.decode("latin-1")
        target = f"/consumers/{quote(group, safe='')}/instances/{quote(name, safe='')}"
        async with self._session().get(
            self._url(address, target),
            headers=headers,
            ssl=self._context(),
            timeout=aiohttp.ClientTimeout(total=ASK_SECONDS, sock_connect=CONNECT_SECONDS),
        ) as answer:
            # Somebody else's instance (403) is there, too: that pod tells its caller so.
            pod = answer.headers.get(POD)
            if answer.status in {HTTPStatus.OK, HTTPStatus.FORBIDDEN} and pod is not None:
                return pod
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            raise overloaded("A pod of the gateway cannot answer now: try again.")

    async def _everybody(self) -> tuple[Iterable[Address], bool]:
        """Where the other pods listen, and whether some of them may be unknown."""
        if self._domain is None:
            return [address for pod, address in self._listed.items() if pod != self._pod], False
        try:
            found = await self._resolve(self._domain)
        except socket.gaierror as failure:
            return [], failure.errno == socket.EAI_AGAIN
        try:
            own = await self._resolve(f"{self._pod}.{self._domain}")
        except socket.gaierror:
            own = set()
        return [Address(host=host, port=self._gateway.settings.port) for host in sorted(found - own)], False

    async def _resolve(self, host: str) -> set[str]:
        async with asyncio.timeout(ASK_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return {str(address[4][0]) for address in found}

    def _address(self, pod: str) -> Address:
        if self._domain is None:
            if pod not in self._listed:
                raise _Absent
            return self._listed[pod]
        # One label below the domain of the pods: no name can lead anywhere else.
        if not _LABEL.fullmatch(pod):
            raise _Absent
        return Address(host=f"{pod}.{self._domain}", port=self._gateway.settings.port)

    def _url(self, address: Address, target: str) -> URL:
        host = f"[{address.host}]" if ":" in address.host and not address.host.startswith("[") else address.host
        scheme = "http" if self._gateway.settings.tls is None else "https"
        return URL(f"{scheme}://{host}:{address.port}{target}", encoded=True)

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=NAME_SECONDS, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("user-agent",),
            )
        return self._client

    def _context(self) -> ssl.SSLContext | bool:
        """How other pods are verified; made anew when the certificate's file changes."""
        tls = self._gateway.settings.tls
        if tls is None:
            return True
        changed = Path(tls.certificate).stat().st_mtime_ns
        if self._trust is None or self._trust[0] != changed:
            self._trust = (changed, _trust(tls))
        return self._trust[1]

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()


def _trust(tls: Tls) -> ssl.SSLContext:
    """Trust who has the certificate that this pod has, or one of those who signed it.

    All pods mount one certificate, so its own file is the anchor: a partial chain will do, because the root is often not
    in it and the leaf may be signed by an authority that the system does not know. The host is not checked: the
    certificate has the public names of the gateway, never those of its pods.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(tls.certificate)
    if tls.client_authority is not None:
        # Then callers need a certificate, and pods are callers.
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def _is_absence(failure: Exception) -> bool:
    """Whether nobody is there: the name is unknown or nothing listens at the address."""
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        # Anything but "the name server does not answer".
        return getattr(failure.os_error, "errno", None) != socket.EAI_AGAIN
    return isinstance(failure, aiohttp.ClientConnectorError) and failure.os_error.errno == errno.ECONNREFUSED


def _unreachable(pod: str, before: bool) -> GatewayError:
    fate = "nothing was done" if before else "unknown whether it was done"
    return GatewayError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        50003,
        f"Pod {pod} of the gateway, which has this consumer, does not answer ({fate}): try again.",
        [retry_after(1)],
    )


def is_no_instance(response: Response) -> bool:
    """Whether a pod answered that it has no such instance."""
    if response.status != HTTPStatus.NOT_FOUND:
        return False
    try:
        return bool(json.loads(response.body)["error_code"] == NO_INSTANCE)
    except (ValueError, KeyError, TypeError):
        return False
