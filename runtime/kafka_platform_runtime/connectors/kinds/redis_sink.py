"""Writes records to Redis: to a stream, to a list, or as the values of their keys."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import redis
from msgspec import Meta
from redis.backoff import NoBackoff
from redis.retry import Retry

from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal, line
from kafka_platform_runtime.connectors.settings import Connector, Seconds, Secrets, Section
from kafka_platform_runtime.failures import Transient

_AT_FAULT = ("WRONGTYPE",)
"""Errors that come from what a record is written to, and stay."""


class Form(StrEnum):
    """What records become."""

    VALUES = "values"
    """The value of the record's key; without a value, the key is deleted."""
    STREAM = "stream"
    """Entries of a stream, with the fields `key`, `value`, `topic`, `partition` and `offset`."""


class Settings(Section, frozen=True, kw_only=True):
    """Of this kind."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 6379
    tls: bool = False
    database: Annotated[int, Meta(ge=0, le=65535)] = 0
    form: Form = Form.VALUES
    stream: str | None = None
    """Its name. Default: the topic."""
    prefix: str = ""
    """Of the keys of values."""
    expires: Annotated[int, Meta(ge=1)] | None = None
    """Seconds after which values are deleted. Default: never."""
    timeout: Seconds = 30.0


class Redis:
    """A server to which a batch is sent in one go, in order."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings = settings
        password = secrets.text("password")
        tls: dict[str, Any] = {}
        if settings.tls:
            secrets.tls()  # what is wrong with its files is told at once
            files = {"ssl_ca_certs": "ca.crt", "ssl_certfile": "tls.crt", "ssl_keyfile": "tls.key"}
            found = {option: secrets.path(name) for option, name in files.items()}
            tls = {"ssl": True} | {option: str(path) for option, path in found.items() if path is not None}
        self._client = redis.Redis(
            host=settings.host,
            port=settings.port,
            db=settings.database,
            username=secrets.text("username"),
            password=password,
            socket_timeout=settings.timeout,
            socket_connect_timeout=min(10.0, settings.timeout),
            # The loop tries again: it remains a member of its group meanwhile.
            retry=Retry(NoBackoff(), 0),
            **tls,
        )

    def open(self) -> None:
        """Whether the server answers and accepts the login."""
        try:
            self._client.ping()
        except redis.RedisError as error:
            raise Transient(line(str(error))) from None

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Sends them; what was answered is known for each."""
        pipeline = self._client.pipeline(transaction=False)
        refused, sent = [], []
        for each in records:
            if self._settings.form is Form.VALUES and each.key is None:
                refused.append(Refusal(record=each, reason="it has no key, of which it would be the value"))
                continue
            sent.append(each)
            self._add(pipeline, each)
        try:
            answers = pipeline.execute(raise_on_error=False) if sent else []
        except redis.RedisError as error:
            return Outcome(refused=refused, left=sent, trouble=line(str(error)))
        for index, (record, answer) in enumerate(zip(sent, answers, strict=True)):
            if not isinstance(answer, Exception):
                continue
            text = line(str(answer))
            if not text.startswith(_AT_FAULT):
                # From here on again, so that the order stays.
                return Outcome(refused=refused, left=sent[index:], trouble=text)
            refused.append(Refusal(record=record, reason=text))
        return Outcome(refused=refused)

    def _add(self, pipeline: Any, record: Record) -> None:
        if self._settings.form is Form.STREAM:
            fields: dict[str, Any] = {
                "key": record.key or b"",
                "value": record.value or b"",
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
            }
            pipeline.xadd(self._settings.stream or record.topic, fields)
            return
        key = self._settings.prefix.encode() + (record.key or b"")
        if record.value is None:
            pipeline.delete(key)
        else:
            pipeline.set(key, record.value, ex=self._settings.expires)

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()


def target(settings: Settings, secrets: Secrets, _: Connector) -> Redis:
    """The target of a connector."""
    return Redis(settings, secrets)
