"""Restarts connectors and tasks of Kafka Connect that have failed, which it never does itself.

A connector fails of whatever its plugin does not try again: its database was restarted, a broker was away for too long. Most of that
passes. Each failed connector is restarted after 20 seconds, then after pauses that double up to five minutes, for as long as it
fails. One that is paused or stopped is left alone, and so is one that runs.

Run as `python3 -m kafka_platform_runtime.connect_restarter` with these variables:

- CONNECT_URL: the REST interface, such as http://connect.streaming.svc:8083.
- RESTARTER_FIRST_SECONDS, RESTARTER_LONGEST_SECONDS: the first pause and the longest (default 20 and 300).
- RESTARTER_INTERVAL_SECONDS: from one look at all connectors to the next (default 5).
- RESTARTER_PORT: of /metrics, /healthz and /readyz (default 9404).

Exit code 0: asked to end. 1: a background thread has ended. 3: a variable is missing or wrong.
"""

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform_runtime.connect_applier.client import Connect, Status, may_idle
from kafka_platform_runtime.connect_restarter.page import Page
from kafka_platform_runtime.connect_restarter.restarts import FIRST_SECONDS, LONGEST_SECONDS, Restarts
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.jobs import address
from kafka_platform_runtime.looking import again, looks
from kafka_platform_runtime.supervision import whereabouts

DEFAULT_PORT = 9404
INTERVAL_SECONDS = 5.0
HUNG_SECONDS = 900.0
"""How long a look may take: Kafka Connect answers each request within 90 seconds."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's variables."""

    url: str
    first: float
    longest: float
    interval: float
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read them.

        Raises:
            Refused: one is missing or wrong.
        """
        return cls(
            url=address(environment, "CONNECT_URL"),
            first=_positive(environment, "RESTARTER_FIRST_SECONDS", FIRST_SECONDS),
            longest=_positive(environment, "RESTARTER_LONGEST_SECONDS", LONGEST_SECONDS),
            interval=_positive(environment, "RESTARTER_INTERVAL_SECONDS", INTERVAL_SECONDS),
            port=int(_positive(environment, "RESTARTER_PORT", DEFAULT_PORT)),
        )


def _positive(environment: Mapping[str, str], variable: str, default: float) -> float:
    text = environment.get(variable) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise Refused([f"{variable}: {text!r} is not a number from above 0 to below 1,000,000"])
    return number


class Looking:
    """Looks at all connectors, and restarts those that are due."""

    def __init__(self, connect: Connect, restarts: Restarts, page: Page) -> None:
        self._connect = connect
        self._restarts = restarts
        self._page = page
        self._said: str | None = None

    def once(self) -> None:
        """One look. Never raises."""
        try:
            self._look()
        except (Transient, Refused) as trouble:
            self._failed(str(trouble))
        except Exception as error:  # what Kafka Connect answers must not end the program
            self._failed(f"unexpected {whereabouts(error)}")
        else:
            self._said = None

    def _look(self) -> None:
        names = self._connect.names()
        self._page.known(names)
        idle, troubles = set(), []
        for name in sorted(names):
            try:
                status = self._connect.status(name)
                if status is None:
                    continue
                self._page.idle(name, is_idle=self._is_idle(name, status))
                if status.state in ("PAUSED", "STOPPED"):
                    idle.add(name)
                else:
                    self._judge(name, status)
            except (Transient, Refused) as trouble:  # one that cannot be restarted holds up no other
                troubles.append(str(trouble))
            except Exception as error:
                troubles.append(f"connector {name}: unexpected {whereabouts(error)}")
        self._restarts.keep(names - idle)
        if troubles:
            raise Transient(troubles[0])
        self._page.succeeded()

    def _is_idle(self, name: str, status: Status) -> bool:
        """Whether it moves nothing, though Kafka Connect says that it is running."""
        return status.state == "RUNNING" and not status.tasks and not may_idle(self._connect.config(name) or {})

    def _judge(self, name: str, status: Status) -> None:
        if not self._restarts.is_due(name, time.monotonic(), failed=status.failure is not None):
            return
        self._connect.restart(name)
        self._page.restarted(name)
        pause = self._restarts.restarted(name, time.monotonic())
        print(f"connector {name}: restarted, next time not before {pause:.0f} s: {status.failure}", flush=True)

    def _failed(self, trouble: str) -> None:
        if trouble != self._said:
            print(f"cannot look at the connectors: {trouble}", flush=True)
            self._said = trouble


def run(settings: Settings, stop: threading.Event, page: Page) -> None:
    """Look until told to stop."""
    looking = Looking(Connect(settings.url), Restarts(settings.first, settings.longest), page)

    def once() -> float:
        looking.once()
        return settings.interval

    again("The look at the connectors", stop, once, settings.interval + HUNG_SECONDS)


def main() -> int:
    """The program; see the module."""
    return looks(Settings.from_environment, lambda _: Page(), run)


if __name__ == "__main__":
    sys.exit(main())
