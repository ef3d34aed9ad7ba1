"""Requests with JSON to a program of the same Kubernetes cluster, by a login that goes nowhere else."""

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.redirects import NoRedirects

MOST_BYTES = 2 * 2**20
"""Of an answer that is looked at."""
LONGEST_REASON = 500
_CLASS = re.compile(r"^(?:[\w$]+\.)+[\w$]+(?:Exception|Error): ")


class JsonClient:
    """Asks one server, without proxies, and follows it nowhere.

    Args:
        what: what the server is, as the beginning of a sentence.
        url: with which all addresses begin.
        headers: of each request.
        timeout_seconds: for each part of an answer.
        context: how to verify the server's certificate. Default: by public authorities.
    """

    def __init__(
        self,
        what: str,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._what = what
        self._url = url
        self._headers = dict(headers)
        self._timeout = timeout_seconds
        handlers: list[urllib.request.BaseHandler] = [NoRedirects(), urllib.request.ProxyHandler({})]
        if context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """The status and the content of the answer, as text if it is not JSON.

        Raises:
            Transient: there is none.
        """
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self._url + path, body, self._headers, method=method)  # noqa: S310 - http(s)
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return answer.status, _read(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error.read(MOST_BYTES))
        except (OSError, HTTPException) as error:
            raise Transient(f"{self._what} does not answer: {error}") from error


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode(errors="replace")


def reason(answer: Any) -> str:
    """What an answer of a Java program says, in one line and without the names of its classes."""
    message = answer.get("message", "") if isinstance(answer, dict) else str(answer)
    return plain(str(message))[:LONGEST_REASON] or "it does not say why"


def plain(text: str) -> str:
    """A message of Java's in one line, without the class of its exception."""
    return _CLASS.sub("", " ".join(text.split()))
