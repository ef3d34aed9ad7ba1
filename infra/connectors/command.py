"""`python -m infra connectors`: what each connector of a stack does, and the reason of one that does not work."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.spec import Connector
from kafka_platform.values.words import suggest

from infra.capabilities.connectors import all_connectors, is_light
from infra.check import STACKS
from infra.connection import NoAnswerError
from infra.connectors.changing import DATA_AT_RISK, Action, act
from infra.connectors.seen import Seen
from infra.connectors.workers import Workers, is_operated
from infra.live.cluster import Cluster, UnreachableError
from infra.live.text import shown, told
from infra.settings.core import Core, Environment
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file

WORKS, FAULTS, WRONG, UNREACHABLE = 0, 1, 2, 3
VERSION = 1
"""Of the JSON: raised if a key is removed."""


def connectors(
    stack: str,
    *,
    action: Action | None = None,
    name: str = "",
    production: str | None = None,
    as_data: bool = False,
    folder: Path = STACKS,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Shows what the connectors of a stack do, after doing something with one of them if that is asked for.

    Args:
        stack: its name, or the path of its file.
        action: what is done first.
        name: of the connector with which it is done.
        production: the stack's name once more, for what puts data at risk in production.
        as_data: whether JSON is printed.
        folder: of the stack files.
        environment: variables.

    Returns:
        0 if all are as declared; 1 if one is not; 2 if the file is wrong or has no such connector; 3 if it cannot be told.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
        declared = all_connectors(settings)
        if action is not None:
            fault = _refusal(action, name, declared, settings.namespace) or _at_risk(
                action, stack, production, settings
            )
            if fault is not None:
                print(f"{file.name}: {fault}", file=sys.stderr)
                return WRONG
        cluster = Cluster(settings.kubernetes, environment)
        cluster.version()
        workers = Workers(cluster, settings.namespace, operated=is_operated(settings))
        said = [] if action is None else act(workers, action, name, declared[name].state)
        if action is Action.OFFSETS:
            print(
                json.dumps({"version": VERSION, "offsets": said}, indent=2) if as_data else "\n".join(map(shown, said))
            )
            return WORKS
        for line in said:
            print(shown(line), file=sys.stderr)
        found = list(workers.seen(declared))
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return WRONG
    except (UnreachableError, NoAnswerError) as error:
        print(f"{stack}: {told(error)}", file=sys.stderr)
        return UNREACHABLE
    _show(stack, found, as_data=as_data)
    if any(each.state == "unknown" for each in found):
        return UNREACHABLE
    return WORKS if all(each.is_as_wanted for each in found) else FAULTS


def _refusal(action: Action, name: str, declared: Mapping[str, Connector], namespace: str) -> str | None:
    """Why nothing can be done with that connector; None if it can."""
    if name not in declared:
        return f"{name!r} is not a connector of this file: {suggest(name, declared)}"
    if action is Action.RESET and not declared[name].is_sink:
        return f"{name!r} is a source, whose offsets Kafka Connect cannot reset: to read tables again, write Debezium's signal execute-snapshot into the table that signals names, or give the connector another name"
    if not is_light(declared[name]):
        return None
    own = f"deployment/{connector_user_name(name)}"
    if action is Action.RESTART:
        return f"{name!r} is a light connector, which restarts by itself; to force it: kubectl -n {namespace} rollout restart {own}"
    return f"{name!r} is a light connector, whose {action.value} Kafka Connect knows nothing of: write its state in the file, or kubectl -n {namespace} scale {own}"


def _at_risk(action: Action, stack: str, production: str | None, settings: Core) -> str | None:
    """Why something is refused in production; None if it is not."""
    if action not in DATA_AT_RISK or settings.environment is not Environment.PROD or production == stack:
        return None
    return (
        f"{action.value} makes a connector begin anew, in production: to do it all the same, write --production {stack}"
    )


def _show(stack: str, found: list[Seen], *, as_data: bool) -> None:
    if as_data:
        rows = [asdict(each) for each in found]
        print(json.dumps({"version": VERSION, "stack": stack, "connectors": rows}, indent=2))
        return
    if not found:
        print("no connectors")
    widths = [
        max((len(getattr(each, name)) for each in found), default=0) for name in ("name", "kind", "state", "tasks")
    ]
    for each in found:
        state = each.state if each.is_as_wanted else each.state.upper()
        cells = (each.name, each.kind, state, each.tasks)
        row = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        wanted = "" if each.state == each.wanted or each.reason else f"the file says {each.wanted}"
        print(f"{row}  {'; '.join(filter(None, (each.reason or wanted, each.drift)))}".rstrip())
