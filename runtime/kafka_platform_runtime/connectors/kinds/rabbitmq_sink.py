"""Publishes records to an exchange or a queue of RabbitMQ, in order; what the server has confirmed is in a queue."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowFailed, AMQPConnectorPhaseErrorBase
from pika.exceptions import AMQPError, ChannelClosedByBroker, ProbableAuthenticationError

from kafka_platform_runtime.connectors.kinds.rabbitmq import CONNECT_SECONDS, Server, parameters, why
from kafka_platform_runtime.connectors.kinds.templates import filled, is_by_key, text_headers
from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal, in_halves
from kafka_platform_runtime.connectors.settings import Connector, Seconds, Secrets
from kafka_platform_runtime.failures import Refused, Transient

NO_HEARTBEAT = 0
"""Nobody would send one while there are no records."""
PERSISTENT = 2
LONGEST_NAME = 255
"""Bytes of a routing key, and of a header's name."""
MOST_HEADERS = 100_000
"""Bytes: all headers have to fit in one frame, which has 128 KiB by default."""
_TOO_LARGE, _FORBIDDEN = 406, 403


class Settings(Server, frozen=True, kw_only=True):
    """Of this kind."""

    queue: str | None = None
    """The queue that all records go to."""
    exchange: str = ""
    """The exchange that they go to otherwise."""
    routing_key: str = "{key}"
    """Of an exchange; `{key}` and `{topic}` stand for the record's own."""
    timeout: Seconds = 30.0
    """How long the server may take to confirm a batch."""


class _Channel:
    """A connection with a channel on which each message is confirmed. The thread that calls it does all the work."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._place = f"{settings.host}:{settings.port}"
        self._loop = IOLoop()
        self._loop.activate_poller()
        self.failure: BaseException | None = None
        """Why it can be used no more."""
        self.confirmed: dict[int, bool] = {}
        """Whether the server took a message, by its number."""
        self.returned: dict[str, str] = {}
        """Messages that no queue took, by their ids, and why."""
        self.sent = 0
        self._waiting: set[int] = set()
        self._channel: Any = None
        self._is_ready = False
        self._connection = SelectConnection(
            parameters(settings, secrets, NO_HEARTBEAT),
            on_open_callback=self._opened,
            on_open_error_callback=self._lost,
            on_close_callback=self._lost,
            custom_ioloop=self._loop,
        )

    def open(self) -> None:
        """Wait until messages can be sent.

        Raises:
            Transient: the server does not answer, or does not let it in.
        """
        self.until(lambda: self._is_ready, CONNECT_SECONDS, "does not answer")

    def until(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Send and receive until it is so.

        Raises:
            Transient: it is not in time, or the channel is lost.
        """
        until = time.monotonic() + seconds
        while not done():
            if self.failure is not None:
                raise self.trouble()
            if time.monotonic() > until:
                raise Transient(f"{self._place}: {otherwise}")
            self.step(0.1)
        if self.failure is not None:
            raise self.trouble()

    def step(self, seconds: float) -> None:
        """Send and receive what there is, or wait for it so long."""
        timer = self._loop.call_later(seconds, lambda: None)
        self._loop.poll()
        self._loop.process_timeouts()
        self._loop.remove_timeout(timer)

    def trouble(self) -> Transient:
        """Why it can be used no more."""
        error = self.failure
        if isinstance(error, AMQPConnectionWorkflowFailed):
            error = error.exceptions[-1]
        if isinstance(error, AMQPConnectorPhaseErrorBase):
            error = error.exception
        if isinstance(error, ProbableAuthenticationError):
            return Transient(f"{self._place}: the login is refused")
        return Transient(f"{self._place}: {'the connection is lost' if error is None else why(error)}")

    def publish(self, exchange: str, routing_key: str, record: Record, headers: dict[str, str]) -> int:
        """Send a record; its number."""
        properties = pika.BasicProperties(
            delivery_mode=PERSISTENT,
            message_id=record.identity,
            timestamp=max(0, record.timestamp) // 1000,
            headers={**headers, "kafka.record": record.identity},
        )
        self._channel.basic_publish(exchange, routing_key, record.value or b"", properties, mandatory=True)
        self.sent += 1
        self._waiting.add(self.sent)
        return self.sent

    @property
    def is_settled(self) -> bool:
        """Whether the server has said something of each message."""
        return not self._waiting

    def close(self) -> None:
        """End the connection."""
        try:
            if self._connection.is_open:
                self._connection.close()
                until = time.monotonic() + 1
                while not self._connection.is_closed and time.monotonic() < until:
                    self.step(0.05)
        except (AMQPError, OSError):
            pass  # it is lost already
        self._loop.deactivate_poller()
        self._loop.close()

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._has_channel)

    def _has_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._lost)
        channel.add_on_return_callback(self._came_back)
        channel.confirm_delivery(self._answered, self._confirms)

    def _confirms(self, _: Any) -> None:
        self._is_ready = True

    def _lost(self, _: Any, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error

    def _came_back(self, _: Any, method: Any, properties: Any, _body: bytes) -> None:
        self.returned[str(properties.message_id)] = f"{method.reply_code} {method.reply_text}"

    def _answered(self, frame: Any) -> None:
        method = frame.method
        numbers = {each for each in self._waiting if each <= method.delivery_tag} if method.multiple else set()
        taken = isinstance(method, pika.spec.Basic.Ack)
        for number in numbers | {method.delivery_tag}:
            self.confirmed[number] = taken
            self._waiting.discard(number)


class Publisher:
    """Sends batches, and waits for the confirmation of each message."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings, self._secrets = settings, secrets
        parameters(settings, secrets, NO_HEARTBEAT)  # a Secret with a fault is told at once
        self._open: _Channel | None = None

    @property
    def _is_by_key(self) -> bool:
        return self._settings.queue is None and is_by_key(self._settings.routing_key)

    def open(self) -> None:
        """Connect."""
        self.close()
        self._open = _Channel(self._settings, self._secrets)
        try:
            self._open.open()
        except Transient:
            self.close()
            raise

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Publishes them in their order."""
        refused: list[Refusal] = []
        fit: list[tuple[Record, str, dict[str, str]]] = []
        for each in records:
            try:
                fit.append((each, self._routing_key(each), _headers(each)))
            except Refused as unfit:
                refused.append(Refusal(record=each, reason=str(unfit)))
        left = [each for each, _, _ in fit]
        if not fit:
            return Outcome(refused=refused)
        try:
            channel = self._ready()
        except Transient as failure:
            return Outcome(refused=refused, left=left, trouble=str(failure))
        numbers, trouble = [], ""
        channel.confirmed.clear()
        channel.returned.clear()
        exchange = "" if self._settings.queue is not None else self._settings.exchange
        try:
            for each, key, headers in fit:
                numbers.append(channel.publish(exchange, key, each, headers))
            channel.until(lambda: channel.is_settled, self._settings.timeout, "does not confirm what it was sent")
        except (AMQPError, OSError) as error:
            trouble = why(error)
        except Transient as failure:
            trouble = str(failure)
        if not trouble:
            return self._judged(channel, left, numbers, refused)
        if channel.failure is not None:
            trouble = str(channel.trouble())
        self.close()
        return self._after(channel, left, numbers, refused, trouble)

    def _ready(self) -> _Channel:
        """Connect, unless it is connected still."""
        if self._open is not None:
            self._open.step(0)
            if self._open.failure is not None:
                self.close()
        if self._open is None:
            self.open()
        assert self._open is not None  # noqa: S101 - it is open
        return self._open

    def _routing_key(self, record: Record) -> str:
        if self._settings.queue is not None:
            return self._settings.queue
        found = filled(self._settings.routing_key, record)
        if len(found.encode()) > LONGEST_NAME:
            raise Refused([f"its routing key has more than {LONGEST_NAME} bytes"])
        return found

    def _judged(
        self,
        channel: _Channel,
        records: Sequence[Record],
        numbers: Sequence[int],
        refused: Sequence[Refusal],
        trouble: str = "",
    ) -> Outcome:
        """What became of records: from the first that is not confirmed, all are sent again, so that their order stays."""
        found = list(refused)
        answers = dict(zip(map(id, records), numbers, strict=False))
        for index, each in enumerate(records):
            taken = channel.confirmed.get(answers.get(id(each), 0))
            returned = channel.returned.get(each.identity)
            if taken and returned is None:
                continue
            if taken and self._is_by_key:
                found.append(Refusal(record=each, reason=f"{returned}: no queue takes its routing key"))
                continue
            if taken is False:
                trouble = "the server did not take a message: its queue is full, or has failed"
            elif returned is not None:
                trouble = f"{returned}: no queue takes what is sent to {self._target}"
            return Outcome(refused=found, left=records[index:], trouble=trouble)
        return Outcome(refused=found)

    def _after(
        self,
        channel: _Channel,
        records: Sequence[Record],
        numbers: Sequence[int],
        refused: Sequence[Refusal],
        trouble: str,
    ) -> Outcome:
        """What became of records when the channel was lost, which the server closes for one that it does not take."""
        outcome = self._judged(channel, records, numbers, refused, trouble)
        error, left = channel.failure, list(outcome.left)
        is_fault = isinstance(error, ChannelClosedByBroker) and (
            error.reply_code == _TOO_LARGE
            or (error.reply_code == _FORBIDDEN and self._is_by_key and "access to topic" in error.reply_text)
        )
        if not is_fault or not left:
            return outcome
        if len(left) == 1:
            return Outcome(refused=[*outcome.refused, Refusal(record=left[0], reason=trouble)])
        rest = in_halves(left, self.deliver)
        return Outcome(refused=[*outcome.refused, *rest.refused], left=rest.left, trouble=rest.trouble, wait=rest.wait)

    @property
    def _target(self) -> str:
        settings = self._settings
        return f"exchange {settings.exchange}" if settings.queue is None else f"queue {settings.queue}"

    def close(self) -> None:
        """Ends the connection."""
        channel, self._open = self._open, None
        if channel is not None:
            channel.close()


def _headers(record: Record) -> dict[str, str]:
    found = dict(text_headers(record))
    if any(len(name.encode()) > LONGEST_NAME for name in found):
        raise Refused([f"the name of a header has more than {LONGEST_NAME} bytes"])
    if sum(len(f"{name}{value}".encode()) for name, value in found.items()) > MOST_HEADERS:
        raise Refused([f"its headers have more than {MOST_HEADERS} bytes"])
    return found


def target(settings: Settings, secrets: Secrets, _: Connector) -> Publisher:
    """The target of a connector."""
    return Publisher(settings, secrets)
