"""The latency probe of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kafka_platform
from kafka_platform.kafka.entities import MAX_PARTITIONS, Topic, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.probe.monitoring import source
from kafka_platform.probe.objects import ProbeSettings, objects
from kafka_platform.probe.spec import LATENCY_PROBE, ProbeSpec, latency_probe_topic, latency_probe_user
from kafka_platform.values.forms import formed, shared
from kafka_platform.values.later import Input, plain
from kafka_platform.values.names import check_user, check_user_secret, user_secret
from kafka_platform.values.ranges import within

from infra.capabilities.capability import JOBS, Capability, Deployment, Needs, Placed, Rendered, Scrape, Stack
from infra.capabilities.gateway import Gateway
from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare
from infra.settings.section import SecretName


@dataclass(frozen=True, kw_only=True)
class Probe(ProbeSpec):
    """The latency probe: continuously writes and reads small records of its own, with the results as metrics."""

    partitions: int | None = within(1, MAX_PARTITIONS, default=None)
    """Partitions of its topic; can grow, never shrink: before you remove brokers, set the number here. Default: the
    number of brokers, so that each leads one; external: 3."""
    gateway: bool = True
    """Whether probes are written and read through the HTTP gateway too, if there is one. Default true."""
    gateway_authority: SecretName | None = None
    """With `gateway.tls`: Secret in the platform's namespace whose key `ca.crt` is the authority of the gateway's
    certificate. Default: public authorities."""

    user: str | None = formed(None, check_user)
    """An existing Kafka user to log in as: one of this file, or, without `kafka.adminSecret`, any. It needs to read and
    write the topic `latency-probe`. Default: its own is created."""

    def check(self) -> None:
        """Like every probe; and the probes to all partitions do not exceed what one pod can send."""
        super().check()
        if self.partitions is not None:
            self.check_rate(self.partitions, 1)

    def values(self, settings: Core) -> dict[str, Any]:
        """Its fields as a program writes them."""
        pods = settings.pod_settings.with_own(self.pod_settings)
        return shared(self, ProbeSpec) | {"pod_settings": pods, "user_secret": self.secret(settings)}

    def secret(self, settings: Core) -> Input[str]:
        """Name of the Secret with its login."""
        known = settings.secret_of(self.user, self.user_secret)
        return user_secret(self.user or LATENCY_PROBE) if known is None else known

    def partitions_in(self, settings: Core) -> int:
        """Partitions of its topic."""
        if self.partitions is not None:
            return self.partitions
        return 3 if settings.kafka.engine is Engine.EXTERNAL else settings.kafka.brokers


class LatencyProbe(Capability[Probe]):
    """Continuously sends records of its own through the platform."""

    key = "probe"
    names = frozenset({LATENCY_PROBE})

    def needs(self, section: Probe, settings: Core) -> Needs:
        """A password; and it shows metrics."""
        scrape = Scrape(
            source=source(LATENCY_PROBE),
            namespace=settings.namespace,
            key=("probe", "metricsNamespaces"),
            allowed=plain(section.metrics_namespaces),
        )
        return Needs(passwords=["the probe logs in"], scrapes=[scrape], kubernetes=[JOBS] if section.gate else [])

    def topics(self, section: Probe, settings: Core) -> Mapping[str, Topic]:
        """Its own."""
        return {LATENCY_PROBE: latency_probe_topic(section.partitions_in(settings))}

    def users(self, section: Probe, settings: Core) -> Mapping[str, User]:
        """Its own, unless it logs in as an existing one."""
        return {} if section.user else {LATENCY_PROBE: latency_probe_user(LATENCY_PROBE, settings.namespace)}

    def described(self, section: Probe) -> str:
        """There is one at most."""
        return "latency probe"

    def faults(self, section: Probe, stack: Stack, known: Known) -> Iterator[Fault]:
        """Conflicts with the brokers, the gateway and its names."""
        settings = stack.settings
        if not known("kafka", "engine"):
            return
        if known("kafka") and known("probe"):
            yield from _user_faults(section, settings)
        if known("gateway"):
            yield from _gateway_faults(section, stack.of(Gateway))
        if LATENCY_PROBE in settings.topics:
            yield Fault(path=("topics", LATENCY_PROBE), message="is the topic of the probe: rename it, or remove probe")
        for name, tenant in settings.tenants.items():
            if LATENCY_PROBE in tenant.users:
                path = ("tenants", name, "users", LATENCY_PROBE)
                yield Fault(path=path, message="is the user of the probe: rename it, or remove probe")
        if all(
            known(*path)
            for path in (("kafka", "nodes"), ("kafka", "pools"), ("probe", "interval"), ("probe", "partitions"))
        ):
            ways = 2 if section.gateway and stack.of(Gateway) is not None else 1
            try:
                section.check_rate(section.partitions_in(settings), ways)
            except ValueError as error:
                yield Fault(path=("probe", "interval"), message=str(error).partition(": ")[2])

    def rendered(self, section: Probe, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        settings = placed.settings
        probe = ProbeSettings(
            name=LATENCY_PROBE,
            namespace=settings.namespace,
            connection=placed.connection,
            image=settings.runtime_image,
            topic=LATENCY_PROBE,
            secret=section.secret(settings),
            gateway_url=placed.gateway_url if section.gateway else None,
            gateway_ca_secret=section.gateway_authority,
            gate_version=placed.gate_version,
            spec=ProbeSpec(**section.values(settings)),
        )
        yield from placed.named(LATENCY_PROBE, objects(probe))

    def build(self, section: Probe, deployment: Deployment) -> None:
        """Depends on its topic, its user and that user's password."""
        args = kafka_platform.LatencyProbeArgs(
            **section.values(deployment.settings),
            connection=deployment.connection,
            user=section.user or LATENCY_PROBE,
            gateway_url=deployment.gateway_url if section.gateway else None,
            gateway_ca_secret=section.gateway_authority,
            gate_version=deployment.stack.version if section.gate else "",
            runtime_image=deployment.settings.runtime_image,
        )
        probe = kafka_platform.LatencyProbe(LATENCY_PROBE, args, deployment.options("entities"))
        deployment.outputs["probe"] = {"metricsUrl": probe.metrics_url}


def _user_faults(probe: Probe, settings: Core) -> Iterator[Fault]:
    """Whether there is a user that it can log in as."""
    kafka = settings.kafka
    if probe.user is None and probe.user_secret is not None:
        message = "it is the Secret of a user that is there: name that user in user too"
        yield Fault(path=("probe", "userSecret"), message=message)
    elif probe.user is None and not settings.manages_entities:
        yield Fault(
            path=("probe",),
            message="it needs a topic and a user, which an administrator makes: name the administrator's Secret in "
            "kafka.adminSecret, or remove the key",
        )
    elif probe.user is None and not settings.makes_users and kafka.logs_in:
        yield Fault(
            path=("probe", "user"),
            message=f"missing, clients log in with {kafka.login}, and whoever runs the Kafka makes users: name one",
        )
    elif probe.user is not None and settings.manages_entities and probe.user not in settings.users:
        fix = declare("tenants", settings.users)
        yield Fault(path=("probe", "user"), message=f"{probe.user!r} is not a user of this file: {fix}")
    elif probe.user is not None and settings.secret_of(probe.user, probe.user_secret) is None:
        try:
            check_user_secret(probe.user)
        except ValueError as error:
            yield Fault(path=("probe", "userSecret"), message=str(error).partition(": ")[2])


def _gateway_faults(probe: Probe, gateway: Gateway | None) -> Iterator[Fault]:
    tls = None if gateway is None or not probe.gateway else gateway.tls
    if probe.gateway_authority is not None and tls is None:
        yield Fault(
            path=("probe", "gatewayAuthority"),
            message="the probe uses TLS with no gateway: remove the key, or write gateway.tls",
        )
    if tls is not None and tls.client_authority is not None:
        yield Fault(
            path=("probe", "gateway"),
            message="callers of the gateway need a certificate (gateway.tls.clientAuthority), and the probe has none: "
            "write gateway: false",
        )
