"""OAuth tokens for Kafka clients. No Pulumi."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from urllib.parse import urlsplit

from kafka_platform.values.forms import Spec, formed, mapping
from kafka_platform.values.later import Input

_EXTENSION_NAME = re.compile(r"[A-Za-z]+")
_EXTENSION_VALUE = re.compile(r"[\x21-\x2b\x2d-\x3c\x3e-\x7e]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")


def check_token_url(url: str) -> None:
    """Raises unless it is the https URL of a token endpoint."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        raise ValueError(f"{url!r} sends the client's secret in the clear: use https")
    if parts.scheme != "https" or not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{url!r} is not a token endpoint: write one such as https://id.example.com/oauth2/token")


def check_scope(scope: str) -> None:
    """Raises unless it is an OAuth scope, or several."""
    # RFC 6749, section 3.3
    if not _SCOPE.fullmatch(scope):
        raise ValueError(f"{scope!r} is not a scope: write one such as kafka.all, separate several with single spaces")


def check_extensions(extensions: Mapping[str, str]) -> None:
    """Raises unless all of them can be sent."""
    # RFC 7628, section 3.1; a comma separates them in clients' settings.
    for name, value in extensions.items():
        if name == "auth" or not _EXTENSION_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a SASL extension: use letters only, as in logicalCluster")
        if not _EXTENSION_VALUE.fullmatch(value):
            raise ValueError(f"{name}: {value!r} cannot be sent: use printable characters without spaces, commas and =")


@dataclass(frozen=True, kw_only=True)
class OAuth(Spec):
    """Where clients get tokens (OAUTHBEARER), for the id and the secret in their Secret (`username` and `password`)."""

    token_url: Input[str] = formed(MISSING, check_token_url, examples=["https://id.example.com/oauth2/token"])
    """URL of the token endpoint (https). Required."""
    scope: Input[str] | None = formed(None, check_scope, examples=["kafka.all"])
    """Requested scopes, separated by spaces. Default: the server's default."""
    extensions: Mapping[str, str] = mapping(check_extensions)
    """SASL extensions sent beside the token, such as Confluent Cloud's `logicalCluster` and `identityPoolId`. Default: none."""
