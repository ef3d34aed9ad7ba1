"""Places in another system that a record's key and topic decide on, such as `devices/{key}/commands`."""

import re

from kafka_platform_runtime.connectors.records import Record
from kafka_platform_runtime.failures import Refused

_WORD = re.compile(r"\{(key|topic)\}")


def is_by_key(template: str) -> bool:
    """Whether each key has a place of its own."""
    return "{key}" in template


def filled(template: str, record: Record) -> str:
    """The place of a record.

    Raises:
        Refused: the record has no key that can be part of it.
    """
    if not is_by_key(template):
        return template.replace("{topic}", record.topic)
    if record.key is None:
        raise Refused(["it has no key, which says where it goes"])
    try:
        key = record.key.decode()
    except UnicodeDecodeError:
        raise Refused(["its key, which says where it goes, is not text"]) from None
    # At once: what a key contains is not looked at again.
    return _WORD.sub(lambda found: key if found[1] == "key" else record.topic, template)


def text_headers(record: Record) -> list[tuple[str, str]]:
    """The headers of a record that are text."""
    found = []
    for name, value in record.headers:
        try:
            found.append((name, value.decode() if isinstance(value, bytes) else value or ""))
        except UnicodeDecodeError:
            continue
    return found
