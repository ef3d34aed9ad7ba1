"""`python -m infra`: what can be said about the stacks without an engine or a cluster."""

import argparse
import sys
from collections.abc import Sequence

from infra.check import check, write_schema


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the result is the exit code (2: it was called wrongly)."""
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = commands.add_parser("check", help="find what is wrong with stack files")
    checking.add_argument("stacks", nargs="*", metavar="STACK", help="names of stacks; default: all of them")
    checking.add_argument("--all", action="store_true", help="all stacks")
    writing = commands.add_parser("schema", help="write stacks/schema.json and the keys in docs/stack-file.md")
    writing.add_argument("--check", action="store_true", help="write nothing, exit with 1 if they are out of date")
    chosen = parser.parse_args(arguments)
    if chosen.command == "schema":
        return write_schema(only_check=chosen.check)
    if chosen.all and chosen.stacks:
        parser.error("name stacks or say --all, not both")
    return check(chosen.stacks)


if __name__ == "__main__":
    sys.exit(main())
