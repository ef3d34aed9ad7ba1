"""Checks across the settings of a Kafka that Strimzi runs, in addition to those for every Kafka."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kafka_platform.cluster.embedded.listeners import NO_CERTIFICATE
from kafka_platform.cluster.strimzi.listeners import Authentication
from kafka_platform.entities.strimzi import user_object
from kafka_platform.kafka.entities import Login, Quotas, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.names import LONGEST_CERTIFICATE_NAME
from kafka_platform.values.words import Path
from pydantic.alias_generators import to_camel

from infra.settings.core import Core
from infra.settings.faults import Fault, Known
from infra.settings.kafka import Kafka
from infra.settings.listeners import Expose, ExternalListener, embedded_keys

_OWN_SECRETS = "kafka-"
"""Prefix of the names of the cluster's Secrets, such as kafka-passwords and kafka-cluster-ca."""


def faults(settings: Core, known: Known, passwords: Sequence[str], scaling: Sequence[Fault]) -> Iterator[Fault]:
    """Every fault of a Kafka that Strimzi runs, and what only Strimzi can do elsewhere.

    `passwords` says who logs in with one, `scaling` what is wrong with the pool that is scaled.
    """
    kafka = settings.kafka
    if not known("kafka", "engine"):
        return
    listeners = list(_listeners(kafka))
    yield from listeners
    yield from _topics(settings)
    yield from _users(settings)
    yield from _programs(settings, known, passwords)
    if kafka.engine is not Engine.STRIMZI:
        return
    for name, pool in kafka.pools.items():
        if pool.autoscaled:
            yield Fault(
                path=("kafka", "pools", name, "autoscaled"),
                message="unknown key: write kafka.scaling with the pool's name",
            )
    if not known("kafka", "pools"):
        return
    if not kafka.pools:
        yield Fault(
            path=("kafka", "pools"),
            message="missing: write pools such as all: {roles: [controller, broker], nodes: 3, storage: 100Gi}",
        )
        return
    yield from scaling
    if listeners or scaling:
        return
    try:
        kafka.strimzi()
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        yield Fault(path=("kafka", _spelled(field)), message=_spelled(message))


def _spelled(text: str) -> str:
    """The text with field names as the stack file spells them."""
    return re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", lambda found: to_camel(found[0]), text)


def _listeners(kafka: Kafka) -> Iterator[Fault]:
    listeners, strimzi_runs = kafka.listeners, kafka.engine is Engine.STRIMZI
    path = ("kafka", "listeners")
    if strimzi_runs and listeners.certificate is not None:
        yield Fault(
            path=(*path, "certificate"),
            message="Strimzi makes the brokers' certificates: remove the key; one for clients outside goes under external",
        )
    if kafka.engine is not Engine.EMBEDDED:
        if strimzi_runs and listeners.external is not None:
            yield from _access(listeners.external)
            if listeners.external.route_version is not None:
                yield Fault(
                    path=(*path, "external", "routeVersion"),
                    message="Strimzi's operator makes the routes, in the version that it knows: remove the key",
                )
        return
    if listeners.internal is not None:
        yield Fault(path=(*path, "internal"), message=_only_strimzi())
    external = listeners.external
    if external is None:
        return
    for name in sorted(external.model_fields_set - embedded_keys(external.expose)):
        yield Fault(path=(*path, "external", to_camel(name)), message=_only_strimzi())
    if external.expose is Expose.INGRESS:
        yield Fault(
            path=(*path, "external", "expose"),
            message="an embedded Kafka does not support ingress: use nodePort, loadBalancer or tlsRoute, or engine: strimzi",
        )
    if external.expose is Expose.TLS_ROUTE and listeners.certificate is None:
        yield Fault(path=(*path, "certificate"), message=NO_CERTIFICATE.partition(": ")[2])


def _only_strimzi() -> str:
    return "the engine is embedded: remove the key, or write engine: strimzi"


def _access(external: ExternalListener) -> Iterator[Fault]:
    try:
        external.access()
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        yield Fault(path=("kafka", "listeners", "external", _spelled(field)), message=_spelled(message))


def _topics(settings: Core) -> Iterator[Fault]:
    for name, topic in settings.topics.items():
        if settings.kafka.engine is Engine.STRIMZI and topic.adopt:
            yield Fault(path=("topics", name, "adopt"), message=_MAKES_ALL.format(what="topic"))


_MAKES_ALL = "Strimzi's operator takes over every {what} that is declared: remove the key"


@dataclass(frozen=True, kw_only=True)
class _Logins:
    """The logins that the listeners accept."""

    passwords: bool
    certificates: bool
    custom: bool


def _logins(kafka: Kafka) -> _Logins:
    if kafka.engine is not Engine.STRIMZI:
        elsewhere = kafka.engine is Engine.EXTERNAL
        return _Logins(passwords=not elsewhere or kafka.makes_users, certificates=False, custom=elsewhere)
    internal, external = kafka.listeners.internal, kafka.listeners.external
    return _Logins(
        passwords=internal is None or internal.takes_passwords or (external is not None and external.takes_passwords),
        certificates=(internal is not None and (internal.certificates or internal.auth is Authentication.MTLS))
        or (external is not None and external.auth is Authentication.MTLS),
        custom=any(each is not None and each.custom is not None for each in (internal, external)),
    )


def _users(settings: Core) -> Iterator[Fault]:
    kafka, by_strimzi = settings.kafka, settings.kafka.engine is Engine.STRIMZI
    for tenant_name, tenant in settings.tenants.items():
        for name, user in tenant.users.items():
            path = ("tenants", tenant_name, "users", name)
            if by_strimzi:
                yield from _secret_of(settings, path, name, user)
            yield from _login(path, name, user, kafka)
            if by_strimzi and user.adopt:
                yield Fault(path=(*path, "adopt"), message=_MAKES_ALL.format(what="user"))
            if by_strimzi:
                yield from _percentage(path, user.quotas)
        if by_strimzi:
            yield from _percentage(("tenants", tenant_name), tenant.quotas)


def _secret_of(settings: Core, path: Path, name: str, user: User) -> Iterator[Fault]:
    """Faults of the names of the Secrets in which Strimzi stores a user's credentials."""
    try:
        user_object(name, user)
    except ValueError as error:
        yield Fault(path=path, message=str(error))
    if name.startswith(_OWN_SECRETS):
        message = (
            "Strimzi keeps the credentials in a Secret of that name, and those that begin with "
            f"{_OWN_SECRETS} are the cluster's own: choose another name"
        )
        yield Fault(path=path, message=message)
    other = user.secret_of(name)
    if user.auth is not Login.CUSTOM and other in settings.users:
        message = f"Strimzi keeps the credentials of user {other!r} in the Secret that this one is given: rename one"
        yield Fault(path=path, message=message)


def _login(path: Path, name: str, user: User, kafka: Kafka) -> Iterator[Fault]:
    """Faults of a user's login."""
    by_strimzi, logins = kafka.engine is Engine.STRIMZI, _logins(kafka)
    message = None
    if user.auth is Login.SCRAM and not logins.passwords and not user.keeps_password:
        message = "no listener takes passwords: write auth: mtls or custom, or kafka.listeners.internal.auth: scram"
        if not by_strimzi:
            message = (
                f"clients log in with {kafka.login}, for which Kafka keeps no passwords: write auth: custom, and in secret where "
                "its login is"
            )
    if user.auth is Login.CUSTOM and not logins.custom:
        fix = "write kafka.listeners.internal.auth: custom" if by_strimzi else "use scram, or engine: strimzi"
        message = f"no listener has a way of its own to log in: {fix}"
    if user.auth is Login.MTLS and not logins.certificates:
        fix = "write kafka.listeners.internal.certificates: true" if by_strimzi else "use scram, or engine: strimzi"
        message = f"no listener takes certificates: {fix}"
    if message is not None:
        yield Fault(path=(*path, "auth"), message=message)
    elif user.auth is Login.MTLS and len(name) > LONGEST_CERTIFICATE_NAME:
        message = f"a name in a certificate has at most {LONGEST_CERTIFICATE_NAME} characters: use a shorter one"
        yield Fault(path=path, message=message)


def _percentage(path: Path, quotas: Quotas | None) -> Iterator[Fault]:
    percentage = None if quotas is None else quotas.request_percentage
    if percentage is not None and percentage != int(percentage):
        yield Fault(
            path=(*path, "quotas", "requestPercentage"),
            message=f"{percentage}: Strimzi takes whole percentages only: use {int(percentage) + 1}",
        )


def _programs(settings: Core, known: Known, passwords: Sequence[str]) -> Iterator[Fault]:
    """Programs of the platform, and workers, are inside Kubernetes and log in with passwords."""
    internal = settings.kafka.listeners.internal
    if (
        settings.kafka.engine is not Engine.STRIMZI
        or internal is None
        or internal.takes_passwords
        or not known("kafka")
    ):
        return
    fix = "use scram, or let custom's sasl.enabled.mechanisms have SCRAM-SHA-512 too"
    for who in passwords:
        message = f"{who} by passwords, which {internal.auth.value} does not take: {fix}"
        yield Fault(path=("kafka", "listeners", "internal", "auth"), message=message)


def pool_of_brokers(kafka: Kafka) -> str:
    """Where brokers are added, as people write it."""
    names = [name for name, pool in kafka.pools.items() if pool.holds_records]
    return f"kafka.pools.{names[0]}" if names else "kafka.pools"
