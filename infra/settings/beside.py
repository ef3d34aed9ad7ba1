"""Reads the files beside a stack file that declare a part of it: `topicFiles`, and those of teams."""

from pathlib import Path as Folder
from typing import Any

from kafka_platform.values.misfits import show
from kafka_platform.values.words import Path

from infra.settings import stackfile
from infra.settings.faults import Fault, SettingsError


class Beside:
    """The files of one section, which have a bound together.

    Args:
        folder: where the stack file is.
        faults: gets what is wrong with them.
        less: what to do beyond the bound, such as `declare fewer topics`.
        example: what to write into an empty one.
    """

    def __init__(self, folder: Folder, faults: list[Fault], *, less: str, example: str) -> None:
        self._folder = folder
        self._faults = faults
        self._less = less
        self._example = example
        self._left = stackfile.MOST_TOPIC_BYTES

    @property
    def is_full(self) -> bool:
        """Whether no further file is read."""
        return self._left < 0

    def read(self, name: str, place: Path) -> dict[Any, Any] | None:
        """The content of a file; None if it has none, which is a fault at that place."""
        try:
            text = stackfile.read_text(self._folder / name)
            self._left -= len(text.encode())
            if self.is_full:
                most = f"{stackfile.MOST_TOPIC_BYTES:,} bytes"
                self._fault(place, f"the files up to {name!r} have more than {most}: {self._less}")
                return None
            found = stackfile.parse_yaml(text, within=())
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            self._fault(place, f"{name!r} cannot be read, {reason}: name a file in {self._folder.name}")
            return None
        except SettingsError as error:
            self._faults += [Fault(path=place, message=f"{name!r}, {fault}") for fault in error.faults]
            return None
        if not isinstance(found, dict):
            what = "empty" if found is None else show(found)
            self._fault(place, f"{name!r} is {what}: {self._example}")
            return None
        return found

    def _fault(self, place: Path, message: str) -> None:
        self._faults.append(Fault(path=place, message=message))
