"""The settings of the latency probe: what may stand under `probe`."""

from dataclasses import dataclass

from kafka_platform.kafka.entities import MAX_PARTITIONS
from kafka_platform.probe.spec import ProbeSpec
from kafka_platform.values.ranges import within

from infra.settings.section import SecretName


@dataclass(frozen=True, kw_only=True)
class Probe(ProbeSpec):
    """The latency probe: small records of its own, written and read all the time, and what became of them as metrics."""

    partitions: int | None = within(1, MAX_PARTITIONS, default=None)
    """Partitions of its topic; can grow, never shrink: where brokers are to be taken away, write the number here. Default:
    the number of brokers, so that each leads one; external: 3."""
    gateway: bool = True
    """Whether probes are written and read through the HTTP gateway too, if there is one. Default true."""
    gateway_authority: SecretName | None = None
    """With `gateway.tls`: Secret in the platform's namespace whose key `ca.crt` is the authority of the gateway's
    certificate. Default: the usual public ones."""

    def check(self) -> None:
        """As every probe; and so many partitions get no more probes than one pod sends."""
        super().check()
        if self.partitions is not None:
            self.check_rate(self.partitions, 1)
