"""Sections of the changelog: what is not released yet becomes a release's notes."""

import re
from pathlib import Path

from release.versions import ROOT, ReleaseError

FILE = "CHANGELOG.md"
UNRELEASED = "Unreleased"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def notes(version: str, root: Path = ROOT) -> str:
    """What a version changes, and what an update does; raises `ReleaseError` if the changelog does not know it."""
    text = (root / FILE).read_text(encoding="utf-8")
    found = _section(text, version)
    if found is None:
        raise ReleaseError(f"{FILE}: has no section {version}: run python -m release prepare {version}")
    return found


def close(version: str, day: str, root: Path = ROOT) -> None:
    """Makes what is not released yet the section of a version, of that day (2026-01-31).

    Raises `ReleaseError`, before anything is changed, if there is nothing, or the version is there already.
    """
    file = root / FILE
    text = file.read_text(encoding="utf-8")
    if _section(text, version) is not None:
        raise ReleaseError(f"{FILE}: has a section {version} already: choose another version")
    if not _section(text, UNRELEASED):
        raise ReleaseError(f"{FILE}: nothing is under {UNRELEASED}: say what the release changes")
    heading = f"## {UNRELEASED}\n"
    file.write_text(text.replace(heading, f"{heading}\n## {version} ({day})\n", 1), encoding="utf-8")


def _section(text: str, name: str) -> str | None:
    begins = list(_SECTION.finditer(text))
    for number, each in enumerate(begins):
        if each[1] == name or each[1].startswith(f"{name} ("):
            end = begins[number + 1].start() if number + 1 < len(begins) else len(text)
            return text[each.end() : end].strip()
    return None
