"""Which changes of declared schemas are refused before anything is changed. No Pulumi.

Only Avro's rules are known here, through Apache's own checker. The registry judges other schemas, and versions before
the last one, when the Job asks it.
"""

import json
from collections.abc import Mapping
from typing import Any

from kafka_platform.schemas.spec import Compatibility

_LEVELS = {each.level: each for each in Compatibility}


def check_schema_update(old: Mapping[str, object], new: Mapping[str, object]) -> None:
    """Raises for schemas that are incompatible with the last version: all of them in one message."""
    before, after = _declared(old), _declared(new)
    faults = [
        f"subject {subject}: {fault}"
        for subject, wanted in sorted(after.items())
        if subject in before and (fault := _fault(subject, before, after)) is not None
    ]
    if faults:
        raise ValueError("; ".join(faults))


def _declared(data: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, text in data.items():
        if key.startswith("subject.") and isinstance(text, str):
            declared = json.loads(text)
            found[declared["subject"]] = declared
    return found


def _fault(subject: str, before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]) -> str | None:
    had, wanted = before[subject], after[subject]
    level = _LEVELS[wanted["compatibility"]]
    if level is Compatibility.NONE:
        return None
    if had["type"] != wanted["type"]:
        return f"{had['type']} -> {wanted['type']}: no reader reads both: use another topic, or compatibility none"
    if wanted["type"] != "AVRO":
        return None
    old, new = _parsed(subject, before), _parsed(subject, after)
    if old is None or new is None:
        return None  # the registry says why
    for reads, reader, writer, what in (
        (level.reads_old, new, old, "the new version does not read records of the last one"),
        (level.read_by_old, old, new, "the last version does not read records of the new one"),
    ):
        reason = _incompatible(reader, writer) if reads else None
        if reason is not None:
            return f"{what} (compatibility {level.value}): {reason}"
    return None


def _parsed(subject: str, declared: Mapping[str, dict[str, Any]]) -> Any:
    # Takes some time, and is needed only where a schema changes.
    from avro.errors import AvroException
    from avro.name import Names
    from avro.schema import make_avsc_object

    names, parsed = Names(), dict[str, Any]()

    def parse(each: str) -> None:
        if each in parsed:
            return
        parsed[each] = None
        for reference in declared[each].get("references", []):
            if reference["subject"] in declared:
                parse(reference["subject"])
        parsed[each] = make_avsc_object(json.loads(declared[each]["schema"]), names)

    try:
        parse(subject)
    except (AvroException, ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return None
    return parsed[subject]


_MOST_REASONS = 3


def _incompatible(reader: Any, writer: Any) -> str | None:
    from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is not SchemaCompatibilityType.incompatible:
        return None
    kinds = ", ".join(sorted(each.value.replace("_", " ") for each in result.incompatibilities))
    places = ", ".join(sorted(map(str, result.messages))[:_MOST_REASONS])
    fix = ": give it a default" if "reader field missing default value" in kinds else ""
    return f"{kinds}: {places}{fix}"
