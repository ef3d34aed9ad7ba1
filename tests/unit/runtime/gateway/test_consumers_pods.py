"""Consumer instances of a gateway of several pods: found from everywhere, taken over when a pod ends."""

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.runtime.gateway.conftest import BLUE, JSON, STOP_SECONDS, Kafka, StartGateway
from tests.unit.runtime.gateway.consumers_harness import Consumer, Pod, eventually, start_pods


@pytest.fixture(scope="module")
def pods(start_gateway: StartGateway) -> Iterator[list[Pod]]:
    pods = start_pods(start_gateway, "gateway-0", "gateway-1", "gateway-2")
    yield pods
    for pod in pods:
        assert "ERROR" not in pod.log


@pytest.fixture
def topic(kafka: Kafka, request: pytest.FixtureRequest) -> str:
    return kafka.make_topic(f"red.{request.node.originalname}", 2)


@pytest.fixture
def group(request: pytest.FixtureRequest) -> str:
    return f"red.{request.node.originalname}"


def test_every_pod_answers_for_every_instance(pods: list[Pod], topic: str, group: str) -> None:
    chosen, generated = Consumer.make(pods[0], group, "mine"), Consumer.make(pods[1], f"{group}-2")
    assert chosen.name == "mine"
    assert generated.name.endswith("@gateway-1")
    turn = 0
    for consumer in (chosen, generated, Consumer(pod=pods[0], group=group, name="mine@gateway-0")):
        # Each request by another pod, as a load balancer would have it.
        def next_one(consumer: Consumer = consumer) -> Consumer:
            nonlocal turn
            turn += 1
            return consumer.at(pods[turn % 3])

        next_one().subscribe(topic)
        pods[2].write(topic, [1, 2, 3], partition=turn % 2)
        found: list[int] = []
        while len(found) < 3:
            found += [each["value"] for each in next_one().read(1000)]
        assert found[-3:] == [1, 2, 3]
        next_one().done("POST", "/offsets")
        assert next_one().committed()
        answer = next_one().call("GET", "/records?timeout=0", accept="text/html")
        assert (answer.status, answer.code) == (406, 40601)
        next_one().done("DELETE", "/subscription")
        assert next_one().call("POST", "/subscription", b"{").status == 400
    for pod in pods:
        assert chosen.at(pod).call("GET", "/records", user=BLUE).status == 404
        assert chosen.at(pod).call("GET", "/records", user=None).status == 401
    generated.at(pods[2]).done("DELETE")
    chosen.at(pods[1]).done("DELETE")
    for pod in pods:
        for consumer in (chosen, generated):
            answer = consumer.at(pod).call("GET", "/records")
            assert (answer.status, answer.code) == (404, 40403)


def test_a_forwarded_request_goes_no_further(pods: list[Pod], group: str) -> None:
    consumer = Consumer.make(pods[0], group, "mine")
    for name in ("mine", "mine@gateway-0"):
        elsewhere = Consumer(pod=pods[1], group=group, name=name)
        assert elsewhere.call("GET").status == 200
        assert elsewhere.call("GET", headers={"x-gateway-hop": "gateway-2"}).code == 40403
    # Meant for a pod whose address this one has by now.
    assert consumer.call("GET", headers={"x-gateway-hop": "gateway-2", "x-gateway-target": "gateway-9"}).code == 40403
    # Asking for another pod needs the caller's own credentials, too.
    assert consumer.call("GET", headers={"x-gateway-hop": "gateway-2"}, user=None).status == 401
    for name in ("x@gateway-9", "x@example.com/", "x@127.0.0.1", "@gateway-0", "x@", "@"):
        odd = Consumer(pod=pods[1], group=group, name=name.replace("/", "%2F"))
        assert odd.call("GET", "/records").code == 40403, name
    consumer.done("DELETE")


def test_a_name_is_given_once(pods: list[Pod], group: str) -> None:
    consumer = Consumer.make(pods[0], group, "mine")
    for pod in pods:
        answer = pod.call("POST", f"/consumers/{group}", {"name": "mine"})
        assert (answer.status, answer.code) == (409, 40902)
    consumer.done("DELETE")
    # Found elsewhere although it was known to be at the first pod.
    assert consumer.at(pods[2]).call("GET").status == 404
    moved = Consumer.make(pods[1], group, "mine")
    assert moved.at(pods[2]).call("GET").status == 200
    moved.done("DELETE")
    with ThreadPoolExecutor(3) as threads:
        for number in range(5):
            body = {"name": f"race-{number}"}
            made = [threads.submit(pod.call, "POST", f"/consumers/{group}", body) for pod in pods]
            assert sorted(each.result().status for each in made) == [200, 409, 409]
            Consumer(pod=pods[0], group=group, name=f"race-{number}").done("DELETE")


def test_nothing_is_lost_when_a_pod_is_killed(start_gateway: StartGateway, topic: str, group: str) -> None:
    left, killed = start_pods(start_gateway, "gateway-0", "gateway-1")
    survivor = Consumer.make(left, group, "survivor").subscribe(topic)
    victim = Consumer.make(killed, group, "victim").subscribe(topic)
    eventually(lambda: len(survivor.partitions()) == len(victim.partitions()) == 1)
    for partition in (0, 1):
        left.write(topic, list(range(100)), partition=partition)
    own = victim.partitions()[0]
    last = victim.at(left).read_until(100)
    assert {each["partition"] for each in last} == {own}
    # The owner dies before the caller comes again: what was in the last answer counts as not delivered.
    killed.program.process.send_signal(signal.SIGKILL)
    killed.program.process.wait()
    for name in ("victim", "victim@gateway-1"):
        gone = Consumer(pod=left, group=group, name=name)
        # Nobody waits for a pod that is gone: if that took its time, every try would.
        quickest = 60.0
        for _ in range(10):
            begun = time.monotonic()
            answer = gone.call("GET", "/records")
            quickest = min(quickest, time.monotonic() - begun)
            assert (answer.status, answer.code) == (404, 40403)
            if quickest < 1:
                break
        assert quickest < 1, name
    found = survivor.read_until(200)
    assert sorted((each["partition"], each["offset"]) for each in found) == [
        (partition, offset) for partition in (0, 1) for offset in range(100)
    ]
    assert survivor.partitions() == [0, 1]
    # The name is free.
    Consumer.make(left, group, "victim").done("DELETE")


def test_a_pod_that_ends_leaves_its_groups(kafka: Kafka, start_gateway: StartGateway, topic: str, group: str) -> None:
    left, ended = start_pods(start_gateway, "gateway-0", "gateway-1")
    survivor = Consumer.make(left, group, "survivor").subscribe(topic)
    # A read that waits for longer than the pod has for its end.
    long = 1000 * int(2 * STOP_SECONDS)
    other = Consumer.make(ended, group, "other", consumer_request_timeout_ms=long).subscribe(topic)
    eventually(lambda: len(survivor.partitions()) == len(other.partitions()) == 1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(other.call, "GET", f"/records?timeout={long}", timeout=3 * STOP_SECONDS)
        ended.program.until_metric("gateway_requests_in_flight", lambda count: count == 1)
        assert ended.program.stop() == 0
        # Who waits for records is told that there are none, not cut off.
        assert (waiting.result().status, waiting.result().body) == (200, [])
    eventually(lambda: survivor.partitions() == [0, 1])
    assert kafka.left_by_themselves(group) == [True]
    assert other.at(left).call("GET").code == 40403


def test_a_pod_that_does_not_answer_is_not_a_pod_that_is_gone(start_gateway: StartGateway, group: str) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        known = f",gateway-9=127.0.0.1:{silent.getsockname()[1]}"
        pod = start_pods(start_gateway, "gateway-0", also_known=known)[0]
        answer = pod.call("GET", f"/consumers/{group}/instances/x/records")
        assert (answer.status, answer.code) == (503, 50301)
        # It has no say when an instance is made.
        Consumer.make(pod, group, "mine").done("DELETE")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install it")
def test_pods_reach_each_other_by_tls(start_gateway: StartGateway, tmp_path: Path, topic: str, group: str) -> None:
    chain, key = certificate(authority(tmp_path), "leaf", "DNS:gateway.example.com")
    context = ssl.create_default_context(cafile=str(tmp_path / "authority.crt"))
    context.check_hostname = False
    tls = {"certificate": str(chain), "key": str(key)}
    first, second = start_pods(start_gateway, "gateway-0", "gateway-1", tls=context, tls_files=tls)
    consumer = Consumer.make(first, group, "mine").subscribe(topic)
    created = first.call("POST", f"/consumers/{group}")
    assert created.body["base_uri"].startswith("https://")
    first.write(topic, [1])
    assert [each["value"] for each in consumer.at(second).read_until(1)] == [1]
    # A pod with a certificate of somebody else is none of ours.
    other_chain, other_key = certificate(authority(tmp_path / "other"), "leaf", "DNS:gateway.example.com")
    other_context = ssl.create_default_context(cafile=str(tmp_path / "other" / "authority.crt"))
    other_context.check_hostname = False
    stranger = start_pods(
        start_gateway,
        "gateway-2",
        tls=other_context,
        also_known=f",gateway-0=127.0.0.1:{first.port}",
        tls_files={"certificate": str(other_chain), "key": str(other_key)},
    )[0]
    answer = consumer.at(stranger).call("GET")
    assert (answer.status, answer.code) == (503, 50301)
    consumer.name = "mine@gateway-0"
    answer = consumer.at(stranger).call("GET", accept=JSON)
    assert (answer.status, answer.code) == (503, 50003)
    consumer.at(second).done("DELETE")


def authority(folder: Path) -> Path:
    """A folder with a root authority and an intermediate one that signs certificates."""
    folder.mkdir(exist_ok=True)
    _openssl(folder, "req", "-x509", *_NEW_KEY, "-days", "2",
             "-subj", "/CN=root", "-keyout", "authority.key", "-out", "authority.crt")  # fmt: skip
    _sign(folder, "middle", "authority", "basicConstraints=critical,CA:TRUE")
    return folder


def certificate(folder: Path, subject: str, name: str | None) -> tuple[Path, Path]:
    """A certificate (chain: itself and the intermediate authority of the folder) and its key.

    Args:
        folder: of the authority.
        subject: of the certificate.
        name: such as `DNS:gateway.example.com`; None: it has none.
    """
    _sign(folder, subject, "middle", "basicConstraints=CA:FALSE" if name is None else f"subjectAltName={name}")
    chain = folder / f"{subject}-chain.crt"
    chain.write_text((folder / f"{subject}.crt").read_text() + (folder / "middle.crt").read_text())
    return chain, folder / f"{subject}.key"


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


def _sign(folder: Path, subject: str, signer: str, extension: str) -> None:
    (folder / f"{subject}.ext").write_text(extension)
    _openssl(folder, "req", *_NEW_KEY, "-subj", f"/CN={subject}",
             "-keyout", f"{subject}.key", "-out", f"{subject}.csr")  # fmt: skip
    _openssl(folder, "x509", "-req", "-in", f"{subject}.csr", "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key",
             "-CAcreateserial", "-days", "2", "-extfile", f"{subject}.ext", "-out", f"{subject}.crt")  # fmt: skip
