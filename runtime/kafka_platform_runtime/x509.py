"""When certificates end, by what `ssl` itself decodes them with: no library is needed for that."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Decoded = Mapping[str, Any]
"""A certificate in `ssl`'s own form."""


def end_of(certificate: Decoded) -> float:
    """When it ends, in seconds since 1970."""
    return float(ssl.cert_time_to_seconds(certificate["notAfter"]))


def decoded(file: Path | str) -> Decoded:
    """The first certificate of a PEM file, which is its owner's.

    Raises:
        OSError: there is no such file, or no certificate in it.
    """
    # What `ssl` itself decodes peers' certificates by; it offers nothing for a file.
    found: Decoded = ssl._ssl._test_decode_cert(str(file))  # type: ignore[attr-defined]
    return found


def end_of_file(file: Path | str) -> float:
    """When the first certificate of a PEM file ends; raises like `decoded`."""
    return end_of(decoded(file))


def authorities(file: Path | str) -> list[Decoded]:
    """The authorities of a PEM file; none if it cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file)
    except OSError:
        return []
    return [each for each in context.get_ca_certs() if isinstance(each, dict)]
