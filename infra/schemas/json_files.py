"""JSON Schema: a `$ref` is a part of the same file, or another file beside it. Nothing is fetched from anywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.schemas.files import Loaded, References, SchemaFault, Used, parsed_json, place


def load(references: References, path: Path, *, by: str) -> Loaded:
    """A schema, with the files that it uses.

    Raises:
        SchemaFault: something is wrong with one of them.
    """
    loaded, known = references.enter(path, by=by)
    if known:
        return loaded
    for reference in dict.fromkeys(_references(parsed_json(loaded))):
        name = reference.partition("#")[0]
        if not name:
            continue
        if ":" in name or name.startswith("/"):
            raise SchemaFault(
                f"{loaded.shown}: $ref {reference!r} is not a file beside it, and nothing is fetched: put it there"
            )
        file = place(references.folder, path.parent, name, by=loaded.shown)
        loaded.uses.append(Used(name=name, file=load(references, file, by=loaded.shown)))
    references.leave()
    return loaded


def check(loaded: Loaded) -> None:
    """Raises `SchemaFault` for what is no JSON Schema."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    for each in loaded.everything():
        content = parsed_json(each)
        if not isinstance(content, dict | bool):
            raise SchemaFault(f"{each.shown}: is not a JSON Schema, it is no object: write one")
        validator = validator_for(content, default=Draft202012Validator)
        named = content.get("$schema") if isinstance(content, dict) else None
        if named is not None and str(named).rstrip("#") != str(validator.META_SCHEMA.get("$schema", "")).rstrip("#"):
            raise SchemaFault(
                f"{each.shown}: $schema {named!r} is not known: write https://json-schema.org/draft/2020-12/schema"
            )
        try:
            validator.check_schema(content)  # type: ignore[arg-type]  # true and false are schemas too
        except SchemaError as error:
            said = " ".join(error.message.split())[:200]
            raise SchemaFault(f"{each.shown}: {error.json_path}: {said}: correct it") from None
        except RecursionError:
            raise SchemaFault(f"{each.shown}: is nested too deep: put parts of it into $defs") from None


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(each, str):
                yield each
            else:
                yield from _references(each)
