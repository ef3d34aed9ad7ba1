"""The gateway under attack stays within a pod's memory, ends what never goes on, and serves those who behave."""

import asyncio
import contextlib
import http.client
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.wire.connections import HEAD_SECONDS, Connections, State

from tests import attacks
from tests.unit.runtime.gateway.conftest import JSON, RED, Kafka, Program, StartGateway, password
from tests.unit.runtime.gateway.test_bad_input import Witness, peak_megabytes

POD_MEGABYTES = 256
"""The least that a pod may have."""
BODY_SECONDS = 3.0
LOGIN = attacks.basic(RED, password(RED))
GROUPS = Path("/sys/fs/cgroup/memory")
SECONDS = 240.0
LATE_SECONDS = 6 * HEAD_SECONDS
"""By then every deadline is over, also where the machine is busy."""


@pytest.fixture(scope="module")
def topic(kafka: Kafka) -> str:
    kafka.make_topic("red-good")
    return kafka.make_topic("red-bounds")


@pytest.fixture
def pod(start_gateway: StartGateway, topic: str) -> Iterator[Program]:
    """A gateway that is killed, as in a pod, when it takes more memory; where the machine lets a test bound it."""
    program = start_gateway({"limits": {"timeoutSeconds": BODY_SECONDS}})
    group = GROUPS / f"gateway-{program.process.pid}"
    with contextlib.suppress(OSError):
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(POD_MEGABYTES * 2**20))
        (group / "cgroup.procs").write_text(str(program.process.pid))
    assert program.ask("POST", "/topics/red-good", {"records": [{"value": 1}]}, user=RED).status == 200
    yield program
    with contextlib.suppress(OSError):
        print(f"peak of the group: {int((group / 'memory.max_usage_in_bytes').read_text()) / 2**20:.0f} MB")
    program.stop()
    with contextlib.suppress(OSError):
        group.rmdir()


class Attacked:
    """What was seen while a gateway was attacked."""

    def __init__(self, program: Program, attack: Callable[[], attacks.Seen]) -> None:
        with Witness(program) as witness:
            self.seen = attack()
        self.statuses: Counter[int] = witness.statuses
        self.peak = peak_megabytes(program.process.pid)
        print(f"peak {self.peak:.0f} MB, {self.seen}, {witness.statuses}, slowest good one {witness.slowest:.2f} s")


def attack(program: Program, payload: bytes, count: int, seconds: float) -> Attacked:
    return Attacked(
        program,
        lambda: asyncio.run(attacks.hold("127.0.0.1", program.port, payload, count=count, seconds=seconds)),
    )


@pytest.mark.parametrize("kind", attacks.STRANGERS)
def test_strangers_cannot_fill_the_memory_nor_keep_others_out(pod: Program, kind: str) -> None:
    # Only pipelines are answered, and so need not be ended.
    count, seconds = (300, 20.0) if kind == "pipelines" else (7000, LATE_SECONDS)
    attacked = attack(pod, attacks.STRANGERS[kind], count, seconds)
    assert pod.process.poll() is None
    assert attacked.peak < POD_MEGABYTES
    assert set(attacked.statuses) == {200}
    assert kind == "pipelines" or attacked.seen.left == 0


@pytest.fixture(scope="module")
def quick(start_gateway: StartGateway, topic: str) -> Program:
    program = start_gateway({"limits": {"timeoutSeconds": BODY_SECONDS}})
    assert program.ask("POST", "/topics/red-good", {"records": [{"value": 1}]}, user=RED).status == 200
    return program


UNENDING = {
    "nothing was sent": b"",
    "half a head": attacks.half_head(100),
    "half a body of a stranger": attacks.half_body(),
    "half a body of a caller who is known": attacks.half_body("/topics/red-good", login=LOGIN),
    "half a body on the ordinary way": attacks.half_body("/topics/red-good?async=true", login=LOGIN),
    "half a body of chunks": attacks.half_body("/topics/red-good", 0, 0, LOGIN).replace(
        b"Content-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"
    ),
    "WebSocket by GET with a body": attacks.upgrade(body=b"hello"),
    "WebSocket by GET with half a body": attacks.upgrade(body=b"hello")[:-3],
    "WebSocket by POST": attacks.upgrade("POST", body=b"hello"),
    "WebSocket by POST without a body": attacks.upgrade("POST"),
    "WebSocket without a version": attacks.upgrade().replace(b"Version: 13", b"Version: 1"),
    "WebSocket without a key": attacks.upgrade().replace(b"-Key", b"-Kay"),
    "WebSocket behind a request without an answer yet": attacks.request("/topics/red-bounds/stream", LOGIN)
    + attacks.upgrade(more=LOGIN),
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "half a head behind an answer": attacks.request("/healthz") + b"GET",
}


def test_every_connection_that_does_not_go_on_is_ended(quick: Program) -> None:
    async def hold_all() -> list[attacks.Seen]:
        return await asyncio.gather(
            *(
                attacks.hold("127.0.0.1", quick.port, payload, count=5, seconds=LATE_SECONDS)
                for payload in UNENDING.values()
            )
        )

    found = dict(zip(UNENDING, asyncio.run(hold_all()), strict=True))
    assert {kind: (seen.opened, seen.left) for kind, seen in found.items()} == dict.fromkeys(found, (5, 0))


def test_an_offer_of_another_protocol_is_answered_in_http(quick: Program) -> None:
    assert head(quick, attacks.upgrade().replace(b"websocket", b"h2c")).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("kind", ["answer", "stream", "websocket"])
def test_a_reader_who_takes_nothing_is_ended(kafka: Kafka, start_gateway: StartGateway, kind: str) -> None:
    program = start_gateway({"limits": {"timeoutSeconds": BODY_SECONDS}})
    topic = kafka.make_topic(f"red-slow-{kind}")
    for _ in range(40):
        value = {"records": [{"value": "x" * 500_000}]}
        assert program.ask("POST", f"/topics/{topic}", value, user=RED).status == 200
    path = f"/topics/{topic}/partitions/0/records?max_bytes=5000000&timeout=1000"
    payload = attacks.request(path, LOGIN)
    if kind == "stream":
        payload = attacks.request(f"/topics/{topic}/stream?from=earliest", LOGIN)
    elif kind == "websocket":
        payload = attacks.upgrade(path=f"/topics/{topic}/stream?from=earliest", more=LOGIN)

    async def until_ended() -> None:
        # Whoever takes nothing does not notice the end either.
        held = asyncio.create_task(
            attacks.hold("127.0.0.1", program.port, payload, count=3, seconds=2 * LATE_SECONDS, reads=False)
        )
        await asyncio.to_thread(
            program.until_metric, "gateway_connections_ended", lambda count: count == 3, LATE_SECONDS
        )
        held.cancel()
        await asyncio.wait({held})

    asyncio.run(until_ended())
    program.until_metric("gateway_connections", lambda count: count == 0)
    program.stop()


def receive_head(connection: socket.socket) -> bytes:
    """What comes, at least until the first head of an answer is complete."""
    received = b""
    while b"\r\n\r\n" not in received and (part := connection.recv(65_536)):
        received += part
    return received


def head(program: Program, sent: bytes) -> bytes:
    """The beginning of what is answered to these bytes."""
    with socket.create_connection(("127.0.0.1", program.port), SECONDS) as connection:
        connection.sendall(sent)
        return receive_head(connection)


LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def statuses(program: Program, sent: bytes) -> list[int]:
    """The statuses of all answers to these bytes.

    If the connection stays open, the health is asked for on it: with the answer to that, which is not returned, it ends, so
    that nobody has to wait whether more answers come.
    """
    with socket.create_connection(("127.0.0.1", program.port), SECONDS) as connection:
        connection.sendall(sent)
        received = receive_head(connection)
        stays = b"connection: close" not in received
        if stays:
            connection.sendall(LAST)
        while part := connection.recv(65_536):
            received += part
    found = [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
    if stays:
        assert found.pop() == 200, received
    return found


def test_blanks_around_a_value_mean_nothing(quick: Program) -> None:
    blanks = b"GET /healthz HTTP/1.1\r\nHost:  x \t\r\nExpect: 100-continue \r\nConnection: close\r\n\r\n"
    assert 200 in statuses(quick, blanks)


BLUE_LOGIN = attacks.basic("blue", password("blue"))
WRITE = (
    b"POST /topics/red-good HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.kafka.json.v2+json\r\n%b"
    b'Content-Length: 25\r\n\r\n{"records":[{"value":1}]}'
)
CHUNKED = (
    b"POST /topics/red-good HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.kafka.json.v2+json\r\n%b"
    b'Transfer-Encoding: chunked\r\n\r\n19\r\n{"records":[{"value":1}]}\r\n0\r\n%b\r\n'
)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (WRITE % LOGIN, 200),
        (WRITE % (LOGIN + BLUE_LOGIN), 400),
        (WRITE % (LOGIN + LOGIN), 400),
        (WRITE % (LOGIN + b"Content-Type: application/json\r\n"), 400),
        (WRITE % (LOGIN + b"Host: y\r\n"), 400),
        (WRITE % (LOGIN + b"Content-Length: 25\r\n"), 400),
        (WRITE % (LOGIN + b"Expect: 100-continue\r\nExpect: 100-continue\r\n"), 400),
        (WRITE % (LOGIN + b"Expect: 200-ok\r\n"), 417),
        (WRITE % (LOGIN + b"X-Gateway-Hop: a\r\nX-Gateway-Hop: b\r\n"), 400),
        (CHUNKED % (LOGIN, b""), 200),
        (CHUNKED % (LOGIN, BLUE_LOGIN), 200),
        (CHUNKED % (b"", LOGIN), 401),
        (CHUNKED % (LOGIN, b"Content-Type: application/json\r\nHost: y\r\n"), 200),
        (CHUNKED % (LOGIN + b"Transfer-Encoding: chunked\r\n", b""), 400),
        (b"GET /topics HTTP/1.1\r\n" + LOGIN + b"\r\n", 400),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET http://y/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /healthz#part HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /topics/red-good/records?max_bytes=1&max_bytes=2 HTTP/1.1\r\nHost: x\r\n" + LOGIN + b"\r\n", 400),
        (b"GET /topics/red%252Dgood/records HTTP/1.1\r\nHost: x\r\n" + LOGIN + b"\r\n", 404),
        (b"GET /topics/blue%2f..%2fred-good/records HTTP/1.1\r\nHost: x\r\n" + LOGIN + b"\r\n", 404),
    ],
)
def test_a_request_means_one_thing(quick: Program, sent: bytes, status: int) -> None:
    assert statuses(quick, sent) == [status]


ELSEWHERE = "https://evil.example"


REFUSED_EARLY = {
    "too long": (b"POST /topics/red-good HTTP/1.1\r\n", attacks.basic(RED, password(RED)), JSON, 413),
    "of an unknown type": (b"POST /topics/red-good HTTP/1.1\r\n", attacks.basic(RED, password(RED)), "a/b", 415),
    "nowhere to go": (b"POST /nowhere HTTP/1.1\r\n", attacks.basic(RED, password(RED)), JSON, 404),
    "of a stranger": (b"POST /topics/red-good HTTP/1.1\r\n", b"", JSON, 401),
}


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("name", REFUSED_EARLY)
def test_a_request_behind_a_body_that_was_refused_before_it_arrived_is_answered(
    gateway: Program, topic: str, name: str, chunked: bool
) -> None:
    line, login, kind, status = REFUSED_EARLY[name]
    body = b"x" * 6_000_000
    framing = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(body)
    head = line + b"host: x\r\n" + login + b"content-type: " + kind.encode() + b"\r\n" + framing + b"\r\n\r\n"
    rest = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as connection:
        # In chunks its length is known when it is there: the first part is more than is taken.
        connection.sendall(head + rest[:1_500_000])
        refusal = http.client.HTTPResponse(connection)
        refusal.begin()
        refusal.read()
        assert refusal.status == status
        connection.sendall(rest[1_500_000:] + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 200


PIPELINED = {
    "half a head": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 10),
    "a head and half a body": (
        b"POST /topics/red-good HTTP/1.1\r\nhost: x\r\n" + attacks.basic(RED, password(RED)) + b"content-type: "
        b"application/vnd.kafka.json.v2+json\r\ncontent-length: 25\r\n\r\n" + b'{"records":[{"value":1}]}',
        -10,
    ),
}


@pytest.mark.parametrize("behind", PIPELINED)
def test_what_waits_behind_a_long_answer_is_not_late(gateway: Program, topic: str, behind: str) -> None:
    second, cut = PIPELINED[behind]
    wait = HEAD_SECONDS + 4
    target = f"/topics/{topic}/partitions/0/records?offset=0&timeout={wait * 1000:.0f}"
    first = f"GET {target} HTTP/1.1\r\nhost: x\r\n".encode() + attacks.basic(RED, password(RED)) + b"\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), 60) as connection:
        connection.sendall(first + second[:cut])
        connection.sendall(second[cut:])
        answers = b""
        while answers.count(b"HTTP/1.1 200 ") < 2:
            more = connection.recv(65536)
            assert more, answers
            answers += more


def own(program: Program, scheme: str = "http") -> dict[str, str]:
    return {"origin": f"{scheme}://127.0.0.1:{program.port}"}


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({}, True),
        ({"origin": ELSEWHERE}, False),
        ({"origin": "null"}, False),
        ({"origin": ELSEWHERE, "sec-fetch-site": "cross-site"}, False),
        ({"origin": "https://a.x.example", "sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "https://behind-a-proxy.example", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://127.0.0.1:1"}, False),
    ],
)
def test_a_browser_may_not_call_for_the_page_of_another_site(
    quick: Program, headers: dict[str, str], let_in: bool
) -> None:
    for method, path, body in (
        ("GET", "/topics", None),
        ("POST", "/topics/red-good", {"records": [{"value": 1}]}),
        ("POST", "/consumers/red-x", b""),
        ("DELETE", "/consumers/red-x/instances/none", None),
    ):
        status = quick.ask(method, path, body, user=RED, headers=headers).status
        assert (status != 403) is let_in, (method, status)
    sent = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    opened = head(quick, attacks.upgrade(path="/topics/red-good/stream", more=LOGIN + sent))
    assert opened.startswith(b"HTTP/1.1 101" if let_in else b"HTTP/1.1 403"), opened[:200]


def test_the_gateways_own_page_may_call_whoever_ends_tls(quick: Program) -> None:
    for scheme in ("http", "https"):
        assert quick.ask("GET", "/topics", user=RED, headers=own(quick, scheme)).status == 200


def test_pages_that_the_settings_name_may_call(start_gateway: StartGateway) -> None:
    program = start_gateway({"cors": ["https://shop.example"]})
    for origin, status in (("https://shop.example", 200), (ELSEWHERE, 403), ("null", 403)):
        headers = {"origin": origin, "sec-fetch-site": "cross-site"}
        assert program.ask("GET", "/topics", user=RED, headers=headers).status == status
    everybody = start_gateway({"cors": ["*"]})
    assert everybody.ask("GET", "/topics", user=RED, headers={"origin": ELSEWHERE}).status == 200


def test_every_state_of_a_connection_has_a_deadline() -> None:
    unbounded = {State.STREAMING}
    for state in State:
        connections = Connections(Limits())
        transport = FakeTransport(state is State.CLOSING)
        one = FakeConnection(transport, state)
        connections.add(one)
        for moment in range(10_000, 11_000):
            connections.sweep(float(moment))
        assert (transport.aborted or one.told) is (state not in unbounded), state


class FakeTransport:
    def __init__(self, is_closing: bool) -> None:
        self.aborted = False
        self._is_closing = is_closing

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        return 100_000


class FakeConnection:
    is_stranger = True
    owner: tuple[str, ...] = ("address", "somewhere")

    def __init__(self, transport: FakeTransport, state: State) -> None:
        self.transport = transport
        self._state = state
        self.told = False

    def state(self) -> tuple[State, float]:
        return self._state, 10_000.0

    def too_late(self, state: State, seconds: float) -> None:
        self.told = True
