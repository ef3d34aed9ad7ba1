"""The layout of pictures."""

import random
from itertools import pairwise

import pytest

from infra.graph.layout import LAYER_GAP, NODE_GAP, Layout, lay_out

SIZE = (100.0, 30.0)


def placed(*arrows: tuple[str, str]) -> Layout:
    return lay_out({each: SIZE for arrow in arrows for each in arrow}, arrows)


def columns(layout: Layout) -> list[list[str]]:
    found: dict[float, list[str]] = {}
    for each, (x, _) in layout.places.items():
        found.setdefault(x, []).append(each)
    return [sorted(found[x]) for x in sorted(found)]


def test_data_flows_from_left_to_right() -> None:
    assert columns(placed(("a", "b"), ("b", "c"), ("a", "c"))) == [["a"], ["b"], ["c"]]


def test_what_nothing_leads_to_is_right_before_what_it_leads_to() -> None:
    assert columns(placed(("a", "b"), ("b", "c"), ("late", "c"))) == [["a"], ["b", "late"], ["c"]]


def test_an_arrow_that_closes_a_cycle_runs_back() -> None:
    layout = placed(("a", "b"), ("b", "c"), ("c", "a"))
    assert columns(layout) == [["a"], ["b"], ["c"]]
    back = layout.ways["c", "a"]
    assert [back[0][0], back[-1][0]] == [2 * (SIZE[0] + LAYER_GAP), SIZE[0]]
    assert [x for x, _ in back] == sorted((x for x, _ in back), reverse=True)


def test_two_ways_are_one_line_with_two_ends() -> None:
    layout = placed(("a", "b"), ("b", "a"))
    assert layout.ways["a", "b"] == layout.ways["b", "a"][::-1]


def test_lines_cross_no_more_than_they_must() -> None:
    layout = placed(*(((f"a{each}", f"b{9 - each}")) for each in range(10)))
    assert all(start[1] == end[1] for start, end in layout.ways.values())


def test_an_empty_graph_has_no_size() -> None:
    assert lay_out({}, []) == Layout(width=0, height=0, places={}, ways={})


def test_a_long_chain_is_no_deep_recursion() -> None:
    layout = placed(*((f"n{each:05}", f"n{each + 1:05}") for each in range(3_000)))
    assert len(columns(layout)) == 3_001


@pytest.mark.parametrize("seed", range(20))
def test_nothing_overlaps_and_all_is_within_the_picture(seed: int) -> None:
    chance = random.Random(seed)
    nodes = {f"n{each}": (chance.uniform(20, 200), chance.uniform(20, 60)) for each in range(40)}
    arrows = {(chance.choice(list(nodes)), chance.choice(list(nodes))) for _ in range(60)}
    layout = lay_out(nodes, sorted(arrows))
    assert layout == lay_out(dict(reversed(nodes.items())), sorted(arrows, reverse=True)), "the order says nothing"
    by_column: dict[float, list[tuple[float, float]]] = {}
    for each, (x, y) in layout.places.items():
        width, height = nodes[each]
        assert x - width / 2 >= -0.01
        assert x + width / 2 <= layout.width + 0.01
        assert y - height / 2 >= -0.01
        assert y + height / 2 <= layout.height + 0.01
        by_column.setdefault(x, []).append((y - height / 2, y + height / 2))
    for column in by_column.values():
        for above, below in pairwise(sorted(column)):
            assert above[1] + NODE_GAP <= below[0] + 0.01
    assert layout.ways.keys() == arrows
