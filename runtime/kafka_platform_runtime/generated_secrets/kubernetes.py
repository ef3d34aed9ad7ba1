"""Secrets of the Kubernetes cluster that the program runs in."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka_platform_runtime.api_server import ACCOUNT, ApiServer, taken

MANAGER = "kafka-platform-secrets"
"""Who owns the fields of the Secrets, for Kubernetes."""


class Secrets:
    """Reads and writes Secrets of the cluster of that API server."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    @classmethod
    def in_pod(cls, environment: Mapping[str, str], account: Path = ACCOUNT) -> "Secrets":
        """Of the cluster that this pod runs in. Raises `Refused` outside of one."""
        return cls(ApiServer.in_pod(environment, account))

    def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The object; None if it is not there."""
        return self._server.get(f"{_folder(namespace)}/{name}", f"Secret {namespace}/{name}")

    def config_map(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A ConfigMap; None if it is not there."""
        path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
        return self._server.get(path, f"ConfigMap {namespace}/{name}")

    def put(self, found: dict[str, Any] | None, secret: dict[str, Any]) -> None:
        """Makes an object, or replaces the one that was found. Raises `ConflictError` if it is no longer as it was."""
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        self._server.put(_folder(namespace), found, secret, f"Secret {namespace}/{name}")

    def apply(self, secret: dict[str, Any]) -> None:
        """Makes an object as it is declared, whoever owned its fields."""
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        path = f"{_folder(namespace)}/{name}?fieldManager={MANAGER}&force=true"
        # What YAML is for the API server, JSON is too.
        status, answer = self._server.ask("PATCH", path, secret, "application/apply-patch+yaml")
        taken(status, answer, f"Secret {namespace}/{name}")


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


def _folder(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"
