"""Who sent a request: a user and a password, or a token, whatever the header's bytes look like."""

import base64
import binascii
import json
import math
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b
from pathlib import Path
from typing import Any

from kafka_platform_runtime.gateway.errors import unauthorized
from kafka_platform_runtime.gateway.settings import Kafka, Settings

TOKEN_SECONDS = 3600.0
"""Lifetime assumed for a bearer token without `exp`."""
NOBODY = "bearer"
"""Name of the sender of a token that names no subject."""


Owner = tuple[str, ...]
"""Equal for those who are the same user."""


class Kind(Enum):
    """How a caller identifies itself."""

    NONE = auto()
    """Not at all: Kafka asks nobody for a login."""
    PASSWORD = auto()
    TOKEN = auto()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a caller claims to be. The secret is not part of its text form."""

    kind: Kind
    username: str
    """For messages and bounds; the principal is decided by Kafka."""
    secret: str = field(repr=False)
    expiry: float = field(default=0.0, compare=False)
    """Of a token, in seconds since 1970."""
    subject: tuple[str, str] | None = None
    """Of a token: its issuer and subject; None if it names no subject."""

    @property
    def key(self) -> bytes:
        """Equal for those who are the same, of a fixed size, and without the secret."""
        text = f"{self.kind.name}\0{self.username}\0{self.secret}"
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()

    @property
    def known_user(self) -> str | None:
        """The Kafka user, if it is one with a password: of a token Kafka decides which claim names the user."""
        return self.username if self.kind is Kind.PASSWORD else None

    @property
    def owner(self) -> Owner:
        """Whose bounds and consumer instances apply, also with another password or a renewed token.

        A token and a user of the same name are different owners: Kafka decides which claim names the user. A token
            without
        a subject is its own owner.
        """
        if self.kind is not Kind.TOKEN:
            return ("user", self.username)
        return ("token", self.key.hex()) if self.subject is None else ("subject", *self.subject)

    def login(self, kafka: Kafka) -> dict[str, Any]:
        """The settings of a confluent-kafka client with this login; never to be printed."""
        client = kafka.client()
        match self.kind:
            case Kind.NONE:
                return client
            case Kind.PASSWORD:
                return {
                    **client,
                    "sasl.mechanism": kafka.mechanism.value,
                    "sasl.username": self.username,
                    "sasl.password": self.secret,
                }
            case Kind.TOKEN:
                return {
                    **client,
                    "sasl.mechanism": "OAUTHBEARER",
                    # Which principal it is, is decided by Kafka.
                    "oauth_cb": lambda _: (self.secret, self.expiry, "", dict(kafka.extensions)),
                }


def read(authorization: bytes | None, settings: Settings, *, takes_passwords: bool = True) -> Identity:
    """Who sent this Authorization header, without asking Kafka.

    Args:
        authorization: the header.
        settings: the gateway's.
        takes_passwords: whether Kafka has users with passwords, and not only tokens.

    Raises:
        GatewayError: 401, it identifies nobody.
    """
    if authorization is None:
        anonymous = settings.anonymous
        if anonymous is None:
            needed = "a Kafka user and password by HTTP Basic" if takes_passwords else "an OAuth token by HTTP Bearer"
            raise unauthorized(f"Credentials are needed: {needed}.")
        password = Path(anonymous.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        return Identity(kind=Kind.PASSWORD, username=anonymous.username, secret=password)
    kind, _, credentials = authorization.partition(b" ")
    if kind.lower() == b"basic" and takes_passwords:
        return _basic(credentials.strip())
    if kind.lower() == b"bearer" and settings.bearer:
        return _bearer(credentials.strip().decode("latin-1"))
    kinds = (["Basic"] if takes_passwords else []) + (["Bearer"] if settings.bearer else [])
    raise unauthorized(f"This kind of credentials is not accepted here: use {' or '.join(kinds)}.")


def _basic(credentials: bytes) -> Identity:
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized("The Basic credentials are not base64 of user:password in UTF-8.") from None
    username, colon, password = text.partition(":")
    if not colon or not username or not password or "\0" in text:
        raise unauthorized("The Basic credentials need a user and a password.")
    return Identity(kind=Kind.PASSWORD, username=username, secret=password)


def _bearer(token: str) -> Identity:
    if not token or not token.isascii() or not token.isprintable():
        raise unauthorized("The bearer token is empty or not plain text.")
    claims = _claims(token)
    said = claims.get("exp")
    expiry = time.time() + TOKEN_SECONDS
    if isinstance(said, int | float) and math.isfinite(said):
        expiry = float(said)
    named = claims.get("sub")
    subject = (str(claims.get("iss")), str(named)) if named else None
    return Identity(kind=Kind.TOKEN, username=str(named or NOBODY), secret=token, expiry=expiry, subject=subject)


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JSON Web Token; Kafka verifies it, not the gateway."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
