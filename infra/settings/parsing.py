"""Parses plain data into `Settings`, or a list of all its faults."""

import copy
import json
import os
from collections.abc import Sequence
from pathlib import Path as Folder
from typing import Any

from kafka_platform.operators.sources import files
from kafka_platform.values.free_maps import as_text
from kafka_platform.values.misfits import show
from kafka_platform.values.words import Path
from pydantic import ValidationError

from infra.capabilities import faults as relations
from infra.capabilities.operators import OPERATORS
from infra.schemas.files import SchemaFault, place
from infra.settings import stackfile
from infra.settings.beside import Beside
from infra.settings.explain import explain
from infra.settings.faults import Fault, Known, SettingsError
from infra.settings.kinds import at, is_free_text, known_keys, may_be_empty
from infra.settings.model import Settings
from infra.settings.tenant_files import Origins, add_tenant_files, rule_faults
from infra.settings.topic import LANGUAGES, PARTS

STACKS = Folder(__file__).resolve().parents[2] / "stacks"
"""Where Pulumi.yaml says that the stack files are."""


def parse(raw: Any, folder: Folder = STACKS) -> Settings:
    """The settings that `raw`, the object under `kafka-platform:platform`, describes.

    Args:
        raw: plain data.
        folder: where the stack file is, and from where the files that it names are seen.

    Raises:
        SettingsError: with every fault, in the order of the file.
    """
    faults: list[Fault] = []
    pruned: set[Path] = set()
    data = copy.deepcopy(raw)
    origins = Origins()
    if isinstance(data, dict):
        _add_topic_files(data, folder, faults)
        origins = add_tenant_files(data, folder, faults)
        _find_sources(data, folder, faults)
        _find_schemas(data, folder, faults)
        _find_sql(data, folder, faults)
    data = _plain(data, (), faults, pruned)
    if not isinstance(data, dict):
        raise SettingsError([Fault(path=("config", "kafka-platform:platform"), message=_not_mapping(data))])
    settings = _validate(data, faults, pruned)
    if settings is not None:
        faults += relations(settings, Known(pruned, data))
        faults += rule_faults(settings, origins)
    if faults:
        raise SettingsError(list(map(origins.placed, _in_order(raw, faults))))
    assert settings is not None  # noqa: S101  # no faults, so it was made
    return settings


def read_stack(file: Folder) -> Settings:
    """The settings in a `Pulumi.<stack>.yaml`.

    Raises:
        SettingsError: with every fault of the file.
    """
    return parse(stackfile.read(file), file.parent)


def _add_topic_files(data: dict[str, Any], folder: Folder, faults: list[Fault]) -> None:
    """Puts the topics of the files in `topicFiles` beside those of the stack file."""
    names, topics = data.get("topicFiles"), data.get("topics") or {}
    if not isinstance(names, list) or not isinstance(topics, dict):
        return
    merged = dict(topics)
    files_beside = Beside(
        folder, faults, less="declare fewer topics", example="write topics by name, such as orders: {}"
    )
    for index, name in enumerate(names):
        if not isinstance(name, str):
            continue  # the model says so
        place: Path = ("topicFiles", index)
        found = files_beside.read(name, place)
        if files_beside.is_full:
            break
        if found is None:
            continue
        for topic in found.keys() & merged.keys():
            faults.append(
                Fault(path=place, message=f"{name!r} declares topic {topic!r} a second time: keep one of them")
            )
        merged = found | merged
    data["topics"] = merged


def _find_sources(data: dict[str, Any], folder: Folder, faults: list[Fault]) -> None:
    """Rewrites the paths of operators' files for the Kubernetes plugin, which runs in the folder of Pulumi.yaml."""
    for operator in OPERATORS:
        section = data.get(operator)
        source = section.get("source") if isinstance(section, dict) else None
        if not isinstance(source, dict):
            continue
        for key, name in files(source).items():
            if "\0" in name:
                continue  # the model says so
            file = folder / name
            if not (file.is_file() or (key == "chart" and (file / "Chart.yaml").is_file())):
                what = "a packed chart, or a folder with Chart.yaml," if key == "chart" else "a file"
                message = f"{name!r} is not {what} in {folder.name}: name one, or write an address"
                faults.append(Fault(path=(operator, "source", key), message=message))
            # With a slash in any case, as a name without one would be that of a chart in a repository.
            source[key] = f"./{os.path.relpath(file, STACKS.parent)}"


def _find_schemas(data: dict[str, Any], folder: Folder, faults: list[Fault]) -> None:
    """Rewrites the paths of schema files for the folder in which the program runs; they are in the stack file's folder."""
    topics = data.get("topics")
    for topic, declared in topics.items() if isinstance(topics, dict) else ():
        for part in PARTS if isinstance(declared, dict) else ():
            name = declared.get(part)
            if not isinstance(name, str) or Folder(name).suffix not in LANGUAGES:
                continue  # the model says so
            try:
                found = place(folder, folder, name, by="")
                declared[part] = os.path.relpath(found, STACKS.parent)
            except (SchemaFault, OSError, ValueError) as error:
                faults.append(Fault(path=("topics", topic, part), message=str(error).removeprefix(": ")))
                declared.pop(part)


def _find_sql(data: dict[str, Any], folder: Folder, faults: list[Fault]) -> None:
    """The same for the SQL of stream jobs."""
    streams = data.get("streams")
    if not isinstance(streams, dict):
        return
    for stream, declared in list(streams.items()):
        name = declared.get("sql") if isinstance(declared, dict) else None
        if not isinstance(name, str) or not name.endswith(".sql"):
            continue  # the model says so
        try:
            declared["sql"] = os.path.relpath(place(folder, folder, name, by=""), STACKS.parent)
        except (SchemaFault, OSError, ValueError) as error:
            faults.append(Fault(path=("streams", stream, "sql"), message=str(error).removeprefix(": ")))
            del streams[stream]


def _not_mapping(value: Any) -> str:
    return f"{show(value)} is not a mapping: write keys below it, such as kafka, topics and tenants"


def _plain(value: Any, path: Path, faults: list[Fault], pruned: set[Path]) -> Any:
    """The value without empty sections and, where Kafka takes text, with text; keys without a value are faults."""
    if value is None and may_be_empty(at(path)):
        return {}
    if isinstance(value, list):
        return [_plain(each, (*path, index), faults, pruned) for index, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made = {}
    free = is_free_text(at(path))
    for key, each in value.items():
        inner = (*path, str(key))
        if each is None and not may_be_empty(at(inner)):
            faults.append(Fault(path=inner, message=_no_value(path, str(key))))
            pruned.add(inner)
        elif free and isinstance(each, bool | int | float):
            made[str(key)] = as_text(each)
        else:
            made[str(key)] = _plain(each, inner, faults, pruned)
    return made


def _no_value(path: Path, key: str) -> str:
    known = known_keys(path)
    if not known or key in known:
        return "has no value: write one, or remove the key"
    # {cleanup: compact,delete} has a key `delete`: removing it would change the cleanup.
    return "unknown key without a value: put a text that has commas in quotes, as in cleanup: 'compact,delete'"


def _validate(data: dict[str, Any], faults: list[Fault], pruned: set[Path]) -> Settings | None:
    """The settings without faulty parts, which are left out round by round until the rest is valid.

    Value objects report one fault at a time, and siblings of a fault of another kind are not checked at all.
    """
    while True:
        try:
            return Settings.model_validate_json(json.dumps(data))
        except ValidationError as error:
            errors = error.errors(include_url=False)
        removed = False
        for each in errors:
            path, message, remove = explain(each, known_keys(_container(each)))
            # What is missing only because it was left out for a fault in it is no second fault.
            left_out = each["type"].startswith("missing") and any(one[: len(path)] == path for one in pruned)
            if path not in pruned and not left_out:
                faults.append(Fault(path=path, message=message))
            pruned.add(path)
            removed |= _remove(data, remove) or _remove(data, tuple(each["loc"]))
        if not removed:
            return None


def _container(error: Any) -> Path:
    unknown = error["type"] in ("extra_forbidden", "unexpected_keyword_argument")
    return tuple(error["loc"])[:-1] if unknown else tuple(error["loc"])


def _remove(data: dict[str, Any], path: Path) -> bool:
    """Removes the value at the path, or the whole list that contains it, so that indices stay as in the file."""
    here: Any = data
    for depth, part in enumerate(path):
        if isinstance(here, list) or (isinstance(here, dict) and isinstance(here.get(str(part)), list)):
            path = path[: depth + 1] if isinstance(here, dict) else path[:depth]
            break
        if not isinstance(here, dict) or part not in here:
            return False
        here = here[str(part)]
    if not path:
        return False
    here = data
    for part in path[:-1]:
        here = here[part]
    if not isinstance(here, dict) or str(path[-1]) not in here:
        return False
    del here[str(path[-1])]
    return True


def _in_order(raw: Any, faults: Sequence[Fault]) -> list[Fault]:
    """The faults in the order of the file, each once."""
    numbered: dict[int, dict[Any, int]] = {}

    def number(here: dict[Any, Any], key: Any) -> int:
        if id(here) not in numbered:
            numbered[id(here)] = {each: at for at, each in enumerate(here)}
        return numbered[id(here)][key]

    def place(fault: Fault) -> list[int]:
        places: list[int] = []
        here = raw
        for part in fault.path:
            if isinstance(here, dict) and part in here:
                places.append(number(here, part))
                here = here[part]
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                places.append(part)
                here = here[part]
            else:
                break
        return places

    return sorted(dict.fromkeys(faults), key=place)
