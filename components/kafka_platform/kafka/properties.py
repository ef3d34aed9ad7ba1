"""Properties files, escaped so that readers get exactly what was declared. Pure functions, no Pulumi."""

import re
from collections.abc import Mapping

# What java.util.Properties would take as something else: in a name also what ends it, or begins a comment.
_SPECIAL_IN_NAME = re.compile(r"[\\\s:=#!]|[^\x21-\x7e]")
_SPECIAL_IN_VALUE = re.compile(r"\\|^[ ]|[^\x20-\x7e]")
_SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def java_properties(settings: Mapping[str, str]) -> str:
    """A file that java.util.Properties reads: Kafka's brokers and tools, Java clients and Spring.

    They read it as ISO 8859-1, so everything beyond ASCII is escaped.
    """
    return "".join(
        f"{_SPECIAL_IN_NAME.sub(_escaped, name)}={_SPECIAL_IN_VALUE.sub(_escaped, value)}\n"
        for name, value in settings.items()
    )


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    if "\x20" <= character <= "\x7e":
        return f"\\{character}"
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def option_lines(options: Mapping[str, str]) -> str:
    """A file of `name=value` lines in UTF-8, as programs with librdkafka and kcat read it: there is no way to escape anything.

    Raises:
        ValueError: a value does not fit on a line, or would be read without the spaces around it.
    """
    for name, value in options.items():
        if value != value.strip() or not value.isprintable():
            raise ValueError(
                f"{name}: its value does not fit in a file of librdkafka options: remove line breaks, control characters "
                "and spaces around it"
            )
    return "".join(f"{name}={value}\n" for name, value in options.items())


def jaas_text(value: str) -> str:
    """A value in a JAAS configuration, in quotes.

    Raises:
        ValueError: it has characters that cannot stand there.
    """
    if not value.isprintable():
        raise ValueError("a login cannot have line breaks or control characters: use printable ones")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
