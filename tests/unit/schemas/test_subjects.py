"""SchemaSubjects: what it renders, the graph that it makes, what it refuses, before and during a deployment."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from kafka_platform import Compatibility, SchemaReference, SchemaSubjects, SchemaSubjectsArgs, SchemaType, Subject
from kafka_platform.kube.declared import MAX_BYTES
from kafka_platform.schemas.compatibility import check_schema_update
from kafka_platform.schemas.objects import declarations
from kafka_platform_runtime.registrar.declarations import Settings

from tests.unit.components.graph import Registered, run

URL = "http://schemas.streaming.svc/apis/ccompat/v7"


def avro(*fields: str, name: str = "Order", kind: Any = "string", **defaults: str) -> str:
    named: list[dict[str, Any]] = [{"name": each, "type": kind} for each in fields]
    named += [{"name": each, "type": "string", "default": default} for each, default in defaults.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": named})


def make(**changes: Any) -> dict[str, Registered]:
    given = {
        "url": URL,
        "namespace": "streaming",
        "secret": "schemas-admin",
        "subjects": {"orders-value": Subject(schema=avro("id"))},
    }
    args = SchemaSubjectsArgs(**given | changes)
    return run(lambda: SchemaSubjects("schemas", args) and None)


def pod(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = make(**changes)["Job schemas-register"].inputs["spec"]["template"]["spec"]
    return spec


def test_its_children() -> None:
    assert sorted(make()) == [
        "ConfigMap schemas-schemas",
        "Job schemas-register",
        "NetworkPolicy schemas-registrar-network",
        "SchemaSubjects schemas",
    ]


def test_the_program_takes_its_variables_and_the_login_is_a_file() -> None:
    [container] = pod(removed_subjects=["old"], ca_secret="ca")["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    told = Settings.from_environment(variables)
    assert (told.url, told.compatibility) == (URL, "BACKWARD")
    folders = {each["mountPath"] for each in container["volumeMounts"]}
    assert {str(told.login), str(told.declarations), str(told.ca_file).rpartition("/")[0]} == folders
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_it_reaches_the_registry_and_nobody_reaches_it() -> None:
    spec = make()["NetworkPolicy schemas-registrar-network"].inputs["spec"]
    assert spec["ingress"] == []
    assert [each["port"] for each in spec["egress"][-1]["ports"]] == [80, 8080]


def test_a_subject_is_removed_only_when_told_to() -> None:
    data = make(removed_subjects=["old"])["ConfigMap schemas-schemas"].inputs["data"]
    assert data["removed"] == '["old"]'
    assert "removed" not in make()["ConfigMap schemas-schemas"].inputs["data"]
    check_schema_update(data, {})


def test_another_schema_makes_another_job() -> None:
    def version(**changes: Any) -> str:
        template = make(**changes)["Job schemas-register"].inputs["spec"]["template"]
        return str(template["metadata"]["annotations"]["kafka-platform/declarations"])

    assert version() == version()
    assert version(subjects={"orders-value": Subject(schema=avro("id", note=""))}) != version()
    assert version(removed_subjects=["old"]) != version()


def update(old: Subject, new: Subject, **others: Subject) -> None:
    sides = [declarations({"orders-value": each, **others}, Compatibility.BACKWARD) for each in (old, new)]
    check_schema_update(*sides)


@pytest.mark.parametrize(
    ("compatibility", "new", "fault"),
    [
        ("backward", avro("id", note=""), None),
        ("backward", avro(), None),
        ("backward", avro("id", "amount"), "reader field missing default value: amount: give it a default"),
        ("backward", avro("id", kind="long"), "type mismatch"),
        ("forward", avro("id", "amount"), None),
        ("forward", avro(), "reader field missing default value: id"),
        ("full", avro("id", "amount"), "reader field missing default value: amount"),
        ("fullTransitive", avro(), "the last version does not read records of the new one"),
        ("none", avro("id", kind="long"), None),
    ],
)
def test_a_change_that_readers_or_records_do_not_fit_is_refused_before_anything_is_changed(
    compatibility: str, new: str, fault: str | None
) -> None:
    level = Compatibility(compatibility)
    before, after = (Subject(schema=text, compatibility=level) for text in (avro("id"), new))
    if fault is None:
        update(before, after)
    else:
        with pytest.raises(ValueError, match=rf"^subject orders-value: .*{fault}"):
            update(before, after)


def test_a_changed_reference_is_a_changed_schema() -> None:
    fields = [{"name": "customer", "type": "shop.Customer"}]
    text = json.dumps({"type": "record", "name": "Sale", "namespace": "shop", "fields": fields})
    sale = Subject(schema=text, references=[SchemaReference(name="shop.Customer", subject="shop.Customer")])
    sides = [
        declarations({"sale": sale, "shop.Customer": Subject(schema=each)}, Compatibility.BACKWARD)
        for each in (avro("name", name="Customer"), avro("name", "city", name="Customer"))
    ]
    with pytest.raises(ValueError, match=r"subject sale: .*; subject shop.Customer: "):
        check_schema_update(*sides)


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^subject orders-value: AVRO -> JSON: no reader reads both"):
        update(Subject(schema=avro("id")), Subject(schema="{}", type=SchemaType.JSON))


def test_what_cannot_be_read_any_more_is_left_to_the_registry() -> None:
    update(Subject(schema="{"), Subject(schema=avro("id")))


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: Subject(schema=" "), r"^schema: is empty"),
        (lambda: Subject(schema="x" * 300_000), r"^schema: has 300,000 bytes: use up to 262,144"),
        (lambda: Subject(schema="{}", type="xml"), r"^type: 'xml' is not known: use"),  # type: ignore[arg-type]
        (lambda: make(subjects={"a\nb": Subject(schema="{}")}), r"^subjects: 'a\\nb' is not a subject"),
        (lambda: make(removed_subjects=["orders-value"]), r"^removed_subjects: 'orders-value' is declared too"),
        (lambda: make(url="registry"), r"^url: 'registry' is not a URL"),
        (
            lambda: make(subjects={"a": Subject(schema="{}", references=[SchemaReference(name="b", subject="b")])}),
            r"^subjects: a: references: subject 'b' is not declared beside it",
        ),
    ],
)
def test_misuse(make_it: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_it()


def test_more_than_a_config_map_takes_is_refused() -> None:
    many = {f"s{number}": Subject(schema="x" * 200_000) for number in range(5)}
    with pytest.raises(ValueError, match=f"a ConfigMap takes {MAX_BYTES:,}"):
        declarations(many, Compatibility.NONE)


def test_subjects_that_are_no_keys_of_a_config_map_get_keys_of_their_own() -> None:
    names = ["common/money.proto", "common-money.proto", "ä"]
    keys = declarations(dict.fromkeys(names, Subject(schema="x")), Compatibility.NONE)
    assert len(keys) == 3
    assert all(key.replace(".", "").replace("-", "").replace("_", "").isascii() for key in keys)
