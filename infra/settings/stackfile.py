"""Reads `Pulumi.<stack>.yaml` as Pulumi does, and reports where it is not YAML, or where Pulumi reads something else than is written."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path as File
from typing import Any

import yaml
from kafka_platform.values.misfits import show
from kafka_platform.values.words import Path, suggest

from infra.settings.faults import Fault, SettingsError
from infra.settings.scalars import engine_reads, unlike

PROJECT = "kafka-platform"
KEY = f"{PROJECT}:platform"
"""The one configuration key of the program."""
MOST_BYTES = 128 * 1024 - 1024
"""Pulumi passes the whole configuration to a Python program as one environment variable, which Linux limits to 128 KiB
(MAX_ARG_STRLEN); beyond that `pulumi up` ends with "argument list too long". A little is left for other keys."""
MOST_FILE_BYTES = 1024 * 1024
"""A stack file, or a file of topics, comments included: eight times what Pulumi hands over, and more topics than fit into
one ConfigMap. The YAML reader takes seconds for as much."""
MOST_TOPIC_BYTES = 2 * 1024 * 1024
"""All files of topics together."""
MOST_NODES = 120_000
"""Keys and values of one file, as ten thousand topics with five settings each have; those that aliases repeat counted each time: a file of aliases of aliases is short, and what it
stands for has no end."""
# https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
PULUMI_KEYS = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
_ELSEWHERE = {
    "topics": "move topics to files that topicFiles names",
    "tenants": "move topics and users to files of their teams that tenantFiles names",
}
"""Where what is too much for a stack file may be, by its key."""


_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"


class _Loader(yaml.SafeLoader):
    """Scalars as the engine reads them (`on`, `no` and 1:30 are text), and no key twice; it counts before it makes anything."""

    # The engine does not know it.
    ESCAPE_REPLACEMENTS = {key: text for key, text in yaml.SafeLoader.ESCAPE_REPLACEMENTS.items() if key != "/"}  # type: ignore[misc]  # noqa: RUF012

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._count = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node. Raises `SettingsError` when there are too many, those that aliases stand for included."""
        is_alias, before = self.check_event(yaml.AliasEvent), self._count
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        _check_event(event)
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.MappingNode) and not is_alias:
            _check_keys(node)
        # A node that is not finished yet contains itself, which is said later.
        self._count += self._sizes.get(id(node), 1) if is_alias else 1
        if self._count > MOST_NODES:
            what = "aliases (*name) repeat" if self._sizes and is_alias else "the file has"
            raise _at(
                mark, f"{what} more than {MOST_NODES:,} keys and values", "write fewer, or several files of topics"
            )
        if not is_alias:
            self._sizes[id(node)] = self._count - before
        return node

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag of a node that has none: a scalar without quotes is read by `engine_reads`."""
        if kind is yaml.ScalarNode and implicit[0]:
            return f"{_TAG}plain"
        return super().resolve(kind, value, implicit)  # type: ignore[no-any-return,no-untyped-call]


_Loader.yaml_constructors = {
    tag: made
    for tag, made in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix(_TAG) in ("seq", "str")
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Any:
    made: dict[str, Any] = {}
    yield made
    loader.flatten_mapping(node)
    made.update({str(key): value for key, value in loader.construct_mapping(node).items()})


def _scalar(_: _Loader, node: yaml.ScalarNode) -> Any:
    return engine_reads(node.value)


_Loader.add_constructor(f"{_TAG}map", _mapping)
_Loader.add_constructor(f"{_TAG}plain", _scalar)
_Loader.add_constructor(f"{_TAG}key", lambda _, node: node.value)


def _check_event(event: Any) -> None:
    """Raises `SettingsError` for a tag, and for half of a character, which the engine refuses."""
    if isinstance(event, yaml.ScalarEvent) and any("\ud800" <= each <= "\udfff" for each in event.value):
        raise _at(event.start_mark, "a text has an escape for half of a character", "write the character itself")
    tag = getattr(event, "tag", None)
    if tag is not None and not (isinstance(event, yaml.ScalarEvent) and tag == f"{_TAG}str"):
        raise _at(event.start_mark, "a value has a !tag", "write a plain value")


def _check_keys(node: yaml.MappingNode) -> None:
    """Makes every key a text, and raises `SettingsError` for one that is none, or is there twice."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _at(key.start_mark, "a key is not a single word", "write `key: value`")
        if key.value in lines:
            raise _at(key.start_mark, f"{key.value!r} stands here and on line {lines[key.value]}", "keep one of them")
        lines[key.value] = key.start_mark.line + 1
        if key.value == _MERGE:
            # In quotes, too.
            key.tag = f"{_TAG}merge"
        elif key.tag == f"{_TAG}plain":
            key.tag = f"{_TAG}key"


def _unlike(node: yaml.Node | None, path: Path, seen: set[int]) -> Iterator[Fault]:
    """A fault for every scalar that the engine reads otherwise than it is written, each once however often it is repeated."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        if node.tag == f"{_TAG}plain":
            message = unlike(node.value, key=False)
            if message is not None:
                yield Fault(path=path, message=message, place=None if path else "all of it")
    elif isinstance(node, yaml.SequenceNode):
        # What << merges stands in the mapping itself.
        merged = path[-1:] == (_MERGE,)
        for index, each in enumerate(node.value):
            yield from _unlike(each, path if merged else (*path, index), seen)
    elif isinstance(node, yaml.MappingNode):
        here = path[:-1] if path[-1:] == (_MERGE,) else path
        for key, value in node.value:
            inner = (*here, key.value)
            message = unlike(key.value, key=True) if key.tag == f"{_TAG}key" else None
            if message is not None:
                yield Fault(path=inner, message=message)
            yield from _unlike(value, inner, seen)


def _below(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """What the mapping has for the key."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for each, value in pairs if each.value == key), None)


def _at(mark: Any, what: str, fix: str) -> SettingsError:
    return _unreadable(f"line {mark.line + 1}", f"{what}: {fix}")


def _unreadable(place: str, message: str) -> SettingsError:
    return SettingsError([Fault(path=(), place=place, message=message)])


def read(file: File) -> Any:
    """The content of the file under `config: kafka-platform:platform:`.

    Raises:
        SettingsError: there is no such file, it is not YAML, or it does not have the key.
    """
    try:
        text = read_text(file)
    except FileNotFoundError:
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        fix = suggest(name, stack_names(file.parent)) if stack_names(file.parent) else f"write {file.name}"
        raise _unreadable(f"stack {name}", f"has no file {file.name}: {fix}") from None
    except UnicodeDecodeError:
        raise _unreadable("file", "is not text in UTF-8: save it as such") from None
    except OSError as error:
        raise _unreadable("file", f"cannot be read, {error.strerror}: give the name of a stack") from None
    settings = select(parse_yaml(text))
    size = len(json.dumps({KEY: json.dumps(settings)}))
    if size > MOST_BYTES:
        raise SettingsError([_too_much(settings, size)])
    return settings


def _too_much(settings: Any, size: int) -> Fault:
    """Names the part that takes most, and where it may be instead."""
    parts = settings if isinstance(settings, dict) else {}
    largest = max(parts, key=lambda key: len(json.dumps(parts[key])), default="topics")
    fix = _ELSEWHERE.get(str(largest), "move some of them to a stack of their own")
    message = f"{size:,} bytes of settings are more than the {MOST_BYTES:,} that Pulumi can hand over on Linux: {fix}"
    return Fault(path=(largest,), message=message)


def read_text(file: File) -> str:
    """The text of a file of settings.

    Raises:
        OSError: there is no such file, or it cannot be read.
        SettingsError: it is too large, or no file that ends.
        UnicodeDecodeError: it is not text in UTF-8.
    """
    if "\0" in str(file):
        raise _unreadable("file", "has a name that no file can have: write its path")
    # A device or a pipe may never end: nothing is opened that is no file.
    if file.exists() and not file.is_file() and not file.is_dir():
        raise _unreadable("file", "is not an ordinary file: name one that is")
    with file.open("rb") as opened:
        content = opened.read(MOST_FILE_BYTES + 1)
        if len(content) > MOST_FILE_BYTES:
            size = max(file.stat().st_size, len(content))
            raise _unreadable(
                "file",
                f"has {size:,} bytes: write up to {MOST_FILE_BYTES:,}, and more topics in files that topicFiles names",
            )
    return content.decode("utf-8")


def stack_file(stack: str, folder: File) -> File:
    """The file of a stack, by its name."""
    return folder / f"Pulumi.{stack}.yaml"


def stack_names(folder: File) -> list[str]:
    """The stacks that have a file in the folder, sorted."""
    return sorted(each.name.removeprefix("Pulumi.").removesuffix(".yaml") for each in folder.glob("Pulumi.*.yaml"))


def is_blank(file: File) -> bool:
    """Whether the file has only what Pulumi itself writes when a stack is made, and its settings are still to come."""
    try:
        content = parse_yaml(read_text(file))
    except (SettingsError, OSError, UnicodeDecodeError):
        return False
    return isinstance(content, dict) and bool(content) and set(content) <= set(PULUMI_KEYS) - {"config"}


def parse_yaml(text: str, within: tuple[str, ...] = ("config", KEY)) -> Any:
    """The text's content, as the engine reads it.

    Args:
        text: YAML.
        within: the keys below which nothing may be that the engine reads otherwise than it is written.

    Raises:
        SettingsError: with the line that is not YAML, or every scalar that needs quotes.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        content = None if root is None else loader.construct_document(root)
        json.dumps(content)
        ours = root
        for key in within:
            ours = _below(ours, key)
        faults = list(_unlike(ours, (), set()))
        if faults:
            raise SettingsError(faults)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text.splitlines()) from None
    except yaml.reader.ReaderError as error:
        character = f"U+{error.character:04X}" if isinstance(error.character, int) else repr(error.character)
        raise _unreadable("file", f"has the unprintable character {character}: remove it") from None
    except RecursionError:
        raise _unreadable("file", "a part of it contains itself, or is nested too deep: write it out plainly") from None
    except ValueError as error:
        if isinstance(error, SettingsError):
            raise
        raise _unreadable("file", "a part of it contains itself: write it out plainly") from None
    return content


def _not_yaml(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> SettingsError:
    problem = str(error.problem)
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return _unreadable("file", f"is not YAML, {problem}: check its indentation and quotes")
    if error.context_mark is not None and ("end of stream" in problem or "stream end" in problem):
        mark = error.context_mark
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        return _at(mark, "a tab stands in the indentation", "write spaces")
    for part, what, fix in _YAML_PROBLEMS:
        if part in problem:
            return _at(mark, what, fix)
    return _at(mark, f"is not YAML, {problem}", f"check the text near {line.strip()[:40]!r}")


_YAML_PROBLEMS = (
    (
        "mapping values are not allowed",
        "a second ': ' stands in the line",
        "put text with ': ' in quotes, or indent keys alike",
    ),
    ("expected ',' or", "a { or [ is not closed", "close it, with commas between its parts"),
    ("expected the node content", "a { or [ is not closed", "close it, with commas between its parts"),
    ("unknown escape character '/'", "a / does not need a \\ before it", "write / alone"),
    ("expected <block end>", "the indentation does not fit", "put keys of the same level below each other"),
    ("could not find expected ':'", "a key has no ': ' after it", "write `key: value`"),
    ("end of stream", "a quote is not closed", "close it"),
    ("undefined alias", "the name after * is not defined", "define it as &name before it is used as *name"),
    ("cannot start any token", "text begins with a character that has a meaning in YAML", "put the text in quotes"),
    ("another document", "a second document begins", "keep one, without ---"),
)
"""Part of what the YAML reader says, what that means, and how to fix it."""


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
