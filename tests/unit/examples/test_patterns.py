"""The patterns of examples/: each program as a process of its own with the user and rights of its stack file, on a real Kafka."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from kafka_platform.entities.declarations import declarations
from kafka_platform.kafka.properties import option_lines
from kafka_platform.program.client_files import ClientSettings, client_files
from kafka_platform.program.spec import ProgramSpec, transactional_prefix

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.settings.parsing import read_stack
from sandbox.instance import REPOSITORY
from tests.connect_process import records
from tests.kafka_process import LocalKafka, needed_jars
from tests.provisioning import Bench

PATTERNS = REPOSITORY / "examples" / "patterns"
SETTINGS = read_stack(PATTERNS / "stack.yaml")
STACK = Stack(SETTINGS, CAPABILITIES)
SECONDS = 180.0
"""How long a busy machine may take for what an idle one does in seconds."""


def password(user: str) -> str:
    return f"{user}-password"


@dataclass
class Running:
    """A program, and what it prints."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def lines(self) -> list[str]:
        """The program's own: its client library complains of a broker that is slow, too."""
        return [line for line in self.output.splitlines() if not line.startswith("%")]

    def stop(self) -> None:
        """Ends it as Kubernetes does; it has to end well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0, self.output

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Platform:
    """A Kafka with what the stack file declares, and the programs that it names."""

    kafka: LocalKafka
    folder: Path
    running: list[Running] = field(default_factory=list)

    def start(self, name: str, *command: str, **more: str) -> Running:
        """A worker or job as the stack file has it; with another command or more variables, if any are given."""
        spec: ProgramSpec = {**SETTINGS.workers, **SETTINGS.jobs}[name]
        folder = self.folder / f"{name}-{len(self.running)}"
        folder.mkdir()
        for file, text in self.files(name, spec).items():
            (folder / file).write_text(text)
        variables = {
            "HOSTNAME": folder.name,
            "KAFKA_LIBRDKAFKA_CONFIG": str(folder / "librdkafka.conf"),
            "KAFKA_READ_TOPICS": ",".join(spec.reads),
            "KAFKA_GROUP_ID": spec.group_of(name) or "",
            "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG": str(folder / "librdkafka-consumer.conf"),
            "KAFKA_WRITE_TOPICS": ",".join(spec.writes),
            "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG": str(folder / "librdkafka-producer.conf"),
        }
        if spec.transactional:
            variables["KAFKA_TRANSACTIONAL_ID_PREFIX"] = transactional_prefix(name)
        words = command or tuple(map(str, spec.command or ()))[1:]
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=PATTERNS.parent,
                env={**os.environ, **variables, **{key: str(value) for key, value in spec.environment.items()}, **more},
                stdout=output,
                stderr=output,
            )
        self.running.append(Running(process, log))
        return self.running[-1]

    def files(self, name: str, spec: ProgramSpec) -> Mapping[str, str]:
        settings = ClientSettings(
            bootstrap_servers=self.kafka.bootstrap_servers,
            security_protocol=self.kafka.client_protocol,
            name=name,
            spec=spec,
        )
        login = {key: str(value) for key, value in self.kafka.client(name, password(name)).items()}
        return {**client_files(settings), "librdkafka.conf": option_lines(login)}

    def write(self, topic: str, values: Sequence[tuple[str | None, Any]]) -> None:
        """JSON under these keys, as the shop, which may."""
        producer = Producer({**self.kafka.client("shop", password("shop")), "partitioner": "murmur2_random"})
        for key, value in values:
            producer.produce(topic, value if isinstance(value, bytes) else json.dumps(value), key)
        assert producer.flush(SECONDS) == 0

    def read(self, topic: str) -> list[Any]:
        """All committed values of a topic."""
        return [json.loads(value or b"null") for _, value in records(self.kafka, topic)]

    def eventually(self, what: str, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + SECONDS
        while not condition():
            ended = [each.output for each in self.running if each.process.poll() not in (None, 0, -signal.SIGKILL)]
            assert not ended, ended
            assert time.monotonic() < until, (what, [each.output[-1000:] for each in self.running])
            time.sleep(0.2)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with LocalKafka(jars=needed_jars()) as started:
        bench = Bench(started, tmp_path_factory.mktemp("provisioner"), "patterns")
        declared = declarations(STACK.topics, STACK.users, 1)
        bench.files = {name: json.loads(text) for name, text in declared.items()}
        bench.passwords = {name: password(name) for name in STACK.users}
        bench.apply()
        yield started


@pytest.fixture
def platform(kafka: LocalKafka, tmp_path: Path) -> Iterator[Platform]:
    made = Platform(kafka, tmp_path)
    try:
        yield made
    finally:
        for each in made.running:
            with contextlib.suppress(ProcessLookupError):
                each.kill()


def test_questions_are_answered_to_who_asked_and_a_hostile_one_stops_nobody(platform: Platform) -> None:
    hostile = Producer(platform.kafka.client("checkout", password("checkout")))
    for place in ("99999", "-1", "x", "6"):
        hostile.produce("price-questions", "apple", headers={"correlation-id": "1", "reply-partition": place})
    hostile.produce("price-questions", b"\xff")
    assert hostile.flush(SECONDS) == 0
    worker = platform.start("prices")
    platform.eventually("the hostile ones are passed over", lambda: worker.output.count("no answer wanted") == 5)
    askers = [
        platform.start("checkout", "-m", "patterns.ask", *products, ANSWER_SECONDS=str(SECONDS))
        for products in (("apple", "nothing"), ("pear", "apple"))
    ]
    for each in askers:
        assert each.process.wait(SECONDS) == 0, each.output
    assert askers[0].lines == ['apple {"price": 0.4}', 'nothing {"problem": "no such product"}']
    assert askers[1].lines == ['pear {"price": 0.6}', 'apple {"price": 0.4}']
    worker.stop()


def test_a_question_that_nobody_answers_ends_in_time(platform: Platform) -> None:
    asker = platform.start("checkout", "-c", "from patterns.ask import Asker; print(Asker().ask(['apple'], 2))")
    assert asker.process.wait(SECONDS) == 0, asker.output
    assert asker.lines == ["[None]"]


def test_payments_are_tried_again_or_set_aside_and_none_waits_for_another(platform: Platform) -> None:
    patient = [
        "-c",
        "import sys; from patterns import client, payments; payments.WAIT_SECONDS = 1; sys.exit(client.main(payments.handle))",
    ]
    first = platform.start("payments", *patient)
    payments = [("a", {"euros": 5, "unavailable": 2}), ("a", {"euros": 6}), ("a", {"euros": 7, "unavailable": 99})]
    platform.write("payments", [*payments, ("b", {"euros": -1}), ("b", b"nonsense"), ("b", [1])])
    platform.eventually("one is paid at once", lambda: len(platform.read("payments-made")) >= 1)
    # Whoever dies leaves it to the next.
    first.kill()
    second = platform.start("payments", *patient)
    dead = "payments-dead"
    platform.eventually("all are done", lambda: len(records(platform.kafka, dead)) >= 4 and len(paid(platform)) >= 2)
    assert paid(platform) == {5, 6}
    values = {value for _, value in records(platform.kafka, dead)}
    assert values == {b'{"euros": 7, "unavailable": 99}', b'{"euros": -1}', b"nonsense", b"[1]"}
    second.stop()


def paid(platform: Platform) -> set[int]:
    return {each["euros"] for each in platform.read("payments-made")}


def test_a_saga_ends_once_for_each_order_whatever_dies(platform: Platform) -> None:
    number = 30
    names = ("saga", "stock", "payment")
    running = [platform.start(name) for name in names]
    orders = [
        (f"o{n}", {"pieces": 20 if n % 5 == 1 else 1, "euros": 500 if n % 5 == 2 else 10, "n": n})
        for n in range(number)
    ]
    platform.write("orders", orders[:20])
    platform.eventually("some are done", lambda: len(platform.read("orders-done")) > 0)
    platform.write("orders", orders[20:])
    for each in running:
        each.kill()
    running = [platform.start(name) for name in names]
    platform.write("orders", [("x", b"nonsense"), ("x", {"pieces": "all"})])
    platform.eventually("all are done", lambda: len(platform.read("orders-done")) >= number + 2)
    done = platform.read("orders-done")
    refused = [each for each in done if each["state"] == "refused"]
    assert len(refused) == 2
    ended = {each["order"]["n"]: (each["state"], each["because"]) for each in done if each not in refused}
    assert len(ended) == len(done) - 2 == number
    expected = {1: ("cancelled", "only 10 pieces are left"), 2: ("cancelled", "more than 100 euros")}
    assert ended == {n: expected.get(n % 5, ("confirmed", None)) for n in range(number)}
    acted = Counter((each["order"]["n"], each["action"]) for each in platform.read("saga-results"))
    assert set(acted.values()) == {1}
    assert {n for n, action in acted if action == "release"} == {n for n in range(number) if n % 5 == 2}
    for each in running:
        each.stop()


def test_labels_have_the_newest_address_and_a_batch_counts_each_once(platform: Platform) -> None:
    platform.write(
        "customers", [("c1", {"city": "Ulm"}), ("c2", {"city": "Aalen"}), ("c1", {"city": "Bonn"}), ("c3", b"?")]
    )
    platform.write("parcels", [("c1", 1), ("c2", 2), ("c3", 3)])
    worker = platform.start("labels")
    platform.eventually("three labels", lambda: len(platform.read("labels")) == 3)
    platform.write("customers", [("c3", {"city": "Celle"})])
    platform.write("parcels", [("c3", 4)])
    platform.eventually("the fourth", lambda: len(platform.read("labels")) == 4)
    found = {each["parcel"]: each.get("address", {}) or each["problem"] for each in platform.read("labels")}
    assert {key: found[key] for key in "123"} == {"1": {"city": "Bonn"}, "2": {"city": "Aalen"}, "3": "no address"}
    worker.stop()
    for counted in ({"labels": 3, "problems": 1}, {}):
        job = platform.start("report")
        assert job.process.wait(SECONDS) == 0, job.output
        assert [json.loads(each) for each in job.lines] == [counted]
    assert platform.read("reports") == [{"labels": 3, "problems": 1}, {}]


def test_a_queue_is_shared_by_more_workers_than_partitions_and_nothing_is_lost(platform: Platform) -> None:
    admin = AdminClient(platform.kafka.client())
    # By default a new group begins with what comes from then on; a lock ends after 30 s.
    for name, value in (("share.auto.offset.reset", "earliest"), ("share.record.lock.duration.ms", "15000")):
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.GROUP, "thumbnails", incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(SECONDS)
    workers = [platform.start("thumbnails") for _ in range(3)]
    pictures = [(None, {"name": str(n), "ms": 20}) for n in range(300)]
    # A worker is given whole batches, as they were written.
    for begin in range(0, len(pictures), 5):
        platform.write("pictures", pictures[begin : begin + 5])
    platform.write("pictures", [(None, b"nonsense")])
    platform.eventually("some are made", lambda: len(platform.read("thumbnails")) > 30)
    workers[0].kill()
    platform.eventually(
        "all are made", lambda: {each["name"] for each in platform.read("thumbnails")} == {str(n) for n in range(300)}
    )
    made = Counter(each["by"] for each in platform.read("thumbnails"))
    assert len(made) == 3, made
    for each in workers[1:]:
        each.stop()


@pytest.mark.parametrize(("user", "topic"), [("prices", "orders"), ("payments", "payments"), ("labels", "customers")])
def test_a_program_may_do_nothing_else(kafka: LocalKafka, user: str, topic: str) -> None:
    refused: list[KafkaError | None] = []
    producer = Producer(kafka.client(user, password(user)) | {"message.timeout.ms": 60_000})
    with contextlib.suppress(KafkaException):
        producer.produce(topic, b"x", on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(SECONDS) == 0
    assert [error.code() for error in refused if error] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]
