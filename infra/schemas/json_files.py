"""JSON Schema: a `$ref` is a part of the same file, or another file beside it. Nothing is fetched from anywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.schemas.files import Loaded, References, SchemaFault, Used, parsed_json, place, quoted, short

MOST_MIXED = 200
"""Values of an `enum` that cannot be sorted, such as objects: each is compared with every other one."""


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
                f"{loaded.shown}: $ref {quoted(reference)} is not a file beside it, and nothing is fetched: put it there"
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
        named = content.get("$schema", "") if isinstance(content, dict) else ""
        validator = validator_for({"$schema": named} if isinstance(named, str) else {}, default=Draft202012Validator)
        if named and str(named).rstrip("#") != str(validator.META_SCHEMA.get("$schema", "")).rstrip("#"):
            raise SchemaFault(
                f"{each.shown}: $schema {quoted(str(named))} is not known: write "
                "https://json-schema.org/draft/2020-12/schema"
            )
        _check_enums(each, content)
        try:
            validator.check_schema(content)  # type: ignore[arg-type]  # true and false are schemas too
        except SchemaError as error:
            said = f"{short(error.json_path)}: {short(error.message)}"
            raise SchemaFault(f"{each.shown}: {said}: correct it") from None
        except (OverflowError, ValueError, TypeError) as error:  # such as a pattern that repeats too often
            raise SchemaFault(f"{each.shown}: is not a JSON Schema, {short(error)}: correct it") from None
        except RecursionError:
            raise SchemaFault(f"{each.shown}: is nested too deep: put parts of it into $defs") from None


def _check_enums(loaded: Loaded, value: Any) -> None:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_enums(loaded, each)
    values = value.get("enum") if isinstance(value, dict) else None
    if isinstance(values, list) and len(values) > MOST_MIXED:
        try:
            sorted(values)
        except TypeError:
            raise SchemaFault(
                f"{loaded.shown}: an enum has {len(values):,} values of several kinds: use up to {MOST_MIXED}, or values of "
                "one kind"
            ) from None


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
