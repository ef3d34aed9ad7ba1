"""How long a value may take to be checked by a JSON Schema, at worst: some schemas of a few lines take for ever.

Alternatives that hold each other double the steps with every level, of the schema or of the value; patterns may take a thousand
steps for each character. The library has no bound for either, so what a schema can take is computed before it is used.
"""

from collections.abc import Sequence

from kafka_platform_runtime.gateway.schemas.json_parts import Node
from kafka_platform_runtime.gateway.schemas.misfit import Unusable

DEEPEST = 100
"""Nesting of a value that is checked."""
MOST_NESTED = 64
"""Parts of a schema for the same value, one within the other: each takes some of the stack."""
MOST_STEPS = 2**22
"""For one part of a value, which has at least two bytes. A step takes about 12 ns."""


def costs(nodes: Sequence[Node]) -> list[int]:
    """Steps for any part of a value, at most, by how deep the value is: the last counts for all that are deeper.

    Values that are deeper than the list is long may not be checked, unless it is complete: then it ends with the same number twice.

    Raises:
        Unusable: a value with members takes too many, or parts of the schema refer to each other in a circle.
    """
    order = _order(nodes)
    below = [0] * len(nodes)
    found: list[int] = []
    while len(found) <= DEEPEST:
        now = [0] * len(nodes)
        for index in order:
            node = nodes[index]
            steps = node.weight + sum(now[each] for each in node.same)
            inner = [
                max((below[each] for each in one), default=0) + sum(below[each] for each in every)
                for one, every in ((node.members, node.every_member), (node.items, node.every_item))
            ]
            now[index] = min(steps + max(inner), MOST_STEPS + 1)
        if now[0] > MOST_STEPS:
            if len(found) <= 1:
                raise Unusable("takes too many steps for a value: it has too many alternatives, or too long patterns")
            return found
        found.append(now[0])
        if now == below:
            return found
        below = now
    return found


def _order(nodes: Sequence[Node]) -> list[int]:
    """The numbers of parts, each after those that apply to the same value as it does.

    Raises:
        Unusable: there is a circle, or too many are within each other.
    """
    height = [0] * len(nodes)
    order: list[int] = []
    left = [len(set(node.same)) for node in nodes]
    above: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for each in set(node.same):
            above[each].append(index)
    ready = [index for index, count in enumerate(left) if not count]
    while ready:
        index = ready.pop()
        order.append(index)
        for each in above[index]:
            height[each] = max(height[each], height[index] + 1)
            left[each] -= 1
            if not left[each]:
                ready.append(each)
    if len(order) < len(nodes):
        raise Unusable("has parts that refer to each other in a circle")
    if max(height) > MOST_NESTED:
        raise Unusable(f"has more than {MOST_NESTED} parts within each other for one value")
    return order
