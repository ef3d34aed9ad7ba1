"""One stack in CI: its review for a pull request, its deployment after the merge, its drift afterwards.

Without an engine or credentials, as for a fork's pull request, the review compares what the two commits render.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from infra.check import ROOT
from infra.review import command
from infra.review.report import MOST_CHARACTERS

MARKER = "<!-- kafka-platform review of {stack} -->"
"""The first line of a comment, by which it is found again."""
_REST = 6_000
"""Bytes of the comment that are kept free for the results of the checks."""
_POLICIES = re.compile(r"^Policies:\n(.*?)(?=\n\S|\Z)", re.MULTILINE | re.DOTALL)
"""The part of a preview's output in which the engine lists violations."""


def why_no_engine() -> str | None:
    """Why no preview of the deployed state can be made here; None when it can."""
    if shutil.which("pulumi") is None:
        return "there is no `pulumi` here"
    if not (os.environ.get("PULUMI_ACCESS_TOKEN") or os.environ.get("PULUMI_BACKEND_URL")):
        return "there are no credentials of a state backend here (PULUMI_ACCESS_TOKEN or PULUMI_BACKEND_URL)"
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig or not Path(kubeconfig).is_file() or not Path(kubeconfig).stat().st_size:
        return "there are no credentials of a Kubernetes cluster here (KUBECONFIG)"
    return None


def review(stack: str, base: str, folder: Path) -> int:
    """Writes the comment about a stack to `<folder>/<stack>.md`, and shows it.

    Args:
        stack: its name.
        base: the git ref that the change will be merged to; what is compared with where there are no credentials.
        folder: where the comment is put.

    Returns:
        1 if the stack file is wrong, a mandatory policy is violated or the preview fails; otherwise 0.
    """
    checked = _run(sys.executable, "-m", "infra", "check", stack)
    missing = why_no_engine() or _why_no_state(stack)
    policies = ""
    failed = checked.returncode != 0
    if missing is None:
        preview = _run("pulumi", *_preview(stack), "--diff", "--policy-pack", str(ROOT / "policies"))
        print(preview.stdout)
        found = _POLICIES.search(preview.stdout)
        policies = found[1] if found else ""
        failed |= preview.returncode != 0
        source: list[str] = []
    else:
        source = ["--against", base]
    limit = str(MOST_CHARACTERS - _REST)
    made = _run(sys.executable, "-m", "infra", "review", stack, *source, "--limit", limit)
    if made.returncode == command.FAILED:
        failed = True
    text = made.stdout if made.stdout.startswith("###") else f"### {stack}: no review\n\n{_fenced(made.stdout)}\n"
    parts = [MARKER.format(stack=stack), text.rstrip()]
    if missing is not None:
        parts.append(f"<sub>Compared without the deployed state: {missing}.</sub>")
    if checked.returncode != 0 or "advice:" in checked.stdout:
        parts.append(_fenced(checked.stdout))
    if policies:
        parts.append(_fenced(policies))
    comment = "\n\n".join(parts) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stack}.md").write_text(comment, encoding="utf-8")
    _show(comment)
    return 1 if failed else 0


def apply(stack: str) -> int:
    """Checks a stack and deploys it, judged by the policies. Returns the exit code; 0 without credentials, with a notice."""
    missing = why_no_engine()
    if missing is not None:
        print(f"::notice::{stack} is not deployed: {missing}")
        return 0
    if subprocess.run([sys.executable, "-m", "infra", "check", stack], cwd=ROOT).returncode != 0:
        return 1
    if _why_no_state(stack) is not None:
        subprocess.run(["pulumi", "stack", "select", "--create", *_common(stack)], env=_environment(), check=True)
    options = ["--yes", "--policy-pack", str(ROOT / "policies")]
    return subprocess.run(["pulumi", "up", *options, *_common(stack)], env=_environment()).returncode


def drift(stack: str) -> int:
    """Shows how what runs differs from what is declared. Returns 1 if it does; 0 without credentials, with a notice."""
    missing = why_no_engine() or _why_no_state(stack)
    if missing is not None:
        print(f"::notice::the drift of {stack} is not checked: {missing}")
        return 0
    preview = _run("pulumi", *_preview(stack), "--refresh", "--json", "--show-sames", separate=True)
    made = subprocess.run(
        [sys.executable, "-m", "infra", "review", stack, "--preview", "-", "--expect-no-changes"],
        input=preview.stdout,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    _show(made.stdout)
    return 1 if made.returncode != 0 else 0


def _why_no_state(stack: str) -> str | None:
    known = _run("pulumi", "stack", "select", *_common(stack), separate=True)
    return None if known.returncode == 0 else "the stack has not been deployed yet"


def _preview(stack: str) -> list[str]:
    return ["preview", *_common(stack)]


def _common(stack: str) -> list[str]:
    return ["--stack", stack, "--non-interactive", "--cwd", str(ROOT)]


def _environment() -> dict[str, str]:
    # The salt of a passphrase is in the state; stack files of this repository do not carry it.
    return os.environ | {"PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true", "PULUMI_SKIP_UPDATE_CHECK": "true"}


def _run(*arguments: str, separate: bool = False) -> "subprocess.CompletedProcess[str]":
    """The command's output; with its errors in order, unless they are to go to the log alone."""
    stderr = None if separate else subprocess.STDOUT
    return subprocess.run(arguments, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=stderr, text=True)


def _fenced(text: str) -> str:
    """Output of a program as Markdown shows it unchanged; at most what is kept free for it."""
    shown = text.strip().replace("```", "'''").encode()[: _REST // 2 - 200].decode(errors="ignore")
    return f"```\n{shown}\n```"


def _show(markdown: str) -> None:
    print(markdown)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown + "\n")
