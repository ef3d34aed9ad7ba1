"""Many small cases in one test.

A case of `pytest.mark.parametrize` costs some 20 ms of processor time under xdist, whatever it does: thousands of them cost
minutes. `for_each` goes through all cases too, and tells of every one that fails.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import pytest


def for_each(names: str, cases: Iterable[Any], show: Callable[[Any], str] = repr) -> Callable[[Any], Any]:
    """Run a test once for each case, as one test.

    `names` are those of its arguments that a case gives, divided by commas; a case is a sequence of as many values, or
    the value itself. `show` says in a failure which case it was. Fixtures are shared by all cases.
    """
    given, known = [each.strip() for each in names.split(",")], list(cases)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            assert known, "no case: nothing is tested"
            failed: list[BaseException] = []
            for case in known:
                values: Sequence[Any] = case if len(given) > 1 else [case]
                try:
                    test(*args, **fixtures, **dict(zip(given, values, strict=True)))
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"the case: {show(case)}")
                    failed.append(error)
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(known)} cases fail", failed)

        signature = inspect.signature(test)
        kept = [each for name, each in signature.parameters.items() if name not in given]
        # What pytest reads to know which fixtures it needs.
        shown = cast(Any, run)
        shown.__signature__ = signature.replace(parameters=kept)
        del shown.__wrapped__
        return run

    return decorate
