"""What memory one gateway needs for many callers, and for topics that it knows."""

import base64
import contextlib
import http.client
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.gateway import Server
from tests.bench.measure import resident_megabytes
from tests.bench.scale_provisioning import PASSWORD, declared, local
from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, LocalKafka
from tests.ports import free_ports
from tests.provisioning import Bench

SHARE = 0.8
"""Of the counts: a gateway has at most 900 clients of Kafka."""
BODY = json.dumps({"records": [{"value": 1}]})


def gateway_memory(folder: Path, counts: Sequence[int]) -> Iterator[tuple[str, str, Mapping[int, float]]]:
    """Resident megabytes after one write of each caller, and after one write to each topic; a new gateway each time."""
    most = max(counts)
    with local() as kafka:
        topics, _ = declared("topics", most)
        users, passwords = declared("users", most)
        made = Bench(kafka=kafka, folder=folder / "gateway", owner="bench", files=topics | users, passwords=passwords)
        with contextlib.redirect_stdout(io.StringIO()):  # a line for each of them
            made.apply()
        callers: dict[int, float] = {}
        known: dict[int, float] = {}
        for count in counts:
            with server(kafka, folder, most) as gateway:
                for number in range(int(count * SHARE)):
                    write(gateway, f"user-{number:05}", PASSWORD, f"topic-{number:05}")
                callers[int(count * SHARE)] = resident_megabytes(gateway.process.pid)
            with server(kafka, folder, most) as gateway:
                for number in range(count):
                    write(gateway, ADMIN_USER, ADMIN_PASSWORD, f"topic-{number:05}")
                known[count] = resident_megabytes(gateway.process.pid)
    yield "gateway's memory, callers", "MB", callers
    yield "gateway's memory, topics of a caller", "MB", known


def server(kafka: LocalKafka, folder: Path, callers: int) -> Server:
    """A gateway that may have so many callers at once; by default it has 128."""
    port, metrics = free_ports(2)
    settings = folder / f"gateway-{port}.json"
    settings.write_text(
        json.dumps({"port": port, "metricsPort": metrics, "limits": {"drainSeconds": 0, "callers": callers + 1}})
    )
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": kafka.client_protocol,
        "GATEWAY_SETTINGS": str(settings),
    }
    return Server(["-m", "kafka_platform_runtime.gateway"], port, environment, None)


def write(gateway: Server, user: str, password: str, topic: str) -> None:
    """One record."""
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/vnd.kafka.json.v2+json"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=120)) as connection:
        connection.request("POST", f"/topics/{topic}", BODY, headers)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"{topic} as {user}: {answer.status} {content.decode()}")
