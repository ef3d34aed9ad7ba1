"""The commands that README and the pages under docs tell people to run."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
"""Also within steps of a list, where it is indented."""
_INLINE = re.compile(r"`([^`\n]+)`")
_PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ )*(make|python3? -m [a-z_.]+|pulumi|kafka-platform)(?= |$)")
PLACEHOLDERS = {
    "<stack>": "dev",
    "<yours>": "dev",
    "$STACK": "dev",
    "STACK": "dev",
    "NAME": "shop",
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
        lines = [line.removeprefix("$ ") for content in _shell_blocks(text) for line in content.splitlines()]
        for found in [*lines, *_INLINE.findall(_BLOCK.sub("", text))]:
            # A table of output begins with a word and many blanks; alternatives are listed with bars.
            if _PROGRAM.match(found) and not re.match(r"\S+   ", found) and " | " not in found and found not in seen:
                seen.add(found)
                yield Command(page=page, text=found)


def kubectl_lines(folder: str) -> Iterator[Command]:
    """The lines of `kubectl` in a folder's pages, each once."""
    seen = set()
    for page in sorted((ROOT / "docs" / folder).glob("*.md")):
        lines = (line.removeprefix("$ ") for each in _shell_blocks(page.read_text()) for line in each.splitlines())
        for line in lines:
            if line.startswith("kubectl ") and line not in seen:
                seen.add(line)
                yield Command(page=page, text=line)


def _shell_blocks(text: str) -> Iterator[str]:
    """The blocks that no other language is named for."""
    found = _BLOCK.findall(text)
    return (textwrap.dedent(content) for _, language, content in found if language in ("", "bash", "sh"))


def _section(page: str, heading: str | None) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return (text if heading is None else text.partition(f"\n## {heading}\n")[2]).partition("\n## ")[0]


def block(page: str, heading: str) -> list[str]:
    """The lines of the first block of commands under a heading."""
    found = next(_shell_blocks(_section(page, heading)), None)
    assert found is not None, f"{page}: no commands under {heading}"
    return found.splitlines()


def lines_to_type(page: str, heading: str | None) -> list[str]:
    """What people type from all blocks under a heading: lines behind `$ ` where output is shown too, with their continuations.

    Without a heading: from those above the page's first one.
    """
    typed: list[str] = []
    for content in _shell_blocks(_section(page, heading)):
        shows_output = "$ " in {line[:2] for line in content.splitlines()}
        for line in content.splitlines():
            if typed and typed[-1].endswith("\\"):
                typed[-1] = typed[-1].removesuffix("\\") + line.strip()
            elif line.startswith("$ ") or not shows_output:
                typed.append(line.removeprefix("$ "))
    assert typed, f"{page}: no commands under {heading}"
    return typed
