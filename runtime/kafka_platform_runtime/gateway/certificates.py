"""The TLS files of the gateway's own port, reloaded while it runs."""

import logging
import ssl
from pathlib import Path

from kafka_platform_runtime.gateway.settings import Tls
from kafka_platform_runtime.x509 import end_of_file

LOG = logging.getLogger("gateway")
END_METRIC = "gateway_certificate_end_timestamp_seconds"
"""Gauge of when the certificate in use ends."""


class Certificates:
    """The TLS files, read again when they change; open connections keep what they have."""

    def __init__(self, tls: Tls, context: ssl.SSLContext) -> None:
        self._tls = tls
        self._context = context
        self._seen = self._state()
        self.ends = end_of_file(tls.certificate)
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
                self.ends = end_of_file(self._tls.certificate)
                LOG.info("The TLS certificate was read again.")
        except (OSError, ssl.SSLError) as error:
            LOG.error("The TLS certificate cannot be read, the former one stays in use: %s", error)
            return
        self._seen = state
