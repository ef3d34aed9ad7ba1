"""What is declared, and the program's own settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime import jobs, mounted
from kafka_platform_runtime.failures import Refused

DEFAULT_FOLDER = "/etc/kafka-platform/connectors"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's own variables; see `__main__`."""

    url: str
    declarations: Path
    deadline_seconds: float = jobs.DEFAULT_DEADLINE_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables.

        Raises:
            Refused: one is missing, or is not what it has to be.
        """
        folder = Path(environment.get("DECLARATIONS_DIR") or DEFAULT_FOLDER)
        return cls(
            url=jobs.address(environment, "CONNECT_URL"),
            declarations=folder,
            deadline_seconds=jobs.deadline(environment),
        )


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
            if file == jobs.REMOVED:
                removed = [str(each) for each in told]
                continue
            config = {str(key): str(value) for key, value in told["config"].items()}
            connectors.append(Connector(name=str(told["name"]), config=config, state=str(told["state"])))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused([f"the declarations in {folder} cannot be read: {type(error).__name__}: {error}"]) from error
    return Declared(connectors=sorted(connectors, key=lambda each: each.name), removed=removed)
