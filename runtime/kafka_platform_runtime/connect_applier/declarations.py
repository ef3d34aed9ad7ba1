"""What is declared, and the program's own settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime import mounted
from kafka_platform_runtime.failures import Refused

DEFAULT_DEADLINE_SECONDS = 240.0
DEFAULT_FOLDER = "/etc/kafka-platform/connectors"
REMOVED = "removed"
"""File with the JSON list of connectors to delete."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's own variables; see `__main__`."""

    url: str
    declarations: Path
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables.

        Raises:
            Refused: one is missing, or is not what it has to be.
        """
        url = environment.get("CONNECT_URL", "").rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise Refused([f"CONNECT_URL: {url!r} is not an address: write one that begins with http:// or https://"])
        try:
            deadline = float(environment.get("DEADLINE_SECONDS") or DEFAULT_DEADLINE_SECONDS)
        except ValueError as error:
            raise Refused([f"DEADLINE_SECONDS: cannot be read: {error}"]) from None
        folder = Path(environment.get("DECLARATIONS_DIR") or DEFAULT_FOLDER)
        return cls(url=url, declarations=folder, deadline_seconds=deadline)


@dataclass(frozen=True, kw_only=True)
class Connector:
    """A connector that Kafka Connect is to have.

    Args:
        name: its name.
        config: its configuration.
        state: `running`, `paused` or `stopped`.
    """

    name: str
    config: Mapping[str, str]
    state: str


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What Kafka Connect is to have, and what not.

    Args:
        connectors: in the order of their names.
        removed: names of connectors to delete.
    """

    connectors: Sequence[Connector]
    removed: Sequence[str] = ()


def read(folder: Path) -> Declared:
    """Read the declarations in a mounted folder.

    Raises:
        Refused: the folder cannot be read, or a declaration is invalid.
    """
    connectors: list[Connector] = []
    removed: list[str] = []
    try:
        for file, text in mounted.texts(folder).items():
            told = json.loads(text)
            if file == REMOVED:
                removed = [str(each) for each in told]
                continue
            config = {str(key): str(value) for key, value in told["config"].items()}
            connectors.append(Connector(name=str(told["name"]), config=config, state=str(told["state"])))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused([f"the declarations in {folder} cannot be read: {type(error).__name__}: {error}"]) from error
    return Declared(connectors=sorted(connectors, key=lambda each: each.name), removed=removed)
