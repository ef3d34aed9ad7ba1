"""`python -m infra`: what can be said about the stacks without an engine; all but `probe` without a cluster too."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from infra import delivery
from infra.affected import AffectedError, affected, changed_files, stack_files
from infra.check import check, write_schema
from infra.probe import probe
from infra.review import command as reviewing
from infra.review.report import MOST_CHARACTERS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the result is the exit code (2: it was called wrongly)."""
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_check, _schema, _review, _probe, _affected, _ci):
        add(commands)
    chosen = parser.parse_args(arguments)
    code: int = chosen.run(chosen)
    return code


def _check(commands: Commands) -> None:
    parser = commands.add_parser("check", help="find what is wrong with stack files")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="names of stacks; default: all of them")
    parser.add_argument("--all", action="store_true", help="all stacks")

    def run(chosen: argparse.Namespace) -> int:
        if chosen.all and chosen.stacks:
            parser.error("name stacks or say --all, not both")
        return check(chosen.stacks)

    parser.set_defaults(run=run)


def _schema(commands: Commands) -> None:
    parser = commands.add_parser("schema", help="write stacks/schema.json and the keys in docs/stack-file.md")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if they are out of date")
    parser.set_defaults(run=lambda chosen: write_schema(only_check=chosen.check))


def _review(commands: Commands) -> None:
    parser = commands.add_parser(
        "review",
        help="say what a change means, as Markdown: data at risk, access, capacity, the rest",
        epilog="exit codes: 0 nothing needs a second look; 3 something does; 4 something changes and --expect-no-changes "
        "was given; 1 the preview failed; 2 wrong usage",
    )
    parser.add_argument("stack", metavar="STACK")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--against", metavar="REF", help="compare with a git ref, without engine, cluster and deployed state"
    )
    source.add_argument(
        "--preview", metavar="FILE", type=Path, help="what `pulumi preview --json` printed; - is standard input"
    )
    parser.add_argument(
        "--limit", type=int, default=MOST_CHARACTERS, help="bytes that the review may have; default: %(default)s"
    )
    parser.add_argument("--expect-no-changes", action="store_true", help="exit with 4 if anything would change")
    parser.set_defaults(
        run=lambda chosen: reviewing.run(
            chosen.stack,
            against=chosen.against,
            preview=chosen.preview,
            limit=chosen.limit,
            expect_no_changes=chosen.expect_no_changes,
        )
    )


def _probe(commands: Commands) -> None:
    parser = commands.add_parser("probe", help="send records through a platform that runs, and say how long they took")
    parser.add_argument("stack", metavar="STACK", help="name of a stack with probe: in its file")
    parser.set_defaults(run=lambda chosen: probe(chosen.stack))


def _affected(commands: Commands) -> None:
    parser = commands.add_parser("affected", help="print the stacks that the commits since a git ref concern, as JSON")
    parser.add_argument("--base", metavar="REF", help="the git ref; default: none, all stacks")

    def run(chosen: argparse.Namespace) -> int:
        try:
            stacks = stack_files()
            # GitHub writes zeros for what was before the first push of a branch.
            everything = chosen.base is None or not chosen.base.strip("0")
            print(json.dumps(sorted(stacks) if everything else affected(changed_files(chosen.base), stacks)))
        except AffectedError as error:
            print(error, file=sys.stderr)
            return 1
        return 0

    parser.set_defaults(run=run)


def _ci(commands: Commands) -> None:
    parser = commands.add_parser("ci", help="what CI does with one stack: docs/ci.md")
    parser.add_argument("action", choices=["review", "apply", "drift"])
    parser.add_argument("stack", metavar="STACK")
    parser.add_argument("--base", metavar="REF", help="review: the git ref that the change will be merged to")
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("reviews"), help="review: default %(default)s"
    )

    def run(chosen: argparse.Namespace) -> int:
        if chosen.action == "review":
            if chosen.base is None:
                parser.error("review: --base is missing: name the git ref that the change will be merged to")
            return delivery.review(chosen.stack, chosen.base, chosen.out)
        return delivery.apply(chosen.stack) if chosen.action == "apply" else delivery.drift(chosen.stack)

    parser.set_defaults(run=run)


if __name__ == "__main__":
    sys.exit(main())
