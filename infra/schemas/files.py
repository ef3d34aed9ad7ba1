"""Reads files of schemas, with those that they refer to, from the stack file's folder and nowhere else."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka_platform.schemas.spec import MOST_SCHEMA_BYTES

MOST_REFERENCES = 100
"""Files that one schema may use, directly and by others."""
DEEPEST = 100
"""Maximum nesting of brackets: real schemas have about ten, and every parser has a limit."""

LONGEST_SHOWN = 200
"""Characters of a name or a message that a fault shows."""


class SchemaFault(ValueError):  # noqa: N818 - of a file, as other faults of settings
    """What is wrong with a file, beginning with its name."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """A file that another one uses."""

    name: str
    """How it is called where it is used, which is also its subject."""
    file: "Loaded"


@dataclass(kw_only=True)
class Loaded:
    """A file of a schema, and those that it uses."""

    path: Path
    shown: str
    """Its path below the folder."""
    text: str
    uses: list[Used] = field(default_factory=list)

    def everything(self) -> Iterator["Loaded"]:
        """The files that it uses, each after those that it uses itself, and then the file."""
        seen: set[Path] = set()

        def visit(each: "Loaded") -> Iterator["Loaded"]:
            if each.path not in seen:
                seen.add(each.path)
                for used in each.uses:
                    yield from visit(used.file)
                yield each

        return visit(self)


def quoted(name: str) -> str:
    """A name as messages show it: whatever a file says, it stays a part of one line."""
    return repr(name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}...")


def short(text: object) -> str:
    """What a parser says, in one line."""
    return " ".join(str(text).split())[:LONGEST_SHOWN]


def place(folder: Path, base: Path, name: str, *, by: str) -> Path:
    """The location of a file whose path is relative to `base`.

    Raises:
        SchemaFault: it is not a file, or is not below `folder`; `by` says what names it.
    """
    no_path = SchemaFault(f"{by}: {quoted(name)} is not a path: write one such as schemas/order.avsc")
    if "\0" in name or "\\" in name:
        raise no_path
    try:
        path = (base / name).resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError):  # too long, not encodable, or links in a circle
        raise no_path from None
    if not path.is_relative_to(folder.resolve()):
        raise SchemaFault(f"{by}: {quoted(name)} is outside of {folder.name}: put it into that folder")
    if not is_file:
        raise SchemaFault(f"{by}: {quoted(name)} is not a file in {base.name}: correct the name")
    return path


def read(folder: Path, path: Path) -> Loaded:
    """The text of a file.

    Raises:
        SchemaFault: it is too large, or not text.
    """
    shown = path.relative_to(folder.resolve()).as_posix()
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_SCHEMA_BYTES + 1)
        if len(content) > MOST_SCHEMA_BYTES:
            raise SchemaFault(f"{shown}: has more than {MOST_SCHEMA_BYTES:,} bytes: divide it, and refer to the parts")
        text = content.decode("utf-8")
    except OSError as error:
        raise SchemaFault(f"{shown}: cannot be read, {error.strerror}: make it readable") from None
    except UnicodeDecodeError:
        raise SchemaFault(f"{shown}: is not text in UTF-8: save it as such") from None
    if not text.strip():
        raise SchemaFault(f"{shown}: is empty: write a schema")
    return Loaded(path=path, shown=shown, text=text)


def parsed_json(loaded: Loaded) -> Any:
    """The content of a JSON file.

    Raises:
        SchemaFault: it is no JSON, or is nested too deep.
    """
    depth = deepest = 0
    inside = escaped = False
    for character in loaded.text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    if deepest > DEEPEST:
        raise SchemaFault(f"{loaded.shown}: is nested {deepest:,} deep: use up to {DEEPEST} levels")
    try:
        return json.loads(loaded.text)
    except ValueError as error:
        raise SchemaFault(f"{loaded.shown}: is not JSON, {error}: correct it") from None


class References:
    """The files that one schema uses: no circle, and not too many."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._above: list[Path] = []
        self._known: dict[Path, Loaded] = {}

    def enter(self, path: Path, *, by: str) -> tuple[Loaded, bool]:
        """The file, and whether it was read before.

        Raises:
            SchemaFault: it is used by itself, there are too many, or it cannot be read.
        """
        if path in self._above:
            raise SchemaFault(f"{by}: refers to {path.name}, which refers back to it: put both into one file")
        if path in self._known:
            return self._known[path], True
        if len(self._known) > MOST_REFERENCES:
            raise SchemaFault(f"{by}: uses more than {MOST_REFERENCES} files: put them together")
        loaded = self._known[path] = read(self.folder, path)
        self._above.append(path)
        return loaded, False

    def leave(self) -> None:
        """The file that was entered last is done."""
        self._above.pop()
