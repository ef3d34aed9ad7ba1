"""What servers that connectors reach by HTTP are called. No Pulumi."""

import re
from urllib.parse import urlsplit

from kafka_platform.connect.common import Place, check_host
from kafka_platform.values.free_maps import check_text

_PORTS = {"http": 80, "https": 443}


def check_service(url: str) -> None:
    """Raises unless it is the URL of a service, without a login."""
    check_text(url, "a URL", 2000)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL: write one such as https://api.example.com/orders") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("contains credentials: remove them, and name the Secret with it in secret")
    if parts.scheme not in _PORTS or not parts.hostname or parts.fragment or re.search(r"\s", url) or port == 0:
        raise ValueError(f"{url!r} is not a URL: write one such as https://api.example.com/orders")
    check_host(parts.hostname)


def check_endpoint(url: str) -> None:
    """Raises unless it is the URL of a server of S3."""
    check_service(url)
    if urlsplit(url).path not in {"", "/"} or urlsplit(url).query:
        raise ValueError(f"{url!r} has more than a host and a port: write one such as https://s3.example.com")


def place_of(url: str) -> Place:
    """Where a connector connects to for this URL, which was checked."""
    parts = urlsplit(url)
    return Place(host=parts.hostname or "", port=parts.port or _PORTS[parts.scheme])
