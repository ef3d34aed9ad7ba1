"""Writes of records with schemas: by id, by text, or the latest one that is registered for the topic."""

import contextlib
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw

from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.errors import GatewayError, unprocessable
from kafka_platform_runtime.gateway.formats import Format
from kafka_platform_runtime.gateway.jsontext import canonical
from kafka_platform_runtime.gateway.schemas.misfit import Misfit
from kafka_platform_runtime.gateway.schemas.schemas import Known, Schemas
from kafka_platform_runtime.gateway.writes.batches import Batch
from kafka_platform_runtime.gateway.writes.bodies import ABSENT, NO_VALUE, Record, decoded, empty, headers_of
from kafka_platform_runtime.gateway.writes.formats import FIELDS, Formats, Row, Target, Writer, send, send_values

Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]
TYPES = {Format.AVRO: "AVRO"}
"""The registry's names."""


class _SchemaRecord(Record):
    value: Any = UNSET
    key: Any = UNSET


class _ValueRecord(Record):
    value: Any = UNSET
    key: Raw = ABSENT


class _Body(msgspec.Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    key_schema: str | None = None
    key_schema_id: Id | None = None
    value_schema: str | None = None
    value_schema_id: Id | None = None


class _SchemaRecords(_Body):
    records: list[_SchemaRecord]


class _ValueRecords(_Body):
    records: list[_ValueRecord]


class _Value(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    value: Any


class _Values(_Body):
    records: list[_Value]


class Encoder(NamedTuple):
    """How keys or values are written: by a schema, or without."""

    id: int
    write: Callable[[Any, bytes], bytes]

    @property
    def header(self) -> bytes:
        """What stands before a key or value."""
        return b"\0" + self.id.to_bytes(4)


class SchemaFormats:
    """Hands over records whose values, or keys and values, have schemas.

    Args:
        formats: those without.
        schemas: what is known of the registry.
        enforced: topics whose values have to fit the latest schema, whatever the format.
    """

    def __init__(self, formats: Formats, schemas: Schemas, enforced: tuple[str, ...]) -> None:
        self._formats = formats
        self._schemas = schemas
        self._both = msgspec.json.Decoder(_SchemaRecords)
        self._values = msgspec.json.Decoder(_ValueRecords)
        self._only_values = msgspec.json.Decoder(_Values)
        self.enforced = frozenset(enforced)
        self.writers: dict[bytes, Writer] = {
            form.media_type.encode(): self._writer(form) for form in Format if form.has_schema
        }
        """By the body's content type. They raise `Unresolved` for what has to be asked first."""
        json = self._writer(Format.JSON_AVRO)
        self._strict = {**self.writers, b"application/json": json, Format.JSON.media_type.encode(): json}

    def strict(self, topic: str, content_type: bytes) -> Writer:
        """The writer for a topic whose values have to fit.

        Raises:
            GatewayError: values of this format have no schema.
        """
        writer = self._strict.get(content_type)
        if writer is None:
            raise unprocessable(f"Topic {topic} takes only values that fit its schema: send them as avro or as json.")
        return writer

    def _writer(self, form: Format) -> Writer:
        kind = TYPES[form.of_values]
        key_field = None if form.of_keys is form.of_values else FIELDS[form.of_keys]

        def write(channel: Channel, batch: Batch, topic: str, body: bytes, target: Target) -> int | None:
            # As in the json format, most records are only values, and the first that has more ends this check at once.
            with contextlib.suppress(msgspec.ValidationError):
                return self._write_values(channel, batch, topic, decoded(self._only_values, body), kind, target)
            data: Any = decoded(self._both, body) if key_field is None else decoded(self._values, body)
            self._formats.check(data.records, target)
            values = keys = None
            rows: list[Row] = []
            for index, record in enumerate(data.records):
                key, value = record.key, record.value
                if (key is UNSET or key is ABSENT) and value is UNSET:
                    raise empty(index)
                if value is UNSET or value is None:
                    value = None
                else:
                    values = values or self._encoder(topic, "value", kind, data.value_schema_id, data.value_schema)
                    value = _written(values, value, index, "value")
                if key_field is not None:
                    key = None if key == NO_VALUE else key_field(bytes(key), index, "key")
                    if key is not None and form.of_keys is Format.JSON:
                        key = canonical(key)
                elif key is UNSET or key is None:
                    key = None
                else:
                    keys = keys or self._encoder(topic, "key", kind, data.key_schema_id, data.key_schema)
                    key = _written(keys, key, index, "key")
                rows.append((value, key, record.partition, record.timestamp, headers_of(record.headers, index)))
            send(channel, batch, topic, rows, target)
            batch.schemas = _ids(keys, values)
            return None

        return write

    def _write_values(
        self, channel: Channel, batch: Batch, topic: str, data: _Values, kind: str, target: Target
    ) -> int | None:
        self._formats.check_count(len(data.records))
        encoder = self._encoder(topic, "value", kind, data.value_schema_id, data.value_schema)
        write, header = encoder.write, encoder.header
        values: list[bytes | None] = []
        try:
            for record in data.records:
                values.append(None if record.value is None else write(record.value, header))
        except Misfit as misfit:
            raise misfits(len(values), "value", misfit) from None
        place = target.sticky if target.partition is None else target.partition
        send_values(channel, batch, topic, values, place)
        batch.schemas = _ids(None, encoder)
        return place

    def _encoder(self, topic: str, part: str, kind: str, number: int | None, text: str | None) -> Encoder:
        """The schema of the keys or values of a request.

        Raises:
            GatewayError: there is none.
            Unresolved: it has to be asked for first.
        """
        subject, field = f"{topic}-{part}", f"{part}_schema"
        if number is not None and text is not None:
            raise unprocessable(f"{field}: {field}_id is given too: keep one of them.")
        if number is not None:
            what = f"{field}_id: {number}"
        elif text is not None:
            what = field
            number = self._schemas.of_text(subject, kind, text)
            if number is None:
                raise unprocessable(
                    f"{field}: is not registered as {subject}, and the gateway registers none: declare it, or register it first."
                )
        else:
            what = f"{subject}:"
            number = self._schemas.latest(subject)
            if number is None:
                other = "" if part == "value" else ", or send keys as text (text-avro)"
                raise unprocessable(f"{field}: missing, and subject {subject} is not registered: name one{other}.")
        known = self._schemas.by_id(number)
        return Encoder(number, _usable(known, what, kind))


def _usable(known: Known | None, what: str, kind: str) -> Callable[[Any, bytes], bytes]:
    if known is None:
        raise unprocessable(f"{what} is not in the registry.")
    if known.codec is None:
        raise unprocessable(f"{what} {known.reason}.")
    if known.kind != kind:
        raise unprocessable(f"{what} is of the type {known.kind}, and the request of {kind}.")
    return known.codec.write


def _written(encoder: Encoder, value: Any, index: int, part: str) -> bytes:
    try:
        return encoder.write(value, encoder.header)
    except Misfit as misfit:
        raise misfits(index, part, misfit) from None


def misfits(index: int, part: str, misfit: Misfit) -> GatewayError:
    """A record does not fit its schema."""
    return unprocessable(f"records[{index}].{part}{misfit.path}: {misfit.reason}.")


def _ids(keys: Encoder | None, values: Encoder | None) -> bytes:
    return b'{"key_schema_id":%s,"value_schema_id":%s,' % (_shown(keys), _shown(values))


def _shown(encoder: Encoder | None) -> bytes:
    return b"null" if encoder is None else b"%d" % encoder.id
