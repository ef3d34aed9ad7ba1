"""Connectors of a stack file whose records have schemas in its registry."""

from pathlib import Path
from typing import Any

import pytest
from kafka_platform import RegistryRole

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.capabilities.registry import Registry
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse, read_stack

SHOP = {"host": "db.shop", "database": "shop", "secret": "shop-db", "tables": ["public.orders"]}
WAREHOUSE = {"jdbc": {"url": "jdbc:postgresql://dw/w", "secret": "dw"}, "reads": ["shop.public.orders"]}
SEARCH = {"http": {"url": "https://api.example.com"}, "reads": ["shop.public.orders"], "format": "schema"}


def roles(**registry: Any) -> dict[str, RegistryRole]:
    """Of the users of the registry."""
    settings = parse(
        {
            "registry": registry,
            "connectors": {
                "shop": {"postgres": SHOP, "format": "avro"},
                "warehouse": WAREHOUSE | {"format": "avro"},
                "plain": WAREHOUSE,
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
