"""How a pod verifies over TLS that it talks to another pod of this gateway."""

import re
import ssl
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from kafka_platform_runtime.gateway.settings import Tls

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\s*", re.DOTALL)


class Verification(TypedDict):
    """Arguments of an aiohttp request for it."""

    ssl: ssl.SSLContext | bool
    server_hostname: NotRequired[str]


def verification(tls: Tls) -> Verification:
    """Trust a certificate for this gateway's own name signed by the same authority, or this very one.

    All pods mount one certificate, which has the gateway's public names, never its pods' names. So a pod is asked
    for one of these names. The file's own certificates are the anchors: the root is often not in it, and the leaf may be
    signed by an authority that the system does not know. If the certificate has no name, only the very same one will
    do; an authority alone proves nothing, because others have certificates from it, too.

    Raises:
        OSError, ssl.SSLError: the files cannot be used.
    """
    context = _context()
    context.load_verify_locations(tls.certificate)
    if tls.client_authority is not None:
        # Then callers need a certificate, and pods are callers.
        context.load_cert_chain(tls.certificate, tls.key)
    name = _own_name(tls)
    if name is not None:
        context.check_hostname = True
        return {"ssl": context, "server_hostname": name}
    only = _context()
    leaf = _CERTIFICATE.search(Path(tls.certificate).read_text(encoding="utf-8"))
    if leaf is not None:
        only.load_verify_locations(cadata=leaf[0])
    if tls.client_authority is not None:
        only.load_cert_chain(tls.certificate, tls.key)
    return {"ssl": only}


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _own_name(tls: Tls) -> str | None:
    """A name (or address) that the certificate is valid for; None if it has none.

    The standard library shows a certificate only to a peer that has verified it: so this pod shakes hands with itself.
    """
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tls.certificate, tls.key)
    asking = _context()
    asking.load_verify_locations(tls.certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = asking.wrap_bio(back, there), serving.wrap_bio(there, back, server_side=True)
    for end in (client, server, client):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    names: Any = (client.getpeercert() or {}).get("subjectAltName", ())
    return next((name.replace("*", "pod", 1) for kind, name in names if kind in {"DNS", "IP Address"}), None)
