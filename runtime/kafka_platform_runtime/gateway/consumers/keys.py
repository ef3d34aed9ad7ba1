"""What identifies a consumer instance."""

from typing import NamedTuple


class InstanceKey(NamedTuple):
    """Identifies an instance: each caller has separate names, and cannot name what others have."""

    owner: tuple[str, ...]
    group: str
    name: str
