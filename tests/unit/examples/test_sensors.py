"""The example's programs, without a Kafka."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.sensors.alerts import alerts
from examples.sensors.producer import producer
from infra.settings.parsing import parse
from sandbox.build import BuildFolders, go
from sandbox.instance import cache_folder, state_folder

ROOT = Path(__file__).resolve().parents[3]
SENSORS = ROOT / "examples" / "sensors"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    contents = {
        "KAFKA_LIBRDKAFKA_CONFIG": "# who we are\nbootstrap.servers=kafka:9092\nsasl.password=a=b\n\n",
        "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG": "group.id=sensors-alerts\n",
        "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG": "acks=all\n",
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    files = {name: str(tmp_path / name) for name in contents}
    return {**files, "KAFKA_READ_TOPICS": "readings", "KAFKA_WRITE_TOPICS": "alerts"}


def judged(value: Any, **limits: float) -> dict[str, Any] | None:
    settings = alerts.Settings(consumer={}, producer={}, readings="r", alerts="a", **limits)
    return alerts.judge(value if isinstance(value, bytes) else json.dumps(value).encode(), settings)


@pytest.mark.parametrize("celsius", [-10, -9.99, 0, 21.5, 60])
def test_a_reading_in_range_is_no_alert(celsius: float) -> None:
    assert judged({"celsius": celsius, "boot": 1, "number": 2}) is None


def test_a_reading_out_of_range_says_which_limit_it_passed() -> None:
    assert judged({"celsius": 60.01}) == {"problem": "hot", "celsius": 60.01, "limit": 60}
    assert judged({"celsius": -11}) == {"problem": "cold", "celsius": -11, "limit": -10}
    assert judged({"celsius": 5}, most=4, least=0) == {"problem": "hot", "celsius": 5, "limit": 4}


@pytest.mark.parametrize(
    "value", [b"", b"hot", b"\xff", b"[]", b"{}", b'{"celsius": NaN}', {"celsius": True}, {"celsius": "9"}]
)
def test_what_is_no_reading_is_an_alert_and_holds_nothing_up(value: Any) -> None:
    assert judged(value) == {"problem": "unreadable"}


def test_variables_have_defaults(variables: dict[str, str]) -> None:
    reader = alerts.Settings.from_environment({**variables, "WORK_MS": "5", "MOST_CELSIUS": "80"})
    assert (reader.work, reader.most, reader.least, reader.alerts) == (0.005, 80, -10, "alerts")
    writer = producer.Settings.from_environment({**variables, "READINGS_PER_SECOND": "0.5", "READINGS_COUNT": "10"})
    assert (writer.rate, writer.count, writer.devices) == (0.5, 10, 20)
    connection = {"bootstrap.servers": "kafka:9092", "sasl.password": "a=b"}
    assert writer.kafka == reader.producer == {**connection, "acks": "all"}
    assert reader.consumer == {**connection, "group.id": "sensors-alerts"}
    assert producer.Settings.from_environment(variables).count is None


@pytest.mark.parametrize(
    ("program", "name", "value"),
    [
        (alerts, "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG", ""),
        (alerts, "KAFKA_WRITE_TOPICS", " "),
        (alerts, "MOST_CELSIUS", "warm"),
        (alerts, "LEAST_CELSIUS", "60"),
        (alerts, "WORK_MS", "-1"),
        (producer, "KAFKA_WRITE_TOPICS", ""),
        (producer, "READINGS_PER_SECOND", "0"),
        (producer, "DEVICES", "inf"),
        (producer, "READINGS_COUNT", "-1"),
        (producer, "KAFKA_LIBRDKAFKA_CONFIG", ""),
    ],
)
def test_a_variable_that_cannot_be_is_named(program: Any, name: str, value: str, variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        program.Settings.from_environment({**variables, name: value})


def test_a_device_numbers_its_readings_and_some_are_hot() -> None:
    [first, second] = producer.fleet(2, boot=7)
    assert (first.name, second.name) == ("device-001", "device-002")
    readings = [json.loads(first.read(at, hot=at == 2)) for at in range(4)]
    assert [(each["boot"], each["number"]) for each in readings] == [(7, 1), (7, 2), (7, 3), (7, 4)]
    assert [judged(each) is not None for each in readings] == [False, False, True, False]


def test_the_pace_is_even_and_a_pause_makes_no_burst() -> None:
    pace = producer.Pace(10)
    begun = pace._next
    waits = [pace.delay(begun) for _ in range(4)]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3])
    late = [pace.delay(begun + 60) for _ in range(30)]
    assert late[:11] == pytest.approx([0] * 11, abs=1e-6)  # a second's worth at most is made up for
    assert late[-1] == pytest.approx(29 * 0.1 - producer.LONGEST_DEBT)


@pytest.mark.parametrize("program", ["producer", "alerts"])
def test_the_images_client_is_the_tested_one(program: str) -> None:
    runtime = tomllib.loads((ROOT / "runtime" / "pyproject.toml").read_text())
    [wanted] = [each for each in runtime["project"]["dependencies"] if each.startswith("confluent-kafka==")]
    assert (SENSORS / program / "requirements.txt").read_text().strip() == wanted


def test_the_stack_is_the_dev_stack_with_sensors() -> None:
    """`pulumi up --stack dev` with and without --config-file adds and removes the sensors, and changes nothing else."""
    key = "kafka-platform:platform"
    dev, sensors = (
        yaml.safe_load(file.read_text())["config"][key]
        for file in (ROOT / "stacks" / "Pulumi.dev.yaml", SENSORS / "stack.yaml")
    )
    loaded = parse(sensors)
    for worker in loaded.workers:
        program = worker.removeprefix("sensors-")
        assert loaded.workers[worker].image == f"{worker}:1"
        assert (SENSORS / program / "Dockerfile").exists()
        sensors["workers"].pop(worker)
    for topic in ("readings", "alerts", "minutes"):
        # Equal keys are in the same partition of each.
        assert loaded.topics[topic].partitions == 6
        sensors["topics"].pop(topic)
    sensors["tenants"].pop("sensors")
    for part in ("keda", "workers"):
        assert not sensors.pop(part)
    assert sensors == dev


@pytest.mark.timeout(2400)
def test_the_aggregator() -> None:
    compiler = go(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"), SENSORS / "minutes")
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    folder = SENSORS / "minutes"
    listed = subprocess.run(
        [str(compiler.with_name("gofmt")), "-l", "."], cwd=folder, capture_output=True, text=True, check=True
    )
    assert listed.stdout == "", "run gofmt -w examples/sensors/minutes"
    for command in (["vet", "./..."], ["test", "-trimpath", "./..."]):
        done = subprocess.run(
            [str(compiler), *command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout


INTERRUPTED = """
import signal
from examples.sensors.producer.producer import Stop

stop, told = Stop(), 0


def tell(*_):
    global told
    stop.set()
    told += 1


signal.signal(signal.SIGALRM, tell)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
while told < 20_000:
    if stop.wait(0.00002):
        stop = Stop()
signal.setitimer(signal.ITIMER_REAL, 0)
print("never stuck")
"""


def test_whoever_waits_may_be_told_to_stop_at_any_point() -> None:
    """Also between the look whether it was told and the wait: there an Event's lock is held."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "never stuck\n", done.stderr
