"""The HTTP gateway next to programs that speak Kafka themselves: speed, latency and memory.

One broker on this machine, configured as the embedded engine configures its pods. The gateway has one core for itself, as
the native program has when it is its turn; who sends the load has another. Both use the same producer settings, records of
100 bytes in batches of 100, and as many batches at a time.
"""

import base64
import contextlib
import json
import os
import random
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka_platform_runtime.connection import Connection as RuntimeConnection
from kafka_platform_runtime.provisioner.quotas import QuotaChange, QuotaClient

from sandbox.host import install
from tests.bench.measure import ending_properly, report
from tests.bench.native_client import BATCH, MODERATE_PAUSE, RECORD
from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, KAFKA_JVM, LocalKafka, find_jars
from tests.ports import free_ports

SERVER_CORE, LOAD_CORE = "0", "1"
RUNS = 3
SECONDS = 5
WINDOW = 64
"""Connections of the load, and batches under way of the native producer."""
PARTITIONS = 4
STREAMED = 1_000_000
LONE_SAMPLES = 1000
IDLE_STREAMS = 2000
IDLE_CONNECTIONS = 1000
LISTENS_SECONDS = 120
"""Until a server has to be there, on a machine that others use too."""
REPLICAS = 3
TOPIC = "bench"
AUTHORIZATION = "Basic " + base64.b64encode(f"{ADMIN_USER}:{ADMIN_PASSWORD}".encode()).decode()
THROTTLED, THROTTLED_PASSWORD, QUOTA = "throttled", "password-of-the-throttled", 500_000.0
"""A tenant who may write half a megabyte a second and tries to write more over so many connections."""
THROTTLED_CONNECTIONS = 8
ENVIRONMENT = {**os.environ, "KAFKA_PASSWORD": ADMIN_PASSWORD, "PYTHONPATH": str(Path.cwd())}
LIMITS = {"drainSeconds": 0, "streamsPerCaller": 2 * IDLE_STREAMS}


class Server:
    """A program that listens on a port, on one core or on all.

    Args:
        command: the program with its arguments.
        port: what it listens on.
        environment: further variables.
        core: the one that it may use, or None.
    """

    def __init__(self, command: Sequence[str], port: int, environment: dict[str, str], core: str | None) -> None:
        self.port = port
        pinned = [] if core is None else ["taskset", "--cpu-list", core]
        self.process = subprocess.Popen([*pinned, sys.executable, *command], env={**ENVIRONMENT, **environment})

    def __enter__(self) -> "Server":
        until = time.monotonic() + LISTENS_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended with {self.process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.1)
        raise SystemExit(f"the server does not listen after {LISTENS_SECONDS} s")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


def gateway(kafka: LocalKafka, folder: Path, core: str | None = SERVER_CORE) -> Server:
    """The gateway."""
    port, metrics = free_ports(2)
    settings = folder / f"gateway-{port}.json"
    settings.write_text(json.dumps({"port": port, "metricsPort": metrics, "limits": LIMITS}))
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": kafka.client_protocol,
        "GATEWAY_SETTINGS": str(settings),
    }
    return Server(["-m", "kafka_platform_runtime.gateway"], port, environment, core)


def naive(kafka: LocalKafka) -> Server:
    """The least that can be called a gateway."""
    (port,) = free_ports(1)
    return Server(["-m", "tests.bench.naive_gateway", str(port), kafka.bootstrap_servers], port, {}, SERVER_CORE)


def native(kafka: LocalKafka, what: str, *numbers: float) -> dict[str, float]:
    """What the native program prints."""
    command = ["taskset", "--cpu-list", SERVER_CORE, sys.executable, "-m", "tests.bench.native_client"]
    command += [what, kafka.bootstrap_servers, TOPIC, *map(str, numbers)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"native {what}: {done.stdout}{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def body(records: int) -> str:
    """The body of a write."""
    return json.dumps({"records": [{"value": json.loads(RECORD)}] * records}, separators=(",", ":"))


def requests_per_second(server: Server, folder: Path, records: int, core: str | None = LOAD_CORE) -> float:
    """Writes answered with 200 in a second, from wrk over WINDOW connections that are kept open."""
    script = folder / f"write-{records}.lua"
    script.write_text(
        f"""wrk.method = "POST"
wrk.body = '{body(records)}'
wrk.headers["Content-Type"] = "application/vnd.kafka.json.v2+json"
wrk.headers["Authorization"] = "{AUTHORIZATION}"
"""
    )
    pinned = [] if core is None else ["taskset", "--cpu-list", core]
    command = [*pinned, "wrk", "--threads=1", f"--connections={WINDOW}", f"--duration={SECONDS}s", "--timeout=30s"]
    done = subprocess.run(
        [*command, f"--script={script}", f"http://127.0.0.1:{server.port}/topics/{TOPIC}"],
        capture_output=True,
        text=True,
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if done.returncode != 0 or found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    return float(found[1])


class Connection:
    """A connection to the gateway that is kept open, as bare as it can be."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, request: bytes) -> None:
        """Send a request and read its answer, which has to be 200."""
        status, _ = self.answer(request)
        if status != 200:
            raise SystemExit(f"a write was answered with {status}")

    def answer(self, request: bytes) -> tuple[int, float]:
        """Send a request and read its answer: the status, and the seconds after which to come again."""
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(65536)
        head, _, rest = answer.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        if found is None:
            raise SystemExit(answer.decode())
        while len(rest) < int(found[1]):
            rest += self.socket.recv(65536)
        later = re.search(rb"retry-after: (\d+)", head)
        return int(head.split(b" ", 2)[1]), float(later[1]) if later else 0.0

    def begin(self, path: str) -> None:
        """Ask for a stream and read the head of its answer."""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: {AUTHORIZATION}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = self.socket.recv(4096)
            if not piece:
                break
            answer += piece
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode())


def authorization(user: str, password: str) -> str:
    """The header of a caller."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def request(records: int, caller: str | None = None) -> bytes:
    """A write as it goes over the wire."""
    text = body(records)
    head = f"POST /topics/{TOPIC} HTTP/1.1\r\nhost: gateway\r\nauthorization: {caller or AUTHORIZATION}\r\n"
    head += f"content-type: application/vnd.kafka.json.v2+json\r\ncontent-length: {len(text)}\r\n\r\n"
    return (head + text).encode()


def lone(server: Server) -> dict[str, float]:
    """Milliseconds until a single record is answered, while batches go on at a moderate rate on another connection."""
    ended = threading.Event()

    def moderate() -> None:
        connection, batch = Connection(server.port), request(BATCH)
        due = time.monotonic()
        while not ended.is_set():
            connection.write(batch)
            due += MODERATE_PAUSE
            time.sleep(max(0.0, due - time.monotonic()))

    load = threading.Thread(target=moderate)
    load.start()
    connection, single, taken = Connection(server.port), request(1), []
    try:
        for _ in range(LONE_SAMPLES):
            time.sleep(MODERATE_PAUSE * random.random())
            begun = time.monotonic()
            connection.write(single)
            taken.append(time.monotonic() - begun)
    finally:
        ended.set()
        load.join()
    taken.sort()
    return {"p50_ms": taken[len(taken) // 2] * 1000, "p99_ms": taken[len(taken) * 99 // 100] * 1000}


@contextlib.contextmanager
def throttled(server: Server) -> Iterator[None]:
    """Another tenant writes more than his quota allows and comes again when he is told to."""
    ended = threading.Event()
    answers: Counter[int] = Counter()
    write = request(BATCH, authorization(THROTTLED, THROTTLED_PASSWORD))

    def insist() -> None:
        connection = Connection(server.port)
        while not ended.is_set():
            status, later = connection.answer(write)
            answers[status] += 1
            ended.wait(later)

    threads = [threading.Thread(target=insist) for _ in range(THROTTLED_CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2)
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    if not answers[429] or set(answers) - {200, 429}:
        raise SystemExit(f"the throttled tenant got {dict(answers)}: 200 and 429 were expected")


def lone_beside_throttled(server: Server) -> dict[str, float]:
    """As `lone`, while another tenant is throttled."""
    with throttled(server):
        return lone(server)


def streamed_per_second(server: Server, records: int, batch: int) -> float:
    """Records a second of a stream from the beginning, counted as they arrive; the time begins with the first of them."""
    connection = Connection(server.port)
    connection.begin(f"/topics/{TOPIC}/stream?from=earliest&batch={batch}")
    count, kept, mark = 0, b"", b'"offset":'
    begun = 0.0
    while count < records:
        piece = kept + connection.socket.recv(1 << 20)
        seen = piece.count(mark)
        if seen and not begun:
            begun = time.monotonic()
        count += seen
        kept = b"" if piece.endswith(mark) else piece[-len(mark) + 1 :]
    passed = time.monotonic() - begun
    connection.socket.close()
    return count / passed


def memory(server: Server) -> dict[str, float]:
    """Kilobytes of a connection that is kept open and of an idle stream, and megabytes with IDLE_STREAMS of them."""
    Connection(server.port).write(request(1))
    before = server.megabytes
    connections = [Connection(server.port) for _ in range(IDLE_CONNECTIONS)]
    for each in connections:
        each.write(request(1))
    with_connections = server.megabytes
    for each in connections:
        each.socket.close()
    streams = [Connection(server.port) for _ in range(IDLE_STREAMS)]
    for each in streams:
        each.begin(f"/topics/{TOPIC}/stream?from=latest")
    time.sleep(2)
    with_streams = server.megabytes
    for each in streams:
        each.socket.close()
    return {
        "megabytes_at_first": before,
        "kilobytes_per_connection": (with_connections - before) * 1024 / IDLE_CONNECTIONS,
        "kilobytes_per_stream": (with_streams - before) * 1024 / IDLE_STREAMS,
        "megabytes_with_idle_streams": with_streams,
    }


def in_turn(sides: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each side over RUNS rounds, after one that is not counted."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(RUNS + 1):
        for name, measure in sides.items():
            figure = measure()
            if number:
                figures[name].append(figure)
                print(f"{name:<36} {figure:>12,.1f}", flush=True)
    return {name: statistics.median(values) for name, values in figures.items()}


def replicas(kafka: LocalKafka, folder: Path) -> dict[str, float]:
    """Records a second through one, two and three gateways at a time, each with its own load; on all cores."""
    rates = {}
    for count in range(1, REPLICAS + 1):
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(count) as threads:
            servers = [stack.enter_context(gateway(kafka, folder, None)) for _ in range(count)]
            results = threads.map(lambda server: requests_per_second(server, folder, BATCH, None), servers)
            rates[f"per_second_{count}_replicas"] = sum(results) * BATCH
    return rates


@contextlib.contextmanager
def kafka_with_topic(folder: Path) -> Iterator[LocalKafka]:
    """A broker with the topic."""
    jars = find_jars()
    if jars is None:
        raise SystemExit("no Kafka jars in the sandbox's cache: run `make up` first")
    retention = {"retention.bytes": str(2_000_000_000 // PARTITIONS)}
    with LocalKafka(jars=jars, folder=folder / "kafka", heap="1g", jvm_options=KAFKA_JVM) as kafka:
        admin = AdminClient(dict(kafka.client()))
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, config=retention)])[TOPIC].result(30)
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(THROTTLED, credential, THROTTLED_PASSWORD.encode())
        admin.alter_user_scram_credentials([change])[THROTTLED].result(30)
        anybody = (ResourcePatternType.LITERAL, f"User:{THROTTLED}", "*", AclOperation.WRITE, AclPermissionType.ALLOW)
        for done in admin.create_acls([AclBinding(ResourceType.TOPIC, TOPIC, *anybody)]).values():
            done.result(30)
        del admin
        with QuotaClient(RuntimeConnection.from_environment(kafka.environment())) as quotas:
            quotas.change([QuotaChange(user=THROTTLED, set={"producer_byte_rate": QUOTA})])
        yield kafka


def main() -> None:
    """Prints every round and the line of JSON."""
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("one core: the load would share it with the server: run this on a machine with two or more")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a file for each of the idle streams
    with ending_properly(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install({"wrk": "wrk", "taskset": "util-linux"}, folder / "packages.log")
        with kafka_with_topic(folder) as kafka:
            written = 0.0
            while written < STREAMED:  # warms the broker up, too
                written += SECONDS * native(kafka, "produce", SECONDS, WINDOW)["per_second"]
            with gateway(kafka, folder) as server:
                reads = in_turn(
                    {
                        "native consumer, records/s": lambda: native(kafka, "consume", STREAMED)["per_second"],
                        "stream by 500, records/s": lambda: streamed_per_second(server, STREAMED, 500),
                        "stream one by one, records/s": lambda: streamed_per_second(server, STREAMED, 1),
                    }
                )
                late = in_turn(
                    {
                        "native, lone write, p99 ms": lambda: native(kafka, "lone", LONE_SAMPLES)["p99_ms"],
                        "gateway, lone write, p99 ms": lambda: lone(server)["p99_ms"],
                        "beside a throttled tenant, p99 ms": lambda: lone_beside_throttled(server)["p99_ms"],
                    }
                )
            with gateway(kafka, folder) as server:
                used = memory(server)
            with gateway(kafka, folder) as server, naive(kafka) as least:
                writes = in_turn(
                    {
                        "native producer, records/s": lambda: native(kafka, "produce", SECONDS, WINDOW)["per_second"],
                        "gateway, records/s": lambda: BATCH * requests_per_second(server, folder, BATCH),
                        "naive gateway, records/s": lambda: BATCH * requests_per_second(least, folder, BATCH),
                        "gateway, single writes/s": lambda: requests_per_second(server, folder, 1),
                        "naive gateway, single writes/s": lambda: requests_per_second(least, folder, 1),
                    }
                )
            more = replicas(kafka, folder)
    report(
        write_ratio=writes["gateway, records/s"] / writes["native producer, records/s"],
        stream_ratio=reads["stream by 500, records/s"] / reads["native consumer, records/s"],
        stream_one_by_one_ratio=reads["stream one by one, records/s"] / reads["native consumer, records/s"],
        single_per_second=writes["gateway, single writes/s"],
        p99_added_ms=late["gateway, lone write, p99 ms"] - late["native, lone write, p99 ms"],
        isolation_ratio=late["beside a throttled tenant, p99 ms"] / late["gateway, lone write, p99 ms"],
        naive_ratio=writes["gateway, records/s"] / writes["naive gateway, records/s"],
        naive_single_ratio=writes["gateway, single writes/s"] / writes["naive gateway, single writes/s"],
        **{re.sub(r"\W+", "_", name): figure for name, figure in {**writes, **reads, **late}.items()},
        **used,
        **more,
        runs=RUNS,
        n=STREAMED,
    )


if __name__ == "__main__":
    main()
