"""The variables of both programs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform_runtime.failures import Refused

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which job it is."""

    namespace: str
    name: str
    job: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read them. Raises `Refused` if one is missing or wrong."""
        found = {key: environment.get(f"STREAM_{key.upper()}", "") for key in ("namespace", "name", "job")}
        for key, text in found.items():
            if not _NAME.fullmatch(text):
                raise Refused([f"STREAM_{key.upper()}: {text!r} is missing or no name"])
        return cls(**found)


def needed(environment: Mapping[str, str], variable: str) -> str:
    """A variable. Raises `Refused` if it is missing."""
    text = environment.get(variable, "")
    if not text:
        raise Refused([f"{variable}: missing"])
    return text
