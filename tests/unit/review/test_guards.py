"""What keeps an object, of whatever kind, from going: being retained, protected, or made again by another resource."""

import pytest

from infra.review.changes import Operation
from tests.unit.review.objects import change, made, said


def test_what_is_retained_is_not_at_risk() -> None:
    found = said(change("Namespace", made("streaming"), None, retained=True))
    assert found == {"Other": ["Namespace `streaming`: no longer managed; the object stays"]}


def test_what_is_protected_is_told() -> None:
    found = said(change("Service", made("kafka-external", {"type": "ClusterIP"}), None, protected=True))
    assert "Service `kafka-external`: is protected: the deployment will be refused" in found["Other"]


def test_a_resource_that_is_renamed_without_an_alias() -> None:
    """The engine makes the new one first, which takes the object over, and then deletes the old one: the same object."""
    kept = made("shop")
    found = said(change("Namespace", kept, None, name="old"), change("Namespace", None, kept, name="new"))
    assert found == {
        "Data at risk": [
            "! Namespace `shop`: the resource `old` is now called `new`: without an alias the object is made and then "
            "deleted"
        ]
    }


@pytest.mark.parametrize("operation", [Operation.SAME, Operation.UPDATE])
def test_what_is_no_longer_guarded(operation: Operation) -> None:
    kept = made("brokers", {"roles": ["broker"]})
    lost = change("KafkaNodePool", kept, kept, operation=operation, protected=True, retained=True)
    assert said(lost) == {
        "Data at risk": [
            "! KafkaNodePool `brokers`: is no longer protected: the next change may delete it",
            "! KafkaNodePool `brokers`: is no longer kept when its resource goes",
        ]
    }
    guarded = change(
        "KafkaNodePool",
        kept,
        kept,
        operation=operation,
        protected=True,
        protected_after=True,
        retained=True,
        retained_after=True,
    )
    assert said(guarded) == {}
