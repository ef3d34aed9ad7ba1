"""Which records a file has: processes that end at any moment, and read other batches after that."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafka_platform_runtime.connectors.kinds.files import Compression, Files, FileSettings
from kafka_platform_runtime.connectors.records import Outcome, Record
from kafka_platform_runtime.failures import Transient

PLACE = ("t", 0)


class Store:
    """Files in memory, and how many more may be written until it fails."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        self.failing: Iterator[bool] = iter(())

    def open(self) -> None:
        pass

    def put(self, name: str, content: bytes, facts: Mapping[str, str]) -> Mapping[str, str] | None:
        if next(self.failing, False):
            raise Transient("no answer")
        if name in self.files:
            return self.files[name][1]
        self.files[name] = content, facts
        if next(self.failing, False):
            raise Transient("the answer is lost")
        return None

    def close(self) -> None:
        pass

    @property
    def numbers(self) -> list[int]:
        return [int(each) for name in sorted(self.files) for each in self.files[name][0].split()]


def records(numbers: Sequence[int]) -> list[Record]:
    return [Record(topic="t", partition=0, offset=n, timestamp=n, key=None, value=b"%d" % n) for n in numbers]


def files(store: Store) -> Any:
    return Files("", FileSettings(compression=Compression.NONE), store)


def test_a_shorter_batch_after_a_crash_does_not_commit_into_a_file() -> None:
    store = Store()
    assert files(store).deliver(records(range(100))) == Outcome(refused=[], ends={PLACE: 100})
    again = files(store)
    assert again.deliver(records(range(60))).ends == {PLACE: 100}
    assert again.deliver(records(range(60, 80))).ends == {PLACE: 100}
    assert again.deliver(records(range(80, 130))).ends == {PLACE: 130}
    assert store.numbers == list(range(130))


def test_what_is_known_of_a_file_is_forgotten_when_other_records_come() -> None:
    store = Store()
    files(store).deliver(records(range(100)))
    again = files(store)
    assert again.deliver(records(range(60))).ends == {PLACE: 100}
    # Such as those of a topic that was made anew, or of a partition that was elsewhere meanwhile.
    assert again.deliver(records(range(150, 160))).ends == {PLACE: 160}
    assert again.deliver(records(range(60, 61))).ends == {PLACE: 61}


def test_each_record_is_in_one_file_whatever_fails_and_whichever_batches_are_read() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        store = Store()
        store.failing = iter([chance.random() < 0.3 for _ in range(40)])
        committed, last = 0, 200
        while committed < last:
            sink, at = files(store), committed
            while at < last:
                size = chance.randint(1, 60)
                batch = records([n for n in range(at, min(at + size, last)) if n % 7 or n % 11])
                if not batch:
                    at += size
                    continue
                outcome = sink.deliver(batch)
                if outcome.left:
                    if chance.random() < 0.5:
                        break  # the process is killed
                    continue  # it tries again, with more or less
                at = min(at + size, last)
                if chance.random() < 0.3:
                    break  # it is killed before it could commit
                committed = min(outcome.ends[PLACE], last) if batch[-1].offset < last - 1 else last
        wanted = [n for n in range(last) if n % 7 or n % 11]
        assert store.numbers == wanted, seed
