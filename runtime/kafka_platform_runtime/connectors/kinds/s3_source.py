"""Reads the lines of objects of S3, each object once."""

import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Meta

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.kinds.s3 import S3, Bucket
from kafka_platform_runtime.connectors.members import Path, key_at
from kafka_platform_runtime.connectors.positions import Positions
from kafka_platform_runtime.connectors.records import Received
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Transient

CHUNK = 64 * 1024
LONGEST_LINE = 16 * 1024 * 1024
"""Bytes: an object without line ends must not fill the memory."""
PAGE = 1000
"""Objects of one listing, the most that S3 gives."""
MOST_BYTES = 8 * 1024 * 1024
"""Of lines that Kafka may not have yet."""
GZIP = 31
"""zlib's word for gzip with the largest window."""
POSITION_LINES = 2000
"""The position in an object is kept after so many lines: as many may come again after a crash."""


class After(StrEnum):
    """What becomes of an object that Kafka has."""

    KEEP = "keep"
    """It stays. Objects are read in the order of their keys, and one that sorts before the last one read is not noticed."""
    DELETE = "delete"
    """It is deleted, so that keys need no order."""


class Settings(Bucket, frozen=True, kw_only=True):
    """Of this kind."""

    interval: Annotated[float, Meta(ge=0.05, le=86400)] = 60.0
    """Seconds from one listing to the next, when there is nothing more to read."""
    key: Path | None = None
    """Where a line, which is JSON then, has the key of its record. Default: none."""
    after: After = After.KEEP


class _Position(msgspec.Struct, frozen=True):
    key: str = ""
    etag: str = ""
    lines: int | None = None
    """Lines of it that Kafka has; None: all."""


class Objects:
    """The objects below a prefix, one after the other."""

    def __init__(self, settings: Settings, secrets: Secrets, positions: Positions, most: int) -> None:
        self._settings, self._positions, self._most = settings, positions, most
        self._s3 = S3(settings, secrets)
        self._position = _Position()
        self._listed: deque[str] = deque()
        """Keys of what is to be read next."""
        self._object: tuple[str, str] | None = None
        """Key and ETag of the one that is being read."""
        self._lines: Iterator[bytes] = iter(())
        self._read, self._last, self._acknowledged, self._kept = 0, 0, 0, 0
        """Of its lines: which was read last, which went to Kafka last, which Kafka has, and which the position says."""
        self._pending: deque[int] = deque()
        """Sizes of lines that Kafka may not have yet."""
        self._has_ended = False
        self._due = 0.0

    def open(self) -> None:
        """Find the position."""
        text = self._positions.read()
        try:
            self._position = msgspec.json.decode(text, type=_Position) if text else _Position()
        except msgspec.MsgspecError:
            raise Transient("the position in the group was not written by this connector: use another name") from None
        self._listed.clear()
        self._pending.clear()
        self._object, self._due = None, 0.0
        if self._position.lines is not None:
            self._listed.append(self._position.key)

    def receive(self, seconds: float) -> Sequence[Received]:
        """Lines, no more than Kafka may not have yet."""
        if self._object is None and not self._next(seconds):
            return ()
        found: list[Received] = []
        while not self._has_ended and len(self._pending) < self._most and sum(self._pending) < MOST_BYTES:
            text = next(self._lines, None)
            if text is None:
                self._has_ended = True
                break
            self._read += 1
            if text.strip():
                self._last = self._read
                self._pending.append(len(text))
                found.append(self._received(text))
        if self._has_ended:
            self._finish()
        if not found and self._object is not None:
            time.sleep(seconds)
        return found

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Kafka has these."""
        token = received[-1].token
        assert isinstance(token, int)  # noqa: S101 - as `_received` makes it
        for _ in received:
            self._pending.popleft()
        self._acknowledged = token
        if self._has_ended:
            self._finish()
        if self._object is not None and self._acknowledged - self._kept >= POSITION_LINES:
            self._keep(self._acknowledged)

    def close(self) -> None:
        """End the connections."""
        self._object, self._lines = None, iter(())
        self._s3.close()

    def _next(self, seconds: float) -> bool:
        """Begin with the next object, if there is one."""
        if not self._listed:
            if time.monotonic() < self._due:
                time.sleep(seconds)
                return False
            self._list()
            if not self._listed:
                self._due = time.monotonic() + self._settings.interval
                return False
        key = self._listed.popleft()
        try:
            found = self._s3.ask(self._s3.client.get_object, Key=key)
        except ClientError:  # deleted since it was listed
            return False
        self._object = (key, found["ETag"])
        is_known = self._object == (self._position.key, self._position.etag)
        if is_known and self._position.lines is None:
            found["Body"].close()
            self._object = None
            self._remove(key)
            return False
        # Another one under this key begins with its first line.
        done = (self._position.lines or 0) if is_known else 0
        self._has_ended = False
        self._lines = self._lines_of(found["Body"], key)
        self._read = self._last = self._acknowledged = self._kept = done
        for _ in range(done):
            next(self._lines, None)
        return True

    def _list(self) -> None:
        """The next objects: behind the last one, or, if those that were read are deleted, the first ones."""
        keeps = self._settings.after is After.KEEP and self._position.key
        more = {"StartAfter": self._position.key} if keeps else {}
        try:
            page = self._s3.ask(self._s3.client.list_objects_v2, Prefix=self._settings.prefix, MaxKeys=PAGE, **more)
        except ClientError as error:
            raise self._s3.trouble(error) from None
        self._listed += [each["Key"] for each in page.get("Contents", ())]

    def _lines_of(self, content: Any, key: str) -> Iterator[bytes]:
        rest = b""
        try:
            chunks = iter(lambda: content.read(CHUNK), b"")
            for part in inflated(chunks) if key.endswith(".gz") else chunks:
                *whole, rest = (rest + part).split(b"\n")
                yield from whole
                if len(rest) > LONGEST_LINE:
                    raise Transient(f"{key}: a line has more than {LONGEST_LINE} bytes")
        except (BotoCoreError, OSError) as error:
            raise self._s3.trouble(error) from None
        except (zlib.error, EOFError) as error:
            raise Transient(f"{key} is not gzip, or not all of it: {error}") from None
        finally:
            content.close()
        if rest:
            yield rest

    def _received(self, text: bytes) -> Received:
        assert self._object is not None  # noqa: S101 - a line is read from it
        headers = [("s3.key", self._object[0].encode()), ("s3.line", str(self._read).encode())]
        return Received(key=self._key(text), value=text.removesuffix(b"\r"), headers=headers, token=self._read)

    def _key(self, text: bytes) -> bytes | None:
        if self._settings.key is None:
            return None
        try:
            return key_at(msgspec.json.decode(text), self._settings.key)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _finish(self) -> None:
        """Keep that an object was read to its end, once Kafka has all of it."""
        if self._object is None or self._acknowledged < self._last:
            return
        key, _ = self._object
        self._keep(None)
        self._object = None
        self._remove(key)

    def _keep(self, lines: int | None) -> None:
        assert self._object is not None  # noqa: S101 - whoever keeps a position has one
        key, etag = self._object
        position = _Position(key=key, etag=etag, lines=lines)
        self._positions.write(msgspec.json.encode(position).decode())
        self._position, self._kept = position, self._acknowledged

    def _remove(self, key: str) -> None:
        if self._settings.after is not After.DELETE:
            return
        try:
            self._s3.ask(self._s3.client.delete_object, Key=key)
        except ClientError as error:
            raise self._s3.trouble(error) from None


def inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What gzip has made of chunks, in parts that are not much larger than these.

    Raises:
        zlib.error: it is no gzip.
        EOFError: its end is missing.
    """
    inflate = zlib.decompressobj(GZIP)
    for chunk in chunks:
        data = chunk
        while data:
            if inflate.eof:  # a file may be made of many
                inflate = zlib.decompressobj(GZIP)
            yield inflate.decompress(data, 4 * CHUNK)
            data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    yield inflate.flush()
    if not inflate.eof:
        raise EOFError("its end is missing")


def origin(settings: Settings, secrets: Secrets, connector: Connector, connection: Connection) -> Objects:
    """The origin of a connector."""
    return Objects(settings, secrets, Positions(connector, connection), connector.in_flight)
