"""From a write's body to the records of Kafka's client."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException
from msgspec import UNSET, Raw

from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.errors import malformed, too_large, unprocessable
from kafka_platform_runtime.gateway.formats import PLAIN, Format
from kafka_platform_runtime.gateway.jsontext import SHORTEST, canonical
from kafka_platform_runtime.gateway.writes.batches import Batch
from kafka_platform_runtime.gateway.writes.bodies import (
    ABSENT,
    NO_VALUE,
    NULL,
    Headers,
    JsonRecords,
    Record,
    TextRecord,
    TextRecords,
    Values,
    decoded,
    empty,
    from_base64,
    headers_of,
    require_readable,
    text_of,
)

ANY_PARTITION = -1


class Target(NamedTuple):
    """Where a request's records go."""

    partition: int | None
    """The partition in the path."""
    sticky: int
    """For records without a key."""
    partitions: int


Writer = Callable[[Channel, Batch, str, bytes, Target], int | None]
Row = tuple[Any, Any, int | None, int | None, Headers]


class Formats:
    """Hands records over, in each supported format.

    Args:
        most_records: maximum in one request.
    """

    def __init__(self, most_records: int) -> None:
        self._most_records = most_records
        self._values = msgspec.json.Decoder(Values)
        self._json = msgspec.json.Decoder(JsonRecords)
        self._text = msgspec.json.Decoder(TextRecords)
        self.writers: dict[bytes, Writer] = {
            b"application/vnd.kafka.json.v2+json": self._write_json,
            b"application/json": self._write_json,
            b"application/vnd.kafka.binary.v2+json": self._write_binary,
            b"application/vnd.kafka.text.v2+json": self._write_text,
            **{
                form.media_type.encode(): self._write_mixed(form)
                for form in PLAIN
                if form.of_keys is not form.of_values
            },
        }
        """By the body's content type."""

    def check(self, records: Sequence[Record], target: Target) -> None:
        """Raises `GatewayError` if there are none or too many, or if they name partitions although the path does."""
        self.check_count(len(records))
        if target.partition is not None and any(record.partition is not None for record in records):
            raise unprocessable("records: partition stands in the path already: leave it out of the records.")

    def check_count(self, count: int) -> None:
        """Raises `GatewayError` if there are none or too many."""
        if not count:
            raise unprocessable("records: is empty: send at least one record.")
        if count > self._most_records:
            raise too_large(f"The request has {count} records: at most {self._most_records} are accepted.")

    def _write_json(self, channel: Channel, batch: Batch, topic: str, body: bytes, target: Target) -> int | None:
        # Values are passed on unchanged: the decoder leaves them closed and so does not check that they are UTF-8.
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError:
                raise malformed("The body is not UTF-8.") from None
        values = None
        # Most records are only values; the first that has more ends this check at once.
        with contextlib.suppress(msgspec.ValidationError):
            values = [record.value for record in decoded(self._values, body).records]
        if values is not None and NO_VALUE not in values:
            self.check_count(len(values))
            if len(body) > SHORTEST:
                for index, each in enumerate(values):
                    if len(each) > SHORTEST:
                        require_readable(each, index, "value")
            place = target.sticky if target.partition is None else target.partition
            send_values(channel, batch, topic, values, place)
            return place
        records = decoded(self._json, body).records
        self.check(records, target)
        rows: list[Row] = []
        add = rows.append
        for index, record in enumerate(records):
            value, key = record.value, bytes(record.key)
            if len(value) > SHORTEST or len(key) > SHORTEST:
                require_readable(value, index, "value")
                require_readable(key, index, "key")
            if value is ABSENT and record.key is ABSENT:
                raise empty(index)
            add(
                (
                    None if value == NO_VALUE else value,
                    None if key == NULL else canonical(key),
                    record.partition,
                    record.timestamp,
                    headers_of(record.headers, index),
                )
            )
        send(channel, batch, topic, rows, target)
        return None

    def _text_records(self, body: bytes, target: Target) -> list[TextRecord]:
        records = decoded(self._text, body).records
        self.check(records, target)
        for index, record in enumerate(records):
            if record.value is UNSET and record.key is UNSET:
                raise empty(index)
        return records

    def _write_text(self, channel: Channel, batch: Batch, topic: str, body: bytes, target: Target) -> None:
        records = self._text_records(body, target)
        rows: list[Row] = [
            (
                None if (value := text_of(record.value)) is None else value.encode(),
                None if (key := text_of(record.key)) is None else key.encode(),
                record.partition,
                record.timestamp,
                headers_of(record.headers, index),
            )
            for index, record in enumerate(records)
        ]
        send(channel, batch, topic, rows, target)

    def _write_binary(self, channel: Channel, batch: Batch, topic: str, body: bytes, target: Target) -> None:
        records = self._text_records(body, target)
        rows: list[Row] = [
            (
                from_base64(text_of(record.value), index, "value"),
                from_base64(text_of(record.key), index, "key"),
                record.partition,
                record.timestamp,
                headers_of(record.headers, index),
            )
            for index, record in enumerate(records)
        ]
        send(channel, batch, topic, rows, target)

    def _write_mixed(self, form: Format) -> Writer:
        """The writer of keys in one format and values in another."""
        key_of, value_of = FIELDS[form.of_keys], FIELDS[form.of_values]

        def write(channel: Channel, batch: Batch, topic: str, body: bytes, target: Target) -> None:
            records = decoded(self._json, body).records
            self.check(records, target)
            rows: list[Row] = []
            for index, record in enumerate(records):
                if record.value is ABSENT and record.key is ABSENT:
                    raise empty(index)
                value = None if record.value == NO_VALUE else value_of(bytes(record.value), index, "value")
                key = None if record.key == NO_VALUE else key_of(bytes(record.key), index, "key")
                if key is not None and form.of_keys is Format.JSON:
                    key = canonical(key)
                rows.append((value, key, record.partition, record.timestamp, headers_of(record.headers, index)))
            send(channel, batch, topic, rows, target)

        return write


def _json_field(content: bytes, index: int, name: str) -> bytes:
    try:
        content.decode()
    except UnicodeDecodeError:
        raise malformed("The body is not UTF-8.") from None
    require_readable(content, index, name)
    return content


def _text_field(content: bytes, index: int, name: str) -> bytes:
    try:
        return msgspec.json.decode(content, type=str).encode()
    except (msgspec.MsgspecError, UnicodeError):
        raise unprocessable(f"records[{index}].{name}: is not a string.") from None


def _binary_field(content: bytes, index: int, name: str) -> bytes | None:
    return from_base64(_text_field(content, index, name).decode(), index, name)


FIELDS: Mapping[Format, Callable[[bytes, int, str], bytes | None]] = {
    Format.JSON: _json_field,
    Format.TEXT: _text_field,
    Format.BINARY: _binary_field,
}
"""From a field of a body to what is stored."""


def send_values(
    channel: Channel, batch: Batch, topic: str, values: Sequence[bytes | Raw | None], partition: int
) -> None:
    """Like `send`, for records that are only values: the path of most records, in half the time."""
    batch.begin(len(values))
    produce = channel.producer.produce
    for value, delivered in zip(values, batch.offsets, strict=False):
        try:
            produce(topic, value, None, partition, delivered)
        except KafkaException as failure:
            delivered(failure.args[0], None)
        except BufferError:
            delivered(KafkaError(KafkaError._QUEUE_FULL), None)


def send(channel: Channel, batch: Batch, topic: str, rows: Sequence[Row], target: Target) -> None:
    """Hand the records to the producer; from here on each has its own outcome."""
    batch.begin(len(rows))
    produce = channel.producer.produce
    for index, ((value, key, wanted, timestamp, headers), delivered) in enumerate(
        zip(rows, batch.places, strict=False)
    ):
        place = target.partition
        if place is None:
            place = wanted if wanted is not None else target.sticky if key is None else ANY_PARTITION
        try:
            if place >= target.partitions:
                raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
            if timestamp is None and headers is None:
                produce(topic, value, key, place, delivered)
            else:
                batch.extras[index] = timestamp, headers
                produce(
                    topic, value, key, place, on_delivery=delivered, timestamp=timestamp or 0, headers=headers or []
                )
        except KafkaException as failure:
            delivered(failure.args[0], None)
        except BufferError:
            delivered(KafkaError(KafkaError._QUEUE_FULL), None)
