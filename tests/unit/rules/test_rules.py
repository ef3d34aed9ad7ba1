"""Every rule with what it lets pass and what it refuses, and how strict it is where."""

from pathlib import Path

import pytest

from infra.rules import RULES, Level, Resource
from infra.settings.core import Environment
from tests.unit.rules.cases import CASES, made

BY_NAME = {rule.name: rule for rule in RULES}


def messages(rule: str, resources: list[Resource]) -> list[str]:
    return [message for _, message in BY_NAME[rule].check(resources)]


def test_every_rule_has_cases() -> None:
    assert CASES.keys() == BY_NAME.keys()


@pytest.mark.parametrize(("rule", "index"), [(rule, index) for rule in CASES for index in range(len(CASES[rule][0]))])
def test_what_passes(rule: str, index: int) -> None:
    assert messages(rule, CASES[rule][0][index]) == []


@pytest.mark.parametrize(("rule", "message"), [(rule, message) for rule in CASES for message in CASES[rule][1]])
def test_what_is_refused(rule: str, message: str) -> None:
    assert messages(rule, CASES[rule][1][message]) == [message]


def test_no_message_shows_a_secret() -> None:
    refused = [each for resources in CASES["no-plain-secrets"][1].values() for each in resources]
    assert "hunter2" not in str(messages("no-plain-secrets", refused))


def test_values_that_are_not_known_are_no_violation() -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    resources = [
        made("ConfigMap", data=unknown),
        made("Deployment", {"template": unknown}),
        made("Kafka", {"kafka": unknown}),
    ]
    assert [message for rule in RULES for _, message in rule.check(resources)] == []


def test_levels() -> None:
    """Nothing stops a deployment of dev, and everything one of prod but what its file has to say explicitly."""
    for rule in RULES:
        assert rule.level(Environment.DEV.value) is not Level.MANDATORY
        assert rule.level(Environment.PROD.value) is Level.MANDATORY or rule.name == "nothing-taken-over"
        assert rule.level(Environment.STAGING.value) is not Level.OFF
    assert BY_NAME["encrypted-listeners"].level(Environment.DEV.value) is Level.OFF
    assert BY_NAME["replicated-data"].level(Environment.STAGING.value) is Level.ADVISORY


def test_the_documentation_has_every_rule() -> None:
    text = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")
    for rule in RULES:
        levels = " | ".join(rule.level(each.value).value for each in Environment)
        assert f"| `{rule.name}` | {levels} | {rule.reason} |" in text
    assert text.count("\n| `") == len(RULES)
