"""`python -m infra failover`: what it makes of the metrics that the mirror's pods show."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.failover.command import WRONG, failover
from infra.failover.report import NAMES, Report, lines, report
from infra.live.cluster import Unseen
from infra.live.samples import Samples, parse
from tests.strimzi_cases import MIRROR

METRICS = """
kafka_mirror_lag_records{topic="orders",partition="0"} 7
kafka_mirror_lag_records{topic="orders",partition="1"} 5
kafka_mirror_lag_records{topic="shop-a",partition="0"} NaN
kafka_mirror_latency_seconds_max{connector="mirror",topic="orders",partition="0"} 0.25
kafka_mirror_latency_seconds_max{connector="mirror",topic="orders",partition="1"} 0.5
kafka_mirror_fetches_total{client="a"} %d
"""


def samples(fetches: int) -> Samples:
    return parse(METRICS % fetches, 0.0, frozenset(NAMES))


def made(before: int, now: int) -> Report:
    return report(MIRROR, {"connect-0": samples(before)}, {"connect-0": samples(now)})


def test_it_says_how_many_records_would_be_lost() -> None:
    found = made(100, 110)
    assert (found.lost, found.answers, found.why) == (12, True, None)
    text = list(lines(found, "second"))
    assert "  orders: 12 records not mirrored, 0.5 s on their way" in text
    assert "lost, if first is lost: 12 records (now), the newest of each partition" in text


def test_of_a_source_that_is_away_it_has_what_was_known_last() -> None:
    found = made(100, 100)
    assert found.answers is False
    assert "mirror of first: running; its source does not answer" in list(lines(found, "second"))
    assert "lost, if first is lost: 12 records (as was known last), the newest of each partition" in lines(
        found, "second"
    )


@pytest.mark.parametrize(
    "looks", [[], [Unseen(why="pod connect-0 does not run")], [parse("up 1", 0.0, frozenset(NAMES))]]
)
def test_what_is_not_known_is_said_rather_than_nothing_lost(looks: Sequence[Samples | Unseen]) -> None:
    seen = {f"connect-{number}": each for number, each in enumerate(looks)}
    found = report(MIRROR, seen, seen)
    assert found.why
    assert found.answers is None
    text = list(lines(found, "second"))
    assert text[1].startswith("not known: ")
    assert "lost, if first is lost: not known" in text


def test_names_of_topics_cannot_act_on_a_terminal() -> None:
    hostile = parse('kafka_mirror_lag_records{topic="\x1b[2Jorders"} 1', 0.0, frozenset(NAMES))
    assert "\x1b" not in "".join(lines(report(MIRROR, {}, {"connect-0": hostile}), "second"))


def test_a_stack_without_a_mirror_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Pulumi.second.yaml").write_text(
        "config: {kafka-platform:platform: {namespace: streaming, kafka: {engine: embedded}}}"
    )
    assert failover("second", folder=tmp_path) == WRONG
    assert "mirror: missing" in capsys.readouterr().err
