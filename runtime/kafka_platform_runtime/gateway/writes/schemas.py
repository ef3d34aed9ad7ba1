"""Writes of records with schemas: by id, by text, or the latest one that is registered for the topic."""

import contextlib
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw

from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.errors import GatewayError, too_large, unprocessable
from kafka_platform_runtime.gateway.formats import SCHEMA_TYPES, Format
from kafka_platform_runtime.gateway.jsontext import canonical
from kafka_platform_runtime.gateway.schemas.misfit import Misfit
from kafka_platform_runtime.gateway.schemas.schemas import Known, Schemas
from kafka_platform_runtime.gateway.writes.batches import Batch
from kafka_platform_runtime.gateway.writes.bodies import ABSENT, NO_VALUE, Record, decoded, empty, headers_of
from kafka_platform_runtime.gateway.writes.formats import FIELDS, Formats, Row, Target, Writer, send, send_values

Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]


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


MOST_BYTES = 16 * 1024 * 1024
"""Of the values and keys of a request: its schemas may add to each record what a few bytes of JSON do not tell."""


LONGEST_PATH = 1000
"""Characters of the path to a value in a message: each level has a name."""


class _Room:
    """How many bytes what a request is written as may still take. A value takes at most eight times its JSON without defaults.

    Args:
        body: bytes of the request.
    """

    def __init__(self, body: int) -> None:
        self._most = self._left = max(MOST_BYTES, 8 * body)

    def take(self, content: bytes) -> bytes:
        """Raises `GatewayError` if this is too much."""
        self._left -= len(content)
        if self._left < 0:
            raise too_large(f"The records take more than {self._most} bytes with what their schema adds: send fewer.")
        return content


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
        json = self._writer(Format.JSON, strict=True)
        self._strict = {
            **{form.media_type.encode(): self._writer(form, strict=True) for form in Format if form.has_schema},
            b"application/json": json,
            Format.JSON.media_type.encode(): json,
        }

    def strict(self, topic: str, content_type: bytes) -> Writer:
        """The writer for a topic whose values have to fit.

        Raises:
            GatewayError: values of this format have no schema.
        """
        writer = self._strict.get(content_type)
        if writer is None:
            raise unprocessable(
                f"Topic {topic} takes only values that fit its schema: send them as json, or in the format of the schema."
            )
        return writer

    def _writer(self, form: Format, *, strict: bool = False) -> Writer:
        wanted = _Wanted(form, strict=strict)
        key_field = None if form.of_keys in SCHEMA_TYPES else FIELDS[form.of_keys]

        def write(channel: Channel, batch: Batch, topic: str, body: bytes, target: Target) -> int | None:
            # As in the json format, most records are only values, and the first that has more ends this check at once.
            with contextlib.suppress(msgspec.ValidationError):
                only_values = decoded(self._only_values, body)
                return self._write_values(channel, batch, topic, only_values, wanted, target, _Room(len(body)))
            data: Any = decoded(self._both, body) if key_field is None else decoded(self._values, body)
            self._formats.check(data.records, target)
            values = keys = None
            rows: list[Row] = []
            room = _Room(len(body))
            for index, record in enumerate(data.records):
                key, value = record.key, record.value
                if (key is UNSET or key is ABSENT) and value is UNSET:
                    raise empty(index)
                if value is UNSET or value is None:
                    value = None
                else:
                    values = values or self._encoder(topic, "value", wanted, data.value_schema_id, data.value_schema)
                    value = room.take(_written(values, value, index, "value"))
                if key_field is not None:
                    key = None if key == NO_VALUE else key_field(bytes(key), index, "key")
                    if key is not None and form.of_keys is Format.JSON:
                        key = canonical(key)
                elif key is UNSET or key is None:
                    key = None
                else:
                    keys = keys or self._encoder(topic, "key", wanted, data.key_schema_id, data.key_schema)
                    key = room.take(_written(keys, key, index, "key"))
                rows.append((value, key, record.partition, record.timestamp, headers_of(record.headers, index)))
            send(channel, batch, topic, rows, target)
            batch.schemas = _ids(keys, values)
            return None

        return write

    def _write_values(
        self, channel: Channel, batch: Batch, topic: str, data: _Values, wanted: "_Wanted", target: Target, room: _Room
    ) -> int | None:
        self._formats.check_count(len(data.records))
        encoder = self._encoder(topic, "value", wanted, data.value_schema_id, data.value_schema)
        write, header = encoder.write, encoder.header
        values: list[bytes | None] = []
        try:
            for record in data.records:
                values.append(None if record.value is None else room.take(write(record.value, header)))
        except Misfit as misfit:
            raise misfits(len(values), "value", misfit) from None
        place = target.sticky if target.partition is None else target.partition
        send_values(channel, batch, topic, values, place)
        batch.schemas = _ids(None, encoder)
        return place

    def _encoder(self, topic: str, part: str, wanted: "_Wanted", number: int | None, text: str | None) -> Encoder:
        """The schema of the keys or values of a request.

        Raises:
            GatewayError: there is none.
            Unresolved: it has to be asked for first.
        """
        subject, field, kind = f"{topic}-{part}", f"{part}_schema", wanted.kind
        if number is not None and text is not None:
            raise unprocessable(f"{field}: {field}_id is given too: keep one of them.")
        latest = None
        if (number is None and text is None) or (wanted.strict and part == "value"):
            latest = self._schemas.latest(subject)
            if latest is None:
                other = "" if part == "value" else f", or send keys as text (text-{wanted.form.of_values})"
                raise unprocessable(f"{field}: missing, and subject {subject} is not registered: name one{other}.")
        if text is not None:
            if kind is None and latest is not None:
                kind = _usable(self._schemas.by_id(latest), f"{subject}:", None).kind
            number = self._schemas.of_text(subject, kind or "", text)
            if number is None:
                raise unprocessable(
                    f"{field}: is not registered as {subject}, and the gateway registers none: declare it, or register it first."
                )
        if latest is not None and number not in {None, latest}:
            given = field if text is not None else f"{field}_id: {number}"
            raise unprocessable(f"{given} is not the latest one of {subject}, the only one that topic {topic} takes.")
        what = f"{subject}:" if number is None else field if text is not None else f"{field}_id: {number}"
        chosen = number if number is not None else latest if latest is not None else -1
        return Encoder(chosen, _usable(self._schemas.by_id(chosen), what, kind).write)


class _Wanted:
    """What a request says about its schemas.

    Args:
        form: of the request; json stands for that of the topic's schema.
        strict: whether values may have no other schema than the latest one of the topic.
    """

    def __init__(self, form: Format, *, strict: bool) -> None:
        self.form, self.strict = form, strict
        self.kind = SCHEMA_TYPES.get(form.of_values)


class _Usable(NamedTuple):
    kind: str
    write: Callable[[Any, bytes], bytes]


def _usable(known: Known | None, what: str, kind: str | None) -> _Usable:
    """A schema that a request may be written with; without `kind`, of any."""
    if known is None:
        raise unprocessable(f"{what} is not in the registry.")
    if known.codec is None:
        raise unprocessable(f"{what} {known.reason}.")
    if kind is not None and known.kind != kind:
        raise unprocessable(f"{what} is of the type {known.kind}, and the request of {kind}.")
    return _Usable(known.kind, known.codec.write)


def _written(encoder: Encoder, value: Any, index: int, part: str) -> bytes:
    try:
        return encoder.write(value, encoder.header)
    except Misfit as misfit:
        raise misfits(index, part, misfit) from None


def misfits(index: int, part: str, misfit: Misfit) -> GatewayError:
    """A record does not fit its schema."""
    path = misfit.path if len(misfit.path) <= LONGEST_PATH else f"{misfit.path[:LONGEST_PATH]}..."
    return unprocessable(f"records[{index}].{part}{path}: {misfit.reason}.")


def _ids(keys: Encoder | None, values: Encoder | None) -> bytes:
    return b'{"key_schema_id":%s,"value_schema_id":%s,' % (_shown(keys), _shown(values))


def _shown(encoder: Encoder | None) -> bytes:
    return b"null" if encoder is None else b"%d" % encoder.id
