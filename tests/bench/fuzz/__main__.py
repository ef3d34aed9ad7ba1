"""A long fuzz of the HTTP gateway: a real Kafka, two pods of a real gateway, and callers who send what no client would.

Bounded in time, sent to loopback alone, and reproducible: everything a case sends follows from the seed and its number.
What must hold: each honest request gets its own answer, in order; nobody gets another user's records; no status is other
than documented; the gateway lives, says that it is healthy, ends what is late, and comes back to rest: no connection, no
thread, no consumer and no byte is left over, and its memory has not grown.
"""

import argparse
import itertools
import json
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection

from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from kafka_platform_runtime.gateway.application import TRIM_SECONDS

from tests.bench.fuzz.cases import KINDS, Session, play
from tests.bench.fuzz.wire import Fault
from tests.bench.fuzz.world import OWNERS, PARTITIONS, READER, RECORDS, SMUGGLED, marker, topic
from tests.bench.measure import ending_properly, report
from tests.kafka_process import find_jars
from tests.ports import free_ports
from tests.unit.runtime.gateway.conftest import Kafka, Program

SECONDS = 1200.0
WORKERS = 12
"""Cases at a time; most wait for answers that do not come."""
SLICE_SECONDS = 240.0
"""After so long the gateway is left alone until it has come to rest, and is measured."""
REST_SECONDS = 90.0
"""For the gateway to come to rest: consumers that reads have left behind are idle for 30 s before they are ended."""
MOST_GROWTH_MEGABYTES = 48.0
"""Of the resident memory at rest after the first slices: less than what malloc keeps in pieces, and a leak of 12 MB a slice
is found in 20 minutes."""
WARM_SLICES = 2
MORE_FILES = 24
MORE_THREADS = 24
"""Beyond those after the first slices: connections of the users' clients to Kafka come and go."""
LATE_SECONDS = 20.0
"""By then a head that does not arrive is refused: after 10 s, looked for once a second."""
MOST_FAULTS = 25
"""After so many the run is ended: they are likely the same."""
SETTINGS = {
    "recheckSeconds": 15,
    "limits": {
        "bodyBytes": 256 * 1024,
        "records": 1000,
        "timeoutSeconds": 20,
        "consumerIdleSeconds": 8,
        "heartbeatSeconds": 2,
    },
}
MOST_BUSY = 0.01
"""Of the honest requests that Kafka may not answer in time (503, 504): it has little of the machine."""
GAUGES = ("gateway_requests_in_flight", "gateway_streams", "gateway_consumers", "gateway_bytes")


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What the gateway holds when nobody calls."""

    megabytes: float
    threads: int
    files: int


@dataclass(kw_only=True)
class Run:
    """One run of the fuzz.

    Args:
        pods: of the gateway.
        seed: of all cases.
        kinds: of cases.
        folder: where what failed is written.
    """

    pods: Sequence[Program]
    seed: int
    kinds: Sequence[str]
    folder: Path
    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    connections: int = 0
    honest: int = 0
    busy: int = 0
    faults: list[str] = field(default_factory=list)
    peak: float = 0.0
    slowest_health: float = 0.0
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ended(self) -> bool:
        """Whether there is no point in going on."""
        return bool(self.dead) or len(self.faults) >= MOST_FAULTS

    @property
    def dead(self) -> list[Program]:
        """Pods that have ended."""
        return [pod for pod in self.pods if pod.process.poll() is not None]

    def fault(self, text: str) -> None:
        """Note what must not be."""
        with self._lock:
            self.faults.append(text)
        print(f"FAULT {text}", flush=True)

    def one(self, number: int) -> None:
        """One case."""
        kind, session, fault = play([pod.port for pod in self.pods], self.seed, number, self.kinds)
        with self._lock:
            self.cases[kind] += 1
            self.connections += len(session.wires)
            self.honest += session.honest
            self.busy += session.busy
            for wire in session.wires:
                self.statuses.update(wire.statuses)
        if fault is not None and not self.dead:
            self._save(number, kind, session, fault)

    def _save(self, number: int, kind: str, session: Session, fault: Fault) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for index, wire in enumerate(session.wires):
            for name, content in (("sent", wire.sent), ("received", wire.received)):
                (self.folder / f"{number}-{index}.{name}").write_bytes(content)
        self.fault(
            f"{kind}: {fault}\n"
            f"  again: python -m tests.bench.fuzz --seed {self.seed} --case {number} --kinds {','.join(self.kinds)}\n"
            f"  bytes: {self.folder}/{number}-*"
        )

    def attack(self, seconds: float) -> None:
        """Play cases for so long."""
        until = time.monotonic() + seconds

        def work() -> None:
            while time.monotonic() < until and not self.ended:
                with self._lock:
                    number = next(self._numbers)
                self.one(number)

        threads = [threading.Thread(target=work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not self.ended:
            self._look()
            time.sleep(0.5)
        for thread in threads:
            thread.join()
        for pod in self.dead:
            log = pod.log.read_text(errors="replace")[-2000:]
            self.fault(f"{pod.log.stem} has ended ({pod.process.returncode}):\n{log}")

    def _look(self) -> None:
        """See that every pod is healthy, on both ports."""
        peak = 0.0
        for pod in self.pods:
            begun = time.monotonic()
            try:
                peak += pod.megabytes
                replies = [pod.ask("GET", "/healthz", user=None).status, pod.beside("/healthz")[0]]
            except (OSError, RuntimeError) as failure:
                if pod.process.poll() is None:
                    self.fault(f"health cannot be asked: {type(failure).__name__}: {failure}")
                return
            self.slowest_health = max(self.slowest_health, time.monotonic() - begun)
            if replies != [200, 200]:
                self.fault(f"health: {replies}")
        self.peak = max(self.peak, peak)

    def rest(self, base: Rest | None) -> Rest:
        """What the pods hold together at rest; a fault if they do not come to rest, or hold more than before."""
        until = time.monotonic() + REST_SECONDS
        while True:
            held = {name: sum(pod.metric(name) for pod in self.pods) for name in GAUGES}
            rest = self._measured()
            is_more = base is not None and (
                rest.files > base.files + MORE_FILES or rest.threads > base.threads + MORE_THREADS
            )
            if not any(held.values()) and not is_more:
                time.sleep(TRIM_SECONDS + 3)  # the gateway has given back what it does not use
                return self._measured()
            if time.monotonic() > until or self.ended:
                self.fault(f"the gateway does not come to rest: {held}, {rest}; at first {base}")
                return rest
            time.sleep(1)

    def _measured(self) -> Rest:
        processes = [Path(f"/proc/{pod.process.pid}") for pod in self.pods]
        return Rest(
            megabytes=sum(pod.megabytes for pod in self.pods),
            threads=sum(len(list((process / "task").iterdir())) for process in processes),
            files=sum(len(list((process / "fd").iterdir())) for process in processes),
        )

    def see_that_late_heads_are_ended(self) -> None:
        """What the gateway does once a second goes on."""
        with ExitStack() as stack:
            addresses = [("127.0.0.1", pod.port) for pod in self.pods]
            connections = [stack.enter_context(create_connection(address, 10)) for address in addresses]
            for connection in connections:
                connection.sendall(b"GET / HTTP/1.1\r\nhost: x")
            for connection in connections:
                connection.settimeout(LATE_SECONDS)
                try:
                    answer = connection.recv(65536)
                except TimeoutError:
                    self.fault("a head that does not arrive is not ended: maintenance is dead")
                    continue
                if not answer.startswith(b"HTTP/1.1 408 "):
                    self.fault(f"a late head is answered by {answer[:100]!r}")

    def read_logs(self) -> None:
        """An error is a fault; each kind is told once, and the logs are kept."""
        errors: Counter[str] = Counter()
        for pod in self.pods:
            text = pod.log.read_text(errors="replace")
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / pod.log.name).write_text(text)
            for entry in re.split(r"^(?=[0-9-]{10} [0-9:,]{12} )", text, flags=re.MULTILINE):
                first, *more = entry.strip().splitlines() or [""]
                _, is_error, what = first.partition(" ERROR ")
                if is_error:
                    errors[re.sub("0x[0-9a-f]+", "0x...", f"{what} {more[-1] if more else ''}")[:300]] += 1
        for error, count in errors.items():
            self.fault(f"{count} times in {self.folder}/*.log: {error}")


@contextmanager
def cluster() -> Iterator[Kafka]:
    """A Kafka with the users, their rights and records."""
    jars = find_jars()
    if jars is None:
        raise SystemExit("no Kafka jars: run `make up` once, or set KAFKA_JARS_DIR")
    with Kafka(jars=jars) as kafka:
        for user in (*OWNERS, READER):
            kafka.make_user(user)
        for user in OWNERS:
            kafka.allow(user, user)
            kafka.allow(user, "all-g")
            kafka.make_topic(topic(user), PARTITIONS, retention_bytes=str(64 << 20), segment_bytes=str(16 << 20))
            kafka.make_topic(f"{user}-{SMUGGLED}")
        rights = [
            AclBinding(
                kind, topic("red"), ResourcePatternType.LITERAL, f"User:{READER}", "*", may, AclPermissionType.ALLOW
            )
            for kind, may in ((ResourceType.TOPIC, AclOperation.READ), (ResourceType.TOPIC, AclOperation.DESCRIBE))
        ]
        for done in kafka.admin.create_acls(rights).values():
            done.result(30)
        yield kafka


def start(kafka: Kafka, folder: Path) -> list[Program]:
    """Two pods that know each other, so that requests are forwarded."""
    names, ports = ("gateway-0", "gateway-1"), free_ports(2)
    peers = ",".join(f"{name}=127.0.0.1:{port}" for name, port in zip(names, ports, strict=True))
    pods = [
        Program(kafka, folder, {**SETTINGS, "port": port, "peers": peers}, pod=name)
        for name, port in zip(names, ports, strict=True)
    ]
    return [pod.wait() for pod in pods]


def fill(program: Program) -> None:
    """Write each user's first records."""
    for user in OWNERS:
        values = [f"{marker(user)} {number}" for number in range(RECORDS)]
        records = [{"value": value, "partition": number % PARTITIONS} for number, value in enumerate(values)]
        assert program.ask("POST", f"/topics/{topic(user)}", {"records": records}, user=user).status == 200


def see_that_nothing_was_smuggled(run: Run) -> None:
    """What stood inside of a body was never done."""
    for user in OWNERS:
        path = f"/topics/{user}-{SMUGGLED}/partitions/0/offsets"
        reply = run.pods[0].ask("GET", path, user=user)
        if reply.status != 200 or reply.json()["end_offset"] != 0:
            run.fault(f"a hidden request of {user} was done: {reply.body!r}")


def main() -> None:
    """Prints each fault as it is found, and the line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz", description="Fuzz the HTTP gateway.")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long, without the rests (default %(default)g)"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all cases (default: the time)")
    parser.add_argument("--case", type=int, help="play only this case of the seed, and print what was answered")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of cases (default %(default)s)")
    parser.add_argument("--folder", type=Path, help="for what failed (default: one in the temporary folder)")
    chosen = parser.parse_args()
    kinds = chosen.kinds.split(",")
    if unknown := sorted(set(kinds) - set(KINDS)):
        parser.error(f"--kinds: {', '.join(unknown)}: not among {', '.join(KINDS)}")
    folder = chosen.folder or Path(tempfile.gettempdir()) / f"kafka-platform-fuzz-{chosen.seed}"
    print(f"seed {chosen.seed}", flush=True)
    with ending_properly(), tempfile.TemporaryDirectory() as name, cluster() as kafka:
        pods = start(kafka, Path(name))
        try:
            fill(pods[0])
            run = Run(pods=pods, seed=chosen.seed, kinds=kinds, folder=folder)
            if chosen.case is not None:
                run.one(chosen.case)
                print(json.dumps({"faults": len(run.faults), "statuses": run.statuses}))
                raise SystemExit(bool(run.faults))
            rests = _spend(run, chosen.seconds)
            run.read_logs()
        finally:
            for pod in pods:
                pod.stop()
    if run.busy > MOST_BUSY * (run.honest + run.busy):
        run.fault(f"{run.busy} of {run.honest + run.busy} honest requests were answered by 503 or 504")
    base, last = rests[min(WARM_SLICES, len(rests)) - 1], rests[-1]
    if last.megabytes > base.megabytes + MOST_GROWTH_MEGABYTES:
        run.fault(f"memory has grown from {base.megabytes:.0f} to {last.megabytes:.0f} MB")
    report(
        seed=chosen.seed,
        seconds=chosen.seconds,
        cases=sum(run.cases.values()),
        connections=run.connections,
        answers=sum(run.statuses.values()),
        honest=run.honest,
        busy=run.busy,
        faults=len(run.faults),
        by_kind=dict(sorted(run.cases.items())),
        by_status={str(status): count for status, count in sorted(run.statuses.items())},
        megabytes_at_rest=[round(each.megabytes) for each in rests],
        megabytes_peak=run.peak,
        threads_at_rest=[each.threads for each in rests],
        files_at_rest=[each.files for each in rests],
        slowest_health_seconds=run.slowest_health,
    )
    raise SystemExit(bool(run.faults))


def _spend(run: Run, seconds: float) -> list[Rest]:
    """Attack in slices; what the gateway holds after each."""
    rests: list[Rest] = []
    slices = max(WARM_SLICES + 1, round(seconds / SLICE_SECONDS))
    for number in range(slices):
        run.attack(seconds / slices)
        if run.ended:
            break
        rests.append(run.rest(rests[min(WARM_SLICES, len(rests)) - 1] if rests else None))
        print(f"slice {number + 1} of {slices}: {sum(run.cases.values())} cases, {rests[-1]}", flush=True)
        run.see_that_late_heads_are_ended()
        see_that_nothing_was_smuggled(run)
    return rests or [Rest(megabytes=0, threads=0, files=0)]


if __name__ == "__main__":
    main()
