"""The TLS files of the gateway's own port, reloaded while it runs."""

import logging
import ssl
from pathlib import Path

from kafka_platform_runtime.gateway.settings import Tls

LOG = logging.getLogger("gateway")
END_METRIC = "gateway_certificate_end_timestamp_seconds"
"""Gauge of when the certificate in use ends."""


class Certificates:
    """The TLS files, read again when they change; open connections keep what they have."""

    def __init__(self, tls: Tls, context: ssl.SSLContext) -> None:
        self._tls = tls
        self._context = context
        self._seen = self._state()
        self.ends = _end(tls.certificate)
        """When the certificate in use ends, in seconds since 1970."""

    def _state(self) -> list[tuple[int, int]]:
        files = [self._tls.certificate, self._tls.key, *filter(None, [self._tls.client_authority])]
        return [(status.st_mtime_ns, status.st_ino) for status in (Path(file).stat() for file in files)]

    def refresh(self) -> None:
        """Read the files again if they changed."""
        try:
            state = self._state()
            if state != self._seen:
                # A mismatched pair is refused here and the previous one stays in use.
                ssl.create_default_context().load_cert_chain(self._tls.certificate, self._tls.key)
                self._context.load_cert_chain(self._tls.certificate, self._tls.key)
                if self._tls.client_authority is not None:
                    self._context.load_verify_locations(self._tls.client_authority)
                self.ends = _end(self._tls.certificate)
                LOG.info("The TLS certificate was read again.")
        except (OSError, ssl.SSLError) as error:
            LOG.error("The TLS certificate cannot be read, the former one stays in use: %s", error)
            return
        self._seen = state


def _end(certificate: str) -> float:
    """When the first certificate of a PEM file ends, which is the gateway's own."""
    # What `ssl` itself decodes peers' certificates by; it offers nothing for a file.
    decoded: dict[str, str] = ssl._ssl._test_decode_cert(certificate)  # type: ignore[attr-defined]
    return ssl.cert_time_to_seconds(decoded["notAfter"])
