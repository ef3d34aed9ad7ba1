"""The last message of a program, which Kubernetes keeps with the pod after it has ended."""

from collections.abc import Mapping
from pathlib import Path

LONGEST_MESSAGE = 4096
"""Bytes of a container's termination message that Kubernetes keeps."""


def termination_log(environment: Mapping[str, str]) -> Path:
    """The file from which Kubernetes takes the message: TERMINATION_LOG, or the default of Kubernetes."""
    return Path(environment.get("TERMINATION_LOG") or "/dev/termination-log")


def leave(message: str, path: Path) -> None:
    """Write the message where Kubernetes looks for it; without Kubernetes there is no such file, which does no harm."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(message)
    except OSError:
        return
