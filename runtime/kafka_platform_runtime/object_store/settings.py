"""The keeper's configuration: environment variables and the files that they name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.variables import content_of, port_of

DEFAULT_PORT = 9404


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which store it is, and how its bucket is meant to be."""

    url: str
    region: str
    volume: Path
    port: int
    key: str
    secret: str
    bucket: str
    policy: Mapping[str, Any] | None
    """None: nobody but the administrator may do anything."""

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Settings(url={self.url!r}, bucket={self.bucket!r})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the OBJECT_STORE_* variables and their files.

        Raises:
            Refused: one is missing or wrong.
        """
        names = ("CONFIG", "CREDENTIALS", "PORT", "REGION", "URL", "VOLUME")
        given = {name: environment.get(f"OBJECT_STORE_{name}", "") for name in names}
        faults = [f"OBJECT_STORE_{name}: missing" for name, text in given.items() if not text]
        if faults:
            raise Refused(faults)
        port = port_of("OBJECT_STORE_PORT", given["PORT"])
        declared = content_of("OBJECT_STORE_CONFIG", given["CONFIG"])
        try:
            bucket, policy = declared["bucket"], declared["policy"]
        except (KeyError, TypeError) as error:
            raise Refused([f"OBJECT_STORE_CONFIG: {type(error).__name__} in {given['CONFIG']}"]) from None
        try:
            folder = Path(given["CREDENTIALS"])
            key = (folder / "AWS_ACCESS_KEY_ID").read_text(encoding="utf-8")
            secret = (folder / "AWS_SECRET_ACCESS_KEY").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise Refused([f"OBJECT_STORE_CREDENTIALS: {type(error).__name__} in {given['CREDENTIALS']}"]) from None
        return cls(
            url=given["URL"],
            region=given["REGION"],
            volume=Path(given["VOLUME"]),
            port=port,
            key=key,
            secret=secret,
            bucket=bucket,
            policy=policy,
        )
