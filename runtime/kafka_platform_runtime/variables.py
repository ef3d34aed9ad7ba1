"""Reads variables of programs that the platform starts."""

import json
from pathlib import Path
from typing import Any

from kafka_platform_runtime.failures import Refused

_MOST = 65535


def port_of(variable: str, text: str, *, least: int = 0) -> int:
    """A port; 0, if it is allowed, is any that is free. Raises `Refused` if it is none."""
    if not text.isdecimal() or not least <= int(text) <= _MOST:
        raise Refused([f"{variable}: {text!r} is not a port"])
    return int(text)


def content_of(variable: str, file: str) -> Any:
    """What is in a file of JSON. Raises `Refused` if there is none."""
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused([f"{variable}: {type(error).__name__} in {file}"]) from None
