"""By which Cassandra orders writes, whatever is read again, late or in parts."""

import random

from kafka_platform_runtime.connectors.kinds.write_times import WriteTimes
from kafka_platform_runtime.connectors.records import Record


def record(offset: int, timestamp: int, key: int = 0, partition: int = 0) -> Record:
    return Record(
        topic="t", partition=partition, offset=offset, timestamp=timestamp, key=b"%d" % key, value=b"%d" % offset
    )


def test_they_are_those_of_the_records() -> None:
    first, second = WriteTimes().of([record(7, 5000), record(8, 9000)])
    assert abs(first - 5_000_000) < 3000
    assert second == 9_000_008


def test_the_order_within_a_millisecond_is_that_of_the_offsets_also_where_its_digits_begin_again() -> None:
    found = WriteTimes().of([record(n, 5000 + n // 1500) for n in range(700, 3700)])
    assert found == sorted(set(found))


def test_what_is_left_of_a_batch_keeps_its_time() -> None:
    times = WriteTimes()
    batch = [record(n, 5000) for n in range(995, 1005)]
    found = times.of(batch)
    assert times.of(batch[3:5]) == found[3:5]
    assert times.of(batch[4:5]) == found[4:5]


def test_the_newest_record_of_a_row_stays_whatever_is_written_again_or_late() -> None:
    for seed in range(400):
        chance = random.Random(seed)
        start, count, steady = chance.choice([0, 900, 12_990]), 300, chance.choice([6, 100])
        clock, records = 1_700_000_000_000, []
        for offset in range(start, start + count):
            clock += chance.choice([*([0] * steady), 1, 1, 7])
            records.append(record(offset, clock, chance.randrange(4)))
        rows: dict[bytes, tuple[int, int]] = {}
        late: list[tuple[Record, int]] = []

        def apply(each: Record, time: int, rows: dict[bytes, tuple[int, int]] = rows) -> None:
            assert each.key is not None
            if time > rows.get(each.key, (-1, -1))[0]:
                rows[each.key] = time, each.offset

        committed = 0
        while committed < count:
            times, at = WriteTimes(), committed
            while at < count:
                batch = records[at : at + chance.randint(1, 40)]
                left = list(zip(batch, times.of(batch), strict=True))
                chance.shuffle(left)
                while left:
                    done = chance.randint(0, len(left))
                    for each, time in left[:done]:
                        apply(each, time)
                        if chance.random() < 0.1:
                            late.append((each, time))
                    again = sorted((each for each, _ in left[done:]), key=lambda each: each.offset)
                    left = list(zip(again, times.of(again), strict=True))
                if chance.random() < 0.2:
                    break  # it is killed before it could commit
                at += len(batch)
                committed = at
                if chance.random() < 0.1:
                    break
        for each, time in late:
            apply(each, time)
        newest = {each.key: each.offset for each in records}
        assert {key: offset for key, (_, offset) in rows.items()} == newest, seed
