"""Which engines know a key of `kafka` follows from the spec that declares it."""

from dataclasses import fields

import pytest
from kafka_platform import Engine

from infra.settings.kafka import Kafka, engines_of

EMBEDDED, STRIMZI, EXTERNAL = Engine.EMBEDDED, Engine.STRIMZI, Engine.EXTERNAL


@pytest.mark.parametrize(
    ("key", "engines"),
    [
        ("engine", [EMBEDDED, STRIMZI, EXTERNAL]),
        ("version", [EMBEDDED, STRIMZI]),
        ("listeners", [EMBEDDED, STRIMZI]),
        ("protect", [EMBEDDED, STRIMZI]),
        ("storage", [EMBEDDED]),
        ("cluster_id", [EMBEDDED]),
        ("pools", [STRIMZI]),
        ("scaling", [STRIMZI]),
        ("bootstrap_servers", [EXTERNAL]),
        ("former_stacks", [EXTERNAL]),
    ],
)
def test_engines_know_the_keys_of_their_spec(key: str, engines: list[Engine]) -> None:
    assert engines_of(key) == engines


def test_every_key_is_known_by_an_engine() -> None:
    assert all(engines_of(each.name) for each in fields(Kafka))
