"""The exporter's configuration: environment variables, checked once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime.exporter.certificates import Address, addresses
from kafka_platform_runtime.exporter.surge import Workload, workloads
from kafka_platform_runtime.failures import Refused

DEFAULT_PORT = 9404
DEFAULT_INTERVAL_SECONDS = 30.0
DEFAULT_MOST_TOPICS = 2000
DEFAULT_MOST_GROUPS = 1000
DEFAULT_MOST_PAIRS = 5000
LEAST_INTERVAL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is looked at, how often, and how much of it at most."""

    interval: float = DEFAULT_INTERVAL_SECONDS
    """Seconds from the begin of one look to that of the next."""
    most_topics: int = DEFAULT_MOST_TOPICS
    """Topics that are shown, each with six series."""
    most_groups: int = DEFAULT_MOST_GROUPS
    """Groups that are shown, each with two series."""
    most_pairs: int = DEFAULT_MOST_PAIRS
    """Pairs of a group and a topic that are shown, each with two series."""
    runs: str | None = None
    """Topic in which the provisioner notes its runs; None if there is none."""
    stack: str | None = None
    """Only runs of this stack are shown; None: of all."""
    declared: Path | None = None
    """Folder with a folder for each `KafkaResources`, of its name, with what it declares; None if there is none."""
    servers: Sequence[Address] = ()
    """Further servers whose TLS certificates are looked at."""
    surges: Sequence[Workload] = ()
    """Workloads whose number of pods is raised when records arrive faster than those can handle."""
    port: int = DEFAULT_PORT

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the EXPORTER_* variables.

        Raises:
            Refused: one is not a number, or out of range.
        """
        faults: list[str] = []

        def number(name: str, default: float, least: float, most: float) -> float:
            text = environment.get(name) or str(default)
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not least <= value <= most:
                faults.append(f"{name}: {text!r} is not a number from {least:g} to {most:g}")
                return default
            return value

        servers = environment.get("EXPORTER_TLS_SERVERS") or ""
        listed = addresses(servers)
        if len(listed) != len([each for each in servers.split(",") if each.strip()]):
            faults.append(
                f"EXPORTER_TLS_SERVERS: {servers!r} is not a list of servers: write host:port, several with commas"
            )
        found = cls(
            interval=number("EXPORTER_INTERVAL_SECONDS", DEFAULT_INTERVAL_SECONDS, LEAST_INTERVAL_SECONDS, 3600),
            most_topics=int(number("EXPORTER_MOST_TOPICS", DEFAULT_MOST_TOPICS, 1, 100_000)),
            most_groups=int(number("EXPORTER_MOST_GROUPS", DEFAULT_MOST_GROUPS, 1, 100_000)),
            most_pairs=int(number("EXPORTER_MOST_PAIRS", DEFAULT_MOST_PAIRS, 1, 1_000_000)),
            runs=environment.get("EXPORTER_RUNS_TOPIC") or None,
            stack=environment.get("EXPORTER_STACK") or None,
            declared=Path(folder) if (folder := environment.get("EXPORTER_DECLARATIONS_DIR")) else None,
            servers=listed,
            surges=_surges(environment.get("EXPORTER_SURGE_FILE")),
            port=int(number("EXPORTER_PORT", DEFAULT_PORT, 0, 65535)),
        )
        if faults:
            raise Refused(faults)
        return found


def _surges(file: str | None) -> Sequence[Workload]:
    if not file:
        return ()
    try:
        return workloads(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused([f"EXPORTER_SURGE_FILE: {file!r} cannot be read: {error}"]) from None
