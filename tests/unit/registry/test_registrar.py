"""The program that registers declared schemas, against a real registry."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka_platform import Compatibility, SchemaReference, SchemaType, Subject
from kafka_platform.kube.declared import REMOVED_KEY
from kafka_platform.registry.spec import REGISTRAR
from kafka_platform.schemas.objects import declarations
from kafka_platform_runtime.jobs import DONE, NOT_NOW, REFUSED
from kafka_platform_runtime.registrar.__main__ import run

from tests.registry_process import LocalRegistry


def avro(*fields: str, name: str = "Order", **defaults: str) -> str:
    """An Avro schema with text fields."""
    named: list[dict[str, Any]] = [{"name": each, "type": "string"} for each in fields]
    named += [{"name": each, "type": "string", "default": default} for each, default in defaults.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": named})


class Bench:
    """Declarations, and what a run of the program answers."""

    def __init__(self, registry: LocalRegistry, folder: Path) -> None:
        self.registry, self.folder = registry, folder
        self.password = f"{REGISTRAR}-password"

    def run(
        self,
        subjects: Mapping[str, Subject],
        *,
        removed: tuple[str, ...] = (),
        url: str | None = None,
        seconds: str = "30",
    ) -> tuple[int, str]:
        declared, login = self.folder / "schemas", self.folder / "login"
        for folder in (declared, login):
            folder.mkdir(exist_ok=True)
            for old in folder.iterdir():
                old.unlink()
        for key, text in declarations(subjects, Compatibility.BACKWARD).items():
            (declared / key).write_text(text)
        if removed:
            (declared / REMOVED_KEY).write_text(json.dumps(removed))
        (login / "username").write_text(REGISTRAR)
        (login / "password").write_text(self.password)
        return run(
            {
                "REGISTRY_URL": url or self.registry.url,
                "REGISTRY_LOGIN_DIR": str(login),
                "REGISTRY_COMPATIBILITY": "BACKWARD",
                "DECLARATIONS_DIR": str(declared),
                "DEADLINE_SECONDS": seconds,
            }
        )

    def versions(self, subject: str) -> Any:
        return self.registry.admin("GET", f"/subjects/{subject}/versions")[1]


@pytest.fixture
def bench(registry: LocalRegistry, tmp_path: Path) -> Bench:
    return Bench(registry, tmp_path)


def test_it_registers_once_whatever_runs_again(bench: Bench) -> None:
    subject = Subject(schema=avro("id"))
    assert bench.run({"once": subject}) == (DONE, "done: 1 registered, 0 unchanged, 0 deleted")
    assert bench.run({"once": subject}) == (DONE, "done: 0 registered, 1 unchanged, 0 deleted")
    assert bench.versions("once") == [1]
    assert bench.run({"once": Subject(schema=avro("id", note=""))}) == (
        DONE,
        "done: 1 registered, 0 unchanged, 0 deleted",
    )
    assert bench.versions("once") == [1, 2]


def test_an_incompatible_change_is_refused_with_the_registrys_reason_and_nothing_is_registered(bench: Bench) -> None:
    assert bench.run({"kept": Subject(schema=avro("id"))})[0] == DONE
    code, message = bench.run({"kept": Subject(schema=avro("id", "amount")), "another": Subject(schema=avro("id"))})
    assert code == REFUSED
    assert message == "refused:\nsubject kept: incompatible with its last version (BACKWARD): amount at /fields/1"
    assert bench.versions("kept") == [1]
    assert bench.registry.admin("GET", "/subjects/another/versions")[0] == 404


@pytest.mark.parametrize(
    ("compatibility", "schema", "code"),
    [
        (Compatibility.NONE, avro("other"), DONE),
        (Compatibility.BACKWARD, avro("id", note=""), DONE),
        (Compatibility.FORWARD, avro("id", "more"), DONE),
        (Compatibility.FORWARD, avro("more"), REFUSED),
        (Compatibility.FULL, avro("id", "more"), REFUSED),
        (Compatibility.FULL_TRANSITIVE, avro("id", note=""), DONE),
    ],
)
def test_levels(bench: Bench, compatibility: Compatibility, schema: str, code: int) -> None:
    subject = f"level-{compatibility.value}-{code}"
    first = Subject(schema=avro("id"), compatibility=compatibility)
    assert bench.run({subject: first})[0] == DONE
    assert bench.run({subject: replace(first, schema=schema)})[0] == code


def test_a_refused_change_leaves_the_level_as_it_was(bench: Bench) -> None:
    assert bench.run({"tight": Subject(schema=avro("id"), compatibility=Compatibility.BACKWARD)})[0] == DONE
    worse = Subject(schema=avro("id", "more"), compatibility=Compatibility.FULL)
    assert bench.run({"tight": worse})[0] == REFUSED
    assert bench.registry.admin("GET", "/config/tight")[1] == {"compatibilityLevel": "BACKWARD"}


def test_schemas_that_refer_to_others(bench: Bench) -> None:
    customer = Subject(schema=avro("name", name="Customer"))
    fields = [{"name": "customer", "type": "shop.Customer"}]
    sale = Subject(
        schema=json.dumps({"type": "record", "name": "Sale", "namespace": "shop", "fields": fields}),
        references=[SchemaReference(name="shop.Customer", subject="shop.Customer")],
    )
    both = {"a-sale": sale, "shop.Customer": customer}
    assert bench.run(both) == (DONE, "done: 2 registered, 0 unchanged, 0 deleted")
    assert bench.run(both) == (DONE, "done: 0 registered, 2 unchanged, 0 deleted")
    changed = {**both, "shop.Customer": Subject(schema=avro("name", name="Customer", city=""))}
    assert bench.run(changed)[0] == DONE
    assert bench.versions("shop.Customer") == [1, 2]


def test_json_schema_and_protobuf(bench: Bench) -> None:
    document = json.dumps({"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False})
    message = 'syntax = "proto3";\npackage shop;\nmessage Item { string sku = 1; }\n'
    both = {
        "json-value": Subject(schema=document, type=SchemaType.JSON),
        "proto-value": Subject(schema=message, type=SchemaType.PROTOBUF),
    }
    assert bench.run(both)[1] == "done: 2 registered, 0 unchanged, 0 deleted"
    assert bench.run(both)[1] == "done: 0 registered, 2 unchanged, 0 deleted"
    worse = {**both, "proto-value": replace(both["proto-value"], schema=message.replace("string", "int32"))}
    code, text = bench.run(worse)
    assert code == REFUSED
    assert "subject proto-value: incompatible" in text


def test_a_subject_is_deleted_only_when_told_to(bench: Bench) -> None:
    assert bench.run({"gone": Subject(schema=avro("id"))})[0] == DONE
    assert bench.run({})[0] == DONE
    assert bench.versions("gone") == [1]
    assert bench.run({}, removed=("gone", "never-there"))[1] == "done: 0 registered, 0 unchanged, 1 deleted"
    assert bench.registry.admin("GET", "/subjects/gone/versions")[0] == 404


def test_a_wrong_login_is_refused_and_a_registry_that_is_not_there_is_waited_for(bench: Bench) -> None:
    bench.password = "wrong"
    code, message = bench.run({"x": Subject(schema=avro("id"))})
    assert (code, "refuses the login (401)" in message) == (REFUSED, True)
    assert "wrong" not in message
    code, message = bench.run({"x": Subject(schema=avro("id"))}, url="http://127.0.0.1:1", seconds="1")
    assert (code, message.startswith("not done after 1 s: the registry does not answer")) == (NOT_NOW, True)
