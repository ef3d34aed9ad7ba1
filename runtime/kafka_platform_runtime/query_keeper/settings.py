"""The keeper's configuration: environment variables and the file that one of them names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime.failures import Refused


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which engine it is, and where its files are."""

    url: str
    port: int
    folder: Path
    """Where its files are put."""
    passwords: Path
    """Folder of the users' passwords."""
    users: Mapping[str, str]
    """Name of a user's file there, by the user."""
    certificate: Path | None
    """Folder with `tls.crt` and `tls.key`; None: it has no certificate."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the QUERY_* variables and the file of users.

        Raises:
            Refused: one is missing or wrong.
        """
        names = ("FOLDER", "PASSWORDS", "PORT", "URL", "USERS")
        given = {name: environment.get(f"QUERY_{name}", "") for name in names}
        faults = [f"QUERY_{name}: missing" for name, text in given.items() if not text]
        if faults:
            raise Refused(faults)
        if not given["PORT"].isdigit() or int(given["PORT"]) > 65535:
            raise Refused([f"QUERY_PORT: {given['PORT']!r} is not a port"])
        try:
            users = json.loads(Path(given["USERS"]).read_text(encoding="utf-8"))
            known = {str(name): str(key) for name, key in users.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise Refused([f"QUERY_USERS: {type(error).__name__} in {given['USERS']}"]) from None
        certificate = environment.get("QUERY_CERTIFICATE")
        return cls(
            url=given["URL"],
            port=int(given["PORT"]),
            folder=Path(given["FOLDER"]),
            passwords=Path(given["PASSWORDS"]),
            users=known,
            certificate=Path(certificate) if certificate else None,
        )
