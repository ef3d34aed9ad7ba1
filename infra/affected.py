"""Which stacks a change of files concerns."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from kafka_platform.chart_sources import files

from infra.check import ROOT, STACKS
from infra.settings import SettingsError
from infra.settings.installations import OPERATORS
from infra.settings.stackfile import KEY, parse_yaml, read_text

_STACK_FILE = re.compile(r"stacks/Pulumi\.([A-Za-z0-9][A-Za-z0-9._-]*)\.yaml")
"""What Pulumi takes as the name of a stack; others are no stack files."""
_EVERY_STACK = frozenset(
    {
        "Pulumi.yaml",
        "__main__.py",
        "components",
        "infra/api_server.py",
        "infra/platform.py",
        "infra/program.py",
        "infra/settings",
        "policies",
        "requirements.txt",
    }
)
"""Files and folders that decide what every stack renders, or how it is judged. The programs in runtime/ are not among
them: stacks name their image by its version."""


class AffectedError(Exception):
    """It cannot be said what changed; the message is one line that says why."""


def changed_files(base: str) -> list[str]:
    """The files that differ between the common ancestor of HEAD and a git ref, and HEAD; both names of renamed ones."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "diff",
        "--name-only",
        "--no-renames",
        "-z",
        "--end-of-options",
        f"{base}...HEAD",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        reason = " ".join(done.stderr.strip().splitlines()[:1]).removeprefix("fatal: ")
        raise AffectedError(f"--base {base}: {reason}: name a commit that HEAD shares history with")
    return [each for each in done.stdout.split("\0") if each]


def stack_files(folder: Path | None = None) -> dict[str, list[str]]:
    """The stacks by name, with the further files and folders that each names, as paths in the repository."""
    found: dict[str, list[str]] = {}
    for file in sorted((folder or STACKS).glob("Pulumi.*.yaml")):
        match = _STACK_FILE.fullmatch(f"stacks/{file.name}")
        if match is not None:
            found[match[1]] = [_inside(each) for each in _named_files(file)]
    return found


def _named_files(file: Path) -> list[str]:
    """Files of topics, and charts and definitions of operators."""
    try:
        platform = parse_yaml(read_text(file))["config"][KEY]
    except (OSError, UnicodeDecodeError, SettingsError, KeyError, TypeError):
        return []  # `check` says what is wrong with the file
    if not isinstance(platform, dict):
        return []
    topics = platform.get("topicFiles")
    named = [str(each) for each in topics] if isinstance(topics, list) else []
    for operator in OPERATORS:
        section = platform.get(operator)
        source = section.get("source") if isinstance(section, dict) else None
        named += files(source).values() if isinstance(source, dict) else ()
    return named


def _inside(name: str) -> str:
    """A path as the stacks folder sees it, as the repository does."""
    parts: list[str] = []
    for part in (PurePosixPath("stacks") / name).parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def affected(changed: Iterable[str], stacks: Mapping[str, Iterable[str]]) -> list[str]:
    """The stacks that a change of these files concerns, sorted.

    Args:
        changed: paths in the repository.
        stacks: the stacks that there are, with the further files and folders that each reads.
    """
    touched = {place for file in changed for place in (file, *map(str, PurePosixPath(file).parents))}
    if touched & _EVERY_STACK:
        return sorted(stacks)
    return sorted(name for name, further in stacks.items() if touched & {f"stacks/Pulumi.{name}.yaml", *further})
