"""What a record becomes while it is read, within a bound, whatever its bytes say."""

MOST_PARTS = 1_000_000
"""Pieces of text that a record may become, about 40 bytes of memory each."""
PARTS_OF_A_BYTE = 6
PARTS_WITH_DEFAULTS = 24
"""Of a byte, where fields that the wire leaves out are in the text too."""
PARTS_AT_LEAST = 10_000
MOST_NAMES = 64 * 1024 * 1024
"""Bytes of names of fields, values of enums and branches of unions, which a record has once for each value."""
NAMES_OF_A_BYTE = 100
NAMES_AT_LEAST = 64 * 1024
_TENTH_BYTE = 63


class Reading(list[bytes]):
    """The pieces of a record's text.

    Args:
        data: the record.
        of_a_byte: how many each of its bytes may become.
    """

    def __init__(self, data: bytes, of_a_byte: int = PARTS_OF_A_BYTE) -> None:
        super().__init__()
        self.most = min(MOST_PARTS, PARTS_AT_LEAST + of_a_byte * len(data))
        self.names = min(MOST_NAMES, NAMES_AT_LEAST + NAMES_OF_A_BYTE * len(data))
        """Bytes of names that it may still have: below zero, it is no record."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the position after it. Raises `ValueError`, or `IndexError` at the end of the bytes."""
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
        if shift == _TENTH_BYTE:
            raise ValueError
        shift += 7
