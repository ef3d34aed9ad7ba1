"""When a certificate ends, and whose it is: the two fields of X.509 that are read here, for which no library is needed."""

import ipaddress
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

_VERSION, _UTC_TIME, _GENERALIZED_TIME, _EXTENSIONS, _OCTETS = 0xA0, 0x17, 0x18, 0xA3, 0x04
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
"""2.5.29.17: subjectAltName."""
_DNS_NAME, _ADDRESS = 0x82, 0x87
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def ends(pem: str) -> list[datetime]:
    """When each certificate of a file ends. Raises `ValueError` for what is none."""
    return [_not_after(_content(der)) for der in _certificates(pem)]


def names(pem: str) -> list[str]:
    """The host names and addresses that the first certificate of a file is valid for. Raises `ValueError` for what is none."""
    first = next(_certificates(pem), None)
    if first is None:
        raise ValueError("it is no certificate")
    try:
        return list(_names(_content(first)))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("it is no certificate") from error


def _certificates(pem: str) -> Iterator[bytes]:
    for part in pem.split(_BEGIN)[1:]:
        yield ssl.PEM_cert_to_DER_cert(_BEGIN + part.partition(_END)[0] + _END)


def _content(der: bytes) -> Sequence[tuple[int, bytes]]:
    """The fields that are signed."""
    try:
        return _fields(_fields(_fields(der)[0][1])[0][1])
    except IndexError as error:
        raise ValueError("it is no certificate") from error


def _names(fields: Sequence[tuple[int, bytes]]) -> Iterator[str]:
    """https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6."""
    for extensions in (value for tag, value in fields if tag == _EXTENSIONS):
        for _, extension in _fields(_fields(extensions)[0][1]):
            parts = _fields(extension)
            if parts[0][1] != _ALTERNATIVE_NAMES or parts[-1][0] != _OCTETS:
                continue
            for tag, value in _fields(_fields(parts[-1][1])[0][1]):
                if tag == _DNS_NAME:
                    yield value.decode("ascii").lower()
                elif tag == _ADDRESS:
                    yield str(ipaddress.ip_address(value))


def _not_after(fields: Sequence[tuple[int, bytes]]) -> datetime:
    """https://www.rfc-editor.org/rfc/rfc5280#section-4.1: `validity` is the fifth field, or the fourth without a version."""
    try:
        validity = fields[4 if fields[0][0] == _VERSION else 3]
        kind, time = _fields(validity[1])[1]
        form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}[kind]
        return datetime.strptime(time.decode("ascii"), form).replace(tzinfo=UTC)
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ValueError("it is no certificate") from error


def _fields(content: bytes) -> list[tuple[int, bytes]]:
    """The tags and values of an encoded sequence."""
    found, at = [], 0
    while at < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(content[at : at + size]), at + size
        found.append((tag, content[at : at + length]))
        at += length
    return found
