"""The spec of a pulse. No Pulumi."""

from dataclasses import dataclass

from kafka_platform.values.forms import Spec, duration


@dataclass(frozen=True, kw_only=True)
class PulseSpec(Spec):
    """What people declare of a pulse."""

    interval: str = duration("1s", least="100ms", most="1m")
    """Pause between two beats, 100ms to 1m. Default 1s."""
    image: str = "registry.example.com/pulse:1.0.0"
    """Image of the program. Default: the one of this release."""
