"""Watches how much of their logs databases keep for the replication slots of sources, which can fill their disks.

Run as `python3 -m kafka_platform_runtime.slot_watcher` with these variables:

- SLOTS: a JSON list of slots, each with `connector`, `host`, `port`, `database`, `slot` and `tls`.
- SLOTS_FOLDER: folder with the Secret of each connector (default /etc/kafka-platform/slots).
- SLOTS_INTERVAL_SECONDS: from one look at all to the next (default 30).
- SLOTS_PORT: of /metrics, /healthz and /readyz (default 9404).

Exit code 0: asked to end. 1: a background thread has ended. 3: a variable is missing or wrong.
"""

import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.looking import again, looks
from kafka_platform_runtime.slot_watcher.databases import SECONDS, Slot, look
from kafka_platform_runtime.slot_watcher.page import Page, advice
from kafka_platform_runtime.supervision import whereabouts

DEFAULT_FOLDER = "/etc/kafka-platform/slots"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's variables."""

    slots: Sequence[Slot]
    interval: float
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read them.

        Raises:
            Refused: one is missing or wrong.
        """
        folder = Path(environment.get("SLOTS_FOLDER") or DEFAULT_FOLDER)
        try:
            interval = float(environment.get("SLOTS_INTERVAL_SECONDS") or 30)
            port = int(environment.get("SLOTS_PORT") or 9404)
        except ValueError as error:
            raise Refused([f"SLOTS_INTERVAL_SECONDS, SLOTS_PORT: {error}"]) from error
        return cls(slots=Slot.read(environment.get("SLOTS", ""), folder), interval=interval, port=port)


class Looking:
    """Looks at all slots, and says what is new."""

    def __init__(self, slots: Sequence[Slot], page: Page) -> None:
        self._slots = slots
        self._page = page
        self._said: dict[str, list[str]] = {}
        for each in slots:
            page.known(each.connector)

    def once(self) -> None:
        """One look. Never raises."""
        for each in self._slots:
            try:
                found = look(each)
                self._page.found(each.connector, found)
                lines = [f"connector {each.connector}: {line}" for line in advice(each.slot, found)]
            except Transient as trouble:  # one that does not answer holds up no other for long
                lines = [str(trouble)]
            except Exception as error:  # whatever a database answers must not end the program
                lines = [f"connector {each.connector}: unexpected {whereabouts(error)}"]
            if lines != self._said.get(each.connector):
                self._said[each.connector] = lines
                print("\n".join(lines) or f"connector {each.connector}: well", flush=True)


def run(settings: Settings, stop: threading.Event, page: Page) -> None:
    """Look until told to stop."""
    looking = Looking(settings.slots, page)
    longest = settings.interval + 4 * SECONDS * len(settings.slots) + 60

    def once() -> float:
        looking.once()
        return settings.interval

    again("The look at the slots", stop, once, longest)


def main() -> int:
    """The program; see the module."""
    return looks(Settings.from_environment, lambda _: Page(), run)


if __name__ == "__main__":
    sys.exit(main())
