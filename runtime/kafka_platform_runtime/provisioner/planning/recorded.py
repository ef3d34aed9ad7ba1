"""What the ledger has recorded: the declarations that were applied last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FINGERPRINT = "passwordFingerprint"
"""The key under which the ledger keeps a hash of a user's password beside its declaration; see `passwords`."""
BEGUN = "begun"
"""Marks a ledger entry that was written before its topic or user was created: a run killed in between may have left it
half done, and the next run recognizes it as its own."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The ledger: the declarations that were last applied, by key (`topic.<name>`, `user.<name>`).

    Args:
        mine: those of this owner.
        others: the owner of every key that another owner applied.
        stacks: the stack of every owner that names one.
    """

    mine: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    stacks: Mapping[str, str] = field(default_factory=dict)

    def refuse_other(self, key: str) -> str | None:
        """Why a key must not be declared here; None if nobody else declares it."""
        owner = self.others.get(key)
        if owner is None:
            return None
        stack = self.stacks.get(owner)
        if stack is None:
            whose = repr(owner)
            fix = (
                f"set FORMER_OWNERS={owner} if that one is gone for good (in a stack file, where it was this stack's: name this "
                "stack itself in kafka.formerStacks)"
            )
        else:
            whose = f"{owner.partition('@')[0]!r} of the stack {stack}"
            fix = f"name {stack} in kafka.formerStacks if this stack was called so, or that one is gone for good"
        return f"{key}: is declared by {whose} already: declare it in one place only, or {fix}"
