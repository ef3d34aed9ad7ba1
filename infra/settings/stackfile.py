"""Reads `Pulumi.<stack>.yaml` as Pulumi does (YAML 1.2), and says where it is not YAML."""

import re
from pathlib import Path
from typing import Any

import yaml

from infra.settings.faults import Fault, SettingsError, show, suggest

PROJECT = "kafka-platform"
KEY = f"{PROJECT}:platform"
"""The one configuration key of the program."""
# https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
PULUMI_KEYS = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars (`on`, `no`, 2026-01-01 and 1:30 are text) and no key twice."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _expression, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"(?:{_expression})\\Z"),
        ["" if each == "\0" else each for each in _first],
    )


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Any:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _at(key.start_mark, "a key is not a single word", "write `key: value`")
        line = key.start_mark.line + 1
        if key.value in lines and key.value != "<<":
            raise _at(key.start_mark, f"{key.value!r} stands here and on line {lines[key.value]}", "keep one of them")
        lines[key.value] = line
        if key.tag != "tag:yaml.org,2002:merge":
            key.tag = "tag:yaml.org,2002:str"
    made: dict[str, Any] = {}
    yield made
    loader.flatten_mapping(node)
    made.update({str(key): value for key, value in loader.construct_mapping(node).items()})


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _at(mark: Any, what: str, fix: str) -> SettingsError:
    return SettingsError([Fault(path=(f"line {mark.line + 1}",), message=f"{what}: {fix}")])


def read(file: Path) -> Any:
    """What stands in the file under `config: kafka-platform:platform:`.

    Raises:
        SettingsError: there is no such file, it is not YAML, or it does not have the key.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        fix = suggest(name, stack_names(file.parent)) if stack_names(file.parent) else f"write {file.name}"
        raise SettingsError([Fault(path=(f"stack {name}",), message=f"has no file {file.name}: {fix}")]) from None
    except UnicodeDecodeError:
        raise SettingsError(
            [Fault(path=("line 1",), message="the file is not text in UTF-8: save it as such")]
        ) from None
    return select(parse_yaml(text))


def stack_names(folder: Path) -> list[str]:
    """The stacks that have a file in the folder, sorted."""
    return sorted(each.name.removeprefix("Pulumi.").removesuffix(".yaml") for each in folder.glob("Pulumi.*.yaml"))


def parse_yaml(text: str) -> Any:
    """The text's content. Raises `SettingsError` with the line that is not YAML."""
    try:
        # A subclass of the safe loader.
        return yaml.load(text, _Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            raise SettingsError([Fault(path=("file",), message=f"is not YAML: {error.problem}")]) from None
        line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
        if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in str(error.problem):
            raise _at(mark, "a tab stands in the indentation", "write spaces") from None
        raise _at(mark, f"is not YAML: {error.problem}", _yaml_fix(str(error.problem), line)) from None
    except yaml.reader.ReaderError as error:
        character = f"U+{error.character:04X}" if isinstance(error.character, int) else repr(error.character)
        raise SettingsError(
            [Fault(path=("file",), message=f"has the unprintable character {character}: remove it")]
        ) from None


def _yaml_fix(problem: str, line: str) -> str:
    if "mapping values are not allowed" in problem:
        return "put text that has ': ' in it in quotes, or check the indentation"
    if "expected ',' or" in problem or "expected the node content" in problem:
        return "close every { and [ that is opened, with commas between the parts"
    if "block end" in problem or "could not find expected ':'" in problem:
        return "put keys of the same level below each other, each followed by ': '"
    if "undefined alias" in problem:
        return "define it as &name before it is used as *name"
    if "cannot start any token" in problem or "end of stream" in problem:
        return "put the text in quotes, and close them"
    return f"check the text near {line.strip()[:40]!r}"


def select(content: Any) -> Any:
    """The platform's settings in the content of a stack file. Raises `SettingsError` if they are not there."""
    if not isinstance(content, dict):
        what = "the file is empty" if content is None else f"the file is {show(content)}"
        raise SettingsError(
            [Fault(path=("config",), message=f"missing, {what}: write `config:` and `{KEY}:` below it")]
        )
    config = content.get("config")
    if "config" not in content:
        near = [key for key in content if key not in PULUMI_KEYS and suggest(key, ["config"]).startswith("did you")]
        if near:
            raise SettingsError([Fault(path=(near[0],), message="unknown key: did you mean 'config'?")])
    if not isinstance(config, dict):
        raise SettingsError([Fault(path=("config",), message=f"missing: write `config:` and `{KEY}:` below it")])
    unknown = [key for key in config if key.startswith(f"{PROJECT}:") and key != KEY]
    faults = [Fault(path=("config", key), message=f"unknown key: did you mean {KEY!r}?") for key in unknown]
    if KEY not in config and not faults:
        near = [key for key in config if suggest(key, [KEY]).startswith("did you")]
        faults = [Fault(path=("config", key), message=f"unknown key: did you mean {KEY!r}?") for key in near[:1]]
    if KEY not in config and not faults:
        faults = [Fault(path=("config", KEY), message=f"missing: write `{KEY}:` below `config:`")]
    if faults:
        raise SettingsError(faults)
    return config[KEY]
