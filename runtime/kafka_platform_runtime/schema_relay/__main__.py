"""Answers a program in the same pod as a schema registry would, for programs that are to have no login to the real one.

Run as `python3 -m kafka_platform_runtime.schema_relay` beside it, with:

- RELAY_URL: of a schema registry with Confluent's API.
- RELAY_PORT: of the loopback, where it answers.
- RELAY_LOGIN: folder with `username` and `password`. Default: the registry lets everybody in.
- RELAY_CA_FILE: the authority of its certificate. Default: public ones.
- RELAY_SUBJECTS: JSON file with a list of the subjects that are listed. Default: none.
- RELAY_HEALTH_PORT: of /metrics, /healthz and /readyz.

Exit code 0: asked to end. 1: a background thread has ended. 3: a variable or a file is missing or wrong.
"""

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.looking import looks
from kafka_platform_runtime.schema_relay.server import serve
from kafka_platform_runtime.schema_relay.settings import RelaySettings
from kafka_platform_runtime.supervision import WATCH
from kafka_platform_runtime.variables import port_of


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """Of the program."""

    port: int
    relay: RelaySettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "_Settings":
        """Read the RELAY_* variables. Raises `Refused` if one is missing or wrong."""
        relay = RelaySettings.from_environment(environment)
        if relay is None:
            raise Refused(["RELAY_URL: missing"])
        return cls(port=port_of("RELAY_HEALTH_PORT", environment.get("RELAY_HEALTH_PORT", "")), relay=relay)


class _Page:
    """It has nothing to show but that it is there."""

    text = b""
    trouble = None


def _run(settings: _Settings, stop: threading.Event, _page: _Page) -> None:
    server = serve(settings.relay)
    stop.wait()
    WATCH.ending()
    server.shutdown()
    server.server_close()


def main() -> int:
    """The program; see the module."""
    return looks(_Settings.from_environment, lambda _: _Page(), _run)


if __name__ == "__main__":
    sys.exit(main())
