"""Names of consumer instances between callers who have nothing to do with each other, and pods that are not what they seem."""

import asyncio
import contextlib
import http.server
import itertools
import json
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from kafka_platform_runtime.connection import SaslMechanism, SecurityProtocol
from kafka_platform_runtime.gateway.application import Gateway
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.settings import Kafka as KafkaSettings, Limits, Settings

from tests.unit.runtime.gateway.conftest import BLUE, RED, Kafka, StartGateway, authorization
from tests.unit.runtime.gateway.consumers_harness import Answer, Consumer, Pod, first_group, start_pods
from tests.unit.runtime.gateway.test_consumers_pods import authority, certificate

CREATIONS = 25
EVERYTHING: tuple[tuple[str, str, Any], ...] = (
    ("GET", "", None),
    ("HEAD", "", None),
    ("GET", "/records?timeout=0", None),
    ("HEAD", "/records", None),
    ("GET", "/records?unknown=1", None),
    ("POST", "/subscription", {"topics": ["blue.topic"]}),
    ("POST", "/subscription", b"{"),
    ("GET", "/subscription", None),
    ("POST", "/assignments", {"partitions": []}),
    ("GET", "/assignments", None),
    ("POST", "/offsets", None),
    ("GET", "/offsets", None),
    ("POST", "/positions", {"offsets": []}),
    ("POST", "/positions/beginning", {"partitions": []}),
    ("POST", "/positions/end", {"partitions": []}),
    ("DELETE", "/subscription", None),
    ("DELETE", "", None),
)
"""Every request on an instance, also some that its owner may not send."""
FORGED: tuple[dict[str, str], ...] = (
    {},
    {"x-gateway-hop": "gateway-9"},
    {"x-gateway-hop": "a"},
    {"x-gateway-hop": "gateway-1", "x-gateway-target": "gateway-0"},
    {"x-gateway-hop": "gateway-9", "x-gateway-creating": "true"},
    {"x-gateway-hop": "", "x-gateway-creating": "true"},
)
"""Headers that pods send each other; the last two as of a pod whose name comes after, and before, that of every pod."""


@pytest.fixture(scope="module")
def pods(start_gateway: StartGateway) -> Iterator[list[Pod]]:
    pods = start_pods(start_gateway, "gateway-0", "gateway-1")
    first_group(pods[0].program)
    yield pods
    for pod in pods:
        assert "ERROR" not in pod.log


@pytest.fixture
def group(request: pytest.FixtureRequest) -> str:
    return f"blue.{request.node.originalname}"


@contextlib.contextmanager
def meanwhile(*actions: Callable[[], object]) -> Iterator[None]:
    """Do each of these again and again, side by side."""
    ended = threading.Event()

    def go_on(action: Callable[[], object]) -> None:
        while not ended.is_set():
            action()

    with ThreadPoolExecutor(len(actions)) as threads:
        running = [threads.submit(go_on, action) for action in actions]
        try:
            yield
        finally:
            ended.set()
    for each in running:
        each.result()


def test_nobody_without_rights_on_a_group_blocks_its_names(pods: list[Pod], group: str) -> None:
    statuses: set[int] = set()

    def create(pod: Pod, headers: dict[str, str]) -> None:
        statuses.add(pod.call("POST", f"/consumers/{group}", {"name": "mine"}, user=RED, headers=headers).status)

    def ask(pod: Pod, headers: dict[str, str]) -> None:
        path = f"/consumers/{group}/instances/mine"
        statuses.add(pod.call("GET", path, user=RED, headers=headers).status)

    attack = [
        (lambda act=act, pod=pod, headers=headers: act(pod, headers))
        for act in (create, ask)
        for pod in pods
        for headers in (FORGED[0], FORGED[-2], FORGED[-1])
    ]
    with meanwhile(*attack):
        for number in range(CREATIONS):
            Consumer.make(pods[number % 2], group, "mine", user=BLUE).at(pods[(number // 2) % 2]).done("DELETE")
    assert statuses == {403, 404}


def test_another_users_instance_is_as_if_it_did_not_exist(kafka: Kafka, pods: list[Pod], group: str) -> None:
    kafka.make_topic("blue.topic")
    consumer = Consumer.make(pods[0], group, "mine", user=BLUE).subscribe("blue.topic")

    def answer(pod: Pod, name: str, request: tuple[str, str, Any], headers: dict[str, str]) -> Answer:
        method, path, body = request
        return pod.call(method, f"/consumers/{group}/instances/{name}{path}", body, user=RED, headers=headers)

    for at, pod, headers in itertools.product(("", "@gateway-0", "@gateway-1"), pods, FORGED):
        for request in EVERYTHING if not headers else EVERYTHING[:3]:
            theirs, none = (answer(pod, f"{name}{at}", request, headers) for name in ("mine", "none"))
            expected = json.loads(json.dumps(none.body).replace("none", "mine")) if none.body else none.body
            assert (theirs.status, theirs.headers, theirs.body) == (404, none.headers, expected), (request, at, headers)
    assert consumer.call("GET", "/subscription").body["topics"] == ["blue.topic"]
    consumer.done("DELETE")


def test_users_of_one_group_have_names_of_their_own(kafka: Kafka, pods: list[Pod], group: str) -> None:
    kafka.allow(RED, group)
    first, second = (Consumer.make(pods[0], group, "mine", user=user) for user in (BLUE, RED))
    options = [each.at(pod).call("GET").status for each in (first, second) for pod in pods]
    assert options == [200] * 4
    for pod in pods:
        assert pod.call("POST", f"/consumers/{group}", {"name": "mine"}, user=RED).code == 40902
    second.at(pods[1]).done("DELETE")
    assert second.call("GET").code == second.at(pods[1]).call("GET").code == 40403
    assert first.at(pods[1]).call("GET").status == 200
    first.done("DELETE")


def test_rights_come_before_a_name_that_is_taken(kafka: Kafka, pods: list[Pod], group: str) -> None:
    """A caller whose rights are gone is not told what there is at other pods."""
    user = "green"
    kafka.make_user(user)
    kafka.allow(user, "green")
    consumer = Consumer.make(pods[0], "green-group", "mine", user=user)
    for name in ("mine", "other"):
        answer = pods[1].call("POST", f"/consumers/{group}", {"name": name}, user=user)
        assert (answer.status, answer.code) == (403, 40301)
    consumer.done("DELETE")


ODD_GROUPS = ("x/y", "x?y", "x#y", "x%y", "x y", "x@y", "x\\y", "x&y=z", "x;y", "x\u00fcy", "..", "'\"<>")
ODD_NAMES = ("a:b", "a+b", "a~b", "...", "a" * 200)


def test_odd_names_lead_to_the_same_instance_from_every_pod(kafka: Kafka, pods: list[Pod]) -> None:
    kafka.allow(BLUE, "..")
    groups = [each if each == ".." else f"blue.{each}" for each in ODD_GROUPS] + ["blue." + "x" * 244]
    kafka.allow(BLUE, "'")
    for group, name in [(each, "mine") for each in groups] + [("blue.names", each) for each in ODD_NAMES]:
        path = f"/consumers/{quote(group, safe='')}"
        answer = pods[0].call("POST", path, {"name": name}, user=BLUE)
        assert answer.status == 200, (group, name, answer)
        for pod, at in itertools.product(pods, ("", "@gateway-0")):
            described = pod.call("GET", f"{path}/instances/{quote(name, safe='')}{at}", user=BLUE)
            assert described.status == 200, (group, name, described)
            assert (described.body["group"], described.body["instance_id"]) == (group, name)
        assert pods[1].call("DELETE", f"{path}/instances/{quote(name, safe='')}", user=BLUE).status == 204


IMPOSSIBLE = (
    ("blue.g", "x%00y"),
    ("blue.g", "x%2Fy"),
    ("blue.g", "x%23y"),
    ("blue.g", "x" * 201),
    ("blue.g", "x" * 20_000),
    ("blue.g", "%2E%2E"),
    ("blue.g", ".."),
    ("blue.g", "x%20y"),
    ("blue.g", "x%0D%0Ay"),
    ("blue.g", "%C3%BC"),
    ("x%00y", "mine"),
    ("x" * 250, "mine"),
    ("%C3%BC" * 5000, "mine"),
    ("x%0D%0Ay", "mine"),
)


def test_nobody_is_asked_for_names_that_cannot_be(start_gateway: StartGateway) -> None:
    """A silent pod would make the answer 503 if it was asked."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        silent.settimeout(0)
        known = f",gateway-9=127.0.0.1:{silent.getsockname()[1]}"
        pod = start_pods(start_gateway, "gateway-0", also_known=known)[0]
        for group, name in IMPOSSIBLE:
            answer = pod.call("GET", f"/consumers/{group}/instances/{name}/records", user=BLUE)
            assert (answer.status, answer.code) == (404, 40403), (group, name)
        with pytest.raises(BlockingIOError):
            silent.accept()


@contextlib.contextmanager
def impostor(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """The port of a program that has the address of a pod and is none."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_nobody_is_followed_to_another_address(start_gateway: StartGateway) -> None:
    reached: list[str] = []

    def elsewhere(handler: http.server.BaseHTTPRequestHandler) -> None:
        reached.append(handler.path)
        handler.send_error(404)

    with impostor(elsewhere) as other:

        def redirect(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("location", f"http://127.0.0.1:{other}/inside")
            handler.send_header("content-length", "0")
            handler.end_headers()

        with impostor(redirect) as port:
            pod = start_pods(start_gateway, "gateway-0", also_known=f",gateway-9=127.0.0.1:{port}")[0]
            for name in ("mine", "mine@gateway-9"):
                pod.call("GET", f"/consumers/blue.g/instances/{name}/records", user=BLUE)
    assert reached == []


def test_an_answer_of_a_pod_is_bounded(start_gateway: StartGateway) -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"100000\r\n" + bytes(0x100000) + b"\r\n")

    def large(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(1 << 40))
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(bytes(0x100000))

    with impostor(endless) as first, impostor(large) as second:
        known = f",gateway-8=127.0.0.1:{first},gateway-9=127.0.0.1:{second}"
        pod = start_pods(start_gateway, "gateway-0", also_known=known)[0]
        assert pod.call("GET", "/consumers/blue.g/instances/mine", user=BLUE).status == 503
        before = pod.program.megabytes
        for number in (8, 9):
            answer = pod.call("GET", f"/consumers/blue.g/instances/mine@gateway-{number}/records", user=BLUE)
            assert answer.status == 503
        assert pod.program.megabytes < before + 50
        pod.program.until_metric("gateway_bytes", lambda count: count == 0)


def test_a_pod_whose_own_name_is_not_known_yet_does_not_stand_in_its_own_way(start_gateway: StartGateway) -> None:
    """The domain leads to this pod, its own name nowhere: so it asks itself."""
    program = start_gateway({"peers": "localhost"}, pod="no-such-host")
    pod = Pod(name="no-such-host", program=program)
    Consumer.make(pod, "blue.own", "mine", user=BLUE).done("DELETE")
    for name in ("mine@localhost", "mine@gateway-0", "mine@no-such-host-x", "mine@no-such-", "mine@no-such-01"):
        answer = pod.call("GET", f"/consumers/blue.own/instances/{name}", user=BLUE)
        assert (answer.status, answer.code) == (404, 40403), name


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install it")
@pytest.mark.parametrize("own", ["DNS:gateway.example.com", "DNS:*.example.com", "IP:192.0.2.1", None])
def test_a_certificate_of_the_same_authority_makes_no_pod(
    start_gateway: StartGateway, tmp_path: Path, own: str | None
) -> None:
    folder = authority(tmp_path)
    chain, key = certificate(folder, "leaf", own)
    foreign_chain, foreign_key = certificate(folder, "foreign", "DNS:somebody.example.net")
    context = ssl.create_default_context(cafile=str(folder / "authority.crt"))
    context.check_hostname = False
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(foreign_chain, foreign_key)
    received: list[bytes] = []
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def listen() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with contextlib.suppress(OSError), served.wrap_socket(connection, server_side=True) as secure:
                        received.append(secure.recv(65536))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        first, second = start_pods(
            start_gateway,
            "gateway-0",
            "gateway-1",
            also_known=f",gateway-9=127.0.0.1:{listener.getsockname()[1]}",
            tls=context,
            tls_files={"certificate": str(chain), "key": str(key)},
        )
        consumer = Consumer.make(first, "blue.tls", "mine", user=BLUE)
        assert consumer.at(second).call("GET").status == 200
        answer = second.call("GET", "/consumers/blue.tls/instances/none@gateway-9", user=BLUE)
        assert (answer.status, answer.code) == (503, 50003)
        consumer.at(second).done("DELETE")
    assert b"".join(received) == b""


class _Known:
    """A connection on which somebody is logged in already."""

    owner = ("user", BLUE)
    is_stranger = False


class _Cancelling:
    """A coroutine whose task is cancelled when it waits for the n-th time."""

    def __init__(self, coroutine: Any, number: int) -> None:
        self._coroutine, self._number = coroutine, number
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._coroutine.__await__()
        sent: Any = None
        while True:
            try:
                waited_for = inner.send(sent)
            except StopIteration as ended:
                return ended.value
            self.waits += 1
            if self.waits == self._number:
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                sent = yield waited_for
            except BaseException as thrown:
                try:
                    waited_for = inner.throw(thrown)
                except StopIteration as ended:
                    return ended.value
                sent = yield waited_for


def test_a_creation_that_is_cancelled_anywhere_leaves_nothing_behind(kafka: Kafka) -> None:
    connection = KafkaSettings(
        bootstrap_servers=kafka.bootstrap_servers,
        security_protocol=SecurityProtocol(kafka.client_protocol),
        mechanism=SaslMechanism.SCRAM_SHA_512,
    )
    limits = Limits(consumers_per_caller=2, consumers=2)
    # A pod that is gone, so that others are asked.
    settings = Settings(limits=limits, peers="gateway-0=127.0.0.1:1,gateway-1=127.0.0.1:2")

    async def create(gateway: Gateway, name: str) -> int:
        statuses: list[int] = []
        body = msgspec.json.encode({"name": name})

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        scope = {
            "type": "http",
            "connection": _Known(),
            "method": "POST",
            "raw_path": b"/consumers/blue.cancelled",
            "query_string": b"",
            "headers": [(b"authorization", authorization(BLUE).encode()), (b"content-type", b"application/json")],
        }
        await gateway(scope, receive, send)
        return statuses[0]

    async def attack() -> int:
        gateway = Gateway(Core(connection, settings, "gateway-0"))
        assert await create(gateway, "first") == 200
        assert gateway.callers.consumers == 1
        number = 0
        while True:
            number += 1
            cancelling = _Cancelling(create(gateway, "mine"), number)

            async def run(cancelling: _Cancelling = cancelling) -> Any:
                return await cancelling

            task = asyncio.create_task(run())
            await asyncio.wait([task])
            if not task.cancelled():
                break
            until = asyncio.get_running_loop().time() + 120
            while gateway.callers.consumers > 1:
                assert asyncio.get_running_loop().time() < until, f"a consumer is left after wait {number}"
                await asyncio.sleep(0.02)
            assert (gateway.in_flight, gateway.budget.used) == (0, 0)
        assert task.result() == 200
        assert gateway.callers.consumers == 2
        await gateway.close()
        assert gateway.callers.consumers == 0
        return number

    # Its own login is known, so it waits for Kafka and for the other pods.
    assert asyncio.run(attack()) > 2


def test_creations_that_wait_count_as_consumers(start_gateway: StartGateway, group: str) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent, ThreadPoolExecutor(5) as threads:
        known = f",gateway-9=127.0.0.1:{silent.getsockname()[1]}"
        limits = {"consumersPerCaller": 3}
        pod = start_pods(start_gateway, "gateway-0", also_known=known, limits=limits)[0]
        assert pod.call("POST", f"/consumers/{group}", user=BLUE).status == 200
        body = [{"name": f"c{number}"} for number in range(5)]
        made = [threads.submit(pod.call, "POST", f"/consumers/{group}", each, user=BLUE) for each in body]
        answers = sorted(each.result().status for each in made)
        assert answers == [200, 200, 429, 429, 429]
        assert pod.program.metric("gateway_consumers") == 3


def test_refused_creations_leave_nothing_behind(pods: list[Pod], group: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [
            threads.submit(pods[number % 2].call, "POST", f"/consumers/{group}", {"name": f"c{number}"}, user=RED)
            for number in range(100)
        ]
        assert {each.result().status for each in made} == {403}
    for pod in pods:
        pod.program.until_metric("gateway_consumers", lambda count: count == 0)
        pod.program.until_metric("gateway_bytes", lambda count: count == 0)
