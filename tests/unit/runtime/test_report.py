from pathlib import Path

from kafka_platform_runtime.provisioner.declarations import Topic, User
from kafka_platform_runtime.provisioner.planning.changes import (
    Change,
    TopicChange,
    TopicRemoval,
    UserChange,
    UserRemoval,
)
from kafka_platform_runtime.provisioner.report import Report, fit
from kafka_platform_runtime.runs import CHANGES
from kafka_platform_runtime.termination import LONGEST_MESSAGE, leave


def created(name: str) -> TopicChange:
    return TopicChange(topic=Topic(name=name, partitions=3, replicas=1), create=True, record=True)


def test_nothing_to_change_is_one_line() -> None:
    report = Report()
    report.plan([], 1234)
    assert report.success() == "done: nothing to change, 1,234 declarations in place"


def test_success_is_one_line_that_counts() -> None:
    report = Report()
    changes: list[Change] = [
        created("a"),
        created("b"),
        TopicChange(topic=Topic(name="c", partitions=3, replicas=1), partitions=3, partitions_before=1),
        UserChange(user=User(name="u"), set_password=True, is_new=True),
        UserRemoval(name="v"),
        TopicRemoval(name="d", delete=True, exists=True),
        TopicRemoval(name="e", delete=False, exists=True),
    ]
    report.plan(changes, 10)
    for change in changes:
        report.applied(change)
    line = report.success()
    assert line.startswith(
        "done: 2 topics created, 1 topic changed, 1 user created, 1 topic deleted with their records, 1 user removed, "
        "1 topic no longer declared, kept with records: e; 10 unchanged; "
    )
    assert "\n" not in line


def test_what_became_of_everything_is_counted() -> None:
    report = Report()
    changes: list[Change] = [
        created("a"),
        UserChange(user=User(name="u"), set_password=True, is_new=True),
        TopicChange(topic=Topic(name="c", partitions=3, replicas=1), partitions=3, partitions_before=1),
        UserRemoval(name="v"),
        TopicRemoval(name="d", delete=True, exists=True),
        TopicRemoval(name="e", delete=False, exists=True),
    ]
    report.plan([*changes, created("f"), created("g")], 10)
    for change in changes:
        report.applied(change)
    report.failed("topic.f", "a policy does not allow it")
    counted = {"created": 2, "changed": 1, "removed": 2, "kept": 1, "unchanged": 10, "refused": 1, "not_tried": 1}
    assert report.changes() == counted
    assert counted.keys() == set(CHANGES)


def test_what_an_earlier_attempt_applied_is_not_counted_as_unchanged() -> None:
    report = Report()
    report.plan([created("a"), created("b")], 5)
    report.applied(created("a"))
    report.plan([created("b")], 6)
    report.applied(created("b"))
    assert report.success().startswith("done: 2 topics created; 5 unchanged;")


def test_a_failure_tells_what_was_applied_what_failed_and_what_was_not_tried() -> None:
    report = Report()
    report.plan([created("a"), created("b"), TopicRemoval(name="c", delete=True, exists=True)], 0)
    report.applied(created("a"))
    report.failed("topic.b", "a policy does not allow it")
    assert report.partial().splitlines() == [
        "topic.b: a policy does not allow it",
        "applied: topic.a",
        "not tried: topic.c",
    ]


def test_a_refusal_says_that_nothing_was_applied() -> None:
    assert Report().refused(["topic.a: no"]) == "topic.a: no\nnothing was applied"


def test_many_reasons_are_cut_to_what_kubernetes_keeps() -> None:
    message = fit([f"topic.number-{n}: is wrong, für immer" for n in range(500)], ["nothing was applied"])
    assert len(message.encode()) <= LONGEST_MESSAGE
    lines = message.splitlines()
    assert lines[0].startswith("topic.number-0")
    assert lines[-1] == "nothing was applied"
    shown = len(lines) - 2
    assert lines[-2] == f"and {500 - shown:,} more; the log of the pod has all of them"


def test_one_endless_reason_is_cut_too() -> None:
    message = fit(["ä" * 9000], ["nothing was applied"])
    assert len(message.encode()) <= LONGEST_MESSAGE
    assert message.endswith(" ...\nnothing was applied")


def test_long_lists_of_names_are_counted() -> None:
    report = Report()
    report.plan([created(f"t{n}") for n in range(1000)], 0)
    for number in range(500):
        report.applied(created(f"t{number}"))
    message = report.refused(["no broker answers"])
    assert "topic.t19 and 480 more" in message
    assert "not tried: topic.t500" in message


def test_without_kubernetes_there_is_nowhere_to_leave_the_message(tmp_path: Path) -> None:
    leave("done", tmp_path / "missing" / "log")
    leave("done", tmp_path / "log")
    assert (tmp_path / "log").read_text() == "done"
