"""Protobuf's JSON and bytes beside Google's own; and what strangers may send as schemas, values and records."""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google._upb import _message
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from kafka_platform_runtime.gateway.schemas import protobuf_compiler, protoc_process
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, Unusable
from kafka_platform_runtime.gateway.schemas.protobuf import ProtobufCodec

HEAD = 'syntax = "proto3";'
EVERYTHING = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/empty.proto";
message Order {
  message Line { string sku = 1; Line inner = 2; }
  enum Color { RED = 0; BLUE = 1; }
  int32 i32 = 1; sint32 s32 = 2; sfixed32 x32 = 3; uint32 u32 = 4; fixed32 f32 = 5;
  int64 i64 = 6; sint64 s64 = 7; sfixed64 x64 = 8; uint64 u64 = 9; fixed64 f64 = 10;
  float half = 11; double real = 12; bool flag = 13; string text = 14; bytes raw = 15;
  Color color = 16; repeated Color colors = 17; Line line = 18; repeated Line lines = 19;
  map<string, int64> counts = 20; map<int32, Line> by_number = 21; map<bool, string> by_flag = 22;
  optional string may_be = 23; repeated double numbers = 24; repeated string names = 25;
  oneof choice { string left = 26; Line right_side = 27; }
  google.protobuf.Timestamp at = 28; google.protobuf.Duration took = 29; google.protobuf.Struct any_object = 30;
  google.protobuf.Value any_value = 31; google.protobuf.Int64Value wrapped = 32; google.protobuf.FieldMask mask = 33;
  google.protobuf.Empty empty = 34; google.protobuf.NullValue nothing = 35; google.protobuf.ListValue any_list = 36;
}
message Second { int32 a = 1; message Inner { string b = 1; } }
"""
VALUE: dict[str, Any] = {
    "i32": -(2**31), "s32": -1, "x32": 5, "u32": 2**32 - 1, "f32": 1,
    "i64": str(-(2**63)), "s64": "-1", "x64": "5", "u64": str(2**64 - 1), "f64": "1",
    "half": 0.1, "real": -1e300, "flag": True, "text": 'Grüße \U0001f600 "\\\n', "raw": "AAH/",
    "color": "BLUE", "colors": ["RED", "BLUE", 7], "line": {"sku": "a", "inner": {"sku": ""}}, "lines": [{"sku": "x"}, {"sku": "y"}],
    "counts": {"a": "1", "": "-5"}, "byNumber": {"-7": {"sku": "q"}}, "byFlag": {"true": "t", "false": "f"},
    "mayBe": "", "numbers": [0.0, "NaN", "Infinity", "-Infinity", 1.5], "names": ["", "b"],
    "rightSide": {"sku": "r"},
    "at": "2026-01-01T12:00:00.500Z", "took": "1.500s", "anyObject": {"a": [1.0, None, {"b": True}]}, "anyValue": None,
    "wrapped": "7", "mask": "a.b,cD", "empty": {}, "nothing": None, "anyList": [1.0, "x"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _bounds_of_the_library() -> Iterator[None]:
    """Those that it has in the gateway: Pulumi, which other tests load, lifts them."""
    _message.SetAllowOversizeProtos(False)
    yield
    _message.SetAllowOversizeProtos("pulumi" in sys.modules)


@pytest.fixture(scope="module")
def everything() -> ProtobufCodec:
    return ProtobufCodec(EVERYTHING)


@pytest.fixture(scope="module")
def native() -> Any:
    """The same message, as Google's library makes it."""
    pool = DescriptorPool()
    for each in protobuf_compiler.descriptors(EVERYTHING, []).file:
        pool.Add(each)
    return GetMessageClass(pool.FindMessageTypeByName("shop.v1.Order"))


def test_every_type_comes_back_as_it_was_sent_and_googles_library_says_the_same(
    everything: ProtobufCodec, native: Any
) -> None:
    content = everything.write(VALUE, b"\0\0\0\0\7")
    assert content[:6] == b"\0\0\0\0\7\0"
    assert json.loads(everything.read(content[5:])) == VALUE
    theirs = native.FromString(content[6:])
    assert theirs == ParseDict(VALUE, native())
    assert MessageToDict(theirs, always_print_fields_with_no_presence=True) == VALUE


def test_names_and_numbers_of_every_spelling(everything: ProtobufCodec, native: Any) -> None:
    value = {
        "by_number": {"1": {}}, "i32": "5", "i64": 7, "u32": 3.0, "half": "1.5", "real": 3, "color": 1, "raw": "_-8",
        "may_be": None, "line": None, "colors": [1, "RED"], "any_value": {"x": None}, "left": "l", "right_side": None,
    }  # fmt: skip
    assert native.FromString(everything.write(value)[1:]) == ParseDict(value, native())


def test_fields_without_presence_are_always_there(everything: ProtobufCodec) -> None:
    read = json.loads(everything.read(everything.write({})))
    assert (read["i64"], read["text"], read["color"], read["lines"], read["counts"]) == ("0", "", "RED", [], {})
    assert not read.keys() & {"mayBe", "line", "at", "left", "rightSide"}


@pytest.mark.parametrize("bits", [0, 1, 0x7F7FFFFF, 0x3DCCCCCD, 0x4B800001, 0x33D6BF95, 0x80000000])
def test_floats_are_as_short_as_possible(everything: ProtobufCodec, native: Any, bits: int) -> None:
    content = b"\x5d" + bits.to_bytes(4, "little")
    theirs = MessageToDict(native.FromString(content), always_print_fields_with_no_presence=True)["half"]
    assert json.loads(everything.read(b"\0" + content))["half"] == theirs


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        ({"i32": 2**31}, ".i32", "is 2147483648: too large for 32 bits"),
        ({"i64": "x"}, ".i64", "is 'x': use a whole number (64 bits)"),
        ({"i64": 1.5}, ".i64", "is 1.5: use a whole number (64 bits)"),
        ({"i32": True}, ".i32", "is true: use a whole number (32 bits)"),
        ({"u64": -1}, ".u64", "is -1: too small for 64 bits, not negative"),
        ({"half": 1e39}, ".half", "is 1e+39: too large for float"),
        ({"real": "1" * 390}, ".real", "is inf: too large for double"),
        ({"flag": "true"}, ".flag", "is 'true': use true or false"),
        ({"text": 5}, ".text", "is 5: use a string"),
        ({"raw": "é"}, ".raw", "is not base64"),
        ({"color": "GREEN"}, ".color", "is 'GREEN': use one of RED, BLUE"),
        ({"colors": ["RED", None]}, ".colors[1]", "is null: use one of RED, BLUE"),
        ({"line": []}, ".line", "is []: shop.v1.Order.Line is an object"),
        ({"lines": {}}, ".lines", "is {}: use an array"),
        ({"lines": [{}, {"inner": {"sku": 1}}]}, ".lines[1].inner.sku", "is 1: use a string"),
        ({"counts": {"a": "x"}}, ".counts['a']", "is 'x': use a whole number (64 bits)"),
        ({"byNumber": {"x": {}}}, ".byNumber['x']", "is 'x': use a whole number (32 bits)"),
        ({"byFlag": {"maybe": ""}}, ".byFlag['maybe']", "is 'maybe': use true or false"),
        ({"names": "x"}, ".names", "is 'x': use an array"),
        ({"left": "l"}, ".left", "is given beside rightSide: choice is one of them"),
        ({"may_be": "x"}, ".mayBe", "is given as may_be too"),
        ({"extra": 1}, ".extra", "is not a field of shop.v1.Order"),
        ({"extra": None}, ".extra", "is not a field of shop.v1.Order"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(
    everything: ProtobufCodec, change: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(Misfit) as caught:
        everything.write(VALUE | change)
    assert (caught.value.path, caught.value.reason) == (path, reason)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "yesterday"),
        ("at", 5),
        ("took", "1"),
        ("mask", 5),
        ("wrapped", "x"),
        ("anyObject", []),
        ("empty", {"a": 1}),
    ],
)
def test_messages_with_a_json_of_their_own(everything: ProtobufCodec, field: str, value: Any) -> None:
    with pytest.raises(Misfit) as caught:
        everything.write({field: value})
    assert caught.value.path == f".{field}"
    assert "not a google.protobuf." in caught.value.reason


def test_fields_that_are_required_and_enums_that_are_closed() -> None:
    codec = ProtobufCodec(
        'syntax = "proto2"; message A { required int32 a = 1; optional A n = 2; enum E { X = 1; } optional E e = 3; }'
    )
    for value, path in (({}, ".a"), ({"a": 1, "n": {}}, ".n.a"), ({"a": 1, "e": 5}, ".e")):
        with pytest.raises(Misfit) as caught:
            codec.write(value)
        assert caught.value.path == path
    assert json.loads(codec.read(codec.write({"a": 1, "e": "X"}))) == {"a": 1, "e": "X"}


class TestWhichMessage:
    def test_the_first_is_written_and_every_one_is_read(self, everything: ProtobufCodec) -> None:
        for indexes, content, value in (
            (b"\x02\x00", b"", None),
            (b"\x02\x02", b"\x08\x05", {"a": 5}),
            (b"\x04\x02\x00", b"\x0a\x01x", {"b": "x"}),
            (b"\x04\x00\x00", b"\x0a\x01x", {"sku": "x"}),
        ):
            read = json.loads(everything.read(indexes + content))
            assert value is None or read == value

    @pytest.mark.parametrize(
        "indexes",
        [b"", b"\x02", b"\x02\x04", b"\x04\x02\x02", b"\x01", b"\x03\x00", b"\x02\x01", b"\xff" * 20, b"\xfe\xff\x01" + b"\0" * 20_000, b"\x04\x00\x02"],
    )  # fmt: skip
    def test_what_is_none_is_no_record(self, everything: ProtobufCodec, indexes: bytes) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - it has no message: the record is handed out in base64
            everything.read(indexes)


class TestReferences:
    def test_they_are_the_files_that_are_imported(self) -> None:
        codec = ProtobufCodec(
            HEAD + 'import "shop/price.proto"; import "b.proto"; message A { p.Price price = 1; B b = 2; }',
            [
                ("shop/price.proto", HEAD + 'package p; import "b.proto"; message Price { B b = 1; }'),
                ("b.proto", HEAD + "message B { int32 c = 1; }"),
                ("google/protobuf/timestamp.proto", "nonsense"),
            ],
        )
        value = {"price": {"b": {"c": 1}}, "b": {"c": 2}}
        assert json.loads(codec.read(codec.write(value))) == value

    @pytest.mark.parametrize(
        "name",
        ["../up.proto", "/etc/absolute.proto", "a/../../up.proto", "nothing", "a.proto/b.proto", "a\0.proto", "x" * 300 + ".proto", "-I.proto/.proto", "é.proto"],
    )  # fmt: skip
    def test_paths_stay_in_their_folder(self, name: str) -> None:
        with pytest.raises(Unusable):
            ProtobufCodec(HEAD + "message A {}", [("a.proto", HEAD), (name, HEAD)])

    def test_no_file_of_this_machine_is_imported(self) -> None:
        for path in ("/etc/passwd", "../../etc/passwd", "/proc/self/environ"):
            with pytest.raises(Unusable, match="is not valid Protobuf"):
                ProtobufCodec(HEAD + f'import "{path}"; message A {{}}')


WIDE = (
    HEAD + "message A { repeated W w = 1; } message W {" + "".join(f"int32 f{i} = {i + 1};" for i in range(2000)) + "}"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "is not valid Protobuf: schema.proto:1:1"),
        ("", "has no message"),
        ("\ud800", "half of a character"),
        (HEAD + "message A { B b = 1; }", '"B" is not defined'),
        (HEAD + 'import "a.proto"; message A {}', "is not valid Protobuf"),
        (HEAD + 'import "schema.proto"; message A {}', "is not valid Protobuf"),
        (HEAD + "message A {" * 20_000 + "}" * 20_000, "recursion limit"),
        (HEAD + "".join(f"message M{i} {{}}" for i in range(9000)), "more than 10,000 parts"),
        (HEAD + "message A { enum E {" + "".join(f"V{i} = {i};" for i in range(11_000)) + "} }", "more than 10,000 parts"),
        (HEAD + "message A { oneof x {" + "".join(f"int32 f{i} = {i + 1};" for i in range(11_000)) + "} }", "more than 10,000"),
        (HEAD + 'import "google/protobuf/any.proto"; message A { google.protobuf.Any a = 1; }', "google.protobuf.Any"),
        (HEAD + 'import "google/protobuf/any.proto"; message A { map<int32, google.protobuf.Any> a = 1; }', ".Any"),
        (HEAD + "message A { string " + "a" * 300 + " = 1; }", "longer than 250"),
        (HEAD + "message A { enum E { " + "A" * 300 + " = 0; } }", "longer than 250"),
        (HEAD + "enum E { " + "A" * 300 + " = 0; } message A { E e = 1; }", "longer than 250"),
        (HEAD + 'message A { string a = 1 [json_name = "' + "a" * 300 + '"]; }', "longer than 250"),
        (HEAD + "message A { string HasField = 1; }", "a name of Google's library"),
        (HEAD + "package google.protobuf; message Struct { int32 a = 1; }", "a package of Google's"),
        ('syntax = "proto2"; message A { optional group G = 1 { } }', "the group A.g"),
        ('edition = "2023"; option features.message_encoding = DELIMITED; message A { A a = 1; }', "has groups"),
        ('edition = "2023"; message A { A a = 1 [features.message_encoding = DELIMITED]; }', "the group A.a"),
    ],
)  # fmt: skip
def test_schemas_that_are_none_or_take_too_much_are_refused(text: str, reason: str) -> None:
    with pytest.raises(Unusable) as caught:
        ProtobufCodec(text)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_compiler_has_neither_variables_nor_more_time_and_memory_than_it_needs(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "in the environment")
    program = tmp_path / "compiler.py"
    for code, reason in (
        ("import os, sys; print('x.proto:', sorted(os.environ)); sys.exit(1)", "is not valid Protobuf: x.proto:"),
        ("import os, resource, signal; os.kill(os.getpid(), signal.SIGXCPU)", "more than 5 s"),
        ("import os; os.abort()", "too much memory"),
    ):
        program.write_text(code)
        monkeypatch.setattr(protoc_process, "__file__", str(program))
        with pytest.raises(Unusable, match=reason) as caught:
            ProtobufCodec(HEAD + "message A {}")
        assert "SECRET" not in str(caught.value)
    assert "SECRET" in os.environ


@pytest.mark.parametrize("record", [b"\0" + b"\x0a\0" * 500_000, b"\0" + b"\x0a\x03\x08\x05\x08" * 1_000_000])
def test_records_that_would_fill_the_memory_are_no_records(record: bytes) -> None:
    codec = ProtobufCodec(WIDE)
    with pytest.raises(ValueError):  # noqa: PT011
        codec.read(record)
    assert json.loads(codec.read(b"\0" + b"\x0a\0" * 2))["w"][1]["f1999"] == 0
    with pytest.raises(Misfit, match="bytes of memory"):
        codec.write({"w": [{}] * 300_000})


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"next": value}
    return value


def test_what_is_written_can_be_read_however_deep_it_is() -> None:
    codec = ProtobufCodec(
        HEAD + 'import "google/protobuf/struct.proto"; message A { A next = 1; google.protobuf.Value any = 2; }'
    )
    for depth in (0, 50, 100):
        assert json.loads(codec.read(codec.write(nested(depth)))) == nested(depth)
    for value in (nested(101), nested(500), {"any": nested(40)}, {"any": nested(300)}):
        with pytest.raises(Misfit):
            codec.write(value)


def test_noise_never_does_more_than_not_fit(everything: ProtobufCodec) -> None:
    noise = random.Random(5)
    sound = everything.write(VALUE)
    for _ in range(3000):
        changed = bytearray(sound)
        for _ in range(noise.randint(1, 4)):
            changed[noise.randrange(len(changed))] = noise.randrange(256)
        try:
            json.loads(everything.read(bytes(changed)))
        except ValueError:
            continue


@pytest.mark.parametrize(
    "record",
    [b"\0\x0a" + b"\xff" * 9, b"\0" + b"\x0b" * 1_000_000, b"\0" + b"\x72\x02\xff\xff", b"\0" + b"\xc2\x01" * 100_000, b"\0\xff"],
)  # fmt: skip
def test_hostile_records_are_no_records_and_take_no_time(everything: ProtobufCodec, record: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(ValueError):  # noqa: PT011
        everything.read(record)
    assert time.process_time() - begun < 10


def test_a_few_bytes_do_not_become_any_number_of_names() -> None:
    fields = " ".join(f"bool f{i:0239} = {i + 1};" for i in range(1000))
    codec = ProtobufCodec(HEAD + f"message A {{ repeated B b = 1; }} message B {{ {fields} }}")
    for count in (1, 1000):
        record = b"\0" + b"\x0a\x00" * count
        try:
            found = len(codec.read(record))
        except ValueError:
            found = 0
        assert found <= 600_000 + 110 * len(record)
