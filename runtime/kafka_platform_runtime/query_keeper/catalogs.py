"""The files of catalogs, with the logins that they have marks for."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from kafka_platform_runtime import mounted
from kafka_platform_runtime.failures import Refused

FOLDER = "catalog"
_MARK = re.compile(r"\$\{SECRET:([a-z0-9_-]{1,80})/([A-Za-z0-9._-]{1,80})\}")
_AUTHORITY = "ca.crt"


def write(templates: Path, secrets: Path | None, folder: Path) -> None:
    """Writes them for Trino, which reads them once; the authorities of databases' certificates are put beside them.

    Args:
        templates: folder of the files with marks.
        secrets: folder with one for each Secret, by the names that marks have; None if there are none.
        folder: where they go.

    Raises:
        Refused: a value is missing, or cannot stand in such a file.
        OSError: a file cannot be read (yet) or written.
    """
    known = {} if secrets is None else _values(secrets)
    made = {name: filled(text, known) for name, text in mounted.texts(templates).items()}
    (folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    for name, text in made.items():
        _write(folder / FOLDER / name, text)
    for name, values in known.items():
        if _AUTHORITY in values:
            _write(folder / f"{name}.crt", values[_AUTHORITY])


def _values(secrets: Path) -> dict[str, dict[str, str]]:
    return {each.name: mounted.texts(each) for each in sorted(secrets.iterdir()) if each.is_dir()}


def filled(text: str, secrets: Mapping[str, Mapping[str, str]]) -> str:
    """The text of a file of properties, with values for its marks.

    Raises:
        Refused: a value is missing, or cannot stand in such a file.
    """

    def value(found: re.Match[str]) -> str:
        secret, key = found.groups()
        try:
            known = secrets[secret][key].rstrip("\r\n")
        except KeyError:
            raise Refused([f"the Secret of {secret} has no key {key}: add it"]) from None
        if not known or not known.isprintable() or known != known.strip():
            raise Refused(
                [f"the Secret of {secret} has in {key} line breaks, blanks around it, or nothing: replace it"]
            )
        if "${" in known:
            # Trino would put something else in its place.
            raise Refused([f"the Secret of {secret} has ${{ in {key}: choose another value"])
        return "".join(_escaped(each) for each in known)

    # At once: what one value has in it is no mark for another.
    return _MARK.sub(value, text)


def _escaped(character: str) -> str:
    """As java.util.Properties has it, which is ISO 8859-1."""
    if character == "\\":
        return "\\\\"
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(text)
