"""JSON Schema: the parts that a schema really uses, with every `$ref` in one document, and how they apply to a value.

What is handed to the library has no address that it could look up, and exactly the shape whose cost was computed (`json_cost`).
Nothing is ever fetched: what a `$ref` names is in the schema, or among its references in the registry.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from kafka_platform_runtime.gateway.schemas.misfit import Unusable, shown

BASE = "registry:///"
"""The address of a schema that has none."""
DRAFTS: Mapping[str, int] = {
    "http://json-schema.org/draft-04/schema": 4,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "https://json-schema.org/draft/2020-12/schema": 2020,
}
NEWEST = "https://json-schema.org/draft/2020-12/schema"
"""Of schemas without `$schema`, as `python -m infra check` takes them."""
MOST_VISITS = 20_000
"""Parts of a schema after each `$ref` has been followed once."""
PATTERN_STEPS = 8
"""Of one state of a pattern for one byte, at worst: measured as 46 ns, where a step takes 12 for two bytes."""

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("not", "if", "then", "else")
_MEMBERS = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_ITEMS = ("additionalItems", "unevaluatedItems", "contains")
_UNEVALUATED = {"unevaluatedProperties", "unevaluatedItems"}
_SAID = (
    *("type", "const", "multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "format", "pattern"),
    *("maxLength", "minLength", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains"),
    *("maxProperties", "minProperties", "required", "enum", "dependentRequired"),
)
_LISTED = 4
"""Names or values of a list that take one step."""
_LONGEST_PLACE = 6
_DYNAMIC = ("$dynamicRef", "$recursiveRef")


@dataclass(slots=True)
class Node:
    """How a part of a schema applies to a value."""

    weight: int = 1
    """Steps of its own."""
    same: list[int] = field(default_factory=list)
    """Parts that apply to the same value."""
    members: list[int] = field(default_factory=list)
    """Parts for one member of an object each."""
    every_member: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    """Parts for one item of an array each."""
    every_item: list[int] = field(default_factory=list)
    references: list[int] = field(default_factory=list)
    """`id` of what its `$ref` names: also a part that applies to the same value."""


@dataclass(frozen=True, slots=True)
class _Document:
    base: str
    root: Any


class Parts:
    """A schema in one document.

    Args:
        content: of the schema.
        references: those of the schemas that it refers to, by the names that it has for them.

    Raises:
        Unusable: it is not JSON Schema, refers to what is not there, or is beyond a bound.
    """

    def __init__(self, content: Any, references: Iterable[tuple[str, Any]]) -> None:
        named = content.get("$schema", NEWEST) if isinstance(content, dict) else NEWEST
        address = named.rstrip("#") if isinstance(named, str) else ""
        if address not in DRAFTS:
            raise Unusable(f"has the $schema {shown(named)}: use {NEWEST}")
        self._draft = DRAFTS[address]
        main = _Document(self._own(content) or BASE, content)
        self._documents = {main.base: main}
        for name, each in references:
            document = _Document(self._own(each) or urljoin(main.base, name), each)
            for key in (name, urljoin(main.base, name), document.base):
                self._documents.setdefault(key, document)
        self.nodes: list[Node] = []
        """The first is the whole schema."""
        self._index: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._made: list[Any] = []  # so that no `id` is used again
        self._waiting: list[tuple[Any, _Document]] = []
        definitions: dict[str, Any] = {}
        schema, _ = self._part(content, main)
        while self._waiting:
            part, document = self._waiting.pop()
            definitions[self._names[id(part)]], index = self._part(part, document)
            self._index[id(part)] = index
        for node in self.nodes:
            node.same += [self._index[each] for each in node.references]
        self.schema: Any = schema
        """For the library."""
        if isinstance(schema, dict):
            self.schema = {**schema, "$schema": address + ("#" if self._draft <= 7 else "")}
            if definitions:
                self.schema["definitions"] = definitions

    def _own(self, content: Any) -> str:
        """The address that a document says it has."""
        found = content.get("id" if self._draft == 4 else "$id") if isinstance(content, dict) else None
        return urldefrag(found).url if isinstance(found, str) else ""

    def _part(self, part: Any, document: _Document) -> tuple[Any, int]:
        """A part as the library gets it, and its number."""
        index, node = len(self.nodes), Node()
        self.nodes.append(node)
        if index > MOST_VISITS:
            raise Unusable(f"has more than {MOST_VISITS:,} parts")
        if isinstance(part, bool):
            return part, index
        if not isinstance(part, dict):
            raise Unusable(f"has {shown(part)} where a schema belongs")
        if part is not document.root and self._own(part):
            raise Unusable(f"has a part with the address {shown(self._own(part))}: only the whole may have one")
        if any(key in part for key in _DYNAMIC):
            raise Unusable("has a $dynamicRef or $recursiveRef: write $ref")
        made: dict[str, Any] = {}
        if "$ref" in part:
            made["$ref"] = self._reference(part["$ref"], document, node)
            if self._draft <= 7:  # these ignore what stands beside it
                return made, index
        made |= {key: part[key] for key in _SAID if key in part}
        node.weight += _weight(made)
        self._same(part, document, node, made)
        self._inner(part, document, node, made)
        if _UNEVALUATED & made.keys():
            node.same *= 3  # it asks these again which members they know
            node.references *= 3
        return made, index

    def _reference(self, reference: Any, document: _Document, node: Node) -> str:
        if not isinstance(reference, str):
            raise Unusable(f"has the $ref {shown(reference)}: write a string")
        found = self._found(reference, document)
        if found is None:
            raise Unusable(f"refers to {shown(reference)}, which is neither in it nor among its references")
        target, owner = found
        if id(target) not in self._names:
            self._names[id(target)] = f"part{len(self._names)}"
            self._waiting.append((target, owner))
        node.references.append(id(target))
        return f"#/definitions/{self._names[id(target)]}"

    def _found(self, reference: str, document: _Document) -> tuple[Any, _Document] | None:
        address, fragment = urldefrag(reference)
        if address:
            other = self._documents.get(urljoin(document.base, address)) or self._documents.get(address)
            if other is None:
                return None
            document = other
        part: Any = document.root
        if fragment and not fragment.startswith("/"):
            part = _anchored(document.root, fragment)
        else:
            for step in unquote(fragment).split("/")[1:]:
                key = step.replace("~1", "/").replace("~0", "~")
                if isinstance(part, list):
                    place = int(key) if key.isascii() and key.isdigit() and len(key) < _LONGEST_PLACE else len(part)
                    part = part[place] if place < len(part) else None
                else:
                    part = part.get(key) if isinstance(part, dict) else None
        if isinstance(part, bool):  # true and false are one object each, wherever they are
            part = {} if part else {"not": {}}
            self._made.append(part)
        return None if part is None else (part, document)

    def _same(self, part: Mapping[str, Any], document: _Document, node: Node, made: dict[str, Any]) -> None:
        for key in _LISTS:
            if key in part:
                made[key] = self._several(part[key], document, node.same)
        for key in _SINGLE:
            if key in part:
                made[key] = self._single(part[key], document, node.same)
        for key in ("dependentSchemas", "dependencies"):
            if isinstance(part.get(key), dict):
                made[key] = {
                    name: each if isinstance(each, list) else self._single(each, document, node.same)
                    for name, each in part[key].items()
                }

    def _inner(self, part: Mapping[str, Any], document: _Document, node: Node, made: dict[str, Any]) -> None:
        if "properties" in part:
            made["properties"] = self._named(part["properties"], document, node.members)
        if "patternProperties" in part:
            patterns = made["patternProperties"] = self._named(part["patternProperties"], document, node.every_member)
            node.every_member.append(len(self.nodes))
            self.nodes.append(Node(weight=sum(PATTERN_STEPS * states(each) for each in patterns)))
        for key in _MEMBERS:
            if key in part:
                made[key] = self._single(part[key], document, node.every_member)
        for key in ("prefixItems", "items"):
            if isinstance(part.get(key), list):
                made[key] = self._several(part[key], document, node.items)
            elif key in part:
                made[key] = self._single(part[key], document, node.every_item)
        for key in _ITEMS:
            if key in part:
                made[key] = self._single(part[key], document, node.every_item)

    def _single(self, part: Any, document: _Document, into: list[int]) -> Any:
        made, index = self._part(part, document)
        into.append(index)
        return made

    def _several(self, parts: Any, document: _Document, into: list[int]) -> list[Any]:
        if not isinstance(parts, list):
            raise Unusable(f"has {shown(parts)} where a list of schemas belongs")
        return [self._single(each, document, into) for each in parts]

    def _named(self, parts: Any, document: _Document, into: list[int]) -> dict[str, Any]:
        if not isinstance(parts, dict):
            raise Unusable(f"has {shown(parts)} where schemas by name belong")
        return {name: self._single(each, document, into) for name, each in parts.items()}


def _anchored(root: Any, name: str) -> Any:
    """The part of a document with this anchor."""
    level: list[Any] = [root]
    while level:
        for each in level:
            if isinstance(each, dict) and (
                name in (each.get("$anchor"), each.get("$dynamicAnchor"))
                or f"#{name}" in (each.get("$id"), each.get("id"))
            ):
                return each
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return None


def _weight(said: Mapping[str, Any]) -> int:
    """Steps that a part takes for one value, without those of the parts in it."""
    lists = sum(len(said[key]) for key in ("enum", "required") if isinstance(said.get(key), list))
    pattern = said.get("pattern")
    return lists // _LISTED + (PATTERN_STEPS * states(pattern) if isinstance(pattern, str) else 0)


_COUNT = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_WIDE = "wWdDsSpP"
_WIDE_STATES = 4


def states(pattern: str) -> int:
    """About how many states a pattern has: what is in braces counts as often as it is repeated."""
    open_groups, sizes, last, at = [], 0, 0, 0
    while at < len(pattern):
        character = pattern[at]
        counted = _COUNT.match(pattern, at)
        if character == "(":
            open_groups.append(sizes + last)
            sizes, last, at = 0, 0, at + 1
        elif character == ")" and open_groups:
            sizes, last, at = open_groups.pop(), sizes + last, at + 1
        elif counted is not None:
            last *= max(1, int(counted[1]), int(counted[2] or 0))
            at = counted.end()
        else:
            sizes += last
            following = _CLASS.match(pattern, at)
            if following is not None:
                last, at = 1, following.end()
            elif character == "\\":
                last, at = _WIDE_STATES if pattern[at + 1 : at + 2] in _WIDE else 1, at + 2
            else:
                last, at = 1, at + 1
    return sizes + last + sum(open_groups)
