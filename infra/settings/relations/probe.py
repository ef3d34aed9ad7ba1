"""The latency probe beside the topics, users and the gateway."""

from collections.abc import Iterator

from kafka_platform.kafka.protocols import Engine
from kafka_platform.probe.spec import LATENCY_PROBE

from infra.settings.faults import Fault, Known
from infra.settings.model import Settings


def probe_faults(settings: Settings, known: Known) -> Iterator[Fault]:
    """What the probe asks of the brokers and of the gateway, and its names."""
    probe = settings.probe
    if probe is None or not known("kafka", "engine"):
        return
    here = settings.kafka.engine is not Engine.EXTERNAL
    if not here and settings.kafka.admin_secret is None and known("kafka", "adminSecret"):
        yield Fault(
            path=("probe",),
            message="it needs a topic and a user, which an administrator makes: name his Secret in kafka.adminSecret, "
            "or remove the key",
        )
    yield from _probe_and_gateway(settings, known)
    if LATENCY_PROBE in settings.topics:
        yield Fault(path=("topics", LATENCY_PROBE), message="is the topic of the probe: rename it, or remove probe")
    for name, tenant in settings.tenants.items():
        if LATENCY_PROBE in tenant.users:
            path = ("tenants", name, "users", LATENCY_PROBE)
            yield Fault(path=path, message="is the user of the probe: rename it, or remove probe")
    if (
        known("kafka", "nodes")
        and known("kafka", "pools")
        and known("probe", "interval")
        and known("probe", "partitions")
    ):
        ways = 2 if settings.probe_uses_gateway else 1
        try:
            probe.check_rate(settings.probe_partitions, ways)
        except ValueError as error:
            yield Fault(path=("probe", "interval"), message=str(error).partition(": ")[2])


def _probe_and_gateway(settings: Settings, known: Known) -> Iterator[Fault]:
    probe, gateway = settings.probe, settings.gateway
    if probe is None or not known("gateway"):
        return
    tls = None if gateway is None or not probe.gateway else gateway.tls
    if probe.gateway_authority is not None and tls is None:
        yield Fault(
            path=("probe", "gatewayAuthority"),
            message="the probe speaks with no gateway by TLS: remove the key, or write gateway.tls",
        )
    if tls is not None and tls.client_authority is not None:
        yield Fault(
            path=("probe", "gateway"),
            message="callers of the gateway need a certificate (gateway.tls.clientAuthority), and the probe has none: "
            "write gateway: false",
        )
