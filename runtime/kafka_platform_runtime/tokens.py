"""OAuth tokens by client credentials (RFC 6749, section 4.4), for clients that cannot fetch them themselves.

librdkafka does it by its method `oidc`; kafka-python and requests to the gateway take their tokens from here.
"""

import base64
import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka_platform_runtime.failures import Rejected, Transient
from kafka_platform_runtime.redirects import NoRedirects

ANSWER_SECONDS = 10.0
"""How long the token endpoint may take to answer, and then to send all of its answer."""
ANSWER_BYTES = 1024 * 1024
"""Longest answer that is read; tokens have a few KiB."""
DEFAULT_SECONDS = 300.0
"""Lifetime assumed for a token whose answer has no `expires_in`."""
LONGEST_SECONDS = 86_400.0
"""How long a token is taken to be valid at most, whatever the answer says."""
REFUSED_SECONDS = 1.0
"""How long a failure holds for all threads: those that waited for it do not ask once more, one after the other."""
KEPT_SHARE = 0.8
"""How much of its lifetime a token is used: a request under way still arrives with a valid one."""


@dataclass(frozen=True, kw_only=True)
class OAuth:
    """Where tokens come from.

    Args:
        token_url: the token endpoint.
        scope: what is asked for, several with blanks; None: the server's default.
        extensions: SASL extensions sent beside the token (RFC 7628), such as Confluent Cloud's `logicalCluster`.
    """

    token_url: str
    scope: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)


_OPENER = urllib.request.build_opener(NoRedirects)


class Tokens:
    """Tokens of one client, each kept until most of its lifetime is over; safe to use from several threads.

    Args:
        oauth: where they come from.
        client: the client's id.
        secret: the client's secret.
    """

    def __init__(self, oauth: OAuth, client: str, secret: str) -> None:
        self._oauth = oauth
        pair = ":".join(urllib.parse.quote(each, safe="") for each in (client, secret))
        self._authorization = "Basic " + base64.b64encode(pair.encode()).decode()
        self._token = ""
        self._until = 0.0
        self._failure: Rejected | Transient | None = None
        self._failed_until = 0.0
        self._lock = threading.Lock()

    def token(self) -> str:
        """A token that is still valid.

        Raises:
            Rejected: the token endpoint refuses the client.
            Transient: it does not answer.
        """
        with self._lock:
            if not self._token or time.monotonic() >= self._until:
                if self._failure is not None and time.monotonic() < self._failed_until:
                    raise type(self._failure)(str(self._failure))
                try:
                    self._token, seconds = self._fetch()
                except (Rejected, Transient) as failure:
                    self._failure, self._failed_until = failure, time.monotonic() + REFUSED_SECONDS
                    raise
                self._until = time.monotonic() + KEPT_SHARE * seconds
            return self._token

    @property
    def extensions(self) -> Mapping[str, str]:
        """What is sent beside the token."""
        return self._oauth.extensions

    def _fetch(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials"} | ({"scope": self._oauth.scope} if self._oauth.scope else {})
        request = urllib.request.Request(  # noqa: S310 - the URL is the platform's setting, and checked there
            self._oauth.token_url,
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": self._authorization, "Accept": "application/json"},
        )
        where = f"the token endpoint {self._oauth.token_url}"
        try:
            with _OPENER.open(request, timeout=ANSWER_SECONDS) as answer:
                content: Any = json.loads(_read(answer))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 400:
                raise Rejected(f"{where} redirects to another one: HTTP {error.code}: write that one's URL") from None
            if error.code < 500:
                raise Rejected(f"{where} refuses the client: HTTP {error.code}") from None
            raise Transient(f"{where} fails: HTTP {error.code}") from None
        except RecursionError:
            raise Transient(f"{where} does not answer: its answer is nested too deep") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            said = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise Transient(f"{where} does not answer: {said}") from None
        token = content.get("access_token") if isinstance(content, dict) else None
        # RFC 6750, section 2.1: what is sent beside other fields must not end its own.
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Rejected(f"{where} answers without an access_token that can be sent")
        lifetime = content.get("expires_in")
        is_number = isinstance(lifetime, int | float) and not isinstance(lifetime, bool) and lifetime > 0
        return token, float(min(lifetime, LONGEST_SECONDS)) if is_number else DEFAULT_SECONDS


def _read(answer: http.client.HTTPResponse) -> bytes:
    """The answer, up to ANSWER_BYTES and for ANSWER_SECONDS: a byte now and then is no answer."""
    content, end = b"", time.monotonic() + ANSWER_SECONDS
    while part := answer.read1(ANSWER_BYTES - len(content)):
        content += part
        if time.monotonic() > end:
            raise TimeoutError("its answer does not end")
    return content
