"""Certificates of the platform that are in Secrets: those that it presents, and those that users log in with."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kafka_platform.kafka.entities import Login
from kafka_platform.values.later import plain

from infra import x509
from infra.connection import NoAnswerError
from infra.live import cluster as kube
from infra.live.cluster import ASK_SECONDS, Cluster, Manifest
from infra.settings.model import Settings

MOST_SECRETS = 200
"""Secrets that are read."""
TLS, USER = "tls.crt", "user.crt"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A Secret with a certificate."""

    namespace: str
    secret: str
    key: str = TLS


def held(settings: Settings, seen: Mapping[str, Sequence[Manifest]]) -> list[Held]:
    """The Secrets that nothing else is known to watch; `seen` has cert-manager's certificates."""
    watched = {(each["metadata"]["namespace"], each["spec"].get("secretName")) for each in seen.get("certificates", ())}
    found = {*_presented(settings), *_logins(settings)}
    unseen = [each for each in found if (each.namespace, each.secret) not in watched]
    return sorted(unseen, key=lambda each: (each.namespace, each.secret))[:MOST_SECRETS]


def _presented(settings: Settings) -> Iterator[Held]:
    """Those of ways in."""
    gateway, registry, listeners = settings.gateway, settings.registry, settings.kafka.listeners
    named = [listeners.certificate, None if listeners.external is None else listeners.external.certificate]
    if gateway is not None:
        named += [getattr(gateway.tls, "certificate", None), getattr(gateway.expose, "certificate", None)]
    for program in (registry, settings.query):
        named.append(None if program is None else getattr(program.tls, "certificate", None))
    for each in named:
        if isinstance(each, str):
            yield Held(namespace=settings.namespace, secret=each)


def _logins(settings: Settings) -> Iterator[Held]:
    """Those of users: what was delivered to them, which only a deployment renews."""
    for name, user in settings.users.items():
        namespace = settings.namespace if user.namespace is None else plain(user.namespace)
        secret = plain(user.secret_of(name))
        if user.auth is Login.MTLS and isinstance(namespace, str) and isinstance(secret, str):
            yield Held(namespace=namespace, secret=secret, key=USER)


def ends(cluster: Cluster, of: Held) -> list[datetime]:
    """When the certificates in a Secret end."""
    path = kube.SECRETS.path(of.namespace, of.secret)
    # The answer has the key too: only the certificate is looked at, and nothing of it is kept.
    data: dict[str, Any] = json.loads(cluster.connection.ask("GET", path, seconds=ASK_SECONDS)).get("data") or {}
    try:
        return x509.ends(base64.b64decode(data.get(of.key, "")).decode("ascii"))
    except ValueError as error:
        raise NoAnswerError(f"its {of.key} is no certificate in PEM") from error
