"""The files that Trino reads again by itself: hashes of passwords, and a certificate with its key."""

import hashlib
import os
import secrets
from pathlib import Path

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.query_keeper.settings import Settings

PASSWORDS, CERTIFICATE = "password.db", "server.pem"
ROUNDS = 10_000
"""Of PBKDF2 with SHA-1, which is all that Trino has besides bcrypt. Passwords have 190 random bits: no number of rounds matters."""
_HASH_BYTES, _SALT_BYTES = 32, 16
_MOST_BYTES = 1024 * 1024


class Files:
    """Both files, written anew when what they are made of changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, bytes] = {}
        """A digest of what each file was made of."""

    def keep(self) -> list[str]:
        """Write what has changed.

        Returns:
            The names of the files that were written.

        Raises:
            Transient: a password or the certificate is not there (yet), or a file cannot be written.
        """
        try:
            done = [PASSWORDS] if self._passwords() else []
            return [*done, CERTIFICATE] if self._certificate() else done
        except (OSError, UnicodeDecodeError) as error:
            where = getattr(error, "filename", None)
            raise Transient(f"{where or 'a file'}: {getattr(error, 'strerror', None) or 'is not text'}") from None

    def _passwords(self) -> bool:
        settings = self._settings
        known = {user: (settings.passwords / key).read_text("utf-8") for user, key in sorted(settings.users.items())}
        told = "".join(f"{user}\n{password}\n" for user, password in known.items())
        if not self._changed(PASSWORDS, told):
            return False
        lines = [f"{user}:{hashed(password)}\n" for user, password in known.items()]
        self._write(PASSWORDS, "".join(lines), told)
        return True

    def _certificate(self) -> bool:
        folder = self._settings.certificate
        if folder is None:
            return False
        parts = [_bounded(folder / name) for name in ("tls.key", "tls.crt")]
        text = "".join(f"{part.strip()}\n" for part in parts)
        if not self._changed(CERTIFICATE, text):
            return False
        self._write(CERTIFICATE, text, text)
        return True

    def _changed(self, name: str, made_of: str) -> bool:
        return self._made.get(name) != _digest(made_of)

    def _write(self, name: str, text: str, made_of: str) -> None:
        """At once or not at all: Trino may be reading."""
        target = self._settings.folder / name
        new = target.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(target)
        self._made[name] = _digest(made_of)


def hashed(password: str) -> str:
    """`<rounds>:<salt>:<hash>`, with a new salt."""
    salt = secrets.token_bytes(_SALT_BYTES)
    made = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, ROUNDS, _HASH_BYTES)
    return f"{ROUNDS}:{salt.hex()}:{made.hex()}"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _bounded(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(_MOST_BYTES)
