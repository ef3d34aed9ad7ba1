"""Who may call, how often a login is tried, and that nobody who guesses passwords holds up anybody else."""

import asyncio
import base64
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from kafka_platform_runtime.gateway.callers import login_queue
from kafka_platform_runtime.gateway.callers.login_queue import LoginQueue
from kafka_platform_runtime.gateway.errors import GatewayError, unauthorized

from tests.unit.runtime.gateway.conftest import RED, Kafka, Program, StartGateway, authorization, password

READER, ROTATED, AWKWARD = "log-reader", "rotated", "a,b=c"
RECORDS = {"records": [{"value": 1}]}
CONNECTIONS = 300
"""With wrong passwords at a time: enough for every bound of the queue, and few enough for a machine with two cores."""
SECONDS = 180.0


def rules(user: str, prefix: str, *operations: AclOperation) -> list[AclBinding]:
    return [
        AclBinding(
            ResourceType.TOPIC,
            prefix,
            ResourcePatternType.PREFIXED,
            f"User:{user}",
            "*",
            operation,
            AclPermissionType.ALLOW,
        )
        for operation in operations
    ]


@pytest.fixture(scope="module", autouse=True)
def topics(kafka: Kafka) -> None:
    kafka.make_topic("red-logins")
    kafka.make_topic("blue-logins")
    kafka.make_topic("red-compacted", cleanup_policy="compact")
    kafka.make_user(READER)
    kafka.add_rules(*rules(READER, "red", AclOperation.READ, AclOperation.DESCRIBE))


def eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


# A user who may only read


def test_a_question_of_a_reader_does_not_end_what_serves_everybody(gateway: Program) -> None:
    assert gateway.ask("GET", "/topics", user=READER).json() == ["red-compacted", "red-logins"]
    with socket.create_connection((gateway.address, gateway.port), 30) as late:
        late.sendall(b"GET /topics HTTP/1.1\r\nhost: x\r\n")
        assert late.recv(100).startswith(b"HTTP/1.1 408")
    assert gateway.ask("GET", "/healthz", user=None).status == 200


@pytest.mark.parametrize("topic", ["red-logins", "red-compacted"])
@pytest.mark.parametrize("record", [{"value": 1}, {"key": "k", "value": 1}], ids=["value", "key"])
def test_a_write_of_a_reader_is_forbidden(gateway: Program, topic: str, record: dict[str, object]) -> None:
    for path in (f"/topics/{topic}", f"/topics/{topic}/partitions/0"):
        reply = gateway.ask("POST", path, {"records": [record]}, user=READER)
        assert (reply.status, reply.json()["error_code"]) == (403, 40301), reply.body
        assert f"{READER} may not WRITE topic {topic}: add it to its `writes`." in reply.json()["message"]


def test_all_writes_of_a_reader_at_the_same_time_are_forbidden(gateway: Program) -> None:
    statuses: list[int] = []

    def write() -> None:
        statuses.append(gateway.ask("POST", "/topics/red-logins", RECORDS, user=READER).status)

    threads = [threading.Thread(target=write) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert statuses == [403] * 20
    assert gateway.ask("GET", "/topics/red-logins", user=READER).status == 200


def test_a_reader_who_is_allowed_to_write_writes(kafka: Kafka, gateway: Program) -> None:
    kafka.make_user("promoted")
    kafka.add_rules(*rules("promoted", "red", AclOperation.READ, AclOperation.DESCRIBE))
    eventually(lambda: gateway.ask("GET", "/topics", user="promoted").json() != [])
    assert gateway.ask("POST", "/topics/red-logins", RECORDS, user="promoted").status == 403
    written = rules("promoted", "red", AclOperation.WRITE)
    kafka.add_rules(*written)
    assert gateway.ask("POST", "/topics/red-logins", RECORDS, user="promoted").status == 200
    for done in kafka.admin.delete_acls([filter_of(rule) for rule in written]).values():
        done.result(120)
    eventually(lambda: gateway.ask("POST", "/topics/red-logins", RECORDS, user="promoted").status == 403)
    kafka.add_rules(*written)
    eventually(lambda: gateway.ask("POST", "/topics/red-logins", RECORDS, user="promoted").status == 200)


def filter_of(rule: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        rule.restype,
        rule.name,
        rule.resource_pattern_type,
        rule.principal,
        rule.host,
        rule.operation,
        rule.permission_type,
    )


# Who somebody is


def test_a_user_and_a_password_are_one_caller_however_the_header_is_spelled(start_gateway: StartGateway) -> None:
    gateway = start_gateway({"limits": {"streamsPerCaller": 2, "callers": 4}}, pod="gateway-spelled")
    text = base64.b64encode(f"{RED}:{password(RED)}".encode()).decode()
    assert text.endswith("=")
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = text.rstrip("=")[-1]
    other = digits[digits.index(last) + 1]  # bits that no byte has
    loose = text.rstrip("=")[:-1] + other + "=" * text.count("=")
    headers = [f"{kind} {blanks}{text}" for kind in ("Basic", "basic", "bAsIc") for blanks in ("", " ", "   ")]
    headers += [f"Basic {loose}", f"Basic {text} "]
    for header in headers:
        reply = gateway.ask("GET", "/topics/red-logins", user=None, headers={"authorization": header})
        assert reply.status == 200, header
    assert gateway.metric("gateway_callers") == 1
    with streaming(gateway, headers[:2]):
        reply = gateway.ask("GET", "/topics/red-logins/stream", user=None, headers={"authorization": headers[5]})
        assert reply.status == 429


@contextmanager
def streaming(gateway: Program, headers: list[str]) -> Iterator[None]:
    connections = []
    for header in headers:
        connection = http.client.HTTPConnection(gateway.address, gateway.port, timeout=60)
        connection.request("GET", "/topics/red-logins/stream", headers={"authorization": header})
        assert connection.getresponse().status == 200
        connections.append(connection)
    yield
    for connection in connections:
        connection.close()


def test_a_user_with_two_passwords_has_one_set_of_limits(kafka: Kafka, start_gateway: StartGateway) -> None:
    kafka.make_user(ROTATED)
    kafka.allow(ROTATED, "red")
    gateway = start_gateway({"limits": {"streamsPerCaller": 1}}, pod="gateway-rotated")
    with streaming(gateway, [authorization(ROTATED)]):
        kafka.make_user(ROTATED, "another")
        reply = gateway.ask("GET", "/topics/red-logins/stream", user=ROTATED, secret="another")
        assert reply.status == 429, reply.body


def test_wrong_passwords_count_where_the_trusted_proxy_says_and_never_where_the_caller_does(
    start_gateway: StartGateway,
) -> None:
    def guesses(gateway: Program, *forwarded: str) -> list[int]:
        found: list[int] = []
        for each in forwarded:
            headers = {"x-forwarded-for": each}
            found.append(gateway.ask("GET", "/topics", user=RED, secret=f"no {each}", headers=headers).status)
        return found

    forged = [f"203.0.113.{number}" for number in range(12)]
    untrusting = start_gateway({}, pod="gateway-untrusting")
    # Pauses come after three, and only for the one address that there is.
    assert 429 in guesses(untrusting, *forged)
    trusting = start_gateway({"trustedProxies": ["127.0.0.1/32"]}, pod="gateway-trusting")
    assert guesses(trusting, *forged) == [401] * len(forged)
    assert 429 in guesses(trusting, *(f"{each}, 198.51.100.4" for each in forged)), "the proxy appends the real one"
    assert guesses(trusting, "198.51.100.5") == [401], "nobody else is held up"


def test_a_name_that_scram_must_escape_logs_in(kafka: Kafka, gateway: Program) -> None:
    kafka.make_user(AWKWARD)
    assert gateway.ask("GET", "/topics", user=AWKWARD).status == 200
    assert gateway.ask("GET", "/topics", user=AWKWARD, secret="wrong").status == 401


# Guessing


Name = Callable[[int, int], str]
"""The name that a connection tries, by its number and that of the try."""


@contextmanager
def guessing(gateway: Program, name: Name) -> Iterator[list[int]]:
    """Connections that send one wrong password after another; the statuses that they get."""
    statuses: list[int] = []
    over = threading.Event()

    def guess(number: int) -> None:
        count = 0
        while not over.is_set():
            count += 1
            secret = f"{number}-{count}"
            try:
                statuses.append(gateway.ask("GET", "/topics", user=name(number, count), secret=secret).status)
            except (OSError, http.client.HTTPException):
                statuses.append(0)

    threads = [threading.Thread(target=guess, args=(number,), daemon=True) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(statuses) > CONNECTIONS)
    yield statuses
    over.set()
    for thread in threads:
        thread.join(SECONDS)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (lambda *_: RED, "127.0.0.1"),
        (lambda number, _: f"nobody-{number}", "127.0.0.1"),
        (lambda number, count: f"nobody-{number}-{count}", "127.0.0.2"),
    ],
    ids=["one-name", "a-name-for-each", "another-name-each-time"],
)
def test_who_guesses_passwords_holds_up_nobody_else(
    kafka: Kafka, start_gateway: StartGateway, request: pytest.FixtureRequest, name: Name, address: str
) -> None:
    gateway = start_gateway({"recheckSeconds": 2}, pod=f"gateway-guessed-{request.node.callspec.id}")
    kafka.make_user("fresh")
    kafka.make_user("known")
    for user in ("known", RED):
        assert gateway.ask("GET", "/topics", user=user).status == 200
    with guessing(gateway, name) as statuses:
        # Known users go on, also those whose password is guessed, and their logins are checked again.
        for _ in range(20):
            for user in ("known", RED):
                assert gateway.ask("GET", "/topics", user=user).status == 200
            time.sleep(0.2)
        # Somebody who has never been here logs in, if not at once, then when told to come again.
        eventually(lambda: status_from(address, gateway, "fresh") == 200)
        assert gateway.metric("gateway_callers") <= 3
        assert gateway.metric("gateway_kafka_clients") <= 2 * 3
        assert gateway.metric("gateway_logins_waiting") <= login_queue.WAITING
        assert gateway.ask("GET", "/healthz", user=None).status == 200
    assert set(statuses) <= {401, 429, 503}
    assert statuses.count(401) > 0
    assert "fault" not in gateway.log.read_text()


def status_from(address: str, gateway: Program, user: str) -> int:
    """The status of a request that comes from an address of this machine."""
    connection = http.client.HTTPConnection(gateway.address, gateway.port, timeout=SECONDS, source_address=(address, 0))
    try:
        connection.request("GET", "/topics", headers={"authorization": authorization(user)})
        return connection.getresponse().status
    finally:
        connection.close()


def test_refusals_leave_no_thread_and_no_client_behind(gateway: Program) -> None:
    def threads() -> int:
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        return int(status.split("Threads:")[1].split()[0])

    gateway.ask("GET", "/topics", user=RED, secret="first")
    before = threads()
    for number in range(50):
        assert gateway.ask("GET", "/topics", user=f"nobody-{number}", secret="x").status == 401
    eventually(lambda: threads() <= before + 2)


def test_a_stream_with_an_old_password_ends_also_while_passwords_are_guessed(
    kafka: Kafka, start_gateway: StartGateway
) -> None:
    gateway = start_gateway({"recheckSeconds": 2}, pod="gateway-old")
    kafka.make_user("old")
    kafka.allow("old", "red")
    connection = http.client.HTTPConnection(gateway.address, gateway.port, timeout=SECONDS)
    connection.request("GET", "/topics/red-logins/stream", headers={"authorization": authorization("old")})
    stream = connection.getresponse()
    assert stream.status == 200
    with guessing(gateway, lambda number, _: f"nobody-{number}"):
        kafka.make_user("old", "new")
        assert b'"error_code":40101' in stream.read().replace(b" ", b"")
    connection.close()


def test_a_question_with_an_old_password_is_refused_and_not_waited_for(
    kafka: Kafka, start_gateway: StartGateway
) -> None:
    gateway = start_gateway({"recheckSeconds": 1000}, pod="gateway-question")
    kafka.make_user("asking")
    kafka.allow("asking", "red")
    assert gateway.ask("POST", "/topics/red-logins", RECORDS, user="asking").status == 200
    kafka.make_user("asking", "new")
    # The client for questions logs in only now; the gateway itself holds the login for good.
    reply = gateway.ask("GET", "/topics/red-logins/partitions/0/offsets", user="asking", seconds=15)
    assert reply.status == 401, reply.body


# The queue


def run(test: Callable[[LoginQueue], "asyncio.Future[None] | object"]) -> None:
    """Let a test use a queue whose clock stands still: a lane that is closed stays so."""

    async def main() -> None:
        await test(LoginQueue())  # type: ignore[misc]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(login_queue, "now", lambda: 1000.0)
        asyncio.run(main())


async def wrong(queue: LoginQueue, address: str, name: str) -> None:
    async with queue.turn(address, name):
        await asyncio.sleep(0.01)
        raise unauthorized("wrong")


async def right(queue: LoginQueue, address: str, name: str) -> None:
    async with queue.turn(address, name):
        await asyncio.sleep(0)


async def settled(*waiting: "asyncio.Task[object]") -> list[object]:
    return await asyncio.gather(*waiting, return_exceptions=True)


def statuses(results: list[object]) -> list[int]:
    return [each.status if isinstance(each, GatewayError) else 200 for each in results]


def test_more_logins_than_may_wait_are_refused() -> None:
    async def test(queue: LoginQueue) -> None:
        one_name = [asyncio.create_task(wrong(queue, "a", "x")) for _ in range(20)]
        await asyncio.sleep(0)
        assert len(queue) == login_queue.WAITING_PER_LANE
        await right(queue, "b", "x")  # the same name from elsewhere
        many = [asyncio.create_task(wrong(queue, "c", f"n{number}")) for number in range(500)]
        await asyncio.sleep(0)
        assert len(queue) <= login_queue.WAITING_PER_ADDRESS + login_queue.WAITING_PER_LANE
        for task in (*one_name, *many):
            task.cancel()
        results = await settled(*one_name, *many)
        assert statuses([each for each in results if isinstance(each, GatewayError)]).count(429) > 300
        assert len(queue) == 0

    run(test)


def test_an_address_that_comes_late_displaces_one_that_has_most() -> None:
    async def test(queue: LoginQueue) -> None:
        crowd = [
            asyncio.create_task(wrong(queue, f"a{address}", f"n{number}"))
            for address in range(6)
            for number in range(120)
        ]
        await asyncio.sleep(0)
        assert len(queue) == login_queue.WAITING
        await right(queue, "late", "somebody")
        for task in crowd:
            task.cancel()
        await settled(*crowd)
        assert len(queue) == 0

    run(test)


def test_a_host_with_many_addresses_of_ipv6_counts_as_one() -> None:
    async def test(queue: LoginQueue) -> None:
        many = [asyncio.create_task(wrong(queue, f"2001:db8::{number:x}", "x")) for number in range(20)]
        await asyncio.sleep(0)
        assert len(queue) == login_queue.WAITING_PER_LANE
        await right(queue, "2001:db8:0:1::1", "x")
        for task in many:
            task.cancel()
        await settled(*many)

    run(test)


def test_wrong_passwords_close_their_lane_and_no_other() -> None:
    async def test(queue: LoginQueue) -> None:
        results = await settled(*(asyncio.create_task(failing_in_turn(queue)) for _ in range(1)))
        assert statuses(results) == [429]
        with pytest.raises(GatewayError, match="Too many wrong passwords"):
            await right(queue, "a", "x")
        await right(queue, "a", "y")
        await right(queue, "b", "x")

    async def failing_in_turn(queue: LoginQueue) -> None:
        for _ in range(login_queue.FREE_FAILURES + 1):
            with pytest.raises(GatewayError) as refused:
                await wrong(queue, "a", "x")
            assert refused.value.status == 401
        await wrong(queue, "a", "x")

    run(test)


def test_a_wrong_password_from_an_address_where_many_wait_closes_its_lane_at_once() -> None:
    async def test(queue: LoginQueue) -> None:
        first = asyncio.create_task(wrong(queue, "a", "x"))
        crowd = [asyncio.create_task(wrong(queue, "a", f"n{number}")) for number in range(100)]
        await settled(first)
        with pytest.raises(GatewayError, match="Too many wrong passwords"):
            await right(queue, "a", "x")
        await right(queue, "b", "x")
        await settled(*crowd)

    run(test)


def test_a_right_password_after_wrong_ones_clears_the_lane() -> None:
    async def test(queue: LoginQueue) -> None:
        for _ in range(5):
            for _ in range(login_queue.FREE_FAILURES):
                with pytest.raises(GatewayError) as refused:
                    await wrong(queue, "a", "x")
                assert refused.value.status == 401
            await right(queue, "a", "x")

    run(test)


def test_lanes_and_failures_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_queue, "FAILED_LANES", 10)

    async def test(queue: LoginQueue) -> None:
        for number in range(20):
            with pytest.raises(GatewayError):
                await wrong(queue, f"a{number}", "x")
        assert len(queue._failures) == 10
        assert not queue._lanes
        assert not queue._busy
        assert not queue._running
        assert not queue._waiting

    run(test)


def test_a_kafka_that_cannot_be_found_by_its_name_is_said_to_be_that(start_gateway: StartGateway) -> None:
    lost = start_gateway(environment={"KAFKA_BOOTSTRAP_SERVERS": "kafka.nowhere.invalid:9092"})
    wanted = "Kafka does not answer: cannot resolve kafka.nowhere.invalid: "
    reply = lost.ask("POST", "/topics/any", {"records": [{"value": 1}]}, user=RED)
    assert (reply.status, reply.json()["error_code"]) == (503, 50301)
    assert reply.json()["message"].startswith(wanted)
    ready = lost.ask("GET", "/readyz", user=None)
    assert ready.status == 503
    assert wanted in ready.body.decode()
