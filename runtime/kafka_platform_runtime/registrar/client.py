"""The registry's API, as far as it is needed here."""

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.redirects import NoRedirects
from kafka_platform_runtime.registrar.declarations import Settings

TIMEOUT_SECONDS = 20.0
MOST_BYTES = 2 * 2**20
"""Of an answer that is looked at."""
LONGEST_REASON = 500
_TYPE = "application/vnd.schemaregistry.v1+json"
_CLASS = re.compile(r"^(?:[\w$]+\.)+[\w$]+(?:Exception|Error): ")
_DIFFERENCES = re.compile(r"list of diff types: \[(.*)\]", re.DOTALL)


class Registry:
    """A schema registry, as one user."""

    def __init__(self, settings: Settings) -> None:
        """Raises `Refused` if the login or the authority cannot be read."""
        self._url = settings.url
        self._headers = {"Accept": _TYPE, "Content-Type": _TYPE}
        handlers: list[urllib.request.BaseHandler] = [NoRedirects(), urllib.request.ProxyHandler({})]
        try:
            if settings.login is not None:
                parts = [
                    (settings.login / name).read_text(encoding="utf-8").strip() for name in ("username", "password")
                ]
                self._headers["Authorization"] = f"Basic {base64.b64encode(':'.join(parts).encode()).decode()}"
            if settings.ca_file is not None:
                context = ssl.create_default_context(cafile=settings.ca_file)
                handlers.append(urllib.request.HTTPSHandler(context=context))
        except (OSError, UnicodeDecodeError) as error:
            raise Refused([f"the login or the authority of the registry cannot be read: {error}"]) from error
        self._opener = urllib.request.build_opener(*handlers)

    def version(self, subject: str, registration: dict[str, Any]) -> int | None:
        """The version that has this schema; None if there is none."""
        status, answer = self._ask("POST", f"/subjects/{quote(subject, safe='')}", registration)
        return None if status == 404 else int(self._expected(subject, status, answer)["version"])

    def versions(self, subject: str) -> int:
        """How many there are."""
        status, answer = self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions")
        return 0 if status == 404 else len(self._expected(subject, status, answer))

    def compatible(self, subject: str, registration: dict[str, Any]) -> bool:
        """Whether it may be the next version."""
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions"
        status, answer = self._ask("POST", path, registration)
        return bool(self._expected(subject, status, answer)["is_compatible"])

    def register(self, subject: str, registration: dict[str, Any]) -> str | None:
        """Registers the next version; returns why it is refused as incompatible, None if it is not."""
        status, answer = self._ask("POST", f"/subjects/{quote(subject, safe='')}/versions", registration)
        if status == 409:
            return reason(answer)
        self._expected(subject, status, answer)
        return None

    def level(self, subject: str | None) -> str | None:
        """The compatibility of a subject, or of all that have none of their own; None if it is not set."""
        status, answer = self._ask("GET", _config(subject))
        return None if status == 404 else str(self._expected(subject or "", status, answer)["compatibilityLevel"])

    def set_level(self, subject: str | None, level: str) -> None:
        """Sets it."""
        status, answer = self._ask("PUT", _config(subject), {"compatibility": level})
        self._expected(subject or "", status, answer)

    def unset_level(self, subject: str) -> None:
        """Takes a subject's own level away."""
        status, answer = self._ask("DELETE", _config(subject))
        if status != 404:
            self._expected(subject, status, answer)

    def delete(self, subject: str) -> bool:
        """Deletes a subject; returns whether it was there."""
        status, answer = self._ask("DELETE", f"/subjects/{quote(subject, safe='')}")
        if status == 404:
            return False
        self._expected(subject, status, answer)
        return True

    def _expected(self, subject: str, status: int, answer: Any) -> Any:
        if status == 200:
            return answer
        where = f"subject {subject}: " if subject else ""
        if status in (401, 403):
            raise Refused([f"{where}the registry refuses the login ({status}): it has to be that of an administrator"])
        if status in (408, 425, 429) or status >= 500:
            raise Transient(f"{where}the registry answers {status}: {reason(answer)}")
        raise Refused([f"{where}the registry answers {status}: {reason(answer)}"])

    def _ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self._url + path, body, self._headers, method=method)  # noqa: S310 - http(s)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.status, _read(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error.read(MOST_BYTES))
        except (OSError, HTTPException) as error:
            raise Transient(f"the registry does not answer: {error}") from error


def _config(subject: str | None) -> str:
    return "/config" if subject is None else f"/config/{quote(subject, safe='')}"


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode(errors="replace")


def reason(answer: Any) -> str:
    """What an answer says, in one line and without the names of the registry's own classes."""
    message = answer.get("message", "") if isinstance(answer, dict) else str(answer)
    text = _CLASS.sub("", " ".join(str(message).split()))
    found = _DIFFERENCES.search(text)
    return (found[1] if found else text)[:LONGEST_REASON] or "it does not say why"
