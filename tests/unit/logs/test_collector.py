"""A real collector and a real Kafka: what becomes of lines, what pods can do to it, and what is lost when something fails."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_platform import LogCollectorSpec

from tests.collector_process import (
    Collector,
    Container,
    Line,
    Reader,
    Writer,
    collecting,
    make_topics,
    needed_collector,
)
from tests.dashboards import asked
from tests.kafka_process import LocalKafka, needed_jars

LINE = 1024
SPEC = LogCollectorSpec(
    namespaces=["payments", "shop"],
    max_line="1Ki",
    multiline={"shop": r"\d{4}-\d\d-\d\d "},
    mask=[r"(?P<keep>card=)\d{12,19}"],
)


@pytest.fixture(scope="module")
def kafka() -> Iterator[LocalKafka]:
    needed_collector()
    with LocalKafka(jars=needed_jars()) as running:
        yield running


@pytest.fixture
def own_kafka() -> Iterator[LocalKafka]:
    """One that a test may kill."""
    needed_collector()
    with LocalKafka(jars=needed_jars()) as running:
        yield running


MASKED = {
    '{"level":"error","password":"a b","db_token":"x"}': '{"level":"error","password":"[masked]","db_token":"[masked]"}',
    r'{"body":"{\"secret\": \"s3\"}"}': r'{"body":"{\"secret\": \"[masked]\"}"}',
    "GET /?token=abc&page=1 card=4111111111111111": "GET /?token=[masked]&page=1 card=[masked]",
    "Authorization: Bearer abc.def-ghi": "Authorization: Bearer [masked]",
    "jdbc://api:hunter2@db/shop": "jdbc://api:[masked]@db/shop",
    "key AKIAABCDEFGHIJKLMNOP": "key [masked]",
    "got eyJhbGciOi.eyJzdWIiOi.c2ln": "got [masked]",
    "-----BEGIN RSA PRIVATE KEY-----MIIE-----END RSA PRIVATE KEY----- x": "[masked] x",
}
FORGED = (
    "2026-01-01T00:00:00.000000000Z stderr F forged",
    "2026-01-01T00:00:00.000000000Z stdout P forged",
    '", "namespace": "shop", "line": "',
    "${env:KAFKA_SASL_USERNAME} $1 ${keep}",
    "\x1b[31mred\x00",
    "",
)


def test_lines_come_with_where_they_are_from_masked_joined_and_cut(kafka: LocalKafka, tmp_path: Path) -> None:
    with collecting(tmp_path, kafka, SPEC, namespace="payments") as collector:
        api, web = Container(collector.logs, "payments", "api-1"), Container(collector.logs, "shop", "web.x-2", "front")
        Container(collector.logs, "other", "db").write("never asked for")
        Container(collector.logs, "payments-too", "db").write("never asked for")
        # It would collect what it says of what it collects.
        Container(collector.logs, "payments", "log-collector-x7k2p").write("never asked for")
        link = collector.logs / "payments_link_0" / "main"
        link.mkdir(parents=True)
        (link / "0.log").symlink_to(tmp_path / "login" / "password")
        api.write(*MASKED, *FORGED, "level=WARNING disk")
        api.write("to stderr", stream="stderr")
        api.write_long("a" * 500 + "b" * 400, part=300)
        api.write_long("c" * 5 * LINE, part=300)
        api.write("d" * 3 * LINE)
        # In JSON each is six bytes.
        api.write("\x01" * LINE)
        api.write("last")
        web.write("2026-01-01 ERROR failed", "  at shop.Cart", "  at shop.Main", "2026-01-02 well")
        reader = Reader(kafka, SPEC)
        found = reader.wait_for(
            "last", "to stderr", "2026-01-02 well", "2026-01-01 ERROR failed\n  at shop.Cart\n  at shop.Main"
        )
        _are_as_written(found)
        shown = set(re.findall(r"^(otelcol_\w+)", collector.metrics(), re.MULTILINE))
        assert asked("otelcol_") - {"otelcol_exporter_send_failed_log_records"} <= shown
        reader.close()


def _are_as_written(found: list[Line]) -> None:
    of_api = [each for each in found if each.value["pod"] == "api-1"]
    cut = ["c" * LINE + " [cut]", "d" * LINE + " [cut]"]
    texts = [
        *MASKED.values(),
        *FORGED,
        "level=WARNING disk",
        "to stderr",
        "a" * 500 + "b" * 400,
        *cut,
        "\x01" * LINE,
        "last",
    ]
    assert [each.text for each in of_api] == texts
    assert len({(each.topic, each.partition, each.key) for each in of_api}) == 1
    first, last = of_api[0], of_api[-1]
    assert first.topic == "logs.payments"
    assert first.headers == {"namespace": "payments", "node": "machine-1"}
    assert last.value.keys() == {"time", "namespace", "pod", "container", "node", "stream", "severity", "line"}
    assert {each.text: each.value["stream"] for each in of_api}["to stderr"] == "stderr"
    severities = {each.text: each.value["severity"] for each in found}
    assert (severities["level=WARNING disk"], severities["last"]) == ("warn", "unknown")
    [boom, well] = [each for each in found if each.topic == "logs.shop"]
    assert boom.value["severity"] == "error"
    assert (well.value["container"], well.value["pod"]) == ("front", "web.x-2")
    assert not [each for each in found if "never" in each.text or "of-the-test" in each.text]


def numbers_of(reader: Reader) -> dict[str, int]:
    """How often each line has come."""
    found: dict[str, int] = {}
    for each in reader.lines:
        found[each.text] = found.get(each.text, 0) + 1
    return found


@pytest.mark.long
@pytest.mark.parametrize("gently", [False, True], ids=["SIGKILL", "SIGTERM"])
def test_no_line_is_lost_when_collector_and_broker_end_and_files_are_rotated(
    own_kafka: LocalKafka, tmp_path: Path, gently: bool
) -> None:
    spec = LogCollectorSpec(namespaces=["payments"])
    with collecting(tmp_path, own_kafka, spec) as collector:
        writer = Writer([Container(collector.logs, "payments", f"api-{each}") for each in range(2)], 20_000, 500, 997)
        end = collector.stop if gently else collector.kill
        writer.start()
        for number in (1_000, 2_000):
            writer.wait_for(number)
            end()
            collector.start()
        own_kafka.kill_node(0)
        writer.wait_for(3_500)
        end()
        collector.start()
        # More than half a minute without Kafka.
        writer.join()
        own_kafka.start_node(0)
        own_kafka.wait_until_registered(1)
        reader = Reader(own_kafka, spec)
        reader.wait_for(*writer.written)
        found = numbers_of(reader)
        reader.close()
        assert found.keys() == set(writer.written)
        # What comes twice was read since the position was noted last.
        assert sum(found.values()) - len(found) < 5_000


@pytest.mark.long
def test_a_pod_that_floods_its_log_neither_holds_up_other_namespaces_nor_fills_the_memory(
    own_kafka: LocalKafka, tmp_path: Path
) -> None:
    spec = LogCollectorSpec(namespaces=["payments", "shop"], queue="1Mi")
    with collecting(tmp_path, own_kafka, spec) as collector:
        flood, quiet = Container(collector.logs, "shop", "flood"), Container(collector.logs, "payments", "quiet")
        own_kafka.kill_node(0)
        for _ in range(20):
            flood.write(*["x" * 1_000] * 5_000)
            flood.write("y" * 1_000_000)
        time.sleep(5)  # the queue is full, and files are not read on
        own_kafka.start_node(0)
        quiet.write("still heard")
        reader = Reader(own_kafka, LogCollectorSpec(namespaces=["payments"]))
        reader.wait_for("still heard")
        reader.close()
        assert collector.memory() < 256
        size = sum(each.stat().st_size for each in (tmp_path / "state").rglob("*") if each.is_file())
        assert size < 64 * 2**20


@pytest.mark.long
def test_two_collectors_of_one_machine_each_have_all_lines(own_kafka: LocalKafka, tmp_path: Path) -> None:
    spec, other = LogCollectorSpec(namespaces=["payments"]), LogCollectorSpec(namespaces=["payments"], topic="others")
    with collecting(tmp_path / "one", own_kafka, spec) as first:
        second = Collector(needed_collector(), tmp_path / "two", own_kafka, other)
        second.logs.rmdir()
        second.logs.symlink_to(first.logs)
        make_topics(own_kafka, other)
        # The files of both are the same ones; a link among them would be refused.
        file = tmp_path / "two" / "config.yaml"
        file.write_text(file.read_text().replace(str(second.logs), str(first.logs)))
        second.start()
        try:
            Container(first.logs, "payments", "api").write("for both")
            for each in (spec, other):
                reader = Reader(own_kafka, each)
                reader.wait_for("for both")
                reader.close()
        finally:
            second.kill()
