"""Places the nodes of a directed graph in layers from left to right (Sugiyama's method), always in the same way.

Cycles are allowed: an arrow that closes one runs back.
"""

from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

ROUNDS = 12
"""Times that the layers are put into order by their neighbours: more of them change little."""
LAYER_GAP = 70.0
"""Room for arrows between two layers."""
NODE_GAP = 16.0
"""Room between two nodes of a layer, and between two arrows that pass it."""

Node: TypeAlias = "str | tuple[str, str, int]"
"""A node, or where an arrow (from, to) passes a layer."""
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything is; y grows downwards."""

    width: float
    height: float
    places: Mapping[str, Point]
    """The middle of each node."""
    ways: Mapping[tuple[str, str], Sequence[Point]]
    """The points that each arrow passes, from the edge of its first node to that of its last."""


@dataclass
class _Layered:
    """Nodes in layers, and the neighbours of each in the layer before and after."""

    layers: list[list[Node]]
    before: dict[Node, list[Node]] = field(default_factory=dict)
    after: dict[Node, list[Node]] = field(default_factory=dict)

    def join(self, one: Node, other: Node) -> None:
        self.after.setdefault(one, []).append(other)
        self.before.setdefault(other, []).append(one)


def lay_out(sizes: Mapping[str, tuple[float, float]], arrows: Collection[tuple[str, str]]) -> Layout:
    """The layout of nodes with these widths and heights."""
    forward = _without_cycles(sorted(sizes), sorted(arrows))
    graph = _in_layers(sorted(sizes), forward)
    along = set(forward)
    _put_in_order(graph)
    widths = [max((sizes[each][0] for each in layer if isinstance(each, str)), default=0.0) for layer in graph.layers]
    lefts = [sum(widths[:at]) + LAYER_GAP * at for at in range(len(widths))]
    heights = {each: sizes[each][1] if isinstance(each, str) else 0.0 for layer in graph.layers for each in layer}
    rows = _rows(graph, heights)
    top = min((rows[each] - heights[each] / 2 for each in rows), default=0.0)
    middle = {
        each: (lefts[at] + widths[at] / 2, rows[each] - top) for at, layer in enumerate(graph.layers) for each in layer
    }
    return Layout(
        width=lefts[-1] + widths[-1] if lefts else 0.0,
        height=max((middle[each][1] + heights[each] / 2 for each in middle), default=0.0),
        places={each: middle[each] for each in sizes},
        ways={(one, other): _way(one, other, (one, other) in along, sizes, middle, graph) for one, other in arrows},
    )


def _without_cycles(nodes: Sequence[str], arrows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The arrows with those turned round that close a cycle, found by looking in depth; without loops at one node."""
    following: dict[str, list[str]] = {}
    for one, other in arrows:
        if one != other:
            following.setdefault(one, []).append(other)
    done: set[str] = set()
    made: dict[tuple[str, str], None] = {}
    has_origin = {other for each in following.values() for other in each}
    for start in sorted(nodes, key=lambda each: (each in has_origin, each)):
        open_: dict[str, int] = {} if start in done else {start: 0}
        while open_:
            here, at = next(reversed(open_.items()))
            near = following.get(here, [])
            if at == len(near):
                del open_[here]
                done.add(here)
                continue
            open_[here] += 1
            other = near[at]
            made[(other, here) if other in open_ else (here, other)] = None
            if other not in done and other not in open_:
                open_[other] = 0
    return list(made)


def _in_layers(nodes: Sequence[str], arrows: Sequence[tuple[str, str]]) -> _Layered:
    """Each node as far left as what leads to it allows; what nothing leads to, right before what it leads to."""
    after: dict[str, list[str]] = {each: [] for each in nodes}
    waiting = dict.fromkeys(nodes, 0)
    for one, other in arrows:
        after[one].append(other)
        waiting[other] += 1
    depth = dict.fromkeys(nodes, 0)
    origins = [each for each in nodes if not waiting[each]]
    ready = list(origins)
    while ready:
        here = ready.pop()
        for other in after[here]:
            depth[other] = max(depth[other], depth[here] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    for each in origins:
        depth[each] = max(min((depth[other] for other in after[each]), default=0) - 1, 0)
    graph = _Layered(layers=[[] for _ in range(max(depth.values(), default=-1) + 1)])
    for each in nodes:
        graph.layers[depth[each]].append(each)
    for one, other in arrows:
        last: Node = one
        for layer in range(depth[one] + 1, depth[other]):
            passing = (one, other, layer)
            graph.layers[layer].append(passing)
            graph.join(last, passing)
            last = passing
        graph.join(last, other)
    return graph


def _put_in_order(graph: _Layered) -> None:
    """Sorts each layer by where the neighbours of its nodes are, and keeps the order with the fewest crossings."""
    best, fewest = [list(each) for each in graph.layers], _crossings(graph)
    for turn in range(ROUNDS):
        down = turn % 2 == 0
        near = graph.before if down else graph.after
        for at in range(1, len(graph.layers)) if down else range(len(graph.layers) - 2, -1, -1):
            place = {each: spot for spot, each in enumerate(graph.layers[at - 1 if down else at + 1])}
            own = {each: float(spot) for spot, each in enumerate(graph.layers[at])}
            wanted = {each: _mean([place[other] for other in near.get(each, ())], own[each]) for each in own}
            graph.layers[at].sort(key=lambda each: (wanted[each], own[each]))
        found = _crossings(graph)
        if found < fewest:
            best, fewest = [list(each) for each in graph.layers], found
    graph.layers = best


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(graph: _Layered) -> int:
    total = 0
    for one, other in zip(graph.layers, graph.layers[1:], strict=False):
        place = {each: spot for spot, each in enumerate(other)}
        ends: list[int] = []
        for each in one:
            spots = sorted(place[far] for far in graph.after.get(each, ()))
            total += sum(len(ends) - bisect_right(ends, spot) for spot in spots)
            for spot in spots:
                insort(ends, spot)
    return total


def _rows(graph: _Layered, heights: Mapping[Node, float]) -> dict[Node, float]:
    """How far down each node is: near its neighbours, in the order of its layer, with room between."""
    rows: dict[Node, float] = {}
    for layer in graph.layers:
        at = 0.0
        for each in layer:
            rows[each] = at + heights[each] / 2
            at += heights[each] + NODE_GAP
        for each in layer:
            rows[each] -= at / 2
    for turn in range(ROUNDS):
        near = graph.before if turn % 2 == 0 else graph.after
        for layer in graph.layers if turn % 2 == 0 else reversed(graph.layers):
            wanted = [_mean([rows[other] for other in near.get(each, ())], rows[each]) for each in layer]
            rows.update(zip(layer, _apart(layer, wanted, heights), strict=True))
    return rows


def _apart(layer: Sequence[Node], wanted: Sequence[float], heights: Mapping[Node, float]) -> list[float]:
    """The places nearest to the wanted ones with room between: those in each other's way move together."""
    # Blocks of nodes that touch: sum of what they want of the place of their first, number of nodes, length.
    blocks: list[tuple[float, int, float, list[float]]] = []
    for each, want in zip(layer, wanted, strict=True):
        half = heights[each] / 2
        block = (want - half, 1, 2 * half + NODE_GAP, [half])
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][2] > block[0] / block[1]:
            total, count, length, offsets = blocks.pop()
            block = (
                total + block[0] - block[1] * length,
                count + block[1],
                length + block[2],
                [*offsets, *(length + offset for offset in block[3])],
            )
        blocks.append(block)
    return [total / count + offset for total, count, _, offsets in blocks for offset in offsets]


def _way(
    one: str,
    other: str,
    is_forward: bool,
    sizes: Mapping[str, tuple[float, float]],
    middle: Mapping[Node, Point],
    graph: _Layered,
) -> list[Point]:
    start, end = (one, other) if is_forward else (other, one)
    passed: list[Node] = []
    if one != other:
        here = next(each for each in graph.after[start] if each == end or _is_on(each, start, end))
        while here != end:
            passed.append(here)
            (here,) = graph.after[here]
    points = [
        (middle[start][0] + sizes[start][0] / 2, middle[start][1]),
        *(middle[each] for each in passed),
        (middle[end][0] - sizes[end][0] / 2, middle[end][1]),
    ]
    return points if is_forward else points[::-1]


def _is_on(node: Node, one: str, other: str) -> bool:
    return not isinstance(node, str) and node[:2] == (one, other)
