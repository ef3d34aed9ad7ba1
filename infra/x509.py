"""When a certificate ends: the one field of X.509 that is read here, for which no library is needed."""

import ssl
from datetime import UTC, datetime

_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def ends(pem: str) -> list[datetime]:
    """When each certificate of a file ends. Raises `ValueError` for what is none."""
    found = []
    for part in pem.split(_BEGIN)[1:]:
        der = ssl.PEM_cert_to_DER_cert(_BEGIN + part.partition(_END)[0] + _END)
        found.append(_not_after(der))
    return found


def _not_after(der: bytes) -> datetime:
    """https://www.rfc-editor.org/rfc/rfc5280#section-4.1: `validity` is the fifth field, or the fourth without a version."""
    try:
        content = _fields(_fields(der)[0][1])[0][1]
        fields = _fields(content)
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
