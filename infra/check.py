"""`python -m infra check` and `schema`: stack files checked without an engine and, unless asked for, without a cluster."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kafka_platform.kafka.protocols import Engine

from infra import neighbours
from infra.api_server import ApiServer
from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.kubeconfig import check_there
from infra.kubernetes_version import check_cluster
from infra.needed_objects import check_needed
from infra.outside.check import check_outside
from infra.policies import violations
from infra.rules import Level
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.relations import topics
from infra.settings.schema import keys, schema
from infra.settings.stackfile import is_blank, stack_file, stack_names
from infra.sizing import advice as sizing
from infra.versions.page import page

ROOT = Path(__file__).resolve().parent.parent
STACKS = ROOT / "stacks"
SCHEMA_FILE = STACKS / "schema.json"
DOCS_FILE = ROOT / "docs" / "stack-file.md"
VERSIONS_FILE = ROOT / "docs" / "versions.md"
KEYS_HEADING = "## All keys\n"
"""What follows in the documentation is made by `python -m infra schema`."""


def check(stacks: Sequence[str], folder: Path = STACKS, *, asks_cluster: bool = False) -> int:
    """Prints what is wrong with the stacks' files, or one line for each that is right; all of the folder if none is named.

    Args:
        stacks: names of stacks, or paths of their files.
        folder: where files of stacks are that are given by name.
        asks_cluster: whether each stack's Kubernetes cluster is asked too, as a preview would do.

    Returns:
        1 if anything is wrong, otherwise 0.
    """
    named = list(dict.fromkeys(stacks))
    names = named or stack_names(folder)
    if not names:
        print(f"{_shown(folder)}: no stack files: write Pulumi.<stack>.yaml")
        return 1
    return max(_check_one(file_of(name, folder), named=bool(named), asks_cluster=asks_cluster) for name in names)


def file_of(stack: str, folder: Path) -> Path:
    """The file of a stack that is given by its name, or by a path: what names a folder too, or ends as files of stacks do."""
    path = Path(stack)
    is_path = path.suffix in (".yaml", ".yml") or os.sep in stack
    return path.absolute() if is_path else stack_file(stack, folder)


def _check_one(file: Path, *, named: bool, asks_cluster: bool) -> int:
    if not named and is_blank(file):
        print(f"{_shown(file)}: no settings yet, only what `pulumi stack init` writes")
        return 0
    try:
        settings = read_stack(file)
    except SettingsError as error:
        count = len(error.faults)
        print(f"{_shown(file)}: {_coloured(_count(count, 'fault'), _RED)}")
        for fault in error.faults:
            print(f"  {fault}")
        return 1
    broken = violations(settings)
    mandatory = [each for each in broken if each.level is Level.MANDATORY]
    contradiction = _contradiction(settings, file.stem.removeprefix("Pulumi.")) if asks_cluster else ""
    if contradiction:
        print(f"{_shown(file)}: {_coloured(contradiction, _RED)}")
    elif mandatory:
        violated = _count(len(mandatory), "violation")
        print(f"{_shown(file)}: {_coloured(violated, _RED)} of the policies for {settings.environment.value}")
    else:
        print(f"{_shown(file)}: {_coloured('ok', _GREEN)}: {summary(settings)}")
    advised = [
        *topics.advice(settings),
        *sizing.advice(Stack(settings, CAPABILITIES)),
        *neighbours.advice(settings, file),
    ]
    for line in (*map(str, broken), *(f"advice: {fault}" for fault in advised)):
        is_advice = line.startswith("advice: ")
        print(f"  {_coloured('advice', _YELLOW)}{line.removeprefix('advice')}" if is_advice else f"  {line}")
    return 1 if mandatory or contradiction else 0


def _contradiction(settings: Settings, stack: str) -> str:
    """What the stack's Kubernetes cluster lacks, or has that contradicts the file; empty if it takes the stack."""
    try:
        check_there(settings.kubernetes, os.environ)
        api_server = ApiServer(settings.kubernetes.kubeconfig, settings.kubernetes.context)
        if api_server.version() is None:
            return "kubernetes: the cluster does not answer: correct kubernetes.context, or check without --cluster"
        check_cluster(settings, api_server)
        check_needed(settings, api_server)
        # Whatever deploys it: Pulumi's organization and the project are not known here.
        check_outside(settings, api_server, lambda mark: mark.rpartition("/")[2] == stack)
    except ValueError as error:
        return str(error)
    return ""


def summary(settings: Settings) -> str:
    """The platform in a few words."""
    kafka = settings.kafka
    brokers = str(kafka.bootstrap_servers)
    if kafka.engine is not Engine.EXTERNAL:
        brokers = _count(kafka.brokers, "node" if kafka.engine is Engine.EMBEDDED else "broker")
    counts = [_count(len(settings.topics), "topic"), _count(len(settings.users), "user")]
    counts += filter(None, (each.described(section) for each, section in Stack(settings, CAPABILITIES).present))
    return f"{kafka.engine.value} Kafka, {brokers}, {', '.join(counts)}"


def is_coloured() -> bool:
    """Whether people read the output at a terminal, and want colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _coloured(text: str, code: int) -> str:
    return f"\033[{code}m{text}\033[0m" if is_coloured() else text


_RED, _GREEN, _YELLOW = 31, 32, 33


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def write_schema(*, only_check: bool) -> int:
    """Writes what follows from the code: the schema for editors, the list of keys and that of versions; or says what is out of date.

    Returns:
        1 if it only checks and something is out of date, otherwise 0.
    """
    intro = DOCS_FILE.read_text(encoding="utf-8").partition(KEYS_HEADING)[0]
    wanted = {
        SCHEMA_FILE: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        DOCS_FILE: f"{intro}{KEYS_HEADING}{keys()}\n",
        VERSIONS_FILE: page(ROOT),
    }
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    for file in stale:
        if only_check:
            print(f"{_shown(file)}: differs from the code: run `python -m infra schema`")
        else:
            file.write_text(wanted[file], encoding="utf-8")
            print(f"{_shown(file)}: written")
    return 1 if only_check and stale else 0
