"""What has to fit together in a stack's settings. Every check yields all the faults that it finds."""

from infra.settings.faults import Fault, Known
from infra.settings.installations import installations
from infra.settings.model import Settings
from infra.settings.relations import brokers, gateway, probe, tenants, topics, worker
from infra.settings.strimzi import strimzi


def relations(settings: Settings, known: Known) -> list[Fault]:
    """Every fault between settings that are valid each for itself."""
    return [
        *brokers.engine_faults(settings, known),
        *brokers.external_faults(settings, known),
        *strimzi(settings, known),
        *brokers.broker_faults(settings, known),
        *topics.topic_faults(settings, known),
        *topics.partition_faults(settings),
        *tenants.namespace_faults(settings, known),
        *tenants.user_faults(settings, known),
        *gateway.gateway_faults(settings, known),
        *installations(settings, known),
        *probe.probe_faults(settings, known),
        *worker.worker_faults(settings, known),
        *topics.size_faults(settings),
    ]
