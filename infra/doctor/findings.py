"""What is wrong with a platform: findings, and how bad they are."""

from dataclasses import dataclass
from enum import IntEnum

from infra.live.text import shown, told


class Severity(IntEnum):
    """How bad it is; the numbers are the exit codes."""

    WARNING = 1
    """Nobody is hurt yet, or only a part."""
    FAULT = 2
    """Somebody cannot write, read or deploy, or records are at risk."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong, and what to do about it."""

    check: str
    """What was looked at, as in `pod-crash-loop`: docs/operations.md lists them; none is renamed."""
    severity: Severity
    subject: str
    """The object, as `Kind/namespace/name`."""
    message: str
    """The finding's text; third-party text in it is sanitised, and secrets are hidden."""
    fix: str
    """What to do, mostly a command."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", told(self.message))
        object.__setattr__(self, "subject", shown(self.subject))


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that could not be checked, and why; not a finding, unless a required right is missing."""

    what: str
    why: str


def fault(check: str, subject: str, message: str, fix: str) -> Finding:
    """A finding that affects users."""
    return Finding(check=check, severity=Severity.FAULT, subject=subject, message=message, fix=fix)


def warning(check: str, subject: str, message: str, fix: str) -> Finding:
    """A finding that affects nobody yet."""
    return Finding(check=check, severity=Severity.WARNING, subject=subject, message=message, fix=fix)
