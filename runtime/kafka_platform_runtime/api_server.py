"""The API server of the Kubernetes cluster that the program runs in, by its ServiceAccount."""

import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.json_client import JsonClient, reason

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT_SECONDS = 10
JSON = "application/json"
_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class ConflictError(Exception):
    """Somebody else has changed, or made, the object meanwhile."""


class ApiServer:
    """Asks the API server.

    Args:
        url: of the API server.
        account: folder with the token of the ServiceAccount and the authority of the API server.
    """

    def __init__(self, url: str, account: Path = ACCOUNT) -> None:
        self._url = url
        self._token = account / "token"
        try:
            authority = account / "ca.crt"
            self._context = ssl.create_default_context(cafile=str(authority)) if url.startswith("https:") else None
            self._token.read_text(encoding="utf-8")
        except OSError as error:
            raise Refused([f"{account}: no ServiceAccount: {error}"]) from None

    @classmethod
    def in_pod(cls, environment: Mapping[str, str], account: Path = ACCOUNT) -> "ApiServer":
        """That of the cluster that this pod runs in. Raises `Refused` outside of one."""
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise Refused(["KUBERNETES_SERVICE_HOST: missing: run this in a pod"])
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", account)

    def ask(self, method: str, path: str, content: Any = None, kind: str = JSON) -> tuple[int, Any]:
        """The status and the content of the answer. Raises `Transient` if there is none."""
        try:
            # Kubernetes writes another token every hour.
            token = self._token.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Transient(f"the token of the ServiceAccount cannot be read: {error}") from None
        headers = {"Authorization": f"Bearer {token}", "Accept": JSON, "Content-Type": kind}
        client = JsonClient(
            "the API server", self._url, headers, timeout_seconds=TIMEOUT_SECONDS, context=self._context
        )
        return client.ask(method, path, content)

    def get(self, path: str, what: str) -> dict[str, Any] | None:
        """The object; None if it is not there."""
        status, answer = self.ask("GET", path)
        if status == HTTPStatus.NOT_FOUND:
            return None
        found = taken(status, answer, what)
        if not isinstance(found, dict):
            raise Transient("the API server answers with something else than an object")
        return found

    def put(self, folder: str, found: Mapping[str, Any] | None, wanted: Mapping[str, Any], what: str) -> None:
        """Makes an object in a folder, or replaces the one that was found. Raises `ConflictError` if it is no longer as it was."""
        meta = wanted["metadata"]
        if found is None:
            status, answer = self.ask("POST", folder, wanted)
        else:
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            changed = {**wanted, "metadata": {**meta, **version}}
            status, answer = self.ask("PUT", f"{folder}/{meta['name']}", changed)
        if status == HTTPStatus.CONFLICT:
            raise ConflictError(what)
        taken(status, answer, what)


def taken(status: int, answer: Any, what: str) -> Any:
    """The answer to what was done. Raises `Transient` if it may yet be done, and `Refused` if not."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    said = f"{what}: {status}: {reason(answer)}"
    # A namespace, or the right to it, may come a moment later: all are applied at once.
    later = status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT)
    if later or status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Transient(said)
    raise Refused([said])
