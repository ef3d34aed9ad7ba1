"""Secrets of the Kubernetes cluster that the program runs in, by its ServiceAccount."""

import base64
import binascii
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.json_client import JsonClient, reason

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MANAGER = "kafka-platform-secrets"
"""Who owns the fields of the Secrets, for Kubernetes."""
TIMEOUT_SECONDS = 10
_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class ConflictError(Exception):
    """Somebody else has changed, or made, the object meanwhile."""


class Secrets:
    """Reads and writes Secrets.

    Args:
        url: of the API server.
        account: folder with the token of the ServiceAccount and the authority of the API server.
    """

    def __init__(self, url: str, account: Path = ACCOUNT) -> None:
        try:
            token = (account / "token").read_text(encoding="utf-8").strip()
            authority = account / "ca.crt"
            context = ssl.create_default_context(cafile=str(authority)) if url.startswith("https:") else None
        except OSError as error:
            raise Refused([f"{account}: no ServiceAccount: {error}"]) from None
        login = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        # What YAML is for the API server, JSON is too.
        self._clients = {
            kind: JsonClient(
                "the API server",
                url,
                login | {"Content-Type": kind},
                timeout_seconds=TIMEOUT_SECONDS,
                context=context,
            )
            for kind in ("application/json", "application/apply-patch+yaml")
        }

    @classmethod
    def in_pod(cls, environment: Mapping[str, str], account: Path = ACCOUNT) -> "Secrets":
        """Of the cluster that this pod runs in. Raises `Refused` outside of one."""
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise Refused(["KUBERNETES_SERVICE_HOST: missing: run this in a pod"])
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", account)

    def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The object; None if it is not there."""
        status, answer = self._ask("GET", _path(namespace, name))
        if status == HTTPStatus.NOT_FOUND:
            return None
        return _object(_taken(status, answer, namespace, name))

    def put(self, found: dict[str, Any] | None, secret: dict[str, Any]) -> None:
        """Makes an object, or replaces the one that was found. Raises `ConflictError` if it is no longer as it was."""
        meta = secret["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        if found is None:
            status, answer = self._ask("POST", _path(namespace), secret)
        else:
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            changed = {**secret, "metadata": {**meta, **version}}
            status, answer = self._ask("PUT", _path(namespace, name), changed)
        if status == HTTPStatus.CONFLICT:
            raise ConflictError(f"Secret {namespace}/{name}")
        _taken(status, answer, namespace, name)

    def apply(self, secret: dict[str, Any]) -> None:
        """Makes an object as it is declared, whoever owned its fields."""
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        path = f"{_path(namespace, name)}?fieldManager={MANAGER}&force=true"
        status, answer = self._ask("PATCH", path, secret, "application/apply-patch+yaml")
        _taken(status, answer, namespace, name)

    def _ask(self, method: str, path: str, content: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        return self._clients[kind].ask(method, path, content)


def decoded(secret: Mapping[str, Any] | None) -> dict[str, str]:
    """The text of a Secret by key; what is no text is left out."""
    found: dict[str, str] = {}
    for key, value in ((secret or {}).get("data") or {}).items():
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            continue
    return found


def encoded(data: Mapping[str, str]) -> dict[str, str]:
    """Text by key, as a Secret has it."""
    return {key: base64.b64encode(text.encode()).decode() for key, text in sorted(data.items())}


def _path(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def _taken(status: int, answer: Any, namespace: str, name: str) -> Any:
    """The answer to what was done. Raises `Transient` if it may yet be done, and `Refused` if not."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    said = f"Secret {namespace}/{name}: {status}: {reason(answer)}"
    # A namespace, or the right to it, may come a moment later: all are applied at once.
    later = status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT)
    if later or status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Transient(said)
    raise Refused([said])


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Transient("the API server answers with something else than an object")
    return answer
