"""A field that is declared once: its checks, its schema and its words follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

import pytest
from kafka_platform.values.forms import (
    Compute,
    Spec,
    duration,
    formed,
    forms,
    mapping,
    memory_of,
    named,
    names,
    namespaces,
    processors,
    shared,
    size,
    wait,
    words,
)
from kafka_platform.values.names import check_subdomain
from kafka_platform.values.ranges import within


def _even(value: int) -> None:
    if value % 2:
        raise ValueError(f"{value} is odd: use an even number")


def _all_even(given: Mapping[str, int]) -> None:
    for each in given.values():
        _even(each)


@dataclass(frozen=True, kw_only=True)
class Size(Compute):
    cpu: str = processors("100m")
    cpu_limit: str | None = processors(None, "2")
    memory: str = memory_of("a toy", "64Mi", least="32Mi")


@dataclass(frozen=True, kw_only=True)
class Toy(Spec):
    needed: int = formed(MISSING, _even)
    pause: str = duration("1s", least="10ms")
    patience: str = wait("30s")
    rest: str = wait("5s", zero=True)
    body: str = size("1Mi")
    bodies: str | None = size(None, "128Mi")
    end: str = duration("60s", least="1s", most="1h", whole_seconds=True)
    count: int = within(1, 9, default=2)
    most: int | None = within(1, 20, default=None, floor="count")
    size: Size = Size()
    secret: str | None = named(check_subdomain, "Secret name")
    clients: Sequence[str] = namespaces()
    secrets: Sequence[str] = names(check_subdomain, "Secret name")
    command: Sequence[str] = words("an argument")
    even: Mapping[str, int] = mapping(_all_even, minProperties=0)

    def check(self) -> None:
        if self.count > self.needed:
            raise ValueError("count: more than needed")


@dataclass(frozen=True, kw_only=True)
class Larger(Toy):
    more: str | None = formed(None, check_subdomain)


MISUSES = [
    ({"needed": 3}, "needed: 3 is odd: use an even number"),
    ({"pause": "1"}, "pause: '1' is not a duration: write a number with ms, s, m, h or d, such as 10s, 7d or 1d12h"),
    ({"pause": "5ms"}, "pause: '5ms' is too short: write a duration of at least 10ms, such as 1s"),
    ({"end": "1500ms"}, "end: '1500ms' is out of range: use whole seconds, 1s to 1h"),
    ({"end": "2h"}, "end: '2h' is out of range: use whole seconds, 1s to 1h"),
    ({"count": 10}, "count: 10 is out of range: use 1 to 9"),
    ({"count": 8}, "count: more than needed"),
    ({"most": 1}, "most: 1 is out of range: use 2 (count) to 20"),
    ({"most": 21}, "most: 21 is out of range: use 2 (count) to 20"),
    ({"patience": "forever"}, "patience: 'forever' is not a time to wait: write a duration such as 30s"),
    ({"patience": "0s"}, "patience: '0s' is not a time to wait: write a duration such as 30s"),
    ({"rest": "forever"}, "rest: 'forever' is not a time to wait: write a duration such as 5s"),
    ({"body": "0"}, "body: '0' is not a size: write one such as 1Mi"),
    ({"bodies": "unlimited"}, "bodies: 'unlimited' is not a size: write one such as 128Mi"),
    ({"secret": "No"}, "secret: 'No' is not a Kubernetes Secret name"),
    ({"clients": ["No"]}, "clients: 'No' is not a Kubernetes namespace"),
    ({"secrets": ["ok", "No"]}, "secrets: 'No' is not a Kubernetes Secret name"),
    ({"command": ["a\0b"]}, "command: "),
    ({"even": {"a": 1}}, "even: 1 is odd: use an even number"),
    ({"more": "No!"}, "more: 'No!' is not a Kubernetes"),
]


@pytest.mark.parametrize(("given", "message"), MISUSES, ids=[message for _, message in MISUSES])
def test_a_value_that_is_not_acceptable_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared
        Larger(**({"needed": 4} | given))  # type: ignore[arg-type]
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"memory": "16Mi"}, "memory: 16Mi is too little for a toy: use at least 32Mi"),
        ({"cpu": "much"}, "cpu: 'much' is not"),
        ({"cpu_limit": "50m"}, "cpu_limit: 50m is less than cpu (100m): raise it or leave it out"),
    ],
)
def test_what_a_pod_gets_is_checked_the_same_everywhere(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared
        Size(**given)
    assert str(refused.value).startswith(message)


def test_what_is_left_out_is_not_checked() -> None:
    assert Larger(needed=4).more is None
    assert Larger(needed=4, rest="0s").rest == "0s"
    with pytest.raises(TypeError, match="needed"):
        Larger()


def test_those_that_extend_a_spec_share_its_fields() -> None:
    toy = Larger(needed=4, pause="2s", more="x")
    assert shared(toy, Toy) == {
        "needed": 4,
        "pause": "2s",
        "patience": "30s",
        "rest": "5s",
        "body": "1Mi",
        "bodies": None,
        "end": "60s",
        "count": 2,
        "most": None,
        "size": Size(),
        "secret": None,
        "clients": (),
        "secrets": (),
        "command": (),
        "even": {},
    }
    assert forms(Larger).keys() == forms(Toy).keys() | {"more"}
    assert forms(Toy)["pause"].schema["examples"] == ["1s"]
    assert forms(Size)["cpu_limit"].schema["examples"] == ["2"]
    assert forms(Toy)["even"].schema == {"minProperties": 0}
