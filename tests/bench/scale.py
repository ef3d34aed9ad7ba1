"""What 10, 100 and 1,000 topics, users, tenants and workers cost, and whether anything grows faster than they do.

Each command runs as people run it, and processor time is counted, which other programs on the machine change little; the
least of some rounds is taken. Every cost has a part that does not grow: c = a + b nᵏ, and a is what ten cost. The exponent
is that of the upper half, where growth stands out from noise most: k = log₂((c₁₀₀₀ - a) / (c₅₀₀ - a)); 1 is linear. Where a
thousand cost little more than ten, noise alone would decide on it, and none is said.

`python -m tests.bench.scale check render` measures these alone. Ends with one line of JSON.
"""

import argparse
import functools
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import ending_properly, report
from tests.bench.scale_gateway import gateway_memory
from tests.bench.scale_provisioning import provisioning
from tests.bench.scale_stacks import SUBJECTS, Command, Files, commands, counts_of, deployed

COUNTS = (10, 100, 500, 1_000)
ROUNDS = 3
LINEAR = 1.1
"""An exponent above this is reported as growing faster than its subject."""
NOISE = 0.25
"""Growth from ten to a thousand, as a share of what ten cost, below which nothing is said of its shape."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What some numbers of something cost."""

    what: str
    """Such as `check users`."""
    unit: str
    costs: Mapping[int, float]
    """By number."""

    @property
    def each(self) -> float:
        """What one more costs, among the largest."""
        fewer, most = sorted(self.costs)[-2:]
        return (self.costs[most] - self.costs[fewer]) / (most - fewer)

    @property
    def exponent(self) -> float | None:
        """None: it does not grow enough to say."""
        return exponent([self.costs[number] for number in sorted(self.costs)])

    def __str__(self) -> str:
        costs = "  ".join(f"{cost:>9,.2f}" for _, cost in sorted(self.costs.items()))
        grows = "flat" if self.exponent is None else f"{self.exponent:.2f}"
        return f"{self.what:<34} {self.unit:<4} {costs}   one more {self.each * 1000:>8,.2f} m{self.unit}   exponent {grows}"


def exponent(costs: Sequence[float]) -> float | None:
    """How costs grow; None if they hardly do.

    Args:
        costs: of rising numbers, the last of which is twice the one before.
    """
    base, half, whole = costs[0], costs[-2], costs[-1]
    if whole - base < NOISE * base or half <= base:
        return None
    return math.log2((whole - base) / (half - base))


def measured(what: str, unit: str, cost: Callable[[int], float], counts: Sequence[int], rounds: int) -> Curve:
    """The least of some rounds for each number."""
    costs = {number: min(cost(number) for _ in range(rounds)) for number in counts}
    curve = Curve(what=what, unit=unit, costs=costs)
    print(curve, flush=True)
    return curve


def of_stacks(folder: Path, chosen: Sequence[Command], rounds: int) -> list[Curve]:
    """What the commands cost for each kind of thing that a stack may have many of."""
    found = []
    for files in (Files(folder / subject, subject) for subject in SUBJECTS):
        for command in chosen:
            cost = functools.partial(files.cost, command)
            found.append(
                measured(
                    f"{command.value} {files.subject}", "s", cost, counts_of(command, files.subject, COUNTS), rounds
                )
            )
    return found


def main() -> None:
    """Prints a line for each curve and the line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "parts", nargs="*", help="some of: " + ", ".join([*commands(), "provisioning", "up", "gateway"])
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    wanted = set(given.parts) or {*commands(), "provisioning", "up", "gateway"}
    curves: list[Curve] = []
    with tempfile.TemporaryDirectory() as name, ending_properly():
        folder = Path(name)
        curves += of_stacks(folder, [each for each in Command if each.value in wanted], given.rounds)
        if "provisioning" in wanted:
            for what, unit, costs in provisioning(folder, COUNTS):
                curves.append(Curve(what=what, unit=unit, costs=costs))
                print(curves[-1], flush=True)
        if "up" in wanted:
            for what, unit, costs in deployed(folder, COUNTS):
                curves.append(Curve(what=what, unit=unit, costs=costs))
                print(curves[-1], flush=True)
        if "gateway" in wanted:
            for what, unit, costs in gateway_memory(folder, COUNTS):
                curves.append(Curve(what=what, unit=unit, costs=costs))
                print(curves[-1], flush=True)
    report(
        counts=list(COUNTS),
        costs={each.what: [round(each.costs[n], 3) for n in sorted(each.costs)] for each in curves},
        exponents={each.what: None if each.exponent is None else round(each.exponent, 2) for each in curves},
        faster_than_linear=[each.what for each in curves if each.exponent is not None and each.exponent > LINEAR],
    )


if __name__ == "__main__":
    main()
