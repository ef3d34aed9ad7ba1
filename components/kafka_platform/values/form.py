"""What a field's value looks like: its check, its schema, and what to write, which follows from that. No Pulumi."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FORM = "form"
"""Where a field's metadata has it."""
DURATION = r"^(forever|(\d{1,15}(ms|s|m|h|d))+)$"
"""Patterns of JSON Schema, for editors: the checks decide."""
SIZE = r"^(unlimited|\d{1,19}(\.\d{1,9})?(B|kB|MB|GB|TB|Ki|Mi|Gi|Ti|Pi|KiB|MiB|GiB|TiB|PiB)?)$"
QUANTITY = r"^\d{1,19}(\.\d{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
RATE = r"^\d{1,19}(\.\d{1,9})?(B|kB|MB|GB|TB|Ki|Mi|Gi|Ti|Pi|KiB|MiB|GiB|TiB|PiB)?/s$"
PERCENTAGE = r"^[1-9]\d?%$"
OBJECTIVE = r"^[5-9]\d(\.\d{1,4})?%$"

_NOUNS = {
    DURATION: "a duration",
    OBJECTIVE: "an objective",
    PERCENTAGE: "a share",
    QUANTITY: "a quantity",
    RATE: "a rate",
    SIZE: "a size",
}
"""What a text of a pattern is called."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a field's value looks like.

    Args:
        check: raises `ValueError`, without the field's name, for a value that is not acceptable.
        schema: of the value in a stack file, as JSON Schema; what only the check knows is left out.
    """

    check: Callable[[Any], object]
    schema: Mapping[str, Any]

    @property
    def examples(self) -> Sequence[str]:
        """Of what a text looks like."""
        return [each for each in self.schema.get("examples", []) if isinstance(each, str)]

    @property
    def endless(self) -> str | None:
        """The word for no end, if it takes one: Kafka's own is -1."""
        return next((each for each in self.examples if each in ("forever", "unlimited")), None)

    @property
    def hint(self) -> str | None:
        """What to write: `a duration such as 7d`. None if that does not follow from the schema."""
        if not self.examples:
            return None
        noun = _NOUNS.get(self.schema.get("pattern", ""))
        if noun is None:
            return f"it as in {' or '.join(self.examples)}"
        number = next((each for each in self.examples if each.isdecimal()), None)
        quoted = "" if number is None else f" or {number!r}, in quotes if it is a bare number"
        return f"{noun} such as {self.examples[0]}{quoted}"
