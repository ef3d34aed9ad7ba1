"""Files of schemas: what is read, and what is refused in one line before anything is changed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.capabilities import rendered
from infra.schemas import protobuf_files
from infra.schemas.declared import Declared
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse

ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}],
}
USES: dict[str, Any] = ORDER | {
    "fields": [{"name": "customer", "type": ["null", {"type": "array", "items": "Customer"}]}]
}
CUSTOMER: dict[str, Any] = ORDER | {"name": "Customer"}
MESSAGE = 'syntax = "proto3";\npackage shop;\n'


def faults(folder: Path, value: str, files: Mapping[str, Any], **more: Any) -> list[str]:
    """What is wrong with a stack whose topic names a file, one of these."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
    try:
        parse({"topics": {"orders": {"value": value}}, "registry": {}, **more}, folder)
    except SettingsError as error:
        return [str(fault) for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ("order.avsc", {"order.avsc": ORDER}),
        ("s/order.avsc", {"s/order.avsc": USES, "s/shop.Customer.avsc": CUSTOMER}),
        ("order.avsc", {"order.avsc": '"string"'}),
        ("tree.avsc", {"tree.avsc": ORDER | {"fields": [{"name": "next", "type": ["null", "Order"]}]}}),
        (
            "order.json",
            {"order.json": {"type": "object", "properties": {"id": {"$ref": "#/$defs/id"}}, "$defs": {"id": {}}}},
        ),
        ("s/order.json", {"s/order.json": {"$ref": "parts/id.json#/a"}, "s/parts/id.json": {"a": {"type": "string"}}}),
        ("item.proto", {"item.proto": MESSAGE + "message Item { string sku = 1; }\n"}),
        (
            "item.proto",
            {
                "item.proto": MESSAGE + 'import "common/money.proto";\nimport "google/protobuf/timestamp.proto";\n'
                "message Item { Money price = 1; google.protobuf.Timestamp at = 2; }\n",
                "common/money.proto": MESSAGE + "message Money { int64 cents = 1; }\n",
            },
        ),
    ],
)
def test_schemas_of_every_language_with_references(tmp_path: Path, value: str, files: Mapping[str, Any]) -> None:
    assert faults(tmp_path, value, files) == []


DEEP = "[" * 5000 + "]" * 5000
HOSTILE: list[tuple[str, Mapping[str, Any], str]] = [
    ("../order.avsc", {}, "'../order.avsc' is outside of stack: put it into that folder"),
    ("/etc/passwd.avsc", {}, "'/etc/passwd.avsc' is outside of stack: put it into that folder"),
    ("order.avsc", {}, "'order.avsc' is not a file in stack: correct the name"),
    (
        "order.txt",
        {"order.txt": "x"},
        "'order.txt' is not a file of a schema: write a path that ends in .avsc, .json, .proto",
    ),
    ("order.avsc", {"order.avsc": ""}, "order.avsc: is empty: write a schema"),
    ("order.avsc", {"order.avsc": b"\xff\xfe"}, "order.avsc: is not text in UTF-8: save it as such"),
    ("order.avsc", {"order.avsc": "{"}, "order.avsc: is not JSON, "),
    ("order.avsc", {"order.avsc": " " * 300_000 + "{}"}, "order.avsc: has more than 262,144 bytes: divide it, "),
    ("order.avsc", {"order.avsc": DEEP}, "order.avsc: is nested 5,000 deep: use up to 100 levels"),
    ("order.json", {"order.json": DEEP}, "order.json: is nested 5,000 deep: use up to 100 levels"),
    (
        "order.avsc",
        {"order.avsc": USES},
        "order.avsc: type 'shop.Customer' is unknown: define it, or put it beside the file as",
    ),
    ("order.avsc", {"order.avsc": '"strin"'}, "order.avsc: type 'strin' is unknown: "),
    ("order.avsc", {"order.avsc": '"../x"'}, "order.avsc: type '../x' is unknown: "),
    ("order.avsc", {"order.avsc": ORDER | {"fields": [{"name": "a"}]}}, "order.avsc: is not a schema of Avro, "),
    ("order.avsc", {"order.avsc": "7"}, "order.avsc: is not a schema of Avro, "),
    (
        "order.avsc",
        {"order.avsc": {"type": "enum", "name": "e", "symbols": ["a", "a"]}},
        "order.avsc: is not a schema of Avro, Duplicate symbol: ",
    ),
    (
        "a.A.avsc",
        {
            "a.A.avsc": ORDER | {"name": "a.A", "fields": [{"name": "b", "type": "a.B"}]},
            "a.B.avsc": ORDER | {"name": "a.B", "fields": [{"name": "a", "type": "a.A"}]},
        },
        "a.B.avsc: refers to a.A.avsc, which refers back to it: put both into one file",
    ),
    (
        "order.json",
        {"order.json": {"$ref": "http://169.254.169.254/x"}},
        "order.json: $ref 'http://169.254.169.254/x' is not a file",
    ),
    (
        "order.json",
        {"order.json": {"$ref": "file:///etc/passwd"}},
        "order.json: $ref 'file:///etc/passwd' is not a file",
    ),
    ("order.json", {"order.json": {"$ref": "/etc/passwd"}}, "order.json: $ref '/etc/passwd' is not a file"),
    ("order.json", {"order.json": {"$ref": "../secret.json"}}, "order.json: '../secret.json' is outside of "),
    ("order.json", {"order.json": {"$ref": "order.json"}}, "order.json: refers to order.json, which refers back to it"),
    ("order.json", {"order.json": {"type": "objekt"}}, "order.json: $.type: 'objekt' is not valid"),
    (
        "order.json",
        {"order.json": {"$schema": "http://x.example.com/s"}},
        "order.json: $schema 'http://x.example.com/s' is not known",
    ),
    ("order.json", {"order.json": "[]"}, "order.json: is not a JSON Schema, it is no object: write one"),
    (
        "a.proto",
        {"a.proto": MESSAGE + "message A { string a = 1 }"},
        "a.proto: is not Protobuf, a.proto:3:26: Expected",
    ),
    ("a.proto", {"a.proto": MESSAGE + 'import "../b.proto";'}, "a.proto: import '../b.proto' leaves its folder"),
    ("a.proto", {"a.proto": MESSAGE + 'import "/etc/b.proto";'}, "a.proto: import '/etc/b.proto' leaves its folder"),
    ("a.proto", {"a.proto": MESSAGE + 'import "b.proto";'}, "a.proto: 'b.proto' is not a file in "),
    ("a.proto", {"a.proto": MESSAGE + 'import "a.proto";'}, "a.proto: refers to a.proto, which refers back to it"),
    (
        "a.proto",
        {"a.proto": MESSAGE + 'import "grpc_tools/protoc.py";', "grpc_tools/protoc.py": "raise SystemExit('it ran')"},
        "a.proto: import 'grpc_tools/protoc.py' is not a .proto file: import one",
    ),
    ("a.proto", {"a.proto": MESSAGE + "\n" * 250_000 + "x"}, "a.proto: is not Protobuf, a.proto:"),
    ("a.proto", {"a.proto": "/* " * 80_000}, 'a.proto: is not Protobuf, a.proto:1:5: "/*" inside block comment'),
    ("order.json", {"order.json": {"$ref": "a" * 5000}}, "order.json: 'aaaa"),
    ("order.json", {"order.json": r'{"$ref": "\ud800"}'}, r"order.json: '\ud800' is not a path: "),
    ("order.json", {"order.json": {"$schema": ["x"]}}, "order.json: $schema \"['x']\" is not known"),
    ("order.json", {"order.json": {"pattern": "a{99999999999999999999}"}}, "order.json: is not a JSON Schema, the rep"),
    (
        "order.json",
        {"order.json": {"$schema": "http://json-schema.org/draft-04/schema#", "enum": [1, "1"] * 15_000}},
        "order.json: an enum has 30,000 values of several kinds: use up to 200",
    ),
    ("order.avsc", {"order.avsc": json.dumps("b" * 5000)}, "order.avsc: type 'bbbb"),
    ("order.avsc", {"order.avsc": r'"\ud800"'}, r"order.avsc: type '\ud800' is unknown: "),
    ("a.proto", {"a.proto": "message A {" * 500 + "}" * 500}, "a.proto: is not Protobuf, "),
]


@pytest.mark.parametrize(("value", "files", "line"), HOSTILE, ids=[line[:60] for _, _, line in HOSTILE])
def test_a_hostile_or_broken_file_is_one_fault(tmp_path: Path, value: str, files: Mapping[str, Any], line: str) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    (tmp_path / "order.avsc").write_text(json.dumps(ORDER))
    (tmp_path / "secret.json").write_text("{}")
    [found] = faults(folder, value, files)
    assert found.startswith(f"topics.orders.value: {line}"), found
    assert "\n" not in found


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "order.avsc").write_text(json.dumps(ORDER))
    (tmp_path / "stack" / "order.avsc").symlink_to(tmp_path / "order.avsc")
    assert "is outside of stack" in faults(tmp_path / "stack", "order.avsc", {})[0]


def test_a_device_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "order.avsc")
    assert "is not a file" in faults(tmp_path, "order.avsc", {})[0]


def test_schemas_need_a_registry(tmp_path: Path) -> None:
    (tmp_path / "order.avsc").write_text(json.dumps(ORDER))
    with pytest.raises(SettingsError) as raised:
        parse({"topics": {"orders": {"value": "order.avsc"}}}, tmp_path)
    fix = "write registry: {}, or registry.url of one that is there"
    assert [str(each) for each in raised.value.faults] == [f"topics.orders.value: schemas need a registry: {fix}"]


def test_subjects_are_named_as_clients_look_for_them(tmp_path: Path) -> None:
    files = {"order.avsc": USES, "shop.Customer.avsc": CUSTOMER}
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    settings = parse({"topics": {"orders": {"value": "order.avsc", "compatibility": "full"}}, "registry": {}}, tmp_path)
    found = Declared(Path(__file__).resolve().parents[3], settings.topics).subjects
    assert sorted(found) == ["orders-value", "shop.Customer"]
    assert [each.subject for each in found["orders-value"].references] == ["shop.Customer"]
    assert found["orders-value"].compatibility is not None
    assert found["shop.Customer"].compatibility is None


def test_files_are_judged_once_and_then_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    monkeypatch.setattr(protobuf_files, "check", lambda loaded: judged.append(loaded.shown))
    (tmp_path / "item.proto").write_text(MESSAGE + "message Item { string sku = 1; }\n")
    settings = parse({"topics": {"items": {"value": "item.proto"}}, "registry": {}}, tmp_path)
    names = [each.object.manifest["metadata"].get("name") for each in rendered(settings)]
    assert ("schemas-schemas" in names, judged) == (True, ["item.proto"])
