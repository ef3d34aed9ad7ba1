"""Avro: a type that a file does not define is in the file of its full name beside it, as `shop.Customer.avsc`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.schemas.files import Loaded, References, SchemaFault, Used, parsed_json, place, quoted, short

PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
_COMPLEX = {"record", "error", "enum", "fixed", "array", "map"}
_NAMED = {"record", "error", "enum", "fixed"}


def load(references: References, path: Path, *, by: str) -> Loaded:
    """A schema, with the files that it uses.

    Raises:
        SchemaFault: something is wrong with one of them.
    """
    loaded, known = references.enter(path, by=by)
    if known:
        return loaded
    content = parsed_json(loaded)
    defined = set(_defined(content, ""))
    for name in dict.fromkeys(_used(content, "")):
        if name in defined:
            continue
        try:
            file = place(references.folder, path.parent, f"{name}.avsc", by=loaded.shown)
        except SchemaFault:
            raise SchemaFault(
                f"{loaded.shown}: type {quoted(name)} is unknown: define it, or put it beside the file as "
                f"{quoted(f'{name}.avsc')}"
            ) from None
        loaded.uses.append(Used(name=name, file=load(references, file, by=loaded.shown)))
    references.leave()
    return loaded


def check(loaded: Loaded) -> None:
    """Raises `SchemaFault` for what is no Avro."""
    from avro.errors import AvroException
    from avro.name import Names
    from avro.schema import make_avsc_object

    names = Names()
    for each in loaded.everything():
        try:
            make_avsc_object(parsed_json(each), names)
        except (AvroException, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            if isinstance(error, SchemaFault):
                raise
            said = short(error) or type(error).__name__
            raise SchemaFault(f"{each.shown}: is not a schema of Avro, {said}: correct it") from None


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _inner(value: dict[str, Any], namespace: str) -> str:
    """The namespace of what a named type holds."""
    name, own = value.get("name"), value.get("namespace")
    if isinstance(name, str) and "." in name:
        return name.rpartition(".")[0]
    return own if isinstance(own, str) else namespace


def _defined(value: Any, namespace: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _defined(each, namespace)
    elif isinstance(value, dict):
        kind, name = value.get("type"), value.get("name")
        if isinstance(kind, str) and kind in _NAMED and isinstance(name, str):
            namespace = _inner(value, namespace)
            yield _full(name, namespace)
        for each in _parts(value):
            yield from _defined(each, namespace)


def _used(value: Any, namespace: str) -> Iterator[str]:
    if isinstance(value, str):
        if value not in PRIMITIVES | _COMPLEX:
            yield _full(value, namespace)
    elif isinstance(value, list):
        for each in value:
            yield from _used(each, namespace)
    elif isinstance(value, dict):
        kind = value.get("type")
        if isinstance(kind, str) and kind in _NAMED:
            namespace = _inner(value, namespace)
        for each in _parts(value):
            yield from _used(each, namespace)


def _parts(value: dict[str, Any]) -> Iterator[Any]:
    """Where schemas are inside of a schema."""
    yield value.get("type", "null")
    yield value.get("items", "null")
    yield value.get("values", "null")
    fields = value.get("fields")
    if isinstance(fields, list):
        yield from (each.get("type", "null") for each in fields if isinstance(each, dict))
