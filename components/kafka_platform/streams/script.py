"""The script that a job runs: tables for its topics, then its own statements. No Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform.kafka.secrets import CA_FILE, LOGIN_MODULES
from kafka_platform.streams.avro import written_of
from kafka_platform.streams.reading import Read
from kafka_platform.streams.spec import (
    EVENT_TIME,
    StreamFormat,
    StreamJobSpec,
    StreamStart,
    StreamTable,
    stream_user_name,
    transactions_of,
)
from kafka_platform.values.units import milliseconds

CREDENTIALS = "/etc/kafka-platform/credentials"
_SHADED = "org.apache.flink.kafka.shaded."
"""What begins the names of the classes of Kafka's client in Flink's connector."""
_DIRECTORY = f"{_SHADED}org.apache.kafka.common.config.provider.DirectoryConfigProvider"
TRANSACTION_TIMEOUT_MILLISECONDS = 900_000
"""Kafka's default for the longest that brokers allow. A job that is down for longer loses what it wrote since its last checkpoint."""
PRODUCER_OPTIONS = {"transaction.timeout.ms": str(TRANSACTION_TIMEOUT_MILLISECONDS)}
"""Further options of those that write."""
_STARTS = {
    StreamStart.EARLIEST: "earliest-offset",
    StreamStart.LATEST: "latest-offset",
    StreamStart.COMMITTED: "group-offsets",
}


@dataclass(frozen=True, kw_only=True)
class Registry:
    """How the job reaches the schemas of records."""

    url: str
    logs_in: bool


@dataclass(frozen=True, kw_only=True)
class Brokers:
    """How the job reaches Kafka."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str | None
    has_authority: bool
    user: str
    registry: "Registry | None" = None


def identifier(name: str) -> str:
    """A name, as Flink's SQL quotes it."""
    return f"`{name.replace('`', '``')}`"


def literal(text: str) -> str:
    """A text, as SQL quotes it."""
    return "'" + text.replace("'", "''") + "'"


def script(name: str, spec: StreamJobSpec, read: Read, brokers: Brokers) -> str:
    """The whole script."""
    used = sorted({*read.sources, *read.sinks})
    tables = [
        table(name, topic, spec, brokers, is_source=topic in read.sources, is_sink=topic in read.sinks)
        for topic in used
    ]
    body = "".join(f"{each};\n" for each in read.inserts)
    views = "".join(f"{each};\n" for each in read.views)
    # What the job itself depends on; the rest is Flink's configuration.
    own = {
        "execution.checkpointing.interval": f"{milliseconds(spec.checkpoints):.0f} ms",
        "parallelism.default": str(spec.parallelism),
    }
    options = "".join(f"SET {literal(key)} = {literal(value)};\n" for key, value in own.items())
    return f"{options}{''.join(tables)}{views}EXECUTE STATEMENT SET BEGIN\n{body}END;\n"


def table(name: str, topic: str, spec: StreamJobSpec, brokers: Brokers, *, is_source: bool, is_sink: bool) -> str:
    """The statement that makes the table of a topic."""
    declared = spec.tables[topic]
    options = {"connector": "kafka", "topic": topic, **_format(declared, brokers.registry)}
    client = client_options(brokers)
    if is_source:
        client |= consumer_options(name, spec.start)
        options |= _source(spec)
    if is_sink:
        client |= PRODUCER_OPTIONS
        options |= _sink(name, topic, declared)
    options |= {f"properties.{key}": value for key, value in client.items()}
    types = declared.types
    if is_sink and declared.format is StreamFormat.AVRO and declared.schema is not None:
        # Flink takes no other types than those that it makes of the schema.
        types = written_of(declared.schema)
        options["avro-confluent.schema"] = declared.schema
    columns = [f"  {identifier(each)} {kind}" for each, kind in types.items()]
    columns += [f"  {each}" for each in _time(declared)]
    rendered = ",\n".join(f"  {literal(key)} = {literal(value)}" for key, value in sorted(options.items()))
    return f"CREATE TABLE {identifier(topic)} (\n" + ",\n".join(columns) + f"\n) WITH (\n{rendered}\n);\n"


def _time(declared: StreamTable) -> list[str]:
    """The column with the time of a record, and how late others may come."""
    column = identifier(EVENT_TIME)
    if declared.time is None:
        made = f"{column} TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL"
    elif declared.types[declared.time] == "BIGINT":
        made = f"{column} AS TO_TIMESTAMP_LTZ({identifier(declared.time)}, 3)"
    else:
        made = f"{column} AS {identifier(declared.time)}"
    whole, parts = divmod(round(milliseconds(declared.late)), 1000)
    minutes, seconds = divmod(whole, 60)
    late = f"{minutes // 1440} {minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02}.{parts:03}"
    return [made, f"WATERMARK FOR {column} AS {column} - INTERVAL '{late}' DAY TO SECOND(3)"]


def _format(declared: StreamTable, registry: Registry | None) -> dict[str, str]:
    if declared.format is StreamFormat.JSON or registry is None:
        return {"format": "json", "json.ignore-parse-errors": "false"}
    found = {"avro-confluent.url": registry.url, "format": "avro-confluent"}
    if registry.logs_in:
        # From the file that `java.security.auth.login.config` names: Flink prints options of tables.
        found["avro-confluent.basic-auth.credentials-source"] = "SASL_INHERIT"
    return found


def client_options(brokers: Brokers) -> dict[str, str]:
    """Options of every client. The password is a file that they read; it is in no option."""
    found = {
        "bootstrap.servers": brokers.bootstrap_servers,
        "security.protocol": brokers.security_protocol,
    }
    if brokers.has_authority:
        found |= {"ssl.truststore.location": CA_FILE, "ssl.truststore.type": "PEM"}
    if brokers.sasl_mechanism is not None:
        password = f"${{directory:{CREDENTIALS}:password}}"
        module = f"{_SHADED}{LOGIN_MODULES[brokers.sasl_mechanism]}"
        found |= {
            "config.providers": "directory",
            "config.providers.directory.class": _DIRECTORY,
            "config.providers.directory.param.allowed.paths": CREDENTIALS,
            "sasl.jaas.config": f'{module} required username="{brokers.user}" password="{password}";',
            "sasl.mechanism": brokers.sasl_mechanism,
        }
    return found


def consumer_options(name: str, start: StreamStart) -> dict[str, str]:
    """Further options of those that read."""
    return {
        "auto.offset.reset": "latest" if start is StreamStart.LATEST else "earliest",
        "group.id": stream_user_name(name),
        "isolation.level": "read_committed",
    }


def _source(spec: StreamJobSpec) -> Mapping[str, str]:
    return {
        "scan.startup.mode": _STARTS[spec.start],
        "scan.watermark.idle-timeout": f"{milliseconds(spec.idle_timeout):.0f} ms",
    }


def _sink(name: str, topic: str, declared: StreamTable) -> Mapping[str, str]:
    found = {
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": f"{transactions_of(name)}{topic}",
    }
    if declared.key is not None:
        found |= {"key.fields": declared.key, "key.format": "raw"}
    return found
