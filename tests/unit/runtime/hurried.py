"""Runs a program that waits for less long than it would: `python -m tests.unit.runtime.hurried MODULE:NAME=VALUE[,...] PROGRAM`.

NAME is a constant of MODULE that the program looks up when it waits. What follows are the arguments of PROGRAM, which is run
as `python -m PROGRAM` would.
"""

import ast
import importlib
import runpy
import sys
from collections.abc import Sequence


def hurried(program: str, **constants: float) -> Sequence[str]:
    """What to give to `python -m` for a program with other constants; `gateway__health__X` is X of the module gateway.health."""
    places = [name.split("__") for name in constants]
    changes = [
        f"kafka_platform_runtime.{'.'.join(place[:-1])}:{place[-1]}={value}"
        for place, value in zip(places, constants.values(), strict=True)
    ]
    return (__name__, ",".join(changes), f"kafka_platform_runtime.{program}")


def main() -> None:
    """Change the constants and run the program."""
    for change in sys.argv[1].split(","):
        place, _, value = change.partition("=")
        module, _, name = place.partition(":")
        changed = importlib.import_module(module)
        getattr(changed, name)  # a constant that is not there any more is a fault of the test
        setattr(changed, name, ast.literal_eval(value))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
