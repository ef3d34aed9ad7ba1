"""What a change of declared schemas means."""

import pytest
from kafka_platform import Compatibility, Subject
from kafka_platform.schemas.objects import declarations

from infra.review.findings import Section
from infra.review.schemas import schema_findings


def subject(schema: str = '"string"', compatibility: str = "backward") -> dict[str, str]:
    given = {"orders-value": Subject(schema=schema, compatibility=Compatibility(compatibility))}
    return declarations(given, Compatibility.BACKWARD)


@pytest.mark.parametrize(
    ("old", "new", "text", "look"),
    [
        ({}, subject(), "new: avro, backward", False),
        (subject(), {}, "no longer declared; it stays in the registry", False),
        (subject(), subject('"bytes"'), "its schema changes (`backward`): update readers before writers", False),
        (
            subject(compatibility="forward"),
            subject('"bytes"', "forward"),
            "its schema changes (`forward`): update writers before readers",
            False,
        ),
        (subject(), subject(compatibility="none"), "compatibility backward -> none", True),
        (subject(), subject(compatibility="backwardTransitive"), "compatibility backward -> backwardTransitive", False),
        (
            subject(compatibility="none"),
            subject('"bytes"', "none"),
            "its schema changes (`none`): nothing makes sure that readers understand what is written",
            True,
        ),
        ({}, {"removed": '["orders-value"]'}, "deleted: who reads records with its schemas fails", True),
    ],
)
def test_what_a_change_means(old: dict[str, str], new: dict[str, str], text: str, look: bool) -> None:
    [finding] = schema_findings(old, new)
    assert (finding.subject, finding.text, finding.look) == ("orders-value", text, look)
    assert (finding.section is Section.OTHER) is text.startswith("new")


def test_nothing_is_said_of_what_is_as_it_was() -> None:
    assert list(schema_findings(subject(), subject())) == []
    assert list(schema_findings({"subject.x": "{"}, {"subject.x": "[]", "removed": "{"})) == []
