"""What people decide about pods: refused where it would hurt, joined where there is more of it, the same from any language."""

from collections.abc import Callable

import pytest
from kafka_platform import PodSettings, RunAs, Toleration, TolerationEffect
from kafka_platform.kube.pods import configured
from kafka_platform.values.readers import build

MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: PodSettings(pull_secrets=["a b"]), "pull_secrets: 'a b' is not a Kubernetes Secret name"),
    (lambda: PodSettings(priority_class="High"), "priority_class: 'High' is not a Kubernetes object name"),
    (lambda: PodSettings(node_labels={"a b": "c"}), "node_labels: 'a b': 'c' is not a label"),
    (
        lambda: PodSettings(labels={"app.kubernetes.io/instance": "a"}),
        "labels: 'app.kubernetes.io/instance' says whose",
    ),
    (lambda: PodSettings(labels={"strimzi.io/cluster": "a"}), "labels: 'strimzi.io/cluster' says whose the object is"),
    (
        lambda: PodSettings(labels={"job-name": "a"}),
        "labels: 'job-name' is set on pods by Kubernetes itself: remove it",
    ),
    (
        lambda: PodSettings(labels={"apps.kubernetes.io/pod-index": "0"}),
        "labels: 'apps.kubernetes.io/pod-index' is set on pods by Kubernetes itself: remove it",
    ),
    (lambda: PodSettings(annotations={"kafka-platform/config": "a"}), "annotations: 'kafka-platform/config' says how"),
    (lambda: PodSettings(annotations={"a": "b\0"}), "annotations: 'b\\x00' has control characters"),
    (lambda: Toleration(key="a", value="b c"), "value: 'a': 'b c' is not a label"),
]


@pytest.mark.parametrize(("make", "message"), MISUSES)
def test_misuse_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the message is compared below
        make()
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_settings_from_other_languages_are_the_same() -> None:
    given = {
        "pull_secrets": ["registry"],
        "tolerations": [{"key": "dedicated", "effect": "NoSchedule"}],
        "node_labels": {"pool": "kafka"},
        "run_as": "platform",
    }
    assert build(PodSettings, given) == PodSettings(
        pull_secrets=["registry"],
        tolerations=(Toleration(key="dedicated", effect=TolerationEffect.NO_SCHEDULE),),
        node_labels={"pool": "kafka"},
        run_as=RunAs.PLATFORM,
    )


def test_what_is_more_specific_wins_and_leaves_the_rest() -> None:
    general = PodSettings(
        pull_secrets=["a"], node_labels={"x": "1", "y": "1"}, priority_class="high", run_as=RunAs.PLATFORM
    )
    both = general.with_own(PodSettings(pull_secrets=["b", "a"], node_labels={"y": "2"}))
    assert both == PodSettings(
        pull_secrets=("a", "b"), node_labels={"x": "1", "y": "2"}, priority_class="high", run_as=RunAs.PLATFORM
    )


def test_what_a_template_says_of_itself_stays() -> None:
    template = {
        "metadata": {"labels": {"app": "own"}, "annotations": {"hash": "own"}},
        "spec": {"securityContext": {"runAsUser": 1000, "runAsNonRoot": True}},
    }
    settings = PodSettings(labels={"app": "x", "team": "a"}, annotations={"hash": "x"}, run_as=RunAs.PLATFORM)
    assert configured(template, settings) == {
        "metadata": {"labels": {"app": "own", "team": "a"}, "annotations": {"hash": "own"}},
        "spec": {"securityContext": {"runAsNonRoot": True}},
    }
    assert configured(template, PodSettings()) == template
