"""The registry's API, as far as it is needed here."""

import base64
import re
import ssl
from typing import Any
from urllib.parse import quote

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.json_client import JsonClient, reason as java_reason
from kafka_platform_runtime.registrar.declarations import Settings

TIMEOUT_SECONDS = 20.0
_TYPE = "application/vnd.schemaregistry.v1+json"
_DIFFERENCES = re.compile(r"list of diff types: \[(.*)\]", re.DOTALL)


class Registry:
    """A schema registry, as one user."""

    def __init__(self, settings: Settings) -> None:
        """Raises `Refused` if the login or the authority cannot be read."""
        headers = {"Accept": _TYPE, "Content-Type": _TYPE}
        context = None
        try:
            if settings.login is not None:
                parts = [
                    (settings.login / name).read_text(encoding="utf-8").strip() for name in ("username", "password")
                ]
                headers["Authorization"] = f"Basic {base64.b64encode(':'.join(parts).encode()).decode()}"
            if settings.ca_file is not None:
                context = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, UnicodeDecodeError) as error:
            raise Refused([f"the login or the authority of the registry cannot be read: {error}"]) from error
        self._client = JsonClient(
            "the registry", settings.url, headers, timeout_seconds=TIMEOUT_SECONDS, context=context
        )

    def version(self, subject: str, registration: dict[str, Any]) -> int | None:
        """The version that has this schema; None if there is none."""
        status, answer = self._client.ask("POST", f"/subjects/{quote(subject, safe='')}", registration)
        return None if status == 404 else int(self._expected(subject, status, answer)["version"])

    def versions(self, subject: str) -> int:
        """How many there are."""
        status, answer = self._client.ask("GET", f"/subjects/{quote(subject, safe='')}/versions")
        return 0 if status == 404 else len(self._expected(subject, status, answer))

    def compatible(self, subject: str, registration: dict[str, Any]) -> bool:
        """Whether it may be the next version."""
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions"
        status, answer = self._client.ask("POST", path, registration)
        return bool(self._expected(subject, status, answer)["is_compatible"])

    def register(self, subject: str, registration: dict[str, Any]) -> str | None:
        """Registers the next version; returns why it is refused as incompatible, None if it is not."""
        status, answer = self._client.ask("POST", f"/subjects/{quote(subject, safe='')}/versions", registration)
        if status == 409:
            return reason(answer)
        self._expected(subject, status, answer)
        return None

    def level(self, subject: str | None) -> str | None:
        """The compatibility of a subject, or of all that have none of their own; None if it is not set."""
        status, answer = self._client.ask("GET", _config(subject))
        return None if status == 404 else str(self._expected(subject or "", status, answer)["compatibilityLevel"])

    def set_level(self, subject: str | None, level: str) -> None:
        """Sets it."""
        status, answer = self._client.ask("PUT", _config(subject), {"compatibility": level})
        self._expected(subject or "", status, answer)

    def unset_level(self, subject: str) -> None:
        """Takes a subject's own level away."""
        status, answer = self._client.ask("DELETE", _config(subject))
        if status != 404:
            self._expected(subject, status, answer)

    def delete(self, subject: str) -> bool:
        """Deletes a subject; returns whether it was there."""
        status, answer = self._client.ask("DELETE", f"/subjects/{quote(subject, safe='')}")
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


def _config(subject: str | None) -> str:
    return "/config" if subject is None else f"/config/{quote(subject, safe='')}"


def reason(answer: Any) -> str:
    """What an answer says, in one line; of an incompatible schema only the differences."""
    text = java_reason(answer)
    found = _DIFFERENCES.search(text)
    return found[1] if found else text
