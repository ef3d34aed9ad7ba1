"""`python -m release`: prepares a release, checks that a tag is one, and builds what it publishes."""

import argparse
import datetime
import subprocess
import sys
from pathlib import Path

from release import notes, versions
from release.versions import ROOT, ReleaseError

PACKAGES = ("components", "runtime")
"""Folders of which a release has a wheel."""


def prepare(version: str, root: Path = ROOT) -> list[str]:
    """Writes the version everywhere and closes the changelog's section; nothing is committed or tagged.

    Raises `ReleaseError`, before anything is changed, for a version that cannot follow the current one.
    """
    before = versions.current(root)
    if versions.parsed(version) < versions.parsed(before):
        raise ReleaseError(f"{version} is older than {before}: choose a newer one")
    notes.close(version, datetime.datetime.now(datetime.UTC).date().isoformat(), root)
    return [notes.FILE, *versions.write(version, root)]


def check(version: str, root: Path = ROOT) -> str:
    """The notes of the version; raises `ReleaseError` unless it is written everywhere and in the changelog."""
    versions.parsed(version)
    for file, line, found in versions.written(root):
        if found != version:
            raise ReleaseError(
                f"{file}:{line}: has {found} instead of {version}: run python -m release prepare {version}"
            )
    return notes.notes(version, root)


def build(version: str, out: Path, root: Path = ROOT) -> None:
    """Writes the notes and the wheels to an empty folder."""
    text = check(version, root)
    if out.exists() and any(out.iterdir()):
        raise ReleaseError(f"{out}: is not empty: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / "NOTES.md").write_text(f"{text}\n", encoding="utf-8")
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out)]
    subprocess.run([*wheel, *(str(root / each) for each in PACKAGES)], check=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("prepare", "write the version everywhere, and close the changelog's section"),
        ("check", "say whether this is that release, and print its notes"),
        ("build", "build the wheels and the notes"),
    ):
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("version", help="three numbers, such as 1.4.0; a tag's v may stay")
        if name == "build":
            command.add_argument("--out", type=Path, required=True, help="an empty folder")
    return parser


def main(words: list[str] | None = None) -> int:
    """Exit code 1: there can be no such release, and the reason is printed."""
    chosen = _parser().parse_args(words)
    version = chosen.version.removeprefix("v")
    try:
        if chosen.command == "prepare":
            print(*prepare(version), sep="\n")
            print(f"next      read CHANGELOG.md, commit, and push the tag v{version}")
        elif chosen.command == "check":
            print(check(version))
        else:
            build(version, chosen.out)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
