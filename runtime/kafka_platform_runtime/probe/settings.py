"""The probe's configuration: environment variables, checked once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kafka_platform_runtime.failures import Refused

DEFAULT_PORT = 9404
DEFAULT_INTERVAL_SECONDS = 1.0
DEFAULT_LOST_AFTER_SECONDS = 30.0
DEFAULT_COUNT = 20
DEFAULT_DEADLINE_SECONDS = 120.0
MOST_PROBES_A_SECOND = 200.0
"""Over all partitions and write protocols: a probe measures load without being one; its memory stays below 50 MiB."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The probe's own variables; see `__main__`."""

    topic: str
    gateway: str | None = None
    gateway_ca: Path | None = None
    port: int = DEFAULT_PORT
    interval: float = DEFAULT_INTERVAL_SECONDS
    lost_after: float = DEFAULT_LOST_AFTER_SECONDS
    count: int = DEFAULT_COUNT
    deadline: float = DEFAULT_DEADLINE_SECONDS
    termination_log: Path = Path("/dev/termination-log")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables.

        Raises:
            Refused: a variable is missing or has an unacceptable value.
        """
        faults: list[str] = []

        def number(name: str, default: float, least: float, most: float = math.inf) -> float:
            text = environment.get(name) or str(default)
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not (least <= value <= most and math.isfinite(value)):
                bounds = f"at least {least:g}" if most == math.inf else f"{least:g} to {most:g}"
                faults.append(f"{name}: {text!r} is out of range: use a number, {bounds}")
                return default
            return value

        topic = environment.get("PROBE_TOPIC", "").strip()
        if not topic:
            faults.append("PROBE_TOPIC: is not set: name the topic that the probe has for itself")
        gateway = environment.get("PROBE_GATEWAY_URL", "").strip().rstrip("/") or None
        if gateway is not None and not (urlsplit(gateway).scheme in {"http", "https"} and urlsplit(gateway).hostname):
            faults.append(
                f"PROBE_GATEWAY_URL: {gateway!r} is not a URL: write one such as http://gateway.streaming.svc"
            )
        ca = environment.get("PROBE_GATEWAY_CA_FILE")
        if ca and not Path(ca).is_file():
            faults.append(f"PROBE_GATEWAY_CA_FILE: {ca} is not a file: mount the CA certificate there")
        settings = cls(
            topic=topic,
            gateway=gateway,
            gateway_ca=Path(ca) if ca else None,
            port=int(number("PROBE_PORT", DEFAULT_PORT, 0, 65535)),
            interval=number("PROBE_INTERVAL_SECONDS", DEFAULT_INTERVAL_SECONDS, 0.01, 3600),
            lost_after=number("PROBE_LOST_AFTER_SECONDS", DEFAULT_LOST_AFTER_SECONDS, 1, 300),
            count=int(number("PROBE_COUNT", DEFAULT_COUNT, 1, 1000)),
            deadline=number("PROBE_DEADLINE_SECONDS", DEFAULT_DEADLINE_SECONDS, 1),
            termination_log=Path(environment.get("TERMINATION_LOG") or "/dev/termination-log"),
        )
        if settings.interval * 2 > settings.lost_after:
            faults.append(
                f"PROBE_INTERVAL_SECONDS: {settings.interval:g} is more than half of PROBE_LOST_AFTER_SECONDS "
                f"({settings.lost_after:g}): a loss is noticed by the next probe: send more often"
            )
        if faults:
            raise Refused(faults)
        return settings

    def check_rate(self, partitions: int) -> None:
        """Refuse a rate that would be a load.

        Raises:
            Refused: the partitions are too many for the interval.
        """
        ways = 1 if self.gateway is None else 2
        if partitions * ways / self.interval > MOST_PROBES_A_SECOND:
            least = partitions * ways / MOST_PROBES_A_SECOND
            raise Refused(
                [
                    f"PROBE_INTERVAL_SECONDS: every {self.interval:g} s to each of {partitions} partitions is more than "
                    f"{MOST_PROBES_A_SECOND:g} probes a second: use at least {least:g}"
                ]
            )
