"""Kafka's topic settings, read from its jars: `python -m tests.topic_settings` writes what `check` knows of them.

It needs the jars of the Kafka that the platform deploys by default, and Java (`tests.kafka_process`).
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.kafka_process import find_jars, java

PROGRAM = Path(__file__).parent / "unit" / "components" / "java" / "TopicSettings.java"
DATA = Path(__file__).parents[1] / "components" / "kafka_platform" / "kafka" / "topic-settings.json"

_RANGE = re.compile(r"\[(-?[\d.]+)?,\.\.\.(?:,(-?[\d.]+))?\](?: or (-?\d+))?")
_WORDS = re.compile(r"\[([A-Za-z0-9, ]+)\]")


def rendered(jars: Path) -> str:
    """The content of the data file, by the definitions in the jars.

    Raises:
        RuntimeError: a setting has a validator that is not known here.
    """
    (storage,) = jars.glob("kafka-storage-[0-9]*.jar")
    settings = {
        name: _setting(*rest) for name, *rest in (line.split("\t") for line in _run(jars, PROGRAM).splitlines())
    }
    version = storage.stem.removeprefix("kafka-storage-")
    return json.dumps({"kafka": version, "settings": settings}, indent=2) + "\n"


def are_taken(jars: Path, settings: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether Kafka itself takes each of the settings, given by name and value."""
    lines = "".join(f"{name}\t{value}\n" for name, value in settings)
    return [line == "taken" for line in _run(jars, PROGRAM.with_name("CheckTopicSettings.java"), lines).splitlines()]


def _run(jars: Path, program: Path, given: str = "") -> str:
    runtime = java()
    if runtime is None:
        raise RuntimeError("no Java runtime: install openjdk-17-jre-headless or set JAVA_HOME")
    command = [runtime, "-cp", f"{jars}/*", str(program)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=120).stdout


def _setting(kind: str, validator: str, default: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind.lower(), "default": default}
    bounds, words = _RANGE.fullmatch(validator), _WORDS.fullmatch(validator)
    if bounds:
        found = zip(("least", "most", "also"), bounds.groups(), strict=True)
        made |= {key: json.loads(text) for key, text in found if text is not None}
    elif words:
        made["words"] = words[1].split(", ")
    elif validator.startswith("[partitionId]:[brokerId]"):
        made["replicas"] = True
    elif validator != "null":
        raise RuntimeError(f"the validator {validator} is not known: teach it to tests/topic_settings.py")
    return made


if __name__ == "__main__":
    folder = find_jars()
    if folder is None:
        sys.exit("no Kafka jars: `python -m sandbox up` gets them, or set KAFKA_JARS_DIR")
    DATA.write_text(rendered(folder), encoding="utf-8")
    print(f"{DATA.name}: written")
