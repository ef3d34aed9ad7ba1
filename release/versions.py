"""The version of a release, and every place where it is written."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES: Mapping[str, str] = {
    "pyproject.toml": r'^version = "(.+)"$',
    "components/pyproject.toml": r'^version = "(.+)"$',
    "runtime/pyproject.toml": r'^version = "(.+)"$',
    "runtime/kafka_platform_runtime/__init__.py": r'^__version__ = "(.+)"$',
    "runtime/flink/pom.xml": r"^  <version>(.+)</version>$",
    "policies/PulumiPolicy.yaml": r"^version: (.+)$",
}
"""Files with the version, each in one line."""
IMAGE = r"ghcr\.io/kafka-platform/[a-z-]+:(\d+\.\d+\.\d+)(?![\d.])"
"""Our images, wherever a file names one."""
_NOT_OURS_TO_CHANGE = re.compile(r"CHANGELOG\.md|tests/.*/recorded/.*")
"""What was said and recorded of former versions."""
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class ReleaseError(ValueError):
    """Why there can be no such release, in one line that says what to do."""


def parsed(version: str) -> tuple[int, ...]:
    """A version of three numbers; raises `ReleaseError` for anything else."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version: write three numbers, such as 1.4.0")
    return tuple(map(int, version.split(".")))


def current(root: Path = ROOT) -> str:
    """The version that the repository has."""
    return next(found for place, _, found in written(root) if place == "pyproject.toml")


def written(root: Path = ROOT) -> Iterator[tuple[str, int, str]]:
    """Each version that is written: the file, the line's number and the version.

    Raises `ReleaseError` for a file of `PLACES` without one.
    """
    for name, pattern in PLACES.items():
        text = (root / name).read_text(encoding="utf-8")
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            raise ReleaseError(f"{name}: has no line with the version: add it")
        yield name, text.count("\n", 0, found.start()) + 1, found[1]
    for name, text in _texts(root):
        for found in re.finditer(IMAGE, text):
            yield name, text.count("\n", 0, found.start()) + 1, found[1]


def write(version: str, root: Path = ROOT) -> list[str]:
    """Writes another version everywhere, and returns the files that have changed."""
    changed = []
    patterns = {name: [pattern] for name, pattern in PLACES.items()}
    for name, text in _texts(root):
        if re.search(IMAGE, text):
            patterns.setdefault(name, []).append(IMAGE)
    for name, each in patterns.items():
        before = after = (root / name).read_text(encoding="utf-8")
        for pattern in each:
            count = 0 if pattern is IMAGE else 1
            after = re.sub(pattern, lambda found: _with(found, version), after, count=count, flags=re.MULTILINE)
        if after != before:
            (root / name).write_text(after, encoding="utf-8")
            changed.append(name)
    return sorted(changed)


def _with(found: re.Match[str], version: str) -> str:
    begin, end = found.start(1) - found.start(), found.end(1) - found.start()
    return f"{found[0][:begin]}{version}{found[0][end:]}"


def _texts(root: Path) -> Iterator[tuple[str, str]]:
    """The text files of the repository in which an image of ours may be named."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if _NOT_OURS_TO_CHANGE.fullmatch(name) or not (root / name).is_file():
            continue
        try:
            yield name, (root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
