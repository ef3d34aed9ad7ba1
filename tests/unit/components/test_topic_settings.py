"""Kafka's topic settings are those of its own definitions, and values are judged as Kafka judges them."""

import pytest
from kafka_platform import KafkaResourcesArgs, Topic
from kafka_platform.cluster.spec import KAFKA_VERSION
from kafka_platform.kafka.topic_settings import defined_by, faults, topic_settings

from tests.kafka_process import needed_jars
from tests.topic_settings import DATA, are_taken, rendered
from tests.unit.components.test_resources import CONNECTION


def fault(name: str, value: str, version: str | None = KAFKA_VERSION) -> str | None:
    found = dict(faults({name: value}, version))
    assert found.keys() <= {name}
    return found.get(name)


def test_the_file_is_what_kafkas_jars_say() -> None:
    assert DATA.read_text(encoding="utf-8") == rendered(needed_jars())


def test_it_is_of_the_kafka_that_is_deployed_by_default() -> None:
    assert defined_by() == KAFKA_VERSION
    assert len(topic_settings()) > 30
    assert not any(name.startswith("internal.") for name in topic_settings())


@pytest.mark.parametrize("name", [name for name, each in topic_settings().items() if each.default not in ("", "null")])
def test_every_default_is_right(name: str) -> None:
    assert fault(name, topic_settings()[name].default) is None


TAKEN = [
    ("segment.bytes", "1048576"),
    ("segment.bytes", " 2000000 "),
    ("segment.bytes", "2147483647"),
    ("min.cleanable.dirty.ratio", "0"),
    ("min.cleanable.dirty.ratio", "1e-1"),
    ("min.cleanable.dirty.ratio", ".5"),
    ("compression.gzip.level", "-1"),
    ("compression.zstd.level", "-7"),
    ("compression.type", "zstd"),
    ("message.timestamp.type", "LogAppendTime"),
    ("preallocate", "TRUE"),
    ("flush.messages", "9223372036854775807"),
    ("local.retention.ms", "-2"),
    ("leader.replication.throttled.replicas", "*"),
]


@pytest.mark.parametrize(("name", "value"), TAKEN)
def test_what_kafka_takes_is_taken(name: str, value: str) -> None:
    assert fault(name, value) is None


REFUSED = [
    ("segment.bytes", "1024", "1024 is out of range: use at least 1048576"),
    ("segment.bytes", "2147483648", "2147483648 is out of range: use at most 2147483647"),
    ("segment.bytes", "not a number", "'not a number' is not a whole number: write one such as 1073741824"),
    ("segment.bytes", "1.5", "'1.5' is not a whole number: write one such as 1073741824"),
    ("segment.ms", "7d", "'7d' is not a whole number: write one such as 604800000"),
    ("segment.ms", "0", "0 is out of range: use at least 1"),
    ("flush.ms", "9223372036854775808", "9223372036854775808 is out of range: use at most 9223372036854775807"),
    ("min.cleanable.dirty.ratio", "5", "5 is out of range: use 0 to 1"),
    ("min.cleanable.dirty.ratio", "half", "'half' is not a number: write one such as 0.5"),
    ("compression.gzip.level", "0", "0 is out of range: use 1 to 9, or -1"),
    ("compression.zstd.level", "23", "23 is out of range: use -131072 to 22"),
    (
        "compression.type",
        "zst",
        "'zst' is not known: use one of uncompressed, zstd, lz4, snappy, gzip, producer",
    ),
    ("message.timestamp.type", "createtime", "'createtime' is not known: use one of CreateTime, LogAppendTime"),
    ("preallocate", "yes", "'yes' is not true or false: write true or false"),
    ("segment.byte", "1", "unknown topic setting: did you mean 'segment.bytes'?"),
    (
        "message.format.version",
        "3.0",
        f"unknown topic setting: Kafka {KAFKA_VERSION} has none of this name, remove it",
    ),
    (
        "message.downconversion.enable",
        "true",
        f"unknown topic setting: Kafka {KAFKA_VERSION} has none of this name, remove it",
    ),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_what_kafka_refuses_is_refused(name: str, value: str, message: str) -> None:
    assert fault(name, value) == message


def test_every_value_is_judged_as_kafka_judges_it() -> None:
    values = [
        "",
        "-131073",
        "-3",
        "-2",
        "-1",
        "0",
        "1",
        "3",
        "4",
        "9",
        "10",
        "17",
        "22",
        "23",
        "1024",
        "1048575",
        "1048576",
    ]
    values += [
        "2147483647",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "0.5",
        "1.01",
        "1e3",
        "+7",
        " 7 ",
    ]
    values += ["true", "False", "yes", "zstd", "ZSTD", "LogAppendTime", "compact", "0:1,1:1", "*", "x"]
    values += ["compact,delete", "delete, compact", "compact,compress"]
    # The cleanup policy is a field of its own.
    given = [(name, value) for name in topic_settings() if name != "cleanup.policy" for value in values]
    given += TAKEN + [(name, value) for name, value, _ in REFUSED]
    kafkas = are_taken(needed_jars(), given)
    assert [each for each, is_taken in zip(given, kafkas, strict=True) if (fault(*each) is None) != is_taken] == []


@pytest.mark.parametrize("version", [None, "4.4.0", "5.0.0-rc1"])
def test_a_newer_kafka_may_have_settings_that_are_not_known_here(version: str | None) -> None:
    assert fault("quantum.log.entangled", "true", version) is None
    assert fault("segment.byte", "1", version) is not None


def test_components_refuse_what_stack_files_refuse() -> None:
    topics = {"orders": Topic(config={"segment.bytes": "1024"})}
    with pytest.raises(
        ValueError, match=r"topic orders: config: segment\.bytes: 1024 is out of range: use at least 1048576"
    ):
        KafkaResourcesArgs(connection=CONNECTION, topics=topics)
