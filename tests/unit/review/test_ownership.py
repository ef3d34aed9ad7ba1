"""What a review says of who owns an object."""

from typing import Any

from kafka_platform.kube.marks import ADOPTED, MARK

from tests.unit.review.objects import change, made, said


def namespace(**annotations: str) -> dict[str, Any]:
    return made("streaming", metadata={"annotations": annotations} if annotations else {})


def role(**annotations: str) -> dict[str, Any]:
    return made("operator", metadata={"annotations": annotations} if annotations else {}, rules=[])


OURS = {MARK: "organization/kafka-platform/prod"}


def test_an_upgrade_that_only_marks_objects_says_nothing() -> None:
    assert said(change("Namespace", namespace(), namespace(**OURS))) == {}
    assert said(change("ClusterRole", role(), role(**OURS))) == {}
    pool, claims = made("brokers", {"replicas": 3}), {"persistentVolumeClaim": {"metadata": {"annotations": OURS}}}
    marked = made("brokers", {"replicas": 3, "template": claims}, metadata={"annotations": OURS})
    assert said(change("KafkaNodePool", pool, marked)) == {}


def test_what_changes_besides_the_mark_is_said() -> None:
    before = made("gateway", {"type": "ClusterIP"})
    after = made("gateway", {"type": "ClusterIP", "sessionAffinity": "None"}, metadata={"annotations": OURS})
    assert said(change("Service", before, after)) == {"Other": ["Service `gateway`: updated: `spec.sessionAffinity`"]}


def test_an_object_that_changes_hands_is_named() -> None:
    renamed = {MARK: "organization/kafka-platform/production"}
    assert said(change("Namespace", namespace(**OURS), namespace(**renamed))) == {
        "Other": [
            "Namespace `streaming`: belongs to the stack `organization/kafka-platform/production` from now on, until now "
            "to `organization/kafka-platform/prod`"
        ]
    }


def test_what_is_taken_over_needs_a_second_look() -> None:
    adopted = namespace(**OURS, **{ADOPTED: "true"})
    assert said(change("Namespace", None, adopted)) == {
        "Data at risk": ["! Namespace `streaming`: is taken over if it exists, whoever made it"],
        "Other": ["Namespace `streaming`: created"],
    }
    kept = change("Namespace", adopted, namespace(**OURS), retained=True)
    assert said(kept) == {
        "Data at risk": ["! Namespace `streaming`: is no longer kept when its resource goes"],
        "Other": ["Namespace `streaming`: is no longer among what may be taken over"],
    }
