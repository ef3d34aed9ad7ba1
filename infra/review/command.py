"""`python -m infra review`: gets the preview that is to be read, prints the review, answers by its exit code."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from kafka_platform.values.words import suggest

from infra.check import ROOT, STACKS
from infra.graph.flow import programs_of
from infra.review import rendering
from infra.review.changes import Preview, compare, read
from infra.review.readers import Known
from infra.review.report import MOST_CHARACTERS, markdown, review
from infra.settings import stackfile
from infra.settings.faults import SettingsError
from infra.settings.parsing import read_stack

FAILED = 1
"""The preview failed, or there is none: the review says why."""
SECOND_LOOK = 3
"""Something needs a second look."""
CHANGES = 4
"""Nothing needs a second look, but something would change, and it was asked that nothing does."""
_START = re.compile(r"^\{", re.MULTILINE)
"""Start of the preview: warnings may precede it."""


class ReviewError(Exception):
    """There is nothing to review; the message says why in one line."""


def run(
    stack: str,
    *,
    against: str | None = None,
    preview: Path | None = None,
    limit: int = MOST_CHARACTERS,
    expect_no_changes: bool = False,
) -> int:
    """Prints the review of a stack.

    Args:
        stack: its name.
        against: a git ref whose code and stack file are compared with the working tree's, without engine and cluster.
        preview: what `pulumi preview --json` printed, `-` for standard input. Default: runs the preview.
        limit: bytes that the review may have.
        expect_no_changes: whether any change is answered by an exit code.

    Returns:
        0, or one of the codes above.
    """
    try:
        basis = ""
        if against is not None:
            found = against_ref(stack, against)
            basis = f"Compared with `{against}` as rendered, without looking at what is deployed."
        else:
            found = _pulumi(stack) if preview is None else _parse(_file(preview))
    except ReviewError as error:
        print(f"review of {stack}: {error}", file=sys.stderr)
        return FAILED
    made = review(stack, found, basis, _known(stack))
    print(markdown(made, limit), end="")
    if made.errors:
        return FAILED
    if made.looks:
        return SECOND_LOOK
    return CHANGES if expect_no_changes and made.changed else 0


def _known(stack: str) -> Known:
    """What the stack file of the working tree says of users and topics."""
    try:
        settings = read_stack(stackfile.stack_file(stack, STACKS))
    except SettingsError:
        return Known()  # a preview of another checkout
    programs = programs_of(settings)
    return Known(
        called={user: each.called for user, each in programs.items()},
        topics={name: each.tenant for name, each in settings.topics.items() if each.tenant is not None},
        users={user: each.tenant for user, each in programs.items() if each.tenant is not None},
    )


def _file(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReviewError(f"{path} cannot be read, {error}: give what `pulumi preview --json` printed") from None


def _pulumi(stack: str) -> Preview:
    # What stays the same tells the brokers' defaults, and what can be reached from outside already.
    command = ["pulumi", "preview", "--json", "--show-sames", "--non-interactive", "--stack", stack, "--cwd", str(ROOT)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise ReviewError(
            "pulumi is not on the PATH: install it, or give --preview what `pulumi preview --json` printed, or --against"
        ) from None
    if "no stack named" in done.stderr:
        raise ReviewError(_never_deployed(stack))
    print(done.stderr, end="", file=sys.stderr)
    if done.returncode != 0 and _START.search(done.stdout) is None:
        print(done.stdout.strip(), file=sys.stderr)
        raise ReviewError("`pulumi preview` failed: its output above says why")
    found = _parse(done.stdout)
    if done.returncode != 0 and not found.errors:
        return replace(found, errors=(f"pulumi preview ended with the code {done.returncode}",))
    return found


def _never_deployed(stack: str) -> str:
    known = stackfile.stack_names(ROOT / "stacks")
    if stack not in known:
        return f"there is no stack of that name: {suggest(stack, known)}"
    return (
        f"it was never deployed, so there is nothing to compare with: `pulumi stack init {stack}` makes it, and "
        "--against main compares with a commit"
    )


def _parse(text: str) -> Preview:
    start = _START.search(text)
    try:
        content: Any = json.loads(text[start.start() :]) if start is not None else None
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
        return read(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReviewError(f"the preview cannot be read, {error}: give what `pulumi preview --json` printed") from None


def against_ref(stack: str, ref: str) -> Preview:
    """The changes from the code and the stack file of a git ref to the working tree's.

    Both programs run against a mocked engine: what they declare is compared, not what is deployed.
    """
    with tempfile.TemporaryDirectory(prefix="kafka-platform-review-") as folder:
        earlier = Path(folder)
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "--format=tar", "--end-of-options", ref], capture_output=True
        )
        if archive.returncode != 0:
            reason = archive.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ReviewError(f"--against {ref}: {' '.join(reason)}: name a commit, branch or tag of this repository")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as content:
            content.extractall(earlier, filter="data")
        before, after = _rendered(earlier, stack, ref), _rendered(ROOT, stack, "the working tree")
    if before is None and after is None:
        raise ReviewError(f"has no file Pulumi.{stack}.yaml, neither here nor in {ref}: give the name of a stack")
    return compare(before or [], after or [])


def _rendered(checkout: Path, stack: str, shown: str) -> list[dict[str, Any]] | None:
    """The resources of a checkout; None if it does not have the stack."""
    file = checkout / "stacks" / f"Pulumi.{stack}.yaml"
    if not file.exists():
        return None
    try:
        settings = stackfile.read(file)
    except SettingsError as error:
        raise ReviewError(f"stack {stack} of {shown}: {error}".replace("\n", "; ")) from None
    done = subprocess.run(
        [sys.executable, rendering.__file__, str(checkout), stack],
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        # Where the program runs decides nothing, and its credentials are nothing for the code of another commit.
        env={key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ},
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ReviewError(f"stack {stack} of {shown} cannot be rendered: {reason}")
    made: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return made
