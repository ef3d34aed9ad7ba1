"""The probe as a real process, with a real Kafka and a real gateway, also while these are killed."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from tests.dashboards import asked
from tests.kafka_process import needed_jars
from tests.ports import free_ports
from tests.unit.runtime.gateway.conftest import Kafka, Program, password
from tests.unit.runtime.hurried import hurried

USER = TOPIC = "latency-probe"
PARTITIONS = 2
PATHS = [(write, read) for write in ("native", "http") for read in ("native", "http")]
KINDS = ("lost", "found", "duplicated", "out_of_order", "undecided")


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """A node with a topic for probes, and a user with the rights that a probe has."""
    with Kafka(jars=needed_jars()) as cluster:
        cluster.make_topic(TOPIC, PARTITIONS)
        cluster.make_user(USER)
        allow(cluster, TOPIC)
        yield cluster


def allow(cluster: Kafka, topic: str) -> None:
    """Give the user the rights that a probe has."""
    user = f"User:{USER}"
    for each in (AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE):
        rule = AclBinding(
            ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, user, "*", each, AclPermissionType.ALLOW
        )
        cluster.add_rules(rule)


@pytest.fixture(scope="module")
def gateway(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(kafka, tmp_path_factory.mktemp("gateway")).wait()
    yield program
    program.kill()


class Probe:
    """The program as a process of its own."""

    def __init__(
        self,
        kafka: Kafka,
        folder: Path,
        gateway: str | None,
        *arguments: str,
        secret: str | None = None,
        module: Sequence[str] = ("kafka_platform_runtime.probe",),
        **more: str,
    ) -> None:
        [self.port] = free_ports(1)
        self.password = folder / "password"
        self.password.write_text(secret or password(USER))
        self.message = folder / "termination-log"
        self.log = folder / "log"
        environment = {
            **os.environ,
            **kafka.environment(),
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD_FILE": str(self.password),
            "PROBE_TOPIC": TOPIC,
            "PROBE_GATEWAY_URL": gateway or "",
            "PROBE_INTERVAL_SECONDS": "0.2",
            "PROBE_LOST_AFTER_SECONDS": "5",
            "PROBE_PORT": str(self.port),
            "TERMINATION_LOG": str(self.message),
            **more,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *module, *arguments],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metrics(self) -> dict[str, float]:
        """Every series by its name with labels."""
        lines = self.get("/metrics")[1].splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def counts(self, kind: str) -> dict[tuple[str, str], float]:
        """A counter, by path."""
        found = self.metrics()
        return {(w, r): found[f'kafka_probe_{kind}_total{{read="{r}",write="{w}"}}'] for w, r in PATHS}

    def faults(self) -> dict[str, float]:
        """Sums over the paths of what must not be."""
        return {kind: sum(self.counts(kind).values()) for kind in KINDS}

    def oldest(self) -> float:
        return max(
            value for name, value in self.metrics().items() if name.startswith("kafka_probe_oldest_unread_seconds")
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end; its exit code. It has as long as Kubernetes gives a pod."""
        self.process.send_signal(number)
        return self.process.wait(120)

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
def start(kafka: Kafka, tmp_path: Path) -> Iterator[Callable[..., Probe]]:
    made: list[Probe] = []

    def begin(gateway: str | None, *arguments: str, **more: Any) -> Probe:
        made.append(Probe(kafka, tmp_path, gateway, *arguments, **more))
        return made[-1]

    yield begin
    for each in made:
        with contextlib.suppress(ProcessLookupError):
            each.process.kill()
        each.process.wait()


def eventually(what: str, condition: Callable[[], object], probe: Probe, seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}\n{probe.said()}"
        assert probe.process.poll() is None, probe.said()
        time.sleep(0.2)


def until_read_natively(probe: Probe) -> None:
    """Wait until the reader by Kafka's protocol has every probe that Kafka has by now: acknowledged soon, if not yet."""
    soon = time.monotonic() + 2

    def oldest() -> float:
        kinds = [f'kafka_probe_oldest_unread_seconds{{read="native",write="{write}"}}' for write in ("native", "http")]
        found = probe.metrics()
        return max(found[kind] for kind in kinds)

    eventually("all is read natively", lambda: oldest() < time.monotonic() - soon, probe)


def ends_of(kafka: Kafka, topic: str) -> dict[int, int]:
    """The offsets behind the last record of each partition."""
    consumer = Consumer({**kafka.client(), "group.id": "none"})
    try:
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), 60)[1] for number in range(PARTITIONS)
        }
    finally:
        consumer.close()


def url(gateway: Program) -> str:
    return f"http://127.0.0.1:{gateway.port}"


def quiet(probe: Probe) -> Mapping[tuple[str, str], float]:
    """Waits until there is progress on every path and nothing old is left; what was read by then."""
    before = probe.counts("read")
    eventually(
        "every path goes on",
        lambda: all(now > then + 5 for now, then in zip(probe.counts("read").values(), before.values(), strict=True)),
        probe,
    )
    eventually("nothing old is left", lambda: probe.oldest() < 2, probe)
    return probe.counts("read")


class TestCanary:
    def test_all_four_paths(self, gateway: Program, start: Callable[..., Probe]) -> None:
        probe = start(url(gateway))
        eventually("it is ready", lambda: probe.get("/readyz")[0] == 200, probe)
        assert probe.get("/healthz") == (200, "ok\n")
        quiet(probe)
        assert probe.faults() == dict.fromkeys(KINDS, 0)

        def timed() -> bool:
            """A probe is counted, and then timed: one may come between the two."""
            found = probe.metrics()
            return all(
                found[f"kafka_probe_latency_seconds_count{{{path}}}"] == found[f"kafka_probe_read_total{{{path}}}"]
                for path in (f'read="{read}",write="{write}"' for write, read in PATHS)
            )

        eventually("every probe that was read was timed", timed, probe)
        found = probe.metrics()
        for write, read in PATHS:
            path = f'read="{read}",write="{write}"'
            assert (
                0
                < found[f"kafka_probe_latency_seconds_sum{{{path}}}"]
                < found[f"kafka_probe_read_total{{{path}}}"] * 10
            )
        assert [name for name in found if 'le="0.001"' in name or 'le="10.0"' in name]
        assert found['kafka_probe_write_errors_total{write="http"}'] == 0
        assert probe.end() == 0
        assert "ended: told to end" in probe.said()
        assert password(USER) not in probe.said()

    def test_the_rate_is_what_it_is_told(self, start: Callable[..., Probe]) -> None:
        probe = start(None)
        eventually("it has begun", lambda: "begun" in probe.said(), probe)
        name = 'kafka_probe_written_total{write="native"}'
        began, before = time.monotonic(), probe.metrics()[name]
        time.sleep(5)
        after, took = probe.metrics()[name], time.monotonic() - began
        assert 0 < after - before <= PARTITIONS * (took / 0.2 + 2)
        assert 'read="http"' not in probe.get("/metrics")[1]

    def test_dashboards_and_alerts_ask_for_metrics_that_it_shows(self, start: Callable[..., Probe]) -> None:
        probe = start(None)
        eventually("it has begun", lambda: "begun" in probe.said(), probe)
        assert asked("kafka_probe_") <= {name.partition("{")[0] for name in probe.metrics()}

    def test_a_killed_gateway_is_no_loss(
        self, kafka: Kafka, start: Callable[..., Probe], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        [port, metrics_port] = free_ports(2)
        folder, settings = tmp_path_factory.mktemp("killed"), {"port": port, "metricsPort": metrics_port}
        gateway = Program(kafka, folder, settings).wait()
        try:
            probe = start(url(gateway))
            eventually("it is ready", lambda: probe.get("/readyz")[0] == 200, probe)
            gateway.kill()
            time.sleep(7)  # longer than a probe may take
            eventually("it says so", lambda: probe.get("/readyz")[0] == 503, probe)
            assert "native->http has delivered no probe for" in probe.get("/readyz")[1]
            assert probe.metrics()['kafka_probe_write_errors_total{write="http"}'] > 0
            assert probe.faults() == dict.fromkeys(KINDS, 0)
            gateway = Program(kafka, folder, settings).wait()
            eventually("it is ready again", lambda: probe.get("/readyz")[0] == 200, probe)
            quiet(probe)
            time.sleep(6)
            assert probe.faults() == dict.fromkeys(KINDS, 0)

            def missed() -> float:
                read = probe.counts("read")
                return abs(read["native", "http"] - read["native", "native"])

            eventually("what was written by Kafka's protocol meanwhile is read by HTTP", lambda: missed() < 10, probe)
        finally:
            gateway.kill()

    def test_records_that_are_gone_are_lost(
        self, kafka: Kafka, start: Callable[..., Probe], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """They are deleted while the gateway is away, so that one reader had them and the other never gets them."""
        [port, metrics_port] = free_ports(2)
        folder, settings = tmp_path_factory.mktemp("gone"), {"port": port, "metricsPort": metrics_port}
        gateway = Program(kafka, folder, settings).wait()
        try:
            probe = start(url(gateway))
            eventually("it is ready", lambda: probe.get("/readyz")[0] == 200, probe)
            gateway.kill()
            unread = 'kafka_probe_unread{read="http",write="native"}'
            eventually("probes wait for the reader by HTTP", lambda: probe.metrics()[unread] > 5, probe)
            missed = probe.metrics()[unread]
            ends = ends_of(kafka, TOPIC)
            until_read_natively(probe)
            kafka.delete_records(TOPIC, ends)
            gateway = Program(kafka, folder, settings).wait()
            eventually("the loss is seen", lambda: probe.counts("lost")["native", "http"] >= missed, probe)
            assert probe.counts("lost")["native", "native"] == 0
            assert probe.counts("lost")["http", "native"] == 0
            quiet(probe)
        finally:
            gateway.kill()

    def test_a_topic_that_begins_anew(self, kafka: Kafka, gateway: Program, start: Callable[..., Probe]) -> None:
        """Offsets begin at 0 again, and readers are somewhere else."""
        topic = f"{TOPIC}-anew"
        allow(kafka, topic)
        kafka.make_topic(topic, PARTITIONS)
        probe = start(url(gateway), PROBE_TOPIC=topic)
        eventually("it is ready", lambda: probe.get("/readyz")[0] == 200, probe)
        quiet(probe)
        kafka.admin.delete_topics([topic])[topic].result(120)
        time.sleep(3)
        kafka.make_topic(topic, PARTITIONS)
        eventually("it is ready again", lambda: probe.get("/readyz")[0] == 200, probe)
        quiet(probe)
        assert probe.faults() | {"lost": 0} == dict.fromkeys(KINDS, 0)

    def test_a_new_password_makes_it_begin_anew(self, start: Callable[..., Probe]) -> None:
        probe = start(None, module=hurried("probe", probe__program__WATCH_SECONDS=1))
        eventually("it is ready", lambda: probe.get("/readyz")[0] == 200, probe)
        probe.password.write_text("another")
        assert probe.process.wait(120) == 0
        assert "ended: the password, or the certificate, has changed" in probe.said()


class TestGate:
    def test_it_passes(self, gateway: Program, start: Callable[..., Probe]) -> None:
        probe = start(url(gateway), "--once", PROBE_COUNT="10")
        assert probe.process.wait(120) == 0, probe.said()
        line = probe.message.read_text()
        figure = r"[\d.]+ m?s"
        paths = "; ".join(rf"{write}->{read} p50 {figure} p99 {figure}" for write, read in PATHS)
        assert re.fullmatch(rf"passed: {paths}; 20 probes each, lost 0", line), line
        assert probe.said().splitlines()[-1] == line

    def test_it_prints_a_table(self, start: Callable[..., Probe]) -> None:
        probe = start(None, "--once", "--table")
        assert probe.process.wait(120) == 0, probe.said()
        assert re.search(r"^native->native +40 .* 0 +0 +0$", probe.said(), re.MULTILINE), probe.said()
        assert not probe.message.exists()

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"PROBE_TOPIC": "nobody"}, r"not ready: 8 s have passed: topic nobody: "),
            ({"secret": "wrong"}, r"not ready: 8 s have passed: Kafka does not answer: .*Authentication failed"),
            (
                {"gateway": "http://127.0.0.1:9"},
                r"native->http has delivered no probe yet; .*http: .*Cannot connect to host",
            ),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_it_says_why_not(self, start: Callable[..., Probe], more: dict[str, str], said: str) -> None:
        probe = start(more.pop("gateway", None), "--once", PROBE_DEADLINE_SECONDS="8", **more)
        assert probe.process.wait(90) == 1, probe.said()
        line = probe.message.read_text()
        assert re.search(said, line), line
        assert "\n" not in line

    def test_it_ends_when_it_is_told_to(self, start: Callable[..., Probe]) -> None:
        probe = start(None, "--once", PROBE_TOPIC="nobody")
        eventually("it has asked", lambda: "begin: topic nobody" in probe.said(), probe)
        assert probe.end() == 1
        assert probe.message.read_text().startswith("not ready: was told to end: topic nobody: ")

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"PROBE_TOPIC": ""}, "PROBE_TOPIC: is not set: name the topic"),
            ({"PROBE_INTERVAL_SECONDS": "often"}, "PROBE_INTERVAL_SECONDS: 'often' is out of range: use a number"),
            (
                {"PROBE_INTERVAL_SECONDS": "3"},
                "PROBE_INTERVAL_SECONDS: 3 is more than half of PROBE_LOST_AFTER_SECONDS",
            ),
            ({"PROBE_INTERVAL_SECONDS": "0.01", "PROBE_GATEWAY_URL": "http://127.0.0.1:9"}, "use at least 0.02"),
            ({"PROBE_GATEWAY_URL": "gateway"}, "PROBE_GATEWAY_URL: 'gateway' is not a URL"),
            ({"PROBE_GATEWAY_CA_FILE": "/nowhere"}, "PROBE_GATEWAY_CA_FILE: /nowhere is not a file"),
            ({"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS: is not set"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_what_is_refused(self, start: Callable[..., Probe], more: dict[str, str], said: str) -> None:
        probe = start(None, "--once", **more)
        assert probe.process.wait(60) == 3, probe.said()
        assert said in probe.message.read_text()


class TestDrill:
    @staticmethod
    def reports(probe: Probe) -> list[dict[str, Any]]:
        return [json.loads(line) for line in probe.said().splitlines() if line.startswith('{"drill"')]

    def test_it_says_how_long_nobody_could_write_and_what_came_late(
        self, gateway: Program, start: Callable[..., Probe]
    ) -> None:
        probe = start(url(gateway), "--drill", "300")
        eventually("it has begun", lambda: self.reports(probe), probe)
        gateway.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        gateway.process.send_signal(signal.SIGCONT)
        time.sleep(2)
        assert probe.process.stdin is not None
        probe.process.stdin.close()
        assert probe.process.wait(180) == 0, probe.said()
        [_, report] = self.reports(probe)
        by_way = {each["write"]: each for each in report["writes"]}
        assert by_way["http"]["longestSilenceSeconds"] >= 2.5
        assert by_way["http"]["silentPartitions"] == by_way["http"]["partitions"] == PARTITIONS
        assert by_way["http"]["failed"] == by_way["native"]["failed"] == 0
        assert by_way["native"]["written"] > 0
        assert all(
            each["lost"] == each["duplicated"] == each["outOfOrder"] == each["unread"] == 0 for each in report["paths"]
        )
        late = {(each["write"], each["read"]): each["late"] for each in report["paths"]}
        assert late["http", "native"] > 0

    def test_it_ends_by_itself(self, start: Callable[..., Probe]) -> None:
        probe = start(None, "--drill", "2")
        assert probe.process.wait(180) == 0, probe.said()
        assert [each["drill"] for each in self.reports(probe)] == ["begun", "done"]

    def test_it_says_why_it_has_not_begun(self, start: Callable[..., Probe]) -> None:
        probe = start(None, "--drill", "2", secret="wrong", PROBE_DEADLINE_SECONDS="12")
        assert probe.process.wait(180) == 1
        [report] = self.reports(probe)
        assert report["drill"] == "failed"
        assert "Authentication failed" in report["why"]


def test_a_killed_broker_is_no_loss(kafka: Kafka, gateway: Program, start: Callable[..., Probe]) -> None:
    """The last test here: the only broker is killed, and comes back later than a probe may take."""
    probe = start(url(gateway))
    eventually("it is ready", lambda: probe.get("/readyz")[0] == 200, probe)
    kafka.kill_node(0)
    time.sleep(7)  # longer than a probe may take
    eventually("it says so", lambda: probe.get("/readyz")[0] == 503, probe)
    kafka.start_node(0)
    kafka.wait_until_registered(1)
    eventually("it is ready again", lambda: probe.get("/readyz")[0] == 200, probe)
    quiet(probe)
    time.sleep(6)
    assert probe.faults() == dict.fromkeys(KINDS, 0)
    assert probe.end() == 0
