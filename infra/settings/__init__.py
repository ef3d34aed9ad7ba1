"""The settings of one stack, parsed once into frozen objects; everything that is wrong with them is said at once.

`parse` takes the object that Pulumi hands over, `read_stack` a stack file.
"""

from pathlib import Path

from infra.settings import stackfile
from infra.settings.faults import Fault, SettingsError
from infra.settings.gateway import Gateway, GatewayExposure
from infra.settings.kafka import Kafka
from infra.settings.listeners import ExternalListener, ListenerSettings
from infra.settings.model import Environment, Images, Kubernetes, Settings, Tenant
from infra.settings.parsing import parse
from infra.settings.probe import Probe
from infra.settings.worker import Worker

__all__ = [
    "Environment",
    "ExternalListener",
    "Fault",
    "Gateway",
    "GatewayExposure",
    "Images",
    "Kafka",
    "Kubernetes",
    "ListenerSettings",
    "Probe",
    "Settings",
    "SettingsError",
    "Tenant",
    "Worker",
    "parse",
    "read_stack",
]


def read_stack(file: Path) -> Settings:
    """The settings in a `Pulumi.<stack>.yaml`.

    Raises:
        SettingsError: with every fault of the file.
    """
    return parse(stackfile.read(file), file.parent)
