"""Shows Prometheus how far consumer groups are behind, how large topics are, and when certificates end.

Run as `python3 -m kafka_platform_runtime.exporter` with the KAFKA_* variables of `connection` and:

- EXPORTER_INTERVAL_SECONDS: from one look at the cluster to the next (default 30). Scrapes ask no broker anything.
- EXPORTER_MOST_TOPICS, EXPORTER_MOST_GROUPS, EXPORTER_MOST_PAIRS: how many are shown (default 2000, 1000, 5000);
  `kafka_exporter_left_out` says how many are not.
- EXPORTER_RUNS_TOPIC: topic in which the provisioner notes its runs (default: none); EXPORTER_STACK: whose runs are shown,
  if several stacks use the Kafka (default: all).
- EXPORTER_DECLARATIONS_DIR: folder with a folder for each `KafkaResources`, of its name, with what it declares (default: none): shown
  is whether that was applied.
- EXPORTER_TLS_SERVERS: servers (`host:port`, several with commas) whose certificates are shown too, besides the brokers'.
- EXPORTER_SURGE_FILE: workloads whose number of pods is raised when records arrive faster than those can handle (`surge`), as JSON
  (default: none). The pod's ServiceAccount then needs the right to get and patch their scale.
- EXPORTER_PORT: of /metrics, /healthz and /readyz (default 9404).

The user needs Describe on topics, groups and the cluster, and Read on the topic of runs; no more.

Exit code 0: asked to end. 1: a background thread has ended. 3: a variable is missing or wrong.
"""

import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from kafka_platform_runtime.api_server import ApiServer
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.exporter.certificates import Address, Certificates
from kafka_platform_runtime.exporter.cluster import Cluster
from kafka_platform_runtime.exporter.look import Looker
from kafka_platform_runtime.exporter.page import Page
from kafka_platform_runtime.exporter.raising import Surges
from kafka_platform_runtime.exporter.settings import Settings
from kafka_platform_runtime.failures import Refused, Rejected, Transient
from kafka_platform_runtime.looking import again, looks
from kafka_platform_runtime.supervision import WATCH, whereabouts

HUNG_SECONDS = 300.0
"""How long a look may take. A request takes up to ten seconds, and a broker that does not answer is asked once in a look."""


ENDING_SECONDS = 5.0
"""How long a look at surges may take to end."""


class Looking:
    """Looks at the cluster at intervals, and begins anew with another connection after a failure."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], page: Page) -> None:
        self._environment = environment
        self._page = page
        self._looker = Looker(settings)
        self._certificates = Certificates(settings.servers)
        self._cluster: Cluster | None = None
        self._said: str | None = None

    def once(self) -> None:
        """Look, and show the result. Never raises."""
        begun = time.monotonic()
        try:
            if self._cluster is None:
                # The file with the password is read anew: it may have changed.
                self._cluster = Cluster(Connection.from_environment(self._environment))
            snapshot = self._looker.look(self._cluster)
            self._look_at_certificates(snapshot.addresses)
        except (Refused, Rejected, Transient) as trouble:
            self._failed(str(trouble), begun)
        except Exception as error:  # what a broker answers must not end the program
            self._failed(f"unexpected {whereabouts(error)}", begun)
        else:
            self._said = None
            self._page.seen(snapshot, time.monotonic() - begun, self._looker.errors)

    def _look_at_certificates(self, brokers: Sequence[Address] = ()) -> None:
        """By connections of their own: one that has ended keeps the exporter, too, from asking the brokers anything."""
        try:
            connection = Connection.from_environment(self._environment)
        except Refused:
            return
        self._page.certificates = self._certificates.look(connection, brokers)
        self._looker.errors["certificates"] = self._certificates.failures

    def _failed(self, trouble: str, begun: float) -> None:
        self._looker.errors["metadata"] += 1
        self._look_at_certificates()
        self._page.failed(trouble, time.monotonic() - begun, self._looker.errors)
        if trouble != self._said:
            sys.stdout.write(f"cannot look at the cluster: {trouble}\n")
            sys.stdout.flush()
            self._said = trouble
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None


class Pages:
    """What the exporter shows: its own page, and that of surges as it is now."""

    def __init__(self, page: Page, surges: Surges | None = None) -> None:
        self.page, self.surges = page, surges

    @property
    def text(self) -> bytes:
        """The metrics of both."""
        return self.page.text + (b"" if self.surges is None else self.surges.text)

    @property
    def trouble(self) -> str | None:
        """Why it is not ready: surges have their own metrics for that."""
        return self.page.trouble


def run(settings: Settings, environment: Mapping[str, str], stop: threading.Event, pages: Pages) -> None:
    """Look until told to stop."""
    looking, surges, ended = Looking(settings, environment, pages.page), pages.surges, threading.Event()

    def once() -> float:
        due = time.monotonic() + settings.interval
        looking.once()
        return max(0.0, due - time.monotonic())

    def raise_pods(surges: Surges) -> None:
        again("The look at surges", ended, surges.once, HUNG_SECONDS)
        surges.close()

    thread = None if surges is None else WATCH.thread("surges", lambda: raise_pods(surges))
    again("The look at the cluster", stop, once, settings.interval + HUNG_SECONDS)
    looking.close()
    if thread is not None:
        WATCH.ending()
        ended.set()
        thread.join(ENDING_SECONDS)


def _read(environment: Mapping[str, str]) -> Settings:
    settings = Settings.from_environment(environment)
    Connection.from_environment(environment)
    if settings.surges:
        ApiServer.in_pod(environment)
    return settings


def _pages(settings: Settings, environment: Mapping[str, str]) -> Pages:
    if not settings.surges:
        return Pages(Page())
    # The file with the password is read anew: it may have changed.
    surges = Surges(
        settings.surges, lambda: Cluster(Connection.from_environment(environment)), ApiServer.in_pod(environment)
    )
    return Pages(Page(), surges)


def main() -> int:
    """The program; see the module."""
    return looks(
        _read,
        lambda settings: _pages(settings, os.environ),
        lambda settings, stop, pages: run(settings, os.environ, stop, pages),
    )


if __name__ == "__main__":
    sys.exit(main())
