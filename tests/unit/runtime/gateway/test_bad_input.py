"""Malformed requests by the hundred, many at a time: each is refused properly, and nobody else notices."""

import asyncio
import contextlib
import http.client
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.unit.runtime.gateway.bad_requests import (
    BODY_SECONDS,
    LARGEST_BODY,
    MOST_RECORDS,
    SMUGGLED,
    TOPIC,
    Case,
    generate,
)
from tests.unit.runtime.gateway.conftest import RED, V2, Kafka, Program, StartGateway
from tests.unit.runtime.hurried import hurried

SEED = 20_260_821
AT_A_TIME = 300
CASE_SECONDS = 120.0
AFTERTHOUGHT_SECONDS = 0.1
"""How long to wait, after an answer, for one that nobody has asked for."""
GOOD_SECONDS = 5.0
"""A good request in between is answered within this, and so much more as a gateway that nobody attacks needs on this machine
at the same time."""
SLOWER = 5
"""As many times as that one the attacked gateway may take, which has far more to do."""
MOST_MEGABYTES = 300
ALWAYS = frozenset({429, 503})


@pytest.fixture(scope="module")
def gateway(start_gateway: StartGateway) -> Program:
    limits = {"bodyBytes": LARGEST_BODY, "records": MOST_RECORDS, "timeoutSeconds": BODY_SECONDS}
    # What rests is kept for half a minute otherwise, and all of it has to be gone in the end.
    return start_gateway({"limits": limits}, module=hurried("gateway", gateway__reads__readers__IDLE_SECONDS=3))


def peak_megabytes(process: int) -> float:
    """The most memory that a process ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def end_of(kafka: Kafka, topic: str) -> int:
    """The number of records that were ever written to a topic of one partition."""
    consumer = Consumer({**kafka.client(), "group.id": "none"})
    try:
        end: int = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1]
    finally:
        consumer.close()
    return end


async def send(port: int, case: Case) -> bytes:
    """Send a case; whatever comes back until the connection is closed, by either side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = asyncio.Event()
    received = bytearray()

    async def receive() -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(65_536):
                received.extend(part)
                answered.set()
        answered.set()

    receiving = asyncio.create_task(receive())
    try:
        with contextlib.suppress(OSError):
            for piece in case.pieces:
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                else:
                    await asyncio.sleep(piece)
                if writer.is_closing():
                    break
            if case.hangs_up:
                writer.write_eof()
            await answered.wait()
            await asyncio.sleep(AFTERTHOUGHT_SECONDS)
            if not case.hangs_up:
                writer.write_eof()
        await receiving
    finally:
        receiving.cancel()
        writer.close()
    return bytes(received)


def responses(data: bytes) -> Iterator[tuple[int, dict[str, str], bytes]]:
    """The answers in what came back.

    Raises:
        ValueError: it is not HTTP.
    """
    while data:
        start, _, rest = data.partition(b"\r\n\r\n")
        first, *fields = start.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z -]+", first)
        if found is None:
            raise ValueError(f"not an answer: {data[:200]!r}")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        length = int(headers.get("content-length", "0"))
        yield int(found[1]), headers, rest[:length]
        data = rest[length:]


def fault(case: Case, data: bytes) -> str | None:
    """What is wrong with the answer to a case; None if nothing is."""
    if not data:
        return None if case.silent else "no answer"
    try:
        answers = list(responses(data))
    except ValueError as error:
        return str(error)
    for status, headers, body in answers:
        if status not in case.statuses | ALWAYS:
            return f"{status} {body[:200]!r}"
        if status < 400 or case.plain:
            continue
        try:
            said = json.loads(body)
        except ValueError:
            return f"{status} without JSON: {body[:200]!r}"
        code, message = said.get("error_code"), said.get("message")
        if (
            headers.get("content-type") != V2
            or not isinstance(code, int)
            or not isinstance(message, str)
            or not message
        ):
            return f"{status} not in the dialect's form: {headers} {body[:200]!r}"
        if code // 100 != status and code != 50003:
            return f"{status} with code {code}"
        if len(message) > 500 or "Traceback" in message or "password-of" in message:
            return f"{status} says too much: {message[:600]}"
    return None


class Witness(threading.Thread):
    """Somebody who writes properly all the time, while a block of `with` is run."""

    def __init__(self, gateway: Program) -> None:
        super().__init__()
        self._gateway = gateway
        self._ended = threading.Event()
        self.statuses: Counter[int] = Counter()
        """Of the answers; 0 where there was none."""
        self.slowest = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Write again and again until told to end."""
        while not self._ended.wait(0.05):
            begun = time.monotonic()
            try:
                status = self._gateway.ask("POST", "/topics/red-good", {"records": [{"value": 1}]}, user=RED).status
            except (OSError, http.client.HTTPException):
                status = 0
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.statuses[status] += 1


def test_bad_requests(
    kafka: Kafka,
    gateway: Program,
    start_gateway: StartGateway,
    record_property: Callable[[str, object], None],
) -> None:
    for name in (TOPIC, SMUGGLED, "red-good"):
        kafka.make_topic(name)
    assert gateway.ask("POST", "/topics/red-good", {"records": [{"value": 1}]}, user=RED).status == 200
    assert gateway.ask("POST", "/consumers/red-bad", {"name": "there"}, user=RED).status == 200
    assigned = {"partitions": [{"topic": TOPIC, "partition": 0}]}
    assert gateway.ask("POST", "/consumers/red-bad/instances/there/assignments", assigned, user=RED).status == 204
    cases = generate(SEED)
    assert len(cases) >= 1000
    before = gateway.megabytes
    witness, control = Witness(gateway), Witness(start_gateway(pod="gateway-1"))
    begun = time.monotonic()
    with witness, control:
        results = asyncio.run(everything(gateway.port, cases))
    seconds = time.monotonic() - begun
    peak = peak_megabytes(gateway.process.pid)
    print(
        f"{len(cases)} bad requests in {seconds:.1f} s: {dict(sorted(Counter(_status(each) for each in results).items()))}; "
        f"memory {before:.0f} MB before, {peak:.0f} MB at most; {witness.statuses.total()} good requests in between, "
        f"slowest {witness.slowest:.2f} s, of a gateway that is not attacked {control.slowest:.2f} s"
    )
    faults = [f"{case.name}: {said}" for case, data in zip(cases, results, strict=True) if (said := fault(case, data))]
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(sorted(faults)[:80])
    assert gateway.process.poll() is None
    assert set(witness.statuses) == {200}
    assert witness.slowest < GOOD_SECONDS + SLOWER * control.slowest
    assert peak < MOST_MEGABYTES
    assert end_of(kafka, SMUGGLED) == 0
    assert gateway.ask("DELETE", "/consumers/red-bad/instances/there", user=RED).status == 204
    for name in ("gateway_requests_in_flight", "gateway_bytes", "gateway_streams", "gateway_consumers"):
        gateway.until_metric(name, lambda count: count == 0, 180)
    assert "ERROR" not in gateway.log.read_text(), gateway.log.read_text()
    record_property("peak_megabytes", peak)


def _status(data: bytes) -> str:
    return data[9:12].decode("latin-1") or "none"


async def everything(port: int, cases: list[Case]) -> list[bytes]:
    """All cases, many at a time; those that take long first."""
    slots = asyncio.Semaphore(AT_A_TIME)

    async def one(case: Case) -> bytes:
        async with slots:
            try:
                async with asyncio.timeout(CASE_SECONDS):
                    return await send(port, case)
            except TimeoutError:
                return b"not answered in time"

    order = sorted(range(len(cases)), key=lambda number: 408 not in cases[number].statuses)
    tasks = {number: asyncio.create_task(one(cases[number])) for number in order}
    return [await tasks[number] for number in range(len(cases))]
