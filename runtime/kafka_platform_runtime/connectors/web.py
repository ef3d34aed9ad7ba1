"""HTTP requests to a system that a connector names: one connection, kept open, within bounds."""

import base64
from collections.abc import Mapping
from typing import Annotated

import msgspec
import urllib3
from msgspec import Meta

from kafka_platform_runtime.connectors.records import line
from kafka_platform_runtime.connectors.settings import Seconds, Secrets, Section
from kafka_platform_runtime.failures import Refused, Transient

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer that are read."""
MISPLACED = frozenset({401, 403, 404, 405, 407})
"""Answers that come from the address or the login, and not from a record: all records would get them."""
BUSY = frozenset({408, 425, 429})


class WebSettings(Section, frozen=True, kw_only=True):
    """How to reach a system over HTTP."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+\S*$")]
    timeout: Seconds = 30.0
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    """Sent with each request; no secrets."""


class Answer:
    """What a server answered."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def reason(self) -> str:
        """The status, and the beginning of the body."""
        return line(f"{self.status} {self.body[:2000].decode(errors='replace')}")

    @property
    def is_refusal(self) -> bool:
        """Whether what was sent is at fault, and would be another time."""
        return 400 <= self.status < 500 and self.status not in MISPLACED | BUSY

    @property
    def wait(self) -> float:
        """Seconds that the server asks to be left alone."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdecimal() else 0.0


class Web:
    """Sends requests to one server, with the login of the Secret: `username` and `password`, or `token`.

    Raises:
        Refused: the Secret has a fault.
    """

    def __init__(self, settings: WebSettings, secrets: Secrets) -> None:
        self._timeout = settings.timeout
        self._headers = {"user-agent": "kafka-platform"} | {k.lower(): v for k, v in settings.headers.items()}
        login, token = secrets.login(), secrets.text("token")
        if login is not None and token is not None:
            raise Refused(["CONNECTOR_SECRET_DIR: has username and password, and token: remove one of them"])
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        elif login is not None:
            self._headers["authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        self._anonymous = {name: value for name, value in self._headers.items() if name != "authorization"}
        for value in self._headers.values():
            if not value.isprintable():
                raise Refused(["CONNECTOR_SECRET_DIR: the login has line breaks or control characters: replace it"])
        ca, certificate, key = (secrets.path(name) for name in ("ca.crt", "tls.crt", "tls.key"))
        self._pool = urllib3.PoolManager(
            num_pools=2,
            maxsize=1,
            retries=False,
            ca_certs=None if ca is None else str(ca),
            cert_file=None if certificate is None else str(certificate),
            key_file=None if key is None else str(key),
        )

    def ask(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        login: bool = True,
    ) -> Answer:
        """Sends a request, unless told otherwise with the login; redirects are not followed, as they would take it along.

        Raises:
            Transient: no answer in time.
        """
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=(self._headers if login else self._anonymous) | dict(headers or {}),
                timeout=urllib3.Timeout(connect=min(10.0, self._timeout), read=self._timeout),
                redirect=False,
                preload_content=False,
            )
            try:
                content = response.read(LARGEST_ANSWER + 1)
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(f"no answer: {cause(error)}") from None
        if len(content) > LARGEST_ANSWER:
            response.close()
            raise Transient(f"an answer has more than {LARGEST_ANSWER} bytes")
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, found, content)

    def close(self) -> None:
        """Ends the connection."""
        self._pool.clear()


def cause(error: Exception) -> str:
    """Why there was no answer, without the library's names for things."""
    if isinstance(error, urllib3.exceptions.LocationValueError):
        return "this is no address"  # which may have a secret in it
    reason = getattr(error, "reason", None)
    text = str(reason if isinstance(reason, Exception) else error)
    return line(text.rpartition(">: ")[2] or type(error).__name__)
