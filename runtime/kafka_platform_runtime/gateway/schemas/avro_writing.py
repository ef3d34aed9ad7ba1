"""From JSON to Avro's bytes: each type becomes a function that writes a value, or says what does not fit."""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from kafka_platform_runtime.gateway.schemas.avro_types import Functions
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, shown

Write = Callable[[Any, bytearray], None]
"""Appends a value. Raises `Misfit`."""
MOST_BYTES = 16 * 1024 * 1024
"""Of a value with its defaults: three bytes of JSON may stand for as many as the schema says."""
MOST_GUESSES = 16
"""Branches that are tried for a value without the name of one: that takes as long for each value as there are branches."""
LONGEST_LIST = 200
"""Characters of names in a message."""
LARGEST_FLOAT = 3.4028234663852886e38
NOT_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""As strings in Avro's JSON encoding: JSON has no such numbers."""
_BITS = {"int": 31, "long": 63}
_OBJECTS = {"record", "error", "map"}
_END = b"\0"
_DOUBLE, _FLOAT = Struct("<d"), Struct("<f")


class Writes(Functions[Write]):
    """The functions that write the values of a schema."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        super().__init__(named)
        self._primitive = _PRIMITIVE

    def _later(self, name: str) -> Write:
        return lambda value, out: self._known[name](value, out)

    def _record(self, node: Mapping[str, Any]) -> Write:
        fields: list[tuple[str, Write]] = []
        defaults: dict[str, bytes] = {}
        name = node["name"]
        if name not in self._known:
            self._known[name] = lambda value, out: write(value, out)
        for field in node["fields"]:
            fields.append((field["name"], self.of(field["type"])))
        names = dict(fields).keys()

        def write(value: Any, out: bytearray) -> None:
            if type(value) is not dict:
                raise Misfit(f"is {shown(value)}: {name} is an object")
            if value.keys() == names:
                key = ""
                try:
                    for key, one in fields:
                        one(value[key], out)
                except Misfit as misfit:
                    raise misfit.within(f".{key}") from None
                return
            unknown = next((key for key in value if key not in names), None)
            if unknown is not None:
                raise Misfit(f"is not a field of {name}", f".{unknown[:100]}")
            for key, one in fields:
                if key in value:
                    try:
                        one(value[key], out)
                    except Misfit as misfit:
                        raise misfit.within(f".{key}") from None
                elif key in defaults:
                    out += defaults[key]
                    if len(out) > MOST_BYTES:
                        raise Misfit(f"takes more than {MOST_BYTES // 2**20} MiB with what its schema adds")
                else:
                    raise Misfit(f"is missing, and {name} has no default for it", f".{key}")

        for field, (key, one) in zip(node["fields"], fields, strict=True):
            if "default" in field:
                try:
                    made = bytearray()
                    one(field["default"], made)
                    defaults[key] = bytes(made)
                except Misfit as misfit:
                    raise misfit.within(f"the default of {key}") from None
        return write

    def _enum(self, node: Mapping[str, Any]) -> Write:
        symbols = {each: number(index) for index, each in enumerate(node["symbols"])}
        listed = ", ".join(node["symbols"])[:LONGEST_LIST]

        def write(value: Any, out: bytearray) -> None:
            if type(value) is not str or value not in symbols:
                raise Misfit(f"is {shown(value)}: use one of {listed}")
            out += symbols[value]

        return write

    def _fixed(self, node: Mapping[str, Any]) -> Write:
        size = node["size"]

        def write(value: Any, out: bytearray) -> None:
            found = _latin(value)
            if len(found) != size:
                raise Misfit(f"has {len(found)} bytes: {node['name']} has {size}")
            out += found

        return write

    def _array(self, node: Mapping[str, Any]) -> Write:
        item = self.of(node["items"])

        def write(value: Any, out: bytearray) -> None:
            if type(value) is not list:
                raise Misfit(f"is {shown(value)}: use an array")
            if value:
                _append(len(value), out)
                for index, each in enumerate(value):
                    try:
                        item(each, out)
                    except Misfit as misfit:
                        raise misfit.within(f"[{index}]") from None
            out += _END

        return write

    def _map(self, node: Mapping[str, Any]) -> Write:
        item = self.of(node["values"])

        def write(value: Any, out: bytearray) -> None:
            if type(value) is not dict:
                raise Misfit(f"is {shown(value)}: use an object")
            if value:
                _append(len(value), out)
                for key, each in value.items():
                    _string(key, out)
                    try:
                        item(each, out)
                    except Misfit as misfit:
                        raise misfit.within(f"[{key[:100]!r}]") from None
            out += _END

        return write

    def _union(self, nodes: list[Any]) -> Write:
        branches = {tag_of(node): (number(index), self.of(node)) for index, node in enumerate(nodes)}
        null = branches.pop("null", None)
        kinds = {tag_of(node): self._kind(node) for node in nodes}
        objects = [tag for tag in branches if kinds[tag] in _OBJECTS]
        arrays = [tag for tag in branches if kinds[tag] == "array"]
        scalars = [tag for tag in branches if tag not in {*objects, *arrays}]
        if len(scalars) > MOST_GUESSES:
            scalars = []
        names = ", ".join([*branches, *(["null"] if null else [])])[:LONGEST_LIST]

        def write(value: Any, out: bytearray) -> None:
            if value is None and null is not None:
                out += null[0]
                return
            kind = type(value)
            if kind is dict and len(value) == 1:
                (tag,) = value
                if tag in branches:
                    index, one = branches[tag]
                    out += index
                    try:
                        one(value[tag], out)
                    except Misfit as misfit:
                        raise misfit.within(f".{tag}") from None
                    return
            # Without the branch's name, as long as there is no doubt.
            fitting = objects if kind is dict else arrays if kind is list else scalars
            if len(fitting) == 1:
                index, one = branches[fitting[0]]
                out += index
                one(value, out)
                return
            for tag in fitting if kind is not dict else ():
                index, one = branches[tag]
                made = bytearray()
                try:
                    one(value, made)
                except Misfit:
                    continue
                out += index + made
                return
            raise Misfit(f"is {shown(value)}: use one of {names}, as in {{{next(iter(branches), 'null')!r}: ...}}")

        return write

    def _kind(self, node: Any) -> str:
        if isinstance(node, str) and node in self._named:
            node = self._named[node]
        return str(node["type"]) if isinstance(node, dict) else str(node)


def tag_of(node: Any) -> str:
    """How Avro's JSON encoding names a branch of a union."""
    if isinstance(node, dict):
        return str(node.get("name", node["type"]))
    return str(node)


def _append(value: int, out: bytearray) -> None:
    rest = (value << 1) ^ (value >> 63)
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)


def number(value: int) -> bytes:
    """A whole number on the wire."""
    out = bytearray()
    _append(value, out)
    return bytes(out)


_KEPT = 1024
_NUMBERS = [number(each) for each in range(_KEPT)]


def _null(value: Any, out: bytearray) -> None:
    if value is not None:
        raise Misfit(f"is {shown(value)}: use null")


def _boolean(value: Any, out: bytearray) -> None:
    if value is not True and value is not False:
        raise Misfit(f"is {shown(value)}: use true or false")
    out.append(value)


def _whole(kind: str) -> Write:
    most = 2 ** _BITS[kind]

    def write(value: Any, out: bytearray) -> None:
        if type(value) is not int:
            raise Misfit(f"is {shown(value)}: use a whole number ({kind})")
        if 0 <= value < _KEPT:
            out += _NUMBERS[value]
            return
        if not -most <= value < most:
            raise Misfit(f"is {value}: too large for {kind}")
        _append(value, out)

    return write


def _real(kind: str, form: Struct, most: float) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if type(value) is not float:
            if type(value) is int:
                value = float(value)
            elif type(value) is str and value in NOT_NUMBERS:
                out += form.pack(NOT_NUMBERS[value])
                return
            else:
                raise Misfit(f"is {shown(value)}: use a number ({kind})")
        if not -most <= value <= most:
            raise Misfit(f"is {value}: too large for {kind}")
        out += form.pack(value)

    return write


def _string(value: Any, out: bytearray) -> None:
    if type(value) is not str:
        raise Misfit(f"is {shown(value)}: use a string")
    content = value.encode()
    size = len(content)
    if size < _KEPT:
        out += _NUMBERS[size]
    else:
        _append(size, out)
    out += content


def _bytes(value: Any, out: bytearray) -> None:
    content = _latin(value)
    _append(len(content), out)
    out += content


def _latin(value: Any) -> bytes:
    if type(value) is not str:
        raise Misfit(f"is {shown(value)}: use a string whose characters are the bytes")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise Misfit("has characters beyond U+00FF, and each is a byte: escape them") from None


_PRIMITIVE: Mapping[str, Write] = {
    "null": _null,
    "boolean": _boolean,
    "int": _whole("int"),
    "long": _whole("long"),
    "float": _real("float", _FLOAT, LARGEST_FLOAT),
    "double": _real("double", _DOUBLE, float("inf")),
    "string": _string,
    "bytes": _bytes,
}
