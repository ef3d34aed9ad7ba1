"""Sensors: writes the temperatures of a number of devices to a topic, at a bounded rate, keyed by device.

The key decides the partition, so the readings of one device stay in order. Every reading counted as written is
acknowledged by Kafka (acks=all, idempotent: a retry makes no duplicate); refused ones are logged, and the exit code is
1.
"""

import json
import logging
import math
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from confluent_kafka import KafkaError, Message, Producer

REPORT_SECONDS = 10.0
FLUSH_SECONDS = 20.0
"""How long pending readings have to be acknowledged when the program ends."""
LONGEST_DEBT = 1.0
"""Seconds: a writer that was held up for longer does not catch up."""

log = logging.getLogger("producer")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's variables."""

    kafka: Mapping[str, str]
    """librdkafka's settings."""
    topic: str
    devices: int = 20
    rate: float = 50.0
    """Readings per second, of all devices together."""
    hot_every: int = 199
    """One reading in this many is far too hot. Not a multiple of the devices, so that each has its turn."""
    count: int | None = None
    """Ends after this many readings. Default: continues until stopped."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables.

        Raises:
            ValueError: one is missing or invalid; names it.
        """
        count = environment.get("READINGS_COUNT")
        return cls(
            kafka=kafka_settings(environment),
            topic=required(environment, "KAFKA_WRITE_TOPICS"),
            devices=int(number(environment, "DEVICES", cls.devices)),
            rate=number(environment, "READINGS_PER_SECOND", cls.rate),
            hot_every=int(number(environment, "HOT_EVERY", cls.hot_every)),
            count=int(number(environment, "READINGS_COUNT", 1)) if count else None,
        )


def required(environment: Mapping[str, str], name: str) -> str:
    """A variable that must be set."""
    value = environment.get(name, "").strip()
    if not value:
        raise ValueError(f"{name}: is not set")
    return value


def number(environment: Mapping[str, str], name: str, default: float) -> float:
    """A variable that is a number greater than 0."""
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: {text!r}: use a number greater than 0")
    return value


def kafka_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The librdkafka settings that the platform mounts: how to connect and log in, then how to write."""
    files = [required(environment, name) for name in ("KAFKA_LIBRDKAFKA_CONFIG", "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG")]
    lines = [line.strip() for file in files for line in Path(file).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@dataclass(kw_only=True)
class Device:
    """A sensor: its temperature follows a slow wave of its own, with some noise."""

    name: str
    boot: int
    """When it was switched on; with `number` it identifies readings and their order."""
    chance: random.Random
    number: int = 0

    def read(self, at: float, *, hot: bool) -> bytes:
        """The next reading."""
        self.number += 1
        celsius = 21 + 6 * math.sin(at / 60 + self.chance.random() / 10) + self.chance.gauss(0, 0.4)
        if hot:
            celsius += 60
        return json.dumps({"celsius": round(celsius, 2), "boot": self.boot, "number": self.number}).encode()


def fleet(count: int, boot: int) -> list[Device]:
    """The devices `device-001`, `device-002`, and so on."""
    return [
        Device(name=f"device-{each:03}", boot=boot, chance=random.Random(each))  # noqa: S311 - weather, no secret
        for each in range(1, count + 1)
    ]


class Stop:
    """Tells the writer from a signal handler to stop.

    A handler runs in the thread that it interrupts, wherever that is: if that holds the lock of a `threading.Event`, setting
    the event waits for it forever. A SimpleQueue may be interrupted at any point.
    """

    def __init__(self) -> None:
        self._told: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Stop."""
        self._told.put(None)

    def wait(self, seconds: float) -> bool:
        """Whether to stop, known after at most this many seconds."""
        try:
            self._told.get(timeout=seconds)
        except Empty:
            return False
        self._told.put(None)
        return True


class Pace:
    """Spreads work evenly: a fixed rate, and no burst after a pause."""

    def __init__(self, per_second: float) -> None:
        self._step = 1 / per_second
        self._next = time.monotonic()

    def delay(self, now: float) -> float:
        """Seconds to wait before the next one, which is thereby taken."""
        self._next = max(self._next, now - LONGEST_DEBT)
        wait = self._next - now
        self._next += self._step
        return max(0.0, wait)


@dataclass(kw_only=True)
class Sensors:
    """Writes the readings of a fleet."""

    settings: Settings
    stop: Stop = field(default_factory=Stop)
    written: int = 0
    failed: int = 0

    def run(self) -> int:
        """Writes until it is stopped or has written its count. Returns how many readings Kafka refused or did not acknowledge."""
        settings = self.settings
        # The platform's settings are acks=all, idempotent, and partitioning by key like Java.
        producer = Producer({"client.id": "sensors-producer", "linger.ms": 20, **settings.kafka})
        devices = fleet(settings.devices, int(time.time()))
        pace, begun, sent = Pace(settings.rate), time.monotonic(), 0
        report = begun + REPORT_SECONDS
        while sent != settings.count:
            now = time.monotonic()
            if now >= report:
                log.info("%d readings written by %d devices, %d failed", self.written, len(devices), self.failed)
                report += REPORT_SECONDS
            if self.stop.wait(pace.delay(now)):
                break
            device = devices[sent % len(devices)]
            sent += 1
            self._write(producer, device.name, device.read(now - begun, hot=sent % settings.hot_every == 0))
        unknown = producer.flush(FLUSH_SECONDS)
        log.info("%d readings sent: %d written, %d failed, %d unknown", sent, self.written, self.failed, unknown)
        return self.failed + unknown

    def _write(self, producer: Producer, device: str, reading: bytes) -> None:
        while True:
            try:
                producer.produce(self.settings.topic, key=device, value=reading, on_delivery=self._delivered)
                break
            except BufferError:  # Kafka accepts less than we have: wait for it
                producer.poll(0.1)
        producer.poll(0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.written += 1
        else:
            self.failed += 1
            log.error("not written: %s of %s: %s", message.value(), message.key(), error)


def main() -> int:
    """Runs the program. Returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        sensors = Sensors(settings=Settings.from_environment(os.environ))
    except (ValueError, OSError) as error:
        log.error("%s", error)
        return 1
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: sensors.stop.set())
    return 1 if sensors.run() else 0


if __name__ == "__main__":
    sys.exit(main())
