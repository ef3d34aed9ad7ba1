"""Why something does not fit a schema."""

SHOWN = 60
"""Characters of a value in a message."""


class Misfit(ValueError):  # noqa: N818 - an answer, not a malfunction
    """A value that does not fit; the path is completed on the way out of it.

    Args:
        reason: the rest of a sentence that begins with the path, such as `is missing`.
        path: of the value within what is checked.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def within(self, part: str) -> "Misfit":
        """The same, seen from one level up."""
        self.path = part + self.path
        return self


class Unusable(ValueError):  # noqa: N818
    """A schema that the gateway does not use, and the reason, as the rest of a sentence that begins with the schema."""


def shown(value: object) -> str:
    """A value as it is shown in a message."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
