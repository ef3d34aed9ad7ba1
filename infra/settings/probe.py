"""The settings of the latency probe: what may stand under `probe`."""

from typing import Annotated

from kafka_platform.model import MAX_PARTITIONS
from kafka_platform.probe_model import LatencyProbeResources, check_gate, check_probe
from pydantic import model_validator

from infra.settings.section import NamespaceNames, Range, SecretName, Section


class Probe(Section):
    """The latency probe: small records of its own, written and read all the time, and what became of them as metrics."""

    interval: str = "1s"
    """Pause between two probes to a partition, by Kafka's protocol and by HTTP each. Default 1s."""
    lost_after: str = "30s"
    """Time in which a written probe has to be read, 1s to 5m, until it counts as lost if its reader has read on. Default 30s."""
    partitions: Annotated[int, Range(1, MAX_PARTITIONS)] | None = None
    """Partitions of its topic; can grow, never shrink: where brokers are to be taken away, write the number here. Default:
    the number of brokers, so that each leads one; external: 3."""
    gateway: bool = True
    """Whether probes are written and read through the HTTP gateway too, if there is one. Default true."""
    gateway_authority: SecretName | None = None
    """With `gateway.tls`: Secret in the platform's namespace whose key `ca.crt` is the authority of the gateway's
    certificate. Default: the usual public ones."""
    gate: bool = False
    """Whether `pulumi up` fails unless probes come along every path, after each change of Kafka, the gateway or the
    probe. Default false."""
    gate_probes: int = 20
    """Probes that the gate sends to each partition along every path, 1 to 1000. Default 20."""
    gate_deadline: str = "2m"
    """How long the gate may take, 1s to 1h. Default 2m."""
    resources: LatencyProbeResources = LatencyProbeResources()
    """Processor and memory of the pod. Default: 50m and 192Mi."""
    metrics_namespaces: NamespaceNames = ()
    """Namespaces whose pods may read the metrics. Default: all."""

    @model_validator(mode="after")
    def _check(self) -> "Probe":
        check_probe(interval=self.interval, lost_after=self.lost_after, partitions=self.partitions, ways=1)
        check_gate(self.gate_probes, self.gate_deadline)
        return self
