"""Connectors of a stack file whose records have schemas in its registry."""

from pathlib import Path
from typing import Any

import pytest
from kafka_platform import RegistryRole

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.capabilities.connectors import KafkaConnect
from infra.capabilities.registry import Registry
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse, read_stack
from tests.many import for_each

SHOP = {"host": "db.shop", "database": "shop", "secret": "shop-db", "tables": ["public.orders"]}
WAREHOUSE = {"jdbc": {"url": "jdbc:postgresql://dw/w", "secret": "dw"}, "reads": ["shop.public.orders"]}
SEARCH = {"http": {"url": "https://api.example.com"}, "reads": ["shop.public.orders"], "format": "schema"}


CLICKS: dict[str, Any] = {
    "jdbc": {"url": "jdbc:postgresql://dw/w", "secret": "dw", "keyColumn": "id"},
    "reads": ["clicks"],
}
TOPICS = {
    "avro": {"value": "a.avsc"},
    "both": {"value": "a.avsc", "key": "a.avsc"},
    "clicks": {"value": "c.json"},
    "payments": {"value": "p.proto"},
    "plain": {},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the files of the schemas."""
    made = tmp_path_factory.mktemp("schemas")
    (made / "a.avsc").write_text('{"type": "record", "name": "A", "fields": []}')
    (made / "c.json").write_text('{"type": "object"}')
    (made / "p.proto").write_text('syntax = "proto3"; message P {}')
    return made


def formats(folder: Path, sink: dict[str, Any], **more: Any) -> dict[str, str | None]:
    """How a sink reads its topics' records."""
    file = {"registry": {}, "topics": TOPICS, "connectors": {"sink": sink, "shop": {"postgres": SHOP, **more}}}
    settings = parse(file, folder)
    section = KafkaConnect().section(settings)
    assert section is not None
    found = section.declared["sink"]
    return {"format": found.values.value, "keys": found.keys_format.value}


def sink(*topics: str, **more: Any) -> dict[str, Any]:
    return CLICKS | {"reads": list(topics)} | more


FOLLOWING = [
    (sink("avro"), "avro", "text"),
    (sink("both"), "avro", "avro"),
    (sink("clicks"), "jsonschema", "text"),
    (sink("payments"), "protobuf", "text"),
    (sink("plain"), "json", "json"),
    (sink("clicks", format="json"), "json", "json"),
    (sink("clicks", keys="json"), "jsonschema", "json"),
    (sink("shop.public.orders"), "json", "json"),
    (CLICKS | {"jdbc": CLICKS["jdbc"] | {"config": {"value.converter": "com.example.Own"}}}, "json", "json"),
]


@for_each("given, values, keys", FOLLOWING)
def test_a_sink_reads_what_the_schemas_of_its_topics_say(
    folder: Path, given: dict[str, Any], values: str, keys: str
) -> None:
    assert formats(folder, given) == {"format": values, "keys": keys}


def test_a_sink_reads_what_a_source_writes(folder: Path) -> None:
    assert formats(folder, sink("shop.public.orders"), format="jsonschema") == {
        "format": "jsonschema",
        "keys": "jsonschema",
    }


def connectors(**given: Any) -> dict[str, Any]:
    return {"connectors": given}


WITHOUT: dict[str, Any] = {"topics": {"plain": {}}}
"""A file that has no registry."""
BROKEN = [
    (connectors(a=sink("avro", "clicks")), "connectors.a.format: missing, and its topics differ: values of avro has avro, clicks has jsonschema"),
    (connectors(a=WAREHOUSE | {"reads": ["clicks"]}), "connectors.a.jdbc.keyColumn: missing: its keys are text"),
    (connectors(a=sink("avro", "plain")), "connectors.a.format: missing, and its topics differ: values of avro has avro, plain has json"),
    (connectors(a=sink("avro", "both")), "connectors.a.keys: missing, and its topics differ: keys of avro has text, both has avro"),
    (connectors(a={"postgres": SHOP} | {"format": "protobuf"}), "connectors.a.format: protobuf is for sinks"),
    (connectors(a={"postgres": SHOP} | {"keys": "protobuf"}), "connectors.a.keys: protobuf is for sinks"),
    (connectors(a={"postgres": SHOP} | {"keys": "text"}), "connectors.a.format: text has no columns"),
    (connectors(a=sink("clicks", format="jsonSchema")), "connectors.a.format: 'jsonSchema'"),
    (connectors(a=sink("clicks", format="schema")), "connectors.a.format: schema is for light sinks"),
    (connectors(a=SEARCH | {"reads": ["clicks"], "format": "jsonschema"}), "connectors.a.format: jsonschema is for connectors of Kafka Connect"),
    (connectors(a=SEARCH | {"reads": ["clicks"], "keys": "text"}), "connectors.a.keys: "),
    (WITHOUT | connectors(a=sink("plain", format="jsonschema")), "connectors.a.format: jsonschema needs a schema registry"),
    (WITHOUT | connectors(a=sink("plain", keys="avro", format="json")), "connectors.a.format: avro needs a schema registry"),
    ({"registry": {"authority": "ca"}} | connectors(a=sink("clicks")), "registry.authority: the stack runs its own registry"),
    ({"registry": {"url": "http://registry.example.com", "clientSecret": "s"}} | connectors(a=sink("clicks")), "registry.clientSecret"),
]  # fmt: skip


@for_each("file, message", BROKEN)
def test_broken_formats_have_one_clear_fault_each(folder: Path, file: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(({} if "topics" in file else {"topics": TOPICS, "registry": {}}) | file, folder)
    assert len(caught.value.faults) == 1, caught.value
    assert message in str(caught.value), caught.value


def test_connectors_reach_a_registry_with_an_authority_of_its_own_and_one_of_somebody_else(
    folder: Path,
) -> None:
    for registry in (
        {"tls": {"certificate": "c", "authority": "ca"}},
        {"url": "https://registry.example.com", "clientSecret": "reader", "authority": "ca"},
        {"url": "https://registry.example.com"},
    ):
        parse({"registry": registry, "topics": TOPICS, "connectors": {"a": sink("clicks")}}, folder)


def roles(**registry: Any) -> dict[str, RegistryRole]:
    """Of the users of the registry."""
    settings = parse(
        {
            "registry": registry,
            "connectors": {
                "shop": {"postgres": SHOP, "format": "avro"},
                "warehouse": WAREHOUSE | {"format": "avro"},
                "follows": WAREHOUSE,
                "plain": WAREHOUSE | {"format": "json"},
                "search": SEARCH,
            },
        }
    )
    section = settings.of(Registry)
    assert section is not None
    users = section.users(Stack(settings, CAPABILITIES))
    return {name: each.role for name, each in users.items() if name.startswith("connector-")}


def test_a_source_registers_schemas_and_a_sink_only_reads_them() -> None:
    assert roles() == {
        "connector-shop": RegistryRole.DEVELOPER,
        "connector-warehouse": RegistryRole.READONLY,
        "connector-follows": RegistryRole.READONLY,
        "connector-search": RegistryRole.READONLY,
    }


def test_the_file_gives_them_another_role() -> None:
    assert roles(roles={"connector-shop": "readonly"})["connector-shop"] is RegistryRole.READONLY


def test_a_topic_whose_schema_a_source_registers_has_none_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "shop.avsc").write_text('{"type": "record", "name": "Order", "fields": []}')
    file = tmp_path / "Pulumi.shop.yaml"
    file.write_text(
        "config:\n  kafka-platform:platform:\n    registry: {}\n"
        "    topics: {shop.public.orders: {value: shop.avsc}}\n"
        "    connectors: {shop: {postgres: {host: db, database: shop, secret: s, tables: [public.orders]}, format: avro}}\n"
    )
    with pytest.raises(SettingsError, match="value: connector 'shop' registers the schemas of its records itself"):
        read_stack(file)
