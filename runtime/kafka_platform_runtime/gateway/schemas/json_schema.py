"""JSON Schema: values are checked by jsonschema-rs, within a bound of steps, and stored as the JSON that was checked."""

from collections.abc import Sequence
from time import thread_time
from typing import Any

import jsonschema_rs
import msgspec
from jsonschema_rs import ReferencingError, RegexOptions, ValidationError

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.schemas.avro import count
from kafka_platform_runtime.gateway.schemas.json_cost import DEEPEST, costs
from kafka_platform_runtime.gateway.schemas.json_parts import Parts
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, Unusable

LIGHT_STEPS = 1000
"""For a part of a value: a schema that takes more is watched. A request of 1 MiB takes 6 s at most."""
STEPS_OF_A_VALUE = 2**28
"""Bytes of a value times steps: about 2 s at worst."""
BUSY_SECONDS, REST_SECONDS = 2.0, 30.0
"""A schema that is watched may take so long; then it rests."""
PATTERN_BYTES = 256 * 1024
"""Of a compiled pattern. None looks back, so none takes more than its length for a character."""
STEPS_TO_EXPLAIN = 2**20
"""Bytes of a value times steps up to which the path at fault is looked for: each alternative of it may have its own."""
LONGEST_REASON = 200
_encode = msgspec.json.Encoder().encode


class JsonSchemaCodec:
    """A schema.

    Args:
        text: of the schema.
        references: names and texts of the schemas that it uses.

    Raises:
        Unusable: it is not JSON Schema, or beyond a bound.
    """

    def __init__(self, text: str, references: Sequence[tuple[str, str]] = ()) -> None:
        contents = [_decoded(each) for each in (text, *(referenced for _, referenced in references))]
        self.nodes = sum(count(each) for each in contents)
        try:
            parts = Parts(contents[0], zip((name for name, _ in references), contents[1:], strict=True))
            self._costs = costs(parts.nodes)
            patterns = RegexOptions(size_limit=PATTERN_BYTES, dfa_size_limit=4 * PATTERN_BYTES)
            self._validator: Any = jsonschema_rs.validator_for(parts.schema, pattern_options=patterns, offline=True)
        except Unusable:
            raise
        except (ValidationError, ReferencingError) as error:
            raise Unusable(f"is not valid JSON Schema: {_line(getattr(error, 'message', error))}") from None
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Unusable(f"is not valid JSON Schema: {_line(error)}") from None
        self._deepest = min(DEEPEST, len(self._costs) - 1)
        if self._costs[-2:] == [self._costs[-1]] * 2:
            self._deepest = DEEPEST
        self._is_valid = self._validator.is_valid
        self._most = self._costs[-1]
        self._quick = STEPS_OF_A_VALUE // self._most
        self._busy = 0.0
        self._rests_until = 0.0

    def write(self, value: Any, header: bytes = b"") -> bytes:
        """A value as JSON, after these bytes.

        Raises:
            Misfit: it does not fit.
        """
        try:
            content = _encode(value)
            if content.count(b"{") + content.count(b"[") > self._deepest or len(content) > self._quick:
                self._bound(value, len(content))
            fits = self._is_valid(value) if self._most <= LIGHT_STEPS else self._watched(value)
        except (RecursionError, OverflowError):
            raise Misfit("is nested too deeply") from None
        except UnicodeEncodeError:
            raise Misfit("has half of a character: send whole ones") from None
        if not fits:
            raise self._misfit(value, len(content))
        return header + content

    def read(self, content: memoryview | bytes) -> bytes:
        """The JSON text, as it was written."""
        return bytes(content)

    def _bound(self, value: Any, size: int) -> None:
        """Raises `Misfit` for a value that is nested too deeply, or may take too long."""
        deep = _depth(value, self._deepest)
        if deep > self._deepest:
            raise Misfit(f"is nested more than {self._deepest} deep: by this schema, no more is checked")
        if size * self._costs[min(deep, len(self._costs) - 1)] > STEPS_OF_A_VALUE:
            raise Misfit(f"has {size:,} bytes, too many to check by such a schema")

    def _watched(self, value: Any) -> bool:
        if self._rests_until > now():
            raise Misfit(f"is not checked now: its schema has taken more than {BUSY_SECONDS:.0f} s, and rests")
        begun = thread_time()
        fits = bool(self._is_valid(value))
        self._busy += thread_time() - begun
        if self._busy > BUSY_SECONDS:
            self._busy, self._rests_until = 0.0, now() + REST_SECONDS
        return fits

    def _misfit(self, value: Any, size: int) -> Misfit:
        if size * self._costs[min(_depth(value, self._deepest), len(self._costs) - 1)] > STEPS_TO_EXPLAIN:
            return Misfit("does not fit its schema, and is too large to say where")
        error = next(self._validator.iter_errors(value))
        path = "".join(f"[{each}]" if isinstance(each, int) else f".{str(each)[:100]}" for each in error.instance_path)
        kind = error.kind
        if kind.name == "required":
            return Misfit("is missing", f"{path}.{str(kind.property)[:100]}")
        if kind.name in {"additionalProperties", "unevaluatedProperties"} and kind.unexpected:
            return Misfit("is not in the schema", f"{path}.{kind.unexpected[0][:100]}")
        return Misfit(_line(error.message), path)


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Unusable("is not valid JSON Schema: not JSON") from None


def _depth(value: Any, most: int) -> int:
    """How deep a value is nested, or any more than `most`."""
    level, found = [value], 0
    while found <= most:
        following: list[Any] = []
        for each in level:
            if type(each) is dict:
                following += each.values()
            elif type(each) is list:
                following += each
        if not following:
            break
        level, found = following, found + 1
    return found


def _line(text: object) -> str:
    """What the library says, without the middle of a long value."""
    line, half = str(text), LONGEST_REASON // 2
    if len(line) > LONGEST_REASON:
        line = f"{line[:half]}...{line[-half:]}"
    return " ".join(line.split()).removesuffix(".")
