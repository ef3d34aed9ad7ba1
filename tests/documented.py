"""The commands that README and the pages under docs tell people to run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(?:bash|sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ )*(make|python3? -m [a-z_.]+|pulumi|kafka-platform)(?= |$)")
PLACEHOLDERS = {
    "<stack>": "dev",
    "<yours>": "dev",
    "$STACK": "dev",
    "STACK": "dev",
    "REF": "main",
    "FOLDER": "folder",
    "<folder>": "folder",
    "[PART]": "kubelet",
    "NUMBER": "1",
}


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command, as it is written."""

    page: Path
    text: str

    @property
    def words(self) -> list[str]:
        """Its words, with something in the place of what people fill in."""
        # `broker|gateway` offers alternatives: the first of them.
        return [PLACEHOLDERS.get(each, each).partition("|")[0] for each in shlex.split(self.text, comments=True)]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"


def commands() -> Iterator[Command]:
    """Those of make, Pulumi and the programs of this repository, each once."""
    seen = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line.removeprefix("$ ") for block in _BLOCK.findall(text) for line in block.splitlines()]
        for found in [*lines, *_INLINE.findall(_ANY_BLOCK.sub("", text))]:
            # A table of output begins with a word and many blanks; alternatives are listed with bars.
            if _PROGRAM.match(found) and not re.match(r"\S+   ", found) and " | " not in found and found not in seen:
                seen.add(found)
                yield Command(page=page, text=found)


def block(page: str, heading: str) -> list[str]:
    """The lines of the first block of commands under a heading."""
    text = (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    found = _BLOCK.search(text)
    assert found is not None, f"{page}: no commands under {heading}"
    return found[1].splitlines()
