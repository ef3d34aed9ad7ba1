"""The engine's previews of today are read as the recorded ones are (`python -m tests.reviews.record` records them anew)."""

import copy
import json

import pytest

from infra.review.changes import read
from infra.review.report import markdown, review
from tests.e2e.conftest import MakeStack
from tests.harness import Stack
from tests.reviews.cases import CASES, DEPLOYED, REFUSED, STACK, changed, expected


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack(STACK, copy.deepcopy(DEPLOYED))
    stack.up()
    return stack


@pytest.mark.parametrize("case", CASES)
def test_the_review_of_a_preview(stack: Stack, case: str) -> None:
    stack.write(changed(case))
    try:
        preview = json.loads(stack.preview("--json", "--show-sames", fails=case in REFUSED))
    finally:
        stack.write(DEPLOYED)
    assert markdown(review(STACK, read(preview))) == expected(case).read_text(encoding="utf-8")
