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
        self.keys: dict[str, str] = {}
        """By the marks of passwords, the keys under which they are given: `kafka-app`, `kafka-app.2` of its second version."""
        self.changed: set[str] = set()
        """Marks of passwords that are not the first ones."""
        self.digests: dict[str, str] = {}
        """By their marks, the texts with marks of which they are the SHA-256."""
        self.operated: dict[str, dict[str, str | None]] = {}
        """By their marks, the Secrets that operators create, and the keys in them; None: all certificates."""
        self.mark = owner
        # The same in each rendering, and another one for each stack.
        known = hashlib.sha256(f"{self.mark}/{stack.settings.namespace}".encode()).digest()
        # 16 bytes as Kafka writes them; it refuses those that begin with a dash.
        self.cluster_id = f"A{base64.urlsafe_b64encode(known[:16]).decode()[1:21]}A"
        self.gate_version = stack.version

    def password(self, name: str, version: int = 1) -> str:
        """The mark of a password."""
        mark = self._mark(f"{name}/{version}")
        self.keys[mark] = name if version == 1 else f"{name}.{version}"
        if version > 1:
            self.changed.add(mark)
        return mark

    def sha256(self, text: str) -> str:
        """The mark of a text's hash."""
        mark = self._mark(f"sha256 of/{text}")
        self.digests[mark] = text
        if any(each in text for each in self.changed):
            self.changed.add(mark)
        return mark

    def taken(self, secret: str, key: str | None = None) -> str:
        """The mark of what an operator's Secret has: a text that ends with its line."""
        mark = self._mark(f"taken from/{secret}/{key or ''}")
        self.operated[mark] = {"key": key, "name": secret}
        return f"{mark}\n"

    def _mark(self, text: str) -> str:
        return f"generated{hashlib.sha256(f'{self._salt}{text}'.encode()).hexdigest()[:32]}z"


def decoded(data: Any) -> dict[str, str]:
    """The text of a Secret by key."""
    return {key: base64.b64decode(value).decode() for key, value in (data or {}).items()}
