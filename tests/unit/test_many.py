"""Many cases in one test: each is tried, and each that fails is told."""

import pytest

from tests.many import for_each

TRIED: list[int] = []


@for_each("one, other", [(1, 1), (1, 2), (2, 2), (2, 3)], str)
def equal(limit: int, one: int, other: int) -> None:
    TRIED.append(one + other + limit)
    assert one == other


def test_every_case_is_tried_and_each_that_fails_is_told() -> None:
    with pytest.raises(BaseExceptionGroup, match=r"^2 of 4 cases fail") as failed:
        equal(10)
    assert TRIED == [12, 13, 14, 15]
    assert [error.__notes__ for error in failed.value.exceptions] == [["the case: (1, 2)"], ["the case: (2, 3)"]]


@for_each("number", [0, 1])
def test_fixtures_are_given(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert tmp_path_factory.mktemp(f"case-{number}").is_dir()


def test_a_missing_exception_is_a_failure_too() -> None:
    @for_each("number", [0])
    def nothing_raised(number: int) -> None:
        with pytest.raises(ValueError, match="never"):
            assert number == 0

    with pytest.raises(BaseExceptionGroup):
        nothing_raised()


def test_no_case_is_no_test() -> None:
    @for_each("number", [])
    def never(number: int) -> None:
        raise NotImplementedError

    with pytest.raises(AssertionError, match="no case"):
        never()
