"""Takes out of a stack's settings what they may not have, with a note on each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.adopt.access import AdoptError
from infra.settings.faults import Fault, SettingsError
from infra.settings.parsing import parse

_ROUNDS = 10
"""What is taken out may make something else a fault, but never for long."""


def fit(settings: dict[str, Any], folder: Path) -> list[str]:
    """Takes out the topics, users and keys of both that `check` would refuse.

    Returns:
        One line for each.

    Raises:
        AdoptError: something else is at fault, such as the address.
    """
    notes: list[str] = []
    for _ in range(_ROUNDS):
        try:
            parse(settings, folder)
        except SettingsError as error:
            taken = [note for fault in _innermost_last(error.faults) if (note := _take(settings, fault))]
            if not taken:
                raise AdoptError(str(error.faults[0])) from None
            notes += taken
        else:
            return notes
    raise AdoptError(f"after {_ROUNDS} rounds there are still faults: {notes[-1]}")


def _innermost_last(faults: tuple[Fault, ...]) -> Iterator[Fault]:
    """From the end: those of a list's later entries come first, so that the indices of others stay."""
    return reversed(faults)


def _take(settings: dict[str, Any], fault: Fault) -> str | None:
    """Takes out what is at fault; the note, or None if it is nothing of a topic or a user, or is gone already."""
    match fault.path:
        case ("topics", str() as name, *inner):
            return _out_of(settings["topics"], name, inner, f"topic {name}", fault.message)
        case ("tenants", str() as tenant, "users", str() as name, *inner):
            return _out_of(settings["tenants"][tenant]["users"], name, inner, f"user {name}", fault.message)
    return None


def _out_of(entries: dict[str, Any], name: str, inner: list[Any], what: str, message: str) -> str | None:
    entry = entries.get(name)
    if entry is None:
        return None
    match inner:
        case ["config", str() as setting, *_] if setting in entry.get("config", {}):
            value = entry["config"].pop(setting)
            return f"{what}: {setting}: {value!r}: {message}"
        case [str() as key, int() as index, *_] if index < len(entry.get(key, [])):
            value = entry[key].pop(index)
            if not entry[key]:
                del entry[key]
            return f"{what}: {key}: {value}: {message}"
        case [str() as key, *_] if key in entry and key not in ("partitions", "adopt", "auth"):
            return f"{what}: {key}: {entry.pop(key)}: {message}"
    del entries[name]
    return f"{what}: {message}"
