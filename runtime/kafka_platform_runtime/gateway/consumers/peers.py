"""The other pods of this gateway: which has a consumer instance, and how requests reach it.

A request is forwarded between pods at most once (HOP marks it) and with the credentials that its caller sent: pods
trust each other no more than any caller. The headers between pods grant nothing: every instance belongs to its creator,
nobody else can name it, and whoever forges the headers only affects their own instances.
"""

import asyncio
import errno
import json
import logging
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import aiohttp

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.consumers.faults import NO_INSTANCE, no_instance
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.consumers.peer_tls import Verification, verification
from kafka_platform_runtime.gateway.consumers.pods import Absent, Address, Pods
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.errors import GatewayError, Header, overloaded, retry_after
from kafka_platform_runtime.gateway.http import Gone, Request, Response
from kafka_platform_runtime.supervision import WATCH

LOG = logging.getLogger("gateway")

HOP = "x-gateway-hop"
"""Header of a request between pods: the name of the pod that sends it."""
TARGET = "x-gateway-target"
"""Header of a request between pods: the name of the target pod, as its address may have passed to another one."""
CREATING = "x-gateway-creating"
"""Header of a query between pods: the asking pod is about to make an instance with this name."""
POD = "x-gateway-pod"
"""Header of the answer to such a query: the name of the pod that has the instance, or is about to make it."""

CONNECT_SECONDS = 2.0
"""A pod in the same cluster connects within milliseconds; a node that is gone never does."""
ASK_SECONDS = 5.0
"""How long the query whether a pod has an instance may take; the pod may have to log the caller in first."""
SPARE_SECONDS = 10.0
"""What a forwarded request may take beyond the target pod's own limit."""
GONE_SECONDS = 20.0
"""A pod that refused connections for this long is gone, although its name is still known: by then Kafka has given its
consumers' partitions to others (see the instances' SESSION_MILLISECONDS)."""
NAME_SECONDS = 3
"""How long an address is valid. A pod that was replaced has another one."""
QUESTIONS_PER_CALLER = 16
"""Concurrent lookups of instances for one caller; only that caller's further requests wait."""
REMEMBERED = 10_000
"""Remembered homes of instances in other pods, and pods known to be silent; some 300 bytes each."""
_FORWARDED = ("content-type", "accept")
_RETURNED = ("retry-after", "www-authenticate", "allow")


class _Slots:
    """For one caller: the queries allowed at a time, and how many use or await one."""

    __slots__ = ("free", "users")

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(QUESTIONS_PER_CALLER)
        self.users = 0


class Peers:
    """Forwards requests to the pod that they belong to.

    Args:
        core: this pod's name, the settings, and the budget of bytes.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pod = core.pod
        self._pods = Pods(core.pod, core.settings)
        self._client: aiohttp.ClientSession | None = None
        self._trust: tuple[int, Verification] | None = None
        self._silent_since: dict[str, float] = {}
        self._homes: OrderedDict[InstanceKey, str] = OrderedDict()
        self._questions: dict[tuple[bytes | None, InstanceKey], asyncio.Task[tuple[str | None, bool]]] = {}
        self._slots: dict[tuple[str, ...], _Slots] = {}

    @property
    def any(self) -> bool:
        """Whether there may be other pods."""
        return self._pods.any

    def home(self, key: InstanceKey) -> str | None:
        """The pod that had an instance when it was last looked up."""
        return self._homes.get(key)

    async def forward(self, request: Request, body: bytes, pod: str, key: InstanceKey, what: str) -> Response:
        """Another pod's response to this request, whose body was already read.

        Args:
            request: of the caller.
            body: of the request.
            pod: the target.
            key: the instance.
            what: the path below the instance's, such as `/records`; empty: the instance itself.

        Raises:
            GatewayError: 404 if that pod is gone, 503 if it does not answer at the moment.
            Gone: the caller left; the other pod notices.
        """
        headers = {each: value for each in _FORWARDED if (value := request.header(each)) is not None}
        headers.update({**_credentials(request.authorization), HOP: self._pod, TARGET: pod})
        answer = WATCH.errand("answer of a pod", self._send(request, pod, _path(key) + what, headers, body))
        gone = WATCH.errand("caller leaves", request.gone())
        try:
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Gone
            response = answer.result()
        except Absent:
            raise no_instance(key.group, key.name) from None
        finally:
            answer.cancel()
            gone.cancel()
        return response

    async def _send(self, request: Request, pod: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        address = self._pods.address(pod)
        # Quoted as it was sent, but nothing in it starts a fragment, which would not be forwarded.
        query = quote(request.scope["query_string"], safe="%&=+;,/?:@!$'()*~")
        try:
            async with self._session().request(
                request.method,
                self._pods.url(address, path + (f"?{query}" if query else "")),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                **self._verified(),
                timeout=aiohttp.ClientTimeout(
                    total=self._core.limits.timeout_seconds + SPARE_SECONDS, sock_connect=CONNECT_SECONDS
                ),
            ) as answer:
                length = 0 if answer.status == HTTPStatus.NO_CONTENT else answer.content_length
                if length is None or length > self._core.budget.limit:
                    # No pod answers like this: without a length nothing bounds it.
                    answer.close()
                    raise _unreachable(pod, False)
                request.hold(length, self._core.budget)
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
        """Distinguish a pod that is gone from one that does not answer.

        Raises:
            Absent: it is gone.
        """
        if _is_absence(failure):
            self._silent_since.pop(pod, None)
            raise Absent
        if isinstance(failure, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            # A pod whose node died keeps its name for minutes.
            if len(self._silent_since) >= REMEMBERED:
                self._silent_since.clear()
            if now() - self._silent_since.setdefault(pod, now()) > GONE_SECONDS:
                raise Absent

    async def locate(self, request: Request, key: InstanceKey, *, creating: bool = False) -> str | None:
        """The pod that has an instance; None if no pod has it.

        Args:
            request: whose caller asks; the pods are asked with the caller's credentials.
            key: the instance.
            creating: whether this pod is about to make it. If two pods make the same one at the same time, the one
                whose name sorts first wins; pods that cannot be asked have no say.

        Raises:
            GatewayError: no pod has it, but one of them could not be asked.
        """
        if creating:
            pod, unsure = await self._ask_all(request.authorization, key, creating=True)
            return pod
        question = (request.authorization, key)
        task = self._questions.get(question)
        if task is None:
            task = self._questions[question] = WATCH.errand(
                "question to the pods", self._ask_all(*question, creating=False)
            )
            task.add_done_callback(lambda _: self._questions.pop(question, None))
        pod, unsure = await asyncio.shield(task)
        if pod is not None:
            self._homes[key] = pod
            self._homes.move_to_end(key)
            if len(self._homes) > REMEMBERED:
                self._homes.popitem(last=False)
        else:
            self._homes.pop(key, None)
            if unsure:
                raise overloaded("A pod of the gateway that may have this consumer does not answer: try again.")
        return pod

    async def _ask_all(
        self, authorization: bytes | None, key: InstanceKey, *, creating: bool
    ) -> tuple[str | None, bool]:
        """The pod that has it, and whether a pod could not be asked."""
        async with self._slot(key.owner):
            addresses, unsure = await self._pods.everybody()
            questions = [
                WATCH.errand("question to a pod", self._ask(address, authorization, key, creating))
                for address in addresses
            ]
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

    @asynccontextmanager
    async def _slot(self, owner: tuple[str, ...]) -> AsyncIterator[None]:
        """Wait until fewer than QUESTIONS_PER_CALLER of this caller's instances are being looked up."""
        slots = self._slots.setdefault(owner, _Slots())
        slots.users += 1
        try:
            async with slots.free:
                yield
        finally:
            slots.users -= 1
            if not slots.users:
                del self._slots[owner]

    async def _ask(self, address: Address, authorization: bytes | None, key: InstanceKey, creating: bool) -> str | None:
        headers = {**_credentials(authorization), HOP: self._pod}
        if creating:
            headers[CREATING] = "true"
        async with self._session().get(
            self._pods.url(address, _path(key)),
            headers=headers,
            allow_redirects=False,
            **self._verified(),
            timeout=aiohttp.ClientTimeout(total=ASK_SECONDS, sock_connect=CONNECT_SECONDS),
        ) as answer:
            pod = answer.headers.get(POD)
            # A conflict: it is about to be made there.
            if answer.status in {HTTPStatus.OK, HTTPStatus.CONFLICT} and pod is not None:
                return pod
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            raise overloaded("A pod of the gateway cannot answer now: try again.")

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=NAME_SECONDS, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("user-agent", "accept-encoding"),  # responses are passed on unchanged
            )
        return self._client

    def _verified(self) -> Verification:
        """How other pods are verified; made anew when the certificate's file changes."""
        tls = self._core.settings.tls
        if tls is None:
            return {"ssl": True}
        changed = Path(tls.certificate).stat().st_mtime_ns
        if self._trust is None or self._trust[0] != changed:
            try:
                self._trust = (changed, verification(tls))
            except OSError as failure:  # also of files that are being exchanged
                if self._trust is None:
                    LOG.error("No pod can be verified by the TLS certificate: %s", failure)
                    raise overloaded(
                        "The pods of the gateway cannot speak with each other now: try again.", 5
                    ) from None
        return self._trust[1]

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()


def _path(key: InstanceKey) -> str:
    return f"/consumers/{quote(key.group, safe='')}/instances/{quote(key.name, safe='')}"


def _credentials(authorization: bytes | None) -> dict[str, str]:
    return {} if authorization is None else {"authorization": authorization.decode("latin-1")}


def _is_absence(failure: Exception) -> bool:
    """Whether nobody is there: the name is unknown or nothing listens at the address."""
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        # Any error except "the name server does not answer".
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
