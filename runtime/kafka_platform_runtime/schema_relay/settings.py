"""The relay's configuration: environment variables and a file that one of them names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime.variables import content_of, port_of


@dataclass(frozen=True, kw_only=True)
class RelaySettings:
    """A schema registry, and what of it others may know."""

    url: str
    port: int
    """Where they ask, inside the pod."""
    subjects: Sequence[str] = ()
    """Names of the subjects that are listed."""
    login: Path | None = None
    """Folder with `username` and `password`; None: it lets everybody in."""
    ca_file: str | None = None
    """The authority of its certificate; None: public ones."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RelaySettings | None":
        """Read the RELAY_* variables; None without RELAY_URL.

        Raises:
            Refused: one is missing or wrong.
        """
        url, login, subjects = (environment.get(f"RELAY_{name}") for name in ("URL", "LOGIN", "SUBJECTS"))
        if not url:
            return None
        return cls(
            url=url.rstrip("/"),
            port=port_of("RELAY_PORT", environment.get("RELAY_PORT", "")),
            subjects=[str(each) for each in content_of("RELAY_SUBJECTS", subjects)] if subjects else [],
            login=Path(login) if login else None,
            ca_file=environment.get("RELAY_CA_FILE") or None,
        )
