"""The words of SQL, with their places. No Pulumi."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_TOKEN = re.compile(
    r"(?P<space>\s+|--[^\n]*|/\*.*?\*/)"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<quoted>`(?:[^`]|``)+`)"
    r"|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark><>|<=|>=|=>|\|\||!=|[-+*/%(),.;<>=\[\]:?])",
    re.DOTALL,
)


class Kind(Enum):
    """What a token is."""

    TEXT = "text"
    NUMBER = "number"
    QUOTED = "quoted"
    """A name in backticks."""
    WORD = "word"
    MARK = "mark"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A word, a name, a literal or a mark."""

    kind: Kind
    text: str
    """As it is written; of a quoted name what is between the backticks."""
    start: int
    end: int
    line: int
    column: int

    @property
    def is_name(self) -> bool:
        """Whether it can be the name of something."""
        return self.kind in (Kind.WORD, Kind.QUOTED)

    def says(self, *words: str) -> bool:
        """Whether it is one of these words, or marks, however it is written."""
        return self.kind in (Kind.WORD, Kind.MARK) and self.text.upper() in words


class SqlFault(ValueError):  # noqa: N818 - of a file, as other faults of settings
    """What is wrong with SQL, beginning with its place."""

    def __init__(self, token: Token | None, message: str) -> None:
        place = "" if token is None else f"line {token.line}, column {token.column}: "
        super().__init__(f"{place}{message}")


def tokens(sql: str) -> Iterator[Token]:
    """The tokens, without blanks and comments.

    Raises:
        SqlFault: a character belongs to none.
    """
    at, line, begun = 0, 1, 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        place = Token(kind=Kind.MARK, text="", start=at, end=at, line=line, column=at - begun + 1)
        if found is None:
            what = {
                "'": "a text that is not ended",
                "`": "a name that is not ended",
                "/": "a comment that is not ended",
            }
            raise SqlFault(place, what.get(sql[at], f"{sql[at]!r} has no meaning here"))
        kind, text = str(found.lastgroup), found.group()
        if kind == "mark" and sql.startswith("/*", at):
            raise SqlFault(place, "a comment that is not ended")
        if kind != "space":
            shown = text[1:-1].replace("``", "`") if kind == "quoted" else text
            yield Token(kind=Kind(kind), text=shown, start=at, end=found.end(), line=line, column=at - begun + 1)
        if "\n" in text:
            line += text.count("\n")
            begun = at + text.rindex("\n") + 1
        at = found.end()


def without_comments(sql: str) -> str:
    """The SQL with blanks for comments, of the same length. Hints stay: they mean something."""
    parts: list[str] = []
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if found is None:
            raise SqlFault(None, "it has a character without a meaning")
        text = found.group()
        is_comment = text.startswith(("--", "/*")) and not text.startswith("/*+")
        parts.append(re.sub(r"[^\n]", " ", text) if is_comment else text)
        at = found.end()
    return "".join(parts)
