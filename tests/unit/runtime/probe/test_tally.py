"""What counts as read, lost, duplicated and out of order, with a clock of the test's own."""

import json
from typing import Any

import pytest
from kafka_platform_runtime.probe.tally import Kind, Mark, Path, Tally, Way

LOST_AFTER, REMEMBERED = 30.0, 600.0
NATIVE, HTTP = Way.NATIVE, Way.HTTP


class Run:
    """A tally of one partition, with a clock; probes take the offset that they are given."""

    def __init__(self, writers: tuple[Way, ...] = (NATIVE,), readers: tuple[Way, ...] = (NATIVE,)) -> None:
        self.now = 1000.0
        self.observed: list[tuple[Path, float]] = []
        self.tally = Tally(
            run="mine",
            writers=writers,
            readers=readers,
            partitions=1,
            lost_after=LOST_AFTER,
            remembered=REMEMBERED,
            observe=lambda path, seconds, *_: self.observed.append((path, round(seconds, 3))),
        )

    def write(self, offset: int | None, write: Way = NATIVE) -> Mark:
        """A probe that is acknowledged at once; None: its fate is not known."""
        mark = self.tally.send(write, 0, self.now)
        if offset is None:
            self.tally.fail(write, 0, mark.number)
        else:
            self.tally.acknowledge(write, 0, mark.number, offset, self.now)
        return mark

    def read(self, mark: Mark | None, offset: int, read: Way = NATIVE) -> None:
        self.tally.read(read, 0, offset, mark, self.now)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.tally.judge(self.now)

    def counts(self, write: Way = NATIVE, read: Way = NATIVE) -> dict[str, int]:
        """What is not 0."""
        kinds = [kind for kind in Kind if kind not in {Kind.WRITTEN, Kind.WRITE_ERROR}]
        return {kind.value: count for kind in kinds if (count := self.tally.counts[kind, write, read])}


def test_a_probe_is_timed_from_its_sending() -> None:
    run = Run()
    mark = run.write(5)
    run.now += 0.25
    run.read(mark, 5)
    assert run.observed == [((NATIVE, NATIVE), 0.25)]
    assert run.counts() == {"read": 1}
    assert run.tally.counts[Kind.WRITTEN, NATIVE, None] == 1
    assert not run.tally.unsettled()


class TestLoss:
    def test_lost_is_what_the_reader_has_passed(self) -> None:
        run = Run()
        run.write(5)
        second = run.write(6)
        run.read(second, 6)
        run.pass_time(LOST_AFTER - 1)
        assert run.counts() == {"read": 1}, "it may still come"
        run.pass_time(1)
        assert run.counts() == {"read": 1, "lost": 1}
        run.pass_time(REMEMBERED)
        assert run.counts() == {"read": 1, "lost": 1}, "once"

    def test_nothing_is_lost_while_the_reader_cannot_read(self) -> None:
        run = Run()
        marks = [run.write(offset) for offset in range(100)]
        run.pass_time(REMEMBERED - 1)
        assert run.counts() == {}
        assert {path: (count, since) for path, count, since in run.tally.waiting()} == {(NATIVE, NATIVE): (100, 1000.0)}
        for offset, mark in enumerate(marks):
            run.read(mark, offset)
        run.pass_time(LOST_AFTER)
        assert run.counts() == {"read": 100}

    def test_what_the_reader_never_got_to_is_undecided(self) -> None:
        run = Run()
        mark = run.write(5)
        run.pass_time(REMEMBERED)
        assert run.counts() == {"undecided": 1}
        run.read(mark, 5)
        assert run.counts() == {"undecided": 1}, "forgotten"

    def test_a_gap_passes_too(self) -> None:
        run = Run()
        run.write(5)
        run.tally.passed(NATIVE, 0, 6)
        run.pass_time(LOST_AFTER)
        assert run.counts() == {"lost": 1}

    def test_a_later_probe_passes_even_at_a_smaller_offset(self) -> None:
        """The log was cut off and went on."""
        run = Run()
        run.write(100)
        run.read(run.write(99), 99)
        run.pass_time(LOST_AFTER)
        assert run.counts() == {"read": 1, "lost": 1}

    def test_each_reader_for_himself(self) -> None:
        run = Run(readers=(NATIVE, HTTP))
        first, second = run.write(5), run.write(6)
        for mark, offset in ((first, 5), (second, 6)):
            run.read(mark, offset)
        run.read(second, 6, HTTP)
        run.pass_time(LOST_AFTER)
        assert run.counts() == {"read": 2}
        assert run.counts(read=HTTP) == {"read": 1, "lost": 1}

    def test_records_of_the_other_writer_pass_it_by_their_offset(self) -> None:
        run = Run(writers=(NATIVE, HTTP))
        run.write(5)
        run.read(run.write(6, HTTP), 6)
        run.pass_time(LOST_AFTER)
        assert run.counts() == {"lost": 1}

    def test_what_was_not_acknowledged_is_never_lost(self) -> None:
        run = Run()
        run.write(None)
        run.read(run.write(6), 6)
        run.pass_time(REMEMBERED)
        assert run.counts() == {"read": 1}
        assert run.tally.counts[Kind.WRITE_ERROR, NATIVE, None] == 1

    def test_what_was_not_acknowledged_may_come(self) -> None:
        run = Run()
        mark = run.write(None)
        run.read(mark, 5)
        assert run.counts() == {"read": 1}

    def test_what_comes_after_it_was_lost_is_found(self) -> None:
        run = Run()
        first = run.write(5)
        run.read(run.write(6), 6)
        run.pass_time(LOST_AFTER)
        run.read(first, 5)
        assert run.counts() == {"read": 2, "lost": 1, "found": 1, "out_of_order": 1}


class TestDuplicates:
    @pytest.mark.parametrize("offset", [5, 9], ids=["the same record", "another record"])
    def test_a_probe_that_comes_again(self, offset: int) -> None:
        run = Run()
        mark = run.write(5)
        run.read(mark, 5)
        run.read(mark, offset)
        assert run.counts() == {"read": 1, "duplicated": 1}
        assert len(run.observed) == 1

    def test_a_reader_that_has_to_begin_again(self) -> None:
        """Its place is gone: what is left comes again, and what was cut off is lost."""
        run = Run()
        marks = [run.write(offset) for offset in range(5)]
        for offset, mark in enumerate(marks[:4]):
            run.read(mark, offset)
        run.tally.rewind(NATIVE, 0)
        for offset, mark in enumerate(marks[:3]):
            run.read(mark, offset)
        assert run.counts() == {"read": 4}
        run.read(marks[0], 3)  # the same probe in another record
        assert run.counts() == {"read": 4, "duplicated": 1}
        run.read(run.write(4), 4)
        run.pass_time(LOST_AFTER)
        assert run.counts() == {"read": 5, "duplicated": 1, "lost": 1}


class TestOrder:
    def test_a_later_one_came_first(self) -> None:
        run = Run()
        first, second = run.write(5), run.write(6)
        run.read(second, 6)
        run.read(first, 5)
        assert run.counts() == {"read": 2, "out_of_order": 1}

    def test_an_unknown_write_has_no_order(self) -> None:
        """Whoever gave up waiting for it was promised nothing: it may still be on its way."""
        run = Run()
        first, second = run.write(None), run.write(6)
        run.read(second, 6)
        run.read(first, 7)
        assert run.counts() == {"read": 2}

    @pytest.mark.parametrize(("is_written", "faults"), [(True, 1), (False, 0)])
    def test_the_fate_of_the_write_may_be_known_later(self, is_written: bool, faults: int) -> None:
        run = Run()
        first = run.tally.send(NATIVE, 0, run.now)
        second = run.write(6)
        run.read(second, 6)
        run.read(first, 7)
        assert run.counts() == {"read": 2}
        if is_written:
            run.tally.acknowledge(NATIVE, 0, first.number, 7, run.now)
        else:
            run.tally.fail(NATIVE, 0, first.number)
        assert run.counts().get("out_of_order", 0) == faults

    def test_ways_to_write_have_no_order_between_them(self) -> None:
        run = Run(writers=(NATIVE, HTTP))
        first = run.write(5)
        run.read(run.write(6, HTTP), 6)
        run.read(first, 5)
        assert run.counts() == {"read": 1}
        assert run.counts(HTTP) == {"read": 1}


class TestOthers:
    @pytest.mark.parametrize(
        "content",
        [None, 5, "text", [], {}, {"run": "mine"}, {"run": "mine", "write": "pigeon", "number": 0, "sent": 1}],
        ids=str,
    )
    def test_a_record_that_is_no_probe(self, content: Any) -> None:
        assert Mark.of(content) is None

    def test_a_record_says_what_its_probe_is(self) -> None:
        mark = Mark(run="mine", write=HTTP, number=7, sent=2**60 + 1)
        assert Mark.of(json.loads(mark.record())) == mark

    def test_probes_of_other_runs_are_ignored(self) -> None:
        run = Run()
        mine = run.write(6)
        for other in (Mark(run="other", write=NATIVE, number=0, sent=1), None):
            run.read(other, 5)
        run.read(mine, 6)
        assert run.counts() == {"read": 1}
        assert len(run.observed) == 1

    def test_a_way_to_write_that_this_run_has_not(self) -> None:
        run = Run()
        run.read(Mark(run="mine", write=HTTP, number=0, sent=1), 5)
        assert run.observed == []


def test_memory_is_bounded() -> None:
    run = Run()
    for number in range(3 * int(REMEMBERED)):
        run.write(number)
        run.pass_time(1)
    assert sum(count for _, count, _ in run.tally.waiting()) == REMEMBERED - 1


def test_silence() -> None:
    run = Run(readers=(NATIVE, HTTP))
    silent = "native->native has delivered no probe yet; native->http has delivered no probe yet"
    assert run.tally.silent(run.now) == silent
    mark = run.write(5)
    run.read(mark, 5)
    run.read(mark, 5, HTTP)
    assert run.tally.silent(run.now + LOST_AFTER) is None
    run.now += 20
    run.read(run.write(6), 6)
    assert run.tally.silent(run.now + 25) == "native->http has delivered no probe for 45 s"
