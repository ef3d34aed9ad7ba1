"""`python -m infra`: what can be said about the stacks without an engine; all but `probe` without a cluster too."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from infra import delivery
from infra.affected import AffectedError, affected, changed_files, stack_files
from infra.check import check, write_schema
from infra.probe import probe
from infra.review import command as reviewing
from infra.review.report import MOST_CHARACTERS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the result is the exit code (2: it was called wrongly)."""
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = commands.add_parser("check", help="find what is wrong with stack files")
    checking.add_argument("stacks", nargs="*", metavar="STACK", help="names of stacks; default: all of them")
    checking.add_argument("--all", action="store_true", help="all stacks")
    writing = commands.add_parser("schema", help="write stacks/schema.json and the keys in docs/stack-file.md")
    writing.add_argument("--check", action="store_true", help="write nothing, exit with 1 if they are out of date")
    looking = commands.add_parser(
        "review",
        help="say what a change means, as Markdown: data at risk, access, capacity, the rest",
        epilog="exit codes: 0 nothing needs a second look; 3 something does; 4 something changes and --expect-no-changes "
        "was given; 1 the preview failed; 2 wrong usage",
    )
    looking.add_argument("stack", metavar="STACK")
    source = looking.add_mutually_exclusive_group()
    source.add_argument(
        "--against", metavar="REF", help="compare with a git ref, without engine, cluster and deployed state"
    )
    source.add_argument(
        "--preview", metavar="FILE", type=Path, help="what `pulumi preview --json` printed; - is standard input"
    )
    looking.add_argument(
        "--limit",
        type=int,
        default=MOST_CHARACTERS,
        help="bytes that the review may have; default: %(default)s",
    )
    looking.add_argument("--expect-no-changes", action="store_true", help="exit with 4 if anything would change")
    probing = commands.add_parser("probe", help="send records through a platform that runs, and say how long they took")
    probing.add_argument("stack", metavar="STACK", help="name of a stack with probe: in its file")
    concerning = commands.add_parser(
        "affected", help="print the stacks that the commits since a git ref concern, as JSON"
    )
    concerning.add_argument("--base", metavar="REF", help="the git ref; default: none, all stacks")
    delivering = commands.add_parser("ci", help="what CI does with one stack: docs/ci.md")
    delivering.add_argument("action", choices=["review", "apply", "drift"])
    delivering.add_argument("stack", metavar="STACK")
    delivering.add_argument("--base", metavar="REF", help="review: the git ref that the change will be merged to")
    delivering.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("reviews"), help="review: default %(default)s"
    )
    chosen = parser.parse_args(arguments)
    if chosen.command == "affected":
        try:
            stacks = stack_files()
            # GitHub writes zeros for what was before the first push of a branch.
            everything = chosen.base is None or not chosen.base.strip("0")
            print(json.dumps(sorted(stacks) if everything else affected(changed_files(chosen.base), stacks)))
        except AffectedError as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    if chosen.command == "ci":
        if chosen.action == "review":
            if chosen.base is None:
                parser.error("review: --base is missing: name the git ref that the change will be merged to")
            return delivery.review(chosen.stack, chosen.base, chosen.out)
        return delivery.apply(chosen.stack) if chosen.action == "apply" else delivery.drift(chosen.stack)
    if chosen.command == "review":
        return reviewing.run(
            chosen.stack,
            against=chosen.against,
            preview=chosen.preview,
            limit=chosen.limit,
            expect_no_changes=chosen.expect_no_changes,
        )
    if chosen.command == "schema":
        return write_schema(only_check=chosen.check)
    if chosen.command == "probe":
        return probe(chosen.stack)
    if chosen.all and chosen.stacks:
        parser.error("name stacks or say --all, not both")
    return check(chosen.stacks)


if __name__ == "__main__":
    sys.exit(main())
