"""What Trino reads, as its catalogs: topics as they are, and topics whose schemas are in the registry. No Pulumi."""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka_platform.kafka import relay
from kafka_platform.query.spec import QueryTable, column_of, is_avro, table_of

CATALOG, SCHEMA = "kafka", "topics"
"""What the tables of topics are called in full: `kafka.topics.orders`."""
REGISTERED = "registry"
"""The catalog of topics in Avro, whose tables are `registry.topics.orders`: a catalog of Trino has its tables from files or from a registry."""
TEXT_COLUMN = "message"
"""Of a table whose columns nobody has declared."""
FOLDER = "/etc/kafka-platform/trino"
"""In its folder `etc` Trino looks for what cannot be placed elsewhere."""
ETC = f"{FOLDER}/etc"
CREDENTIALS = "/etc/kafka-platform/credentials"
_SUBJECTS_REFRESH = "5s"
"""How soon a subject is found that was registered after Trino looked. Trino's own default is a second."""


def catalogs(
    topics: Sequence[str], tables: Mapping[str, QueryTable], bootstrap_servers: str
) -> dict[str, dict[str, str]]:
    """The properties of each catalog, by its name."""
    common = {
        "connector.name": "kafka",
        "kafka.config.resources": f"{CREDENTIALS}/client.properties",
        "kafka.default-schema": SCHEMA,
        "kafka.nodes": bootstrap_servers,
    }
    plain = [f"{SCHEMA}.{table_of(topic)}" for topic in topics if not is_avro(topic, tables)]
    found: dict[str, dict[str, str]] = {}
    if plain:
        found[CATALOG] = common | {
            "kafka.table-description-dir": f"{ETC}/tables",
            "kafka.table-description-supplier": "FILE",
            "kafka.table-names": ",".join(plain),
        }
    if len(plain) < len(topics):
        found[REGISTERED] = common | {
            "kafka.confluent-schema-registry-url": relay.URL,
            "kafka.confluent-subjects-cache-refresh-interval": _SUBJECTS_REFRESH,
            "kafka.table-description-supplier": "CONFLUENT",
        }
    return found


def subjects(topics: Sequence[str], tables: Mapping[str, QueryTable]) -> list[str]:
    """The subjects that Trino makes tables of. Keys are text, whatever they are written with: Trino fails at those that are not in Avro."""
    return [f"{topic}-value" for topic in topics if is_avro(topic, tables)]


def table_files(topics: Sequence[str], declared: Mapping[str, QueryTable]) -> dict[str, dict[str, Any]]:
    """What Trino is told of topics that have no schema, by the names of their tables."""
    return {table_of(topic): table(topic, declared.get(topic)) for topic in topics if not is_avro(topic, declared)}


def table(topic: str, declared: QueryTable | None) -> dict[str, Any]:
    """What Trino is told of a topic: its columns, or that a record is one text."""
    columns = [column_of(each) for each in (declared.columns if declared is not None else ())]
    text = {"mapping": "0", "name": TEXT_COLUMN, "type": "VARCHAR"}
    fields: list[dict[str, str]] = [
        {
            "mapping": each.member,
            "name": each.name,
            "type": each.type,
            **({"dataFormat": "iso8601"} if each.type in ("DATE", "TIMESTAMP") else {}),
        }
        for each in columns
    ]
    return {
        "message": {"dataFormat": "json", "fields": fields} if fields else {"dataFormat": "raw", "fields": [text]},
        "schemaName": SCHEMA,
        "tableName": table_of(topic),
        "topicName": topic,
    }
