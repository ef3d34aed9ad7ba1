"""How to reach a Kafka that Strimzi runs. No Pulumi."""

from typing import TYPE_CHECKING, Any

from kafka_platform.cluster.strimzi.listener_objects import CERTIFICATES_PORT, INTERNAL_PORT
from kafka_platform.cluster.strimzi.listeners import SCRAM, Authentication, InternalListener
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.derived import derived

if TYPE_CHECKING:
    from pulumi import Input


def bootstrap_service(name: str) -> str:
    """Service where clients inside Kubernetes connect first."""
    return f"{name}-kafka-bootstrap"


def ca_secret(name: str) -> str:
    """Secret whose key `ca.crt` is the authority of the brokers' certificates."""
    return f"{name}-cluster-ca-cert"


def security_protocol(listener: InternalListener) -> str:
    """The security protocol of the listener inside Kubernetes."""
    if listener.auth is Authentication.MTLS or (listener.custom is not None and not listener.custom.sasl):
        return "SSL" if listener.tls else "PLAINTEXT"
    return "SASL_SSL" if listener.tls else "SASL_PLAINTEXT"


def sasl_mechanism(listener: InternalListener) -> str | None:
    """How clients inside Kubernetes log in, as far as it is a mechanism that this platform knows."""
    return SCRAM if listener.takes_passwords else None


def certificate_bootstrap_servers(settings: StrimziSettings, namespace: str) -> str | None:
    """Bootstrap servers for clients with certificates, inside Kubernetes if possible."""
    listeners = settings.strimzi.listeners
    service = f"{bootstrap_service(settings.name)}.{namespace}.svc"
    if listeners.internal.auth is Authentication.MTLS:
        return f"{service}:{INTERNAL_PORT}"
    if listeners.internal.certificates:
        return f"{service}:{CERTIFICATES_PORT}"
    if listeners.external is not None and listeners.external.auth is Authentication.MTLS:
        return listeners.external.bootstrap_servers
    return None


def has_authority(settings: StrimziSettings) -> bool:
    """Whether clients need the authority of the brokers' certificates."""
    listeners = settings.strimzi.listeners
    return listeners.internal.tls or listeners.external is not None


def connection(settings: StrimziSettings, authority: "Input[str] | None") -> dict[str, Any]:
    """How to reach the cluster, as the fields of a connection; `authority` is what the operator's Secret says."""
    name, strimzi, defaults = settings.name, settings.strimzi, settings.spec.defaults
    internal, external = strimzi.listeners.internal, strimzi.listeners.external
    service = bootstrap_service(name)
    certificates = certificate_bootstrap_servers(settings, "")
    return {
        "cluster": name,
        "namespace": settings.namespace,
        "bootstrap_servers": derived(lambda known: f"{service}.{known}.svc:{INTERNAL_PORT}", settings.namespace),
        "external_bootstrap_servers": None if external is None else external.bootstrap_servers,
        "certificate_bootstrap_servers": None
        if certificates is None
        else derived(lambda known: certificate_bootstrap_servers(settings, known), settings.namespace),
        "security_protocol": security_protocol(internal),
        "sasl_mechanism": sasl_mechanism(internal),
        "ca_secret": ca_secret(name) if internal.tls else None,
        "authority": authority,
        "nodes": strimzi.brokers,
        "replicas": defaults.replicas_on(strimzi.brokers),
        "min_insync_replicas": defaults.min_insync_replicas_on(strimzi.brokers),
        "engine": Engine.STRIMZI,
    }
