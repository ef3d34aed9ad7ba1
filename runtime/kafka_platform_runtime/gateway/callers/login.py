"""Whether Kafka accepts a login: asked on a separate connection, without a client.

A librdkafka client has four threads or more and retries until it is closed. This is one connection, one answer,
and nothing is left behind. (kafka-python's SCRAM client would work, but importing it takes 20 MB and it does not escape
user names.)
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import secrets
import ssl
import struct
from collections.abc import AsyncIterator, Generator, Mapping
from enum import IntEnum

from kafka_platform_runtime.connection import SaslMechanism
from kafka_platform_runtime.gateway.callers.credentials import Identity, Kind
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import overloaded, unauthorized
from kafka_platform_runtime.gateway.settings import Kafka
from kafka_platform_runtime.names import unresolved
from kafka_platform_runtime.supervision import WATCH, Pool

LOGIN_SECONDS = 10.0
"""How long a login may take, including all attempts: DNS, connection and SCRAM usually take some 20 ms."""
TRY_SECONDS = 4.0
"""How long one broker may take before the next one is tried."""
PAUSE_SECONDS = 0.25
"""Pause when no broker has answered."""
ANSWER_BYTES = 64 * 1024
MOST_ITERATIONS = 1_000_000
"""Maximum SCRAM iterations computed for a login: half a second of one thread."""


class Api(IntEnum):
    """Kafka's API keys of the requests that are allowed before a login."""

    SASL_HANDSHAKE = 17
    API_VERSIONS = 18
    SASL_AUTHENTICATE = 36


class Code(IntEnum):
    """Kafka's error codes that matter here."""

    NONE = 0
    UNSUPPORTED_SASL_MECHANISM = 33
    SASL_AUTHENTICATION_FAILED = 58


class NotAccepted(Exception):  # noqa: N818 - an answer, not a malfunction
    """Kafka does not accept the login."""


UNREACHABLE = (OSError, TimeoutError, ValueError, EOFError, struct.error)
"""Raised when asking a broker that is unavailable, or a server that is not a broker."""


class Line:
    """A connection to a broker on which requests are answered in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, api: Api, version: int, body: bytes) -> bytes:
        """The response to a request, without its header."""
        head = struct.pack(">hhih", api, version, 0, -1)
        self._writer.write(struct.pack(">i", len(head) + len(body)) + head + body)
        (size,) = struct.unpack(">i", await self._reader.readexactly(4))
        if not 4 <= size <= ANSWER_BYTES:
            raise ValueError(f"an answer of {size} bytes")
        return (await self._reader.readexactly(size))[4:]


class Brokers:
    """The bootstrap brokers.

    Args:
        kafka: where they listen.
    """

    def __init__(self, kafka: Kafka) -> None:
        self.addresses = [each.strip() for each in kafka.bootstrap_servers.split(",") if each.strip()]
        self._has_tls = kafka.security_protocol.has_tls
        self._authority = kafka.ca_file
        self._certificate = kafka.certificate
        self._trust: tuple[int, ssl.SSLContext] | None = None
        self._context()  # an unreadable file ends the program when it starts

    @contextlib.asynccontextmanager
    async def line(self, address: str, seconds: float) -> AsyncIterator[Line]:
        """A connection, open for at most this many seconds; raises one of `UNREACHABLE` if there is none."""
        host, _, port = address.rpartition(":")
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                host.strip("[]"), int(port), ssl=self._context(), limit=ANSWER_BYTES
            )
            try:
                yield Line(reader, writer)
            finally:
                writer.transport.abort()

    async def silence(self) -> str:
        """What to report when no broker answers."""
        # Not in the pool in which the event loop itself resolves names: hanging lookups would block it.
        fault = await asyncio.wrap_future(WATCH.question("lookup", lambda: unresolved(",".join(self.addresses))))
        return "Kafka does not answer" if fault is None else f"Kafka does not answer: {fault}"

    def _context(self) -> ssl.SSLContext | None:
        """Which authorities to trust, and what to show; read again when a file changes."""
        if not self._has_tls:
            return None
        shown = self._certificate
        files = [self._authority, *([] if shown is None else [shown.certificate, shown.key])]
        changed = max((path.stat().st_mtime_ns for path in files if path is not None), default=0)
        if self._trust is None or self._trust[0] != changed:
            context = ssl.create_default_context(cafile=self._authority)
            if shown is not None:
                context.load_cert_chain(shown.certificate, shown.key)
            self._trust = (changed, context)
        return self._trust[1]


class Logins:
    """Asks Kafka whether logins are valid.

    Args:
        kafka: where Kafka listens, and its login mechanism.
        brokers: the same, to connect to.
        pool: does SCRAM's computations, some 5 ms each, outside the event loop.
    """

    def __init__(self, kafka: Kafka, brokers: Brokers, pool: Pool) -> None:
        self._has_login = kafka.security_protocol.has_login
        self._mechanism = kafka.mechanism
        self._extensions = kafka.extensions
        self._brokers = brokers
        self._pool = pool
        self._turn = 0

    async def check(self, identity: Identity) -> None:
        """Return if Kafka accepts the login.

        Raises:
            GatewayError: 401 if it does not, 503 if no broker answers.
        """
        if not self._has_login:
            return
        until = now() + LOGIN_SECONDS
        addresses = self._brokers.addresses
        while (left := until - now()) > 0:
            address = addresses[self._turn % len(addresses)]
            self._turn += 1
            try:
                async with self._brokers.line(address, min(TRY_SECONDS, left)) as line:
                    await self._log_in(line, identity)
            except NotAccepted:
                raise unauthorized("Kafka does not accept these credentials.") from None
            except UNREACHABLE:
                if self._turn % len(addresses) == 0:
                    await asyncio.sleep(PAUSE_SECONDS)
            else:
                return
        raise overloaded(f"{await self._brokers.silence()}.", 5)

    async def _log_in(self, line: Line, identity: Identity) -> None:
        mechanism, talk = _conversation(identity, self._mechanism, self._extensions)
        name = mechanism.encode()
        _judge(await line.ask(Api.SASL_HANDSHAKE, 1, struct.pack(">h", len(name)) + name))
        loop = asyncio.get_running_loop()
        message: bytes | None = next(talk)
        while message is not None:
            answer = await line.ask(Api.SASL_AUTHENTICATE, 0, struct.pack(">i", len(message)) + message)
            told = _judge(answer)
            message = await loop.run_in_executor(self._pool, _go_on, talk, told)


Conversation = Generator[bytes, bytes, None]
"""Yields what the client sends, and receives what the broker answers."""


def _go_on(talk: Conversation, told: bytes) -> bytes | None:
    try:
        return talk.send(told)
    except StopIteration:
        return None
    except KeyError as missing:
        raise ValueError(f"the broker's challenge has no {missing}") from None


def _judge(answer: bytes) -> bytes:
    """The rest of a response after its code (and, for SaslAuthenticate, its message).

    Raises:
        NotAccepted: the code says so.
        ValueError: it is another error.
    """
    code, length = struct.unpack_from(">hh", answer)
    if code in {Code.SASL_AUTHENTICATION_FAILED, Code.UNSUPPORTED_SASL_MECHANISM}:
        raise NotAccepted
    if code != Code.NONE:
        raise ValueError(f"error {code}")
    return answer[4 + max(length, 0) + 4 :]


def _conversation(
    identity: Identity, mechanism: SaslMechanism, extensions: Mapping[str, str]
) -> tuple[str, Conversation]:
    if identity.kind is Kind.TOKEN:
        return "OAUTHBEARER", _bearer(identity.secret, extensions)
    if mechanism is SaslMechanism.PLAIN:
        return mechanism.value, _plain(identity.username, identity.secret)
    return mechanism.value, _scram(identity.username, identity.secret, _HASHES[mechanism])


def _plain(username: str, password: str) -> Conversation:
    yield f"\0{username}\0{password}".encode()


def _bearer(token: str, extensions: Mapping[str, str]) -> Conversation:
    sent = "".join(f"{name}={value}\1" for name, value in extensions.items())
    told = yield f"n,,\1auth=Bearer {token}\1{sent}\1".encode()
    if told:  # the reason for the refusal; the code follows it
        yield b"\1"
        raise NotAccepted


_HASHES = {SaslMechanism.SCRAM_SHA_256: "sha256", SaslMechanism.SCRAM_SHA_512: "sha512"}


def _scram(username: str, password: str, digest: str) -> Conversation:
    """RFC 5802 with this hash function, without a channel binding."""
    name = username.replace("=", "=3D").replace(",", "=2C")
    nonce = secrets.token_hex(16)
    opening = f"n={name},r={nonce}"
    challenge = (yield f"n,,{opening}".encode()).decode()
    given = dict(part.split("=", 1) for part in challenge.split(","))
    rounds = int(given["i"])
    if not given["r"].startswith(nonce) or not 0 < rounds <= MOST_ITERATIONS:
        raise ValueError("the broker does not speak SCRAM")
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(given["s"]), rounds)
    closing = f"c=biws,r={given['r']}"
    said = f"{opening},{challenge},{closing}".encode()
    key = hmac.digest(salted, b"Client Key", digest)
    signature = hmac.digest(hashlib.new(digest, key).digest(), said, digest)
    proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
    verdict = (yield f"{closing},p={base64.b64encode(proof).decode()}".encode()).decode()
    own = hmac.digest(hmac.digest(salted, b"Server Key", digest), said, digest)
    if not hmac.compare_digest(verdict, f"v={base64.b64encode(own).decode()}"):
        raise ValueError("the broker does not know the password itself")
