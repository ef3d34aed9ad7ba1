"""The provisioner's own settings, read from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.termination import termination_log

DEFAULT_DEADLINE_SECONDS = 240.0

# The super users of the embedded engine: declaring one would hand its rights to whoever gets the password.
DEFAULT_RESERVED_USERS = ("admin", "broker")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The provisioner's own variables; see `__main__`."""

    declarations: Path
    passwords: Path
    owner: str
    former_owners: tuple[str, ...] = ()
    stack: str | None = None
    former_stacks: tuple[str, ...] = ()
    reserved_users: tuple[str, ...] = DEFAULT_RESERVED_USERS
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    termination_log: Path = Path("/dev/termination-log")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables.

        Raises:
            Refused: OWNER is missing or has a `/` or `@`, or DEADLINE_SECONDS is not a number above 0.
        """
        owner = environment.get("OWNER", "").strip()
        faults = []
        if not owner or "/" in owner or "@" in owner:
            faults.append(f"OWNER: {owner!r} is not a name: set it to the component's name, without '/' and '@'")
        seconds = environment.get("DEADLINE_SECONDS") or str(DEFAULT_DEADLINE_SECONDS)
        try:
            deadline = float(seconds)
        except ValueError:
            deadline = 0.0
        if not deadline > 0:
            faults.append(f"DEADLINE_SECONDS: {seconds!r} is not a number of seconds above 0")
        if faults:
            raise Refused(faults)
        return cls(
            declarations=Path(environment.get("DECLARATIONS_DIR") or "/etc/kafka-platform/declarations"),
            passwords=Path(environment.get("PASSWORDS_DIR") or "/etc/kafka-platform/passwords"),
            owner=owner,
            former_owners=_names(environment.get("FORMER_OWNERS", "")),
            stack=environment.get("STACK", "").strip() or None,
            former_stacks=_names(environment.get("FORMER_STACKS", "")),
            reserved_users=_names(environment.get("RESERVED_USERS", ",".join(DEFAULT_RESERVED_USERS))),
            deadline_seconds=deadline,
            termination_log=termination_log(environment),
        )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in map(str.strip, text.split(",")) if name)
