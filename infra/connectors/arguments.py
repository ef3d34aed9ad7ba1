"""The arguments of `python -m infra connectors`."""

import argparse
from collections.abc import Callable

from infra.connectors.changing import Action
from infra.connectors.command import connectors

SUMMARY = "show what each connector of a stack does, why one does not work, and what was changed by hand"
EXAMPLES = "prod\nprod --restart shop\nprod --offsets shop\nprod --json"
CODES = "exit codes: 0 all are as declared; 1 one is not; 2 wrong stack file or usage; 3 it cannot be told"


def add_arguments(parser: argparse.ArgumentParser, add_stack: Callable[[argparse.ArgumentParser], None]) -> None:
    """Adds them, and what runs the command; `add_stack` adds the name of the stack."""
    add_stack(parser)
    chosen_one = parser.add_mutually_exclusive_group()
    for action, summary in (
        (Action.RESTART, "first restart what has failed of a connector in Kafka Connect"),
        (Action.PAUSE, "first let it move no more records, until its declaration changes"),
        (Action.RESUME, "first let it move records again"),
        (Action.RESTORE, "first set its configuration back to what was deployed last"),
        (Action.OFFSETS, "show how far it is, and nothing else"),
        (Action.RESET, "first stop a sink, and let it write every record again"),
    ):
        chosen_one.add_argument(f"--{action.value}", metavar="NAME", help=summary)
    parser.add_argument("--production", metavar="STACK", help="the name of the stack again, to reset in production")
    parser.add_argument("--json", action="store_true", help="print JSON: docs/operations.md names its keys")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    named = {each: getattr(chosen, each.value.replace("-", "_")) for each in Action}
    action = next((each for each, name in named.items() if name is not None), None)
    return connectors(
        chosen.stack,
        action=action,
        name="" if action is None else named[action],
        production=chosen.production,
        as_data=chosen.json,
    )
