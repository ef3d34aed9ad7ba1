"""What a consumer instance is found by."""

from typing import NamedTuple


class InstanceKey(NamedTuple):
    """What an instance is found by: a caller has names of their own, and cannot name what others have."""

    owner: tuple[str, ...]
    group: str
    name: str
