"""Tells Kubernetes whether the broker in the same pod is ready and alive.

Run as `python3 -m kafka_platform_runtime.health` with the KAFKA_* variables of `connection` (the broker's own listener) and:

- NODE_ID: the broker's id.
- HEALTH_PORT: where it listens (default 9600).
- CHECK_SECONDS: how long an answer is valid (default 2).
- ANSWER_SECONDS: how long the broker has to answer (default 3); the probe's timeout must be longer.
- ADMIN_PASSWORD_FILE: the password that the SCRAM user `admin` is to have. Default: it is left alone.
- CERTIFICATE_FILE: the certificate that the broker is to present at CERTIFICATE_SERVER (`host:port`); while it presents another one, it
  is told to read its own again. Default: it presents none.

Once a broker is reported ready, a client can log in as `admin`: the password is set before the first such answer, also
on volumes that were kept from an earlier deployment with another password.

`GET /readyz` answers 200 if the broker lets a client log in and answers it, is registered, and is in sync for every
partition that it replicates; otherwise 503 and the reason in one line. `GET /livez` answers 200 while the program runs
and no check hangs.

Every check logs in anew: a kept connection would move to another broker when this one hangs, and would report
that broker's view.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import HTTPServer
from pathlib import Path
from types import FrameType

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from kafka_platform_runtime.bounded_server import Answering, BoundedThreads
from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.exporter.certificates import addresses
from kafka_platform_runtime.failures import Refused, sentence
from kafka_platform_runtime.listening import EVERYWHERE, BothFamilies
from kafka_platform_runtime.renewal import Renewal
from kafka_platform_runtime.supervision import whereabouts

DEFAULT_PORT = 9600
DEFAULT_CHECK_SECONDS = 2.0
DEFAULT_ANSWER_SECONDS = 3.0

# A check of a cluster with very many partitions takes longer; its answer is then valid for this many times as long, so
# that checks take at most a twentieth of one processor.
COST_FACTOR = 20

# A check that takes this long hangs: librdkafka ends its own requests after ANSWER_SECONDS.
HUNG_SECONDS = 120.0

# Maximum partitions named in an answer.
NAMES_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether the broker is ready, and the reason in one line."""

    ready: bool
    reason: str


def judge(node: int, metadata: ClusterMetadata) -> Answer:
    """The answer according to the broker's own view of the cluster."""
    if node not in metadata.brokers:
        return Answer(ready=False, reason=f"broker {node} is not registered (it is starting, stopping or fenced)")
    behind: list[str] = []
    replicated = 0
    for name, topic in sorted(metadata.topics.items()):
        if topic.error is not None:
            continue  # just being created or deleted
        for number, partition in sorted(topic.partitions.items()):
            if node in partition.replicas:
                replicated += 1
                if node not in partition.isrs:
                    behind.append(f"{name}-{number}")
    if behind:
        more = f" and {len(behind) - NAMES_SHOWN:,} more" if len(behind) > NAMES_SHOWN else ""
        return Answer(
            ready=False,
            reason=f"broker {node} is not in sync for {len(behind):,} of {replicated:,} partitions: "
            f"{', '.join(behind[:NAMES_SHOWN])}{more}",
        )
    return Answer(ready=True, reason=f"broker {node} is registered and in sync for {replicated:,} partitions")


def ask(connection: Connection, node: int, seconds: float) -> Answer:
    """Log in to the broker, ask for its view of the cluster, and judge it."""
    complaints = Complaints()
    client = AdminClient(connection.confluent(complaints))
    try:
        return judge(node, client.list_topics(timeout=seconds))
    except KafkaException as error:
        with contextlib.suppress(KafkaException):  # the callbacks say why
            client.poll(0)
        reason = complaints.why(error.args[0], connection.bootstrap_servers)
        return Answer(ready=False, reason=f"broker {node} does not answer: {reason}")


class Administrator:
    """Gives the SCRAM user `admin` the password in a file.

    Args:
        file: where the password is; None leaves the user alone.
    """

    NAME = "admin"
    # The password is long and random: more iterations would add no protection.
    ITERATIONS = 4096

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._set: str | None = None

    def ensure(self, connection: Connection, seconds: float) -> str | None:
        """Set the password unless this was done already; returns the reason if it could not be, otherwise None."""
        if self._file is None:
            return None
        try:
            password = self._file.read_text(encoding="utf-8").strip()
            if password != self._set:
                info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, self.ITERATIONS)
                change = UserScramCredentialUpsertion(self.NAME, info, password.encode())
                client = AdminClient(connection.confluent(Complaints()))
                client.alter_user_scram_credentials([change], request_timeout=seconds)[self.NAME].result()
                self._set = password
        except OSError as error:
            return f"the password of {self.NAME} cannot be read: {error.strerror}"
        except KafkaException as error:
            return f"the password of {self.NAME} cannot be set: {sentence(error.args[0])}"
        return None


class Check:
    """Asks at most once per `check_seconds`; callers in between, and waiting ones, share one answer.

    Args:
        ask: makes a new answer.
        check_seconds: how long an answer is valid.
        clock: monotonic seconds.
        work: seconds of processor time used by this process.
    """

    def __init__(
        self,
        ask: Callable[[], Answer],
        check_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[], float] = time.process_time,
    ) -> None:
        self._ask = ask
        self._check_seconds = check_seconds
        self._clock = clock
        self._work = work
        self._lock = threading.Lock()
        self._answer: Answer | None = None
        self._good_until = 0.0
        self._asked_at: float | None = None

    def answer(self) -> Answer:
        """A valid answer."""
        with self._lock:
            if self._answer is None or self._clock() >= self._good_until:
                work = self._work()
                self._asked_at = self._clock()
                try:
                    answer = self._ask()
                finally:
                    self._asked_at = None
                cost = self._work() - work
                self._good_until = self._clock() + max(self._check_seconds, COST_FACTOR * cost)
                self._tell(answer)
                self._answer = answer
            return self._answer

    def hangs(self) -> str | None:
        """Why no further answer can be expected; None if it can."""
        asked_at = self._asked_at
        if asked_at is None or self._clock() - asked_at < HUNG_SECONDS:
            return None
        return f"a check hangs: no answer for {self._clock() - asked_at:.0f} s"

    def _tell(self, answer: Answer) -> None:
        if self._answer is None or self._answer.ready != answer.ready:
            sys.stdout.write(f"{'ready' if answer.ready else 'not ready'}: {answer.reason}\n")
            sys.stdout.flush()


class Server(BoundedThreads, BothFamilies, HTTPServer):
    """Serves /readyz and /livez."""

    check: Check


class _Handler(Answering):
    server: Server

    def answer(self) -> None:
        if self.path == "/livez":
            hangs = self.server.check.hangs()
            self.say(503 if hangs else 200, hangs or "alive")
        elif self.path == "/readyz":
            found = self.server.check.answer()
            self.say(200 if found.ready else 503, found.reason)
        else:
            self.say(404, "ask for /readyz or /livez")


def serve(environment: Mapping[str, str]) -> Server:
    """A server that is bound and ready to `serve_forever`.

    Raises:
        Refused: a variable is missing or not a number.
    """
    faults: list[str] = []

    def number(name: str, default: float | None) -> float:
        value = environment.get(name) or ("" if default is None else str(default))
        try:
            return float(value)
        except ValueError:
            faults.append(f"{name}: {value!r} is not a number")
            return 0.0

    node = int(number("NODE_ID", None))
    port = int(number("HEALTH_PORT", DEFAULT_PORT))
    check_seconds = number("CHECK_SECONDS", DEFAULT_CHECK_SECONDS)
    answer_seconds = number("ANSWER_SECONDS", DEFAULT_ANSWER_SECONDS)
    if faults:
        raise Refused(faults)

    admin_file = environment.get("ADMIN_PASSWORD_FILE")
    administrator = Administrator(Path(admin_file) if admin_file else None)
    certificate, presents = environment.get("CERTIFICATE_FILE"), addresses(environment.get("CERTIFICATE_SERVER", ""))
    renewal = Renewal(node, Path(certificate), presents[0]) if certificate and presents else None

    def ask_now() -> Answer:
        try:
            # Read each time: the password's file may be replaced while this runs.
            connection = Connection.from_environment(environment)
            answer = ask(connection, node, answer_seconds)
            fault = administrator.ensure(connection, answer_seconds) if answer.ready else None
            if renewal is not None:
                renewal.when_due(connection)
            return answer if fault is None else Answer(ready=False, reason=f"broker {node}: {fault}")
        except Refused as refusal:
            return Answer(ready=False, reason=str(refusal))
        except Exception as error:  # callers receive the error, and the next one retries
            return Answer(ready=False, reason=f"broker {node} cannot be checked: {whereabouts(error)}")

    server = Server((EVERYWHERE, port), _Handler)
    server.check = Check(ask_now, check_seconds)
    return server


def main() -> int:
    """The program; see the module."""

    def end(_: int, __: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    try:
        server = serve(os.environ)
    except Refused as refusal:
        sys.stderr.write("".join(f"{fault}\n" for fault in refusal.faults))
        return 3
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
