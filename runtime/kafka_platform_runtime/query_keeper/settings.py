"""The keeper's configuration: environment variables and the file that one of them names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.schema_relay.settings import RelaySettings
from kafka_platform_runtime.variables import content_of, port_of


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
    catalogs: Path | None = None
    """Folder of the files of catalogs, with marks for what is in Secrets; None: they are made already."""
    secrets: Path | None = None
    """Folder with one for each of these Secrets; None: there are none."""
    registry: RelaySettings | None = None
    """None: no topic has a schema."""

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
        port = port_of("QUERY_PORT", given["PORT"])
        try:
            known = {str(name): str(key) for name, key in content_of("QUERY_USERS", given["USERS"]).items()}
        except AttributeError as error:
            raise Refused([f"QUERY_USERS: {type(error).__name__} in {given['USERS']}"]) from None
        return cls(
            url=given["URL"],
            port=port,
            folder=Path(given["FOLDER"]),
            passwords=Path(given["PASSWORDS"]),
            users=known,
            certificate=_folder(environment.get("QUERY_CERTIFICATE")),
            catalogs=_folder(environment.get("QUERY_CATALOGS")),
            secrets=_folder(environment.get("QUERY_SECRETS")),
            registry=RelaySettings.from_environment(environment),
        )


def _folder(text: str | None) -> Path | None:
    return Path(text) if text else None
