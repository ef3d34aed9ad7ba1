"""Which stacks a change of files concerns."""

import ast
import contextlib
import functools
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from kafka_platform.operators.sources import files

from infra.capabilities.operators import OPERATORS
from infra.check import ROOT, STACKS
from infra.settings.faults import SettingsError
from infra.settings.stackfile import KEY, parse_yaml, read_text

_STACK_FILE = re.compile(r"stacks/Pulumi\.([A-Za-z0-9][A-Za-z0-9._-]*)\.yaml")
"""What Pulumi takes as the name of a stack; others are no stack files."""
_EVERY_STACK = frozenset({"Pulumi.yaml", "components", "policies", "requirements.txt"})
"""Files and folders that decide what every stack renders, or how it is judged, whatever is in them. The programs in
runtime/ are not among them: stacks name their image by its version."""
_BEGINNINGS = ("__main__.py", "infra/policies.py", "policies/__main__.py")
"""What renders a stack, what judges its file, and what judges what it renders: with all that they import, they concern
every stack too."""


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
    teams = platform.get("tenantFiles")
    for each in teams.values() if isinstance(teams, dict) else ():
        named += [str(each["file"])] if isinstance(each, dict) and "file" in each else []
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


@functools.cache
def program(root: Path) -> frozenset[str]:
    """The files of a checkout that render stacks or judge them, as far as they are no components."""
    found: set[str] = set()
    waiting = [*_BEGINNINGS]
    while waiting:
        file = waiting.pop()
        if file not in found and (root / file).is_file():
            found.add(file)
            # Rendering says what is wrong with a file that cannot be parsed.
            with contextlib.suppress(SyntaxError, ValueError):
                waiting += _imported(ast.parse((root / file).read_bytes()))
    return frozenset(found)


def _imported(module: ast.Module) -> Iterator[str]:
    """Where the modules are that a module imports, if they are of the checkout; the packages around them too."""
    for node in ast.walk(module):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{each.name}" for each in node.names]
        for name in names:
            path = PurePosixPath(*name.split("."))
            yield from (str(each / "__init__.py") for each in (path, *path.parents))
            yield from (f"{each}.py" for each in (path, path.parent))


def affected(changed: Iterable[str], stacks: Mapping[str, Iterable[str]]) -> list[str]:
    """The stacks that a change of these files concerns, sorted.

    Args:
        changed: paths in the repository.
        stacks: the stacks that there are, with the further files and folders that each reads.
    """
    touched = {place for file in changed for place in (file, *map(str, PurePosixPath(file).parents))}
    if touched & (_EVERY_STACK | program(ROOT)):
        return sorted(stacks)
    return sorted(name for name, further in stacks.items() if touched & {f"stacks/Pulumi.{name}.yaml", *further})
