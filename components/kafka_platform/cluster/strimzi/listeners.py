"""How clients reach a Kafka that Strimzi runs: its listeners, and how clients log in. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field

from kafka_platform.cluster.tls_routes import BrokerNames, BrokerTlsRoutes
from kafka_platform.kube.balancers import TrafficPolicy
from kafka_platform.values.checks import check_node_port, check_source_ranges
from kafka_platform.values.forms import Spec, formed, mapping, named, names
from kafka_platform.values.free_maps import check_annotations, check_settings
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_subdomain
from kafka_platform.values.words import Deciding

SCRAM = "SCRAM-SHA-512"
"""Kafka's name of the way in which generated passwords are used."""
LEAST_PORT, MOST_PORT = 9092, 65535
"""Ports that Strimzi leaves to listeners."""
TAKEN_PORTS = {9092: "the internal listener", 9093: "the listener for certificates", 9404: "the metrics", 9999: "JMX"}


class Authentication(Deciding):
    """How clients of a listener log in."""

    SCRAM = "scram"
    """By a password that is never sent (SCRAM-SHA-512)."""
    MTLS = "mtls"
    """By a certificate of their own; needs TLS."""
    CUSTOM = "custom"
    """In a way of your own, such as OAuth."""


def _check_custom_config(config: Mapping[str, str]) -> None:
    if not config:
        raise ValueError("nothing is given: write the settings of the listener, such as sasl.enabled.mechanisms")
    check_settings(config)
    for key in sorted(config):
        # io.strimzi.api.kafka.model.kafka.listener.KafkaListenerAuthenticationCustom
        if key.lower().startswith("ssl.keystore."):
            raise ValueError(f"{key!r} cannot be set here: Strimzi decides on it and would leave it out")
        if key.lower().startswith("listener.name."):
            raise ValueError(
                f"{key!r} cannot be set here: write it without the listener's name, which is put before it"
            )


@dataclass(frozen=True, kw_only=True)
class CustomAuthentication(Spec):
    """A custom login."""

    config: Mapping[str, str] = formed(MISSING, _check_custom_config)
    """Settings of the listener by Kafka's own names, without the listener's prefix, such as
    `oauthbearer.sasl.jaas.config`. Secrets are read from mounted files: `${dir:/mnt/<secret>:<key>}`."""
    sasl: bool = True
    """Whether the login uses SASL. Default true."""
    secrets: Sequence[str] = names(check_label, "Secret name")
    """Secrets (in the cluster's namespace) that the brokers read at /mnt/<name>. Default: none."""

    @property
    def takes_passwords(self) -> bool:
        """Whether SCRAM passwords are taken beside it."""
        mechanisms = self.config.get("sasl.enabled.mechanisms", "")
        return self.sasl and SCRAM in (each.strip() for each in mechanisms.split(","))


@dataclass(frozen=True, kw_only=True)
class InternalListener(Spec):
    """How clients inside Kubernetes reach the cluster, on port 9092."""

    tls: bool = True
    """Whether connections use TLS. Default true."""
    auth: Authentication = Authentication.SCRAM
    """How clients log in. Default: with SCRAM passwords."""
    custom: CustomAuthentication | None = None
    """The custom login; required by, and allowed only with, `custom`."""
    certificates: bool = False
    """Whether there is also a listener for clients with certificates, on port 9093. Default false."""

    @property
    def takes_passwords(self) -> bool:
        """Whether clients may log in with SCRAM passwords."""
        return _takes_passwords(self.auth, self.custom)

    def check(self) -> None:
        """The login fits the encryption."""
        _check_auth(self.auth, self.custom)
        if self.auth is Authentication.MTLS and not self.tls:
            raise ValueError("tls: a login by certificate is part of TLS: write tls true, or auth scram")
        if self.auth is Authentication.MTLS and self.certificates:
            raise ValueError("certificates: clients log in with certificates on port 9092 already: remove it")


def _check_auth(auth: Authentication, custom: CustomAuthentication | None) -> None:
    if (auth is Authentication.CUSTOM) != (custom is not None):
        what = (
            "missing: write the listener's settings" if custom is None else f"auth is {auth.value}: write auth custom"
        )
        raise ValueError(f"custom: {what}")


def _takes_passwords(auth: Authentication, custom: CustomAuthentication | None) -> bool:
    return auth is Authentication.SCRAM or (custom is not None and custom.takes_passwords)


def _check_port(port: int) -> None:
    if not LEAST_PORT <= port <= MOST_PORT:
        raise ValueError(f"{port} is out of range: use {LEAST_PORT} to {MOST_PORT}, such as 9094")
    if port in TAKEN_PORTS:
        raise ValueError(f"{port} is that of {TAKEN_PORTS[port]}: use another one, such as 9094")


@dataclass(frozen=True, kw_only=True)
class BrokerNodePorts(Spec):
    """Node ports for the bootstrap connection and for each broker, chosen by Kubernetes and advertised by the brokers."""

    host: str = named(check_subdomain, "host name", default=MISSING)
    """Name or address that reaches any machine of the Kubernetes cluster; brokers' certificates are valid for it."""
    port: int = formed(MISSING, check_node_port)
    """Port of the first connection, 30000 to 32767."""

    @property
    def bootstrap_servers(self) -> str:
        """Bootstrap servers."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class BrokerLoadBalancers(BrokerNames):
    """Load balancers for the bootstrap connection and for each broker, under names that you maintain in DNS."""

    load_balancer_class: Input[str] | None = None
    """Class of the load balancers. Default: the Kubernetes cluster's."""
    source_ranges: Sequence[Input[str]] | None = formed(None, check_source_ranges)
    """Networks that clients may come from, such as `203.0.113.0/24`. Default: everywhere."""
    external_traffic_policy: TrafficPolicy | None = None
    """`Local`: only the machine that runs the broker passes connections on, so the broker sees clients' own addresses and there is no
    second hop; `Cluster`: all machines do. Default: Kubernetes' own, `Cluster`."""
    annotations: Mapping[str, Input[str]] = mapping(check_annotations)
    """Annotations of the Services, for the cloud's controller; external-dns gets the names. Default: none."""


@dataclass(frozen=True, kw_only=True)
class BrokerIngresses(BrokerNames):
    """Ingresses that pass TLS through; the controller has to support it (ssl-passthrough)."""

    ingress_class: Input[str] = named(check_subdomain, "IngressClass name", default=MISSING)
    """IngressClass of the controller, such as `nginx`."""
    annotations: Mapping[str, Input[str]] = mapping(check_annotations)
    """Annotations of the Ingresses. Default: none; ssl-passthrough of nginx is switched on by Strimzi."""


_WAYS = ("node_ports", "load_balancers", "tls_routes", "ingresses")


@dataclass(frozen=True, kw_only=True)
class BrokerAccess(Spec):
    """How clients outside Kubernetes reach the brokers, always with TLS: exactly one of four ways."""

    auth: Authentication = Authentication.SCRAM
    """How clients log in. Default: with SCRAM passwords."""
    custom: CustomAuthentication | None = None
    """The custom login; required by, and allowed only with, `custom`."""
    port: int = formed(9094, _check_port)
    """Port of the brokers for it, 9092 to 65535; also that of load balancers. Default 9094."""
    certificate: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret of the type kubernetes.io/tls (in the cluster's namespace), valid for all external names, that brokers
    present to external clients. Default: one from the cluster's own authority."""
    node_ports: BrokerNodePorts | None = None
    """By ports of every machine."""
    load_balancers: BrokerLoadBalancers | None = None
    """By load balancers of the cloud."""
    tls_routes: BrokerTlsRoutes | None = None
    """By the Gateway API."""
    ingresses: BrokerIngresses | None = None
    """By Ingresses."""

    def check(self) -> None:
        """There is exactly one kind of exposure, and a custom login if it says so."""
        _check_auth(self.auth, self.custom)
        given = [name for name in _WAYS if getattr(self, name) is not None]
        if not given:
            raise ValueError(f"{_WAYS[0]}: no way in is given: write one of {', '.join(_WAYS)}")
        if len(given) > 1:
            raise ValueError(f"{given[0]}: {given[1]} is given too: keep one of them")

    @property
    def takes_passwords(self) -> bool:
        """Whether clients may log in with SCRAM passwords."""
        return _takes_passwords(self.auth, self.custom)

    @property
    def bootstrap_servers(self) -> str:
        """Bootstrap servers."""
        if self.node_ports is not None:
            return self.node_ports.bootstrap_servers
        if self.load_balancers is not None:
            return f"{self.load_balancers.bootstrap_host}:{self.port}"
        if self.tls_routes is not None:
            return f"{self.tls_routes.bootstrap_host}:{self.tls_routes.port}"
        assert self.ingresses is not None  # noqa: S101  # exactly one is given
        return f"{self.ingresses.bootstrap_host}:443"


@dataclass(frozen=True, kw_only=True)
class StrimziListeners(Spec):
    """How clients reach a cluster that Strimzi runs."""

    internal: InternalListener = field(default_factory=InternalListener)
    """Inside Kubernetes. Default: TLS and SCRAM passwords."""
    external: BrokerAccess | None = None
    """Outside Kubernetes. Default: they do not."""
