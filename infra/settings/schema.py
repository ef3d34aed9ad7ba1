"""The JSON Schema of a whole stack file, for editors, and the table of its keys, for people."""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.forms import forms
from kafka_platform.values.ranges import ranges
from pydantic.alias_generators import to_camel

from infra.settings.kafka import Kafka, engines_of
from infra.settings.kinds import declared, is_free_text, is_map, keys_of, kinds, may_be_empty
from infra.settings.model import Settings
from infra.settings.stackfile import KEY

Schema = dict[str, Any]


def schema() -> Schema:
    """The schema of `Pulumi.<stack>.yaml`: our key is typed, Pulumi's own and other projects' are free."""
    platform = _clean(Settings.model_json_schema())
    definitions: dict[str, Schema] = platform.pop("$defs")
    definitions["Settings"] = platform
    for kind in declared():
        properties = definitions[kind.__name__]["properties"]
        for key, (least, most) in ranges(kind).items():
            properties[to_camel(key)] |= {"minimum": least, "maximum": most}
        for key, form in forms(kind).items():
            properties[to_camel(key)] |= form.schema
        for key, text in _inherited(kind).items():
            properties[to_camel(key)].setdefault("description", text)
    # A user's Secret goes to its tenant's namespace.
    del definitions["User"]["properties"]["namespace"]
    # It follows from what scales the pool.
    del definitions["Pool"]["properties"]["autoscaled"]
    for key, node in definitions["Kafka"]["properties"].items():
        node["description"] = _of_engines(key, node["description"])
    for kind in kinds():
        definition = definitions[kind.__name__]
        if may_be_empty(kind):
            definition["type"] = ["object", "null"]
        for key, each in keys_of(kind).items():
            if is_free_text(each.type):
                definition["properties"][key]["additionalProperties"] = {"type": ["string", "number", "boolean"]}
            if is_map(each.type):
                definition["properties"][key]["type"] = ["object", "null"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Stack file of kafka-platform",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "description": "Configuration of the stack.",
                "required": [KEY],
                "properties": {KEY: {"$ref": "#/$defs/Settings"}},
                "patternProperties": {f"^{KEY.partition(':')[0]}:(?!{KEY.partition(':')[2]}$)": False},
            }
        },
        "$defs": dict(sorted(definitions.items())),
    }


def _of_engines(key: str, text: str) -> str:
    """The description of a key of `kafka`, with the engines that know it unless all do."""
    engines = next(engines_of(each.name) for each in fields(Kafka) if to_camel(each.name) == key)
    known = " and ".join(each.value.capitalize() for each in engines)
    return text if len(engines) == len(Engine) else f"{known}: {text}"


def _inherited(kind: type) -> dict[str, str]:
    """What bases of a dataclass say about their fields: Pydantic reads only the class itself."""
    found: dict[str, str] = {}
    keys = {each.name for each in fields(kind)}
    for base in kind.__mro__[1:]:
        if is_dataclass(base):
            [made] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(made, ast.ClassDef)  # noqa: S101
            for line, behind in itertools.pairwise(made.body):
                if isinstance(line, ast.AnnAssign) and isinstance(behind, ast.Expr):
                    text = " ".join(ast.literal_eval(behind.value).split())
                    # A program's fields are a file's keys in another spelling.
                    text = re.sub(
                        r"`(\w+)`", lambda name: f"`{to_camel(name[1]) if name[1] in keys else name[1]}`", text
                    )
                    found.setdefault(ast.unparse(line.target), text)
    return found


def _clean(node: Any) -> Any:
    """The schema without titles (they repeat the keys) and without null (a key without a value is a fault)."""
    if isinstance(node, list):
        return [_clean(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "anyOf" in node:
        [only] = [each for each in node["anyOf"] if each != {"type": "null"}]
        node = {key: value for key, value in node.items() if key != "anyOf"} | only
    made: Schema = {}
    for key, value in node.items():
        if key == "properties":
            made[key] = {name: _clean(each) for name, each in value.items()}
        elif key == "description":
            made[key] = " ".join(value.split())
        elif not (key == "title" or (key == "default" and (value is None or isinstance(value, dict | list)))):
            made[key] = _clean(value)
    return made


def _target(definitions: Mapping[str, Schema], node: Schema) -> Schema:
    return definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def keys() -> str:
    """All keys with their descriptions as Markdown."""
    content = schema()
    definitions = content["$defs"]
    return "\n".join(_rows(definitions, definitions["Settings"], ""))


_LISTED_ONCE = "PodSettings"
"""A section that several others have: the table has its keys where it is first."""


def _rows(definitions: Mapping[str, Schema], node: Schema, prefix: str) -> Iterator[str]:
    for name, each in node["properties"].items():
        if prefix and each.get("$ref", "").endswith(f"/{_LISTED_ONCE}"):
            yield f"- `{prefix}{name}`: {each['description']} Its keys are those of `{name}`."
            continue
        yield f"- `{prefix}{name}`{_values(definitions, each)}: {each.get('description', '')}"
        inner, path = each, f"{prefix}{name}."
        while "properties" not in _target(definitions, inner):
            if isinstance(inner.get("additionalProperties"), dict):
                inner, path = inner["additionalProperties"], f"{path}<name>."
            elif isinstance(inner.get("items"), dict):
                inner, path = inner["items"], f"{path.removesuffix('.')}[]."
            else:
                break
        else:
            yield from _rows(definitions, _target(definitions, inner), path)


def _values(definitions: Mapping[str, Schema], node: Schema) -> str:
    inner = node.get("items", node)
    choices = _target(definitions, inner).get("enum") if isinstance(inner, dict) else None
    return f" ({', '.join(choices)})" if choices else ""
