"""Marks in the place of passwords, which are generated in the cluster."""

import base64
import hashlib
import re
from typing import Any

from infra.capabilities.capability import Placed, Stack

MARK = re.compile(r"generated[0-9a-f]{32}z")
"""Letters and digits, as passwords are: no file format quotes it."""


class Files(Placed):
    """What is known of a stack that is written to files: all but passwords."""

    def __init__(self, stack: Stack, owner: str, salt: str = "") -> None:
        """`owner` identifies the stack; with another `salt` all marks of passwords are others."""
        super().__init__(stack)
        self._salt = salt
        self.changed: set[str] = set()
        """Marks of passwords that are not the first ones."""
        self.mark = owner
        # The same in each rendering, and another one for each stack.
        known = hashlib.sha256(f"{self.mark}/{stack.settings.namespace}".encode()).digest()
        # 16 bytes as Kafka writes them; it refuses those that begin with a dash.
        self.cluster_id = f"A{base64.urlsafe_b64encode(known[:16]).decode()[1:21]}A"
        self.gate_version = stack.version

    def password(self, name: str, version: int = 1) -> str:
        """The mark of a password."""
        mark = f"generated{hashlib.sha256(f'{self._salt}{name}/{version}'.encode()).hexdigest()[:32]}z"
        if version > 1:
            self.changed.add(mark)
        return mark


def decoded(data: Any) -> dict[str, str]:
    """The text of a Secret by key."""
    return {key: base64.b64decode(value).decode() for key, value in (data or {}).items()}
