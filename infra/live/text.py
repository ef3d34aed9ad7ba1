"""Third-party text made safe for a terminal, and human-readable numbers."""

import math
import re

LONGEST = 300
"""Characters of a text by others: a message of the scheduler about some machines."""
MOST_READ = 4_096
"""Characters in which secrets are looked for; what follows is not shown anyway."""
HIDDEN = "[hidden]"

_URL_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@]+@")
_NAMED = re.compile(
    r"""(?ix) ( (?: pass(?:word|wd|phrase)? | secret | token | api[-_]?key | credentials? | jaas\.config | authorization | private[-_]?key )
    [\w.-]* ["']? \s* (?: [:=] | \s is \s ) \s* ) (?: (?:basic|bearer) \s+ )? (?: "[^"]*" | '[^']*' | [^\s,;]+ )"""
)
_SCHEME = re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{8,}")
_PEM = re.compile(r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|\Z)", re.DOTALL)
_RANDOM = re.compile(r"(?<![\w+])(?=[\w+]*[a-z])(?=[\w+]*[A-Z])(?=[\w+]*\d)[\w+]{16,}(?![\w+])")
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{16,}={1,2}(?![\w=])")


def shown(text: object, longest: int = LONGEST) -> str:
    """The text in one line, in which nothing moves a cursor, changes a colour or the direction of writing."""
    line = " ".join(str(text).split(" "))
    safe = "".join(each if each.isprintable() else _escaped(each) for each in line[: longest + 1])
    return safe if len(safe) <= longest else f"{safe[: longest - 1]}…"


def _escaped(character: str) -> str:
    if character in "\n\r\t":
        return " "
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def redacted(text: object) -> str:
    """A message of others without what may be a secret: passwords, tokens, keys, logins in URLs, and long random words."""
    told = _PEM.sub(HIDDEN, str(text)[:MOST_READ])
    told = _URL_LOGIN.sub(rf"\g<1>{HIDDEN}@", told)
    told = _NAMED.sub(rf"\g<1>{HIDDEN}", told)
    told = _SCHEME.sub(rf"\g<1> {HIDDEN}", told)
    return _RANDOM.sub(HIDDEN, _BASE64.sub(HIDDEN, told))


def told(text: object) -> str:
    """A third-party message in one line, without secrets."""
    return shown(redacted(text))


def size(number: float | None) -> str:
    """Bytes, in powers of 1024."""
    if number is None:
        return "-"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def rate(number: float | None) -> str:
    """Bytes a second, in powers of 1000, as the stack file writes quotas."""
    if number is None:
        return "-"
    for unit in ("B/s", "kB/s", "MB/s"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B/s" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB/s"


def count(number: float | None, digits: int = 0) -> str:
    """A number with its thousands set apart."""
    return "-" if number is None else f"{number:,.{digits}f}"


def lasting(seconds: float | None) -> str:
    """A duration by its two largest units."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    for large, small, length in (("min", "s", 60), ("h", "min", 3600), ("d", "h", 86400)):
        if whole < length * (60 if length < 3600 else 24) or large == "d":
            inner = whole % length // (length // (24 if large == "d" else 60))
            return f"{whole // length} {large} {inner} {small}" if inner else f"{whole // length} {large}"
    return f"{whole} s"
