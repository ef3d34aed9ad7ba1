"""The order in which files of tests begin."""

from tests.harness import ROOT
from tests.order import SECONDS, ordered

FILES = ["tests/unit/a.py", "tests/cluster/b.py", "tests/e2e/c.py", *SECONDS]


def test_every_file_begins_once() -> None:
    assert sorted(ordered(FILES)) == sorted(FILES)
    assert ordered([]) == []


def test_of_each_sort_the_longest_begins_first() -> None:
    for folder in ("tests/unit/", "tests/e2e/"):
        seconds = [SECONDS.get(file, 0) for file in ordered(FILES) if file.startswith(folder)]
        assert seconds == sorted(seconds, reverse=True)


def test_files_that_wait_and_files_that_compute_take_turns() -> None:
    kinds = ["unit" if file.startswith("tests/unit/") else "pods" for file in ordered(SECONDS)]
    assert set(kinds[:4]) == set(kinds[-4:]) == {"unit", "pods"}


def test_every_file_of_the_table_is_there() -> None:
    assert [file for file in SECONDS if not (ROOT / file).is_file()] == []
