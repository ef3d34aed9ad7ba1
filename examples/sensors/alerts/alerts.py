"""Alerts: reads temperatures and writes an alert, under the device's key, for each one that is out of range.

Nothing is lost: a reading is committed once it is processed and its alert is acknowledged, not before. What was done
but not yet committed when a pod died is done again, so an alert may come twice; its `reading` identifies the reading,
so that a consumer that must not act twice can tell.
"""

import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

COMMIT_SECONDS = 1.0
"""How much work is repeated at most when a pod dies."""
MOST_WAITING = 10_000
"""Maximum alerts on their way to Kafka at a time."""
REPORT_SECONDS = 10.0
ACKNOWLEDGE_SECONDS = 20.0
"""How long Kafka has to accept alerts before the program gives up and is restarted."""

LATER = {KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID}
"""While the group changes a commit may be refused; the client then reports which partitions are still ours."""

log = logging.getLogger("alerts")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's variables."""

    consumer: Mapping[str, str]
    """librdkafka's settings for reading: the connection, the group, its assignment of partitions."""
    producer: Mapping[str, str]
    """librdkafka's settings for writing."""
    readings: str
    """The topic that is read."""
    alerts: str
    """The topic that is written."""
    least: float = -10.0
    """Degrees Celsius: anything colder is an alert."""
    most: float = 60.0
    """Degrees Celsius: anything hotter is an alert."""
    work: float = 0.0
    """Seconds that each reading takes, simulating the work of a real service."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables.

        Raises:
            ValueError: one is missing or invalid; names it.
        """
        found = cls(
            consumer=kafka_settings(environment, "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG"),
            producer=kafka_settings(environment, "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG"),
            readings=required(environment, "KAFKA_READ_TOPICS"),
            alerts=required(environment, "KAFKA_WRITE_TOPICS"),
            least=number(environment, "LEAST_CELSIUS", cls.least),
            most=number(environment, "MOST_CELSIUS", cls.most),
            work=number(environment, "WORK_MS", 0) / 1000,
        )
        if found.least >= found.most:
            raise ValueError(f"LEAST_CELSIUS: {found.least} is not below MOST_CELSIUS, {found.most}: lower it")
        if found.work < 0:
            raise ValueError(f"WORK_MS: {found.work * 1000}: use a number of milliseconds, 0 or more")
        return found


def required(environment: Mapping[str, str], name: str) -> str:
    """A variable that must be set."""
    value = environment.get(name, "").strip()
    if not value:
        raise ValueError(f"{name}: is not set")
    return value


def number(environment: Mapping[str, str], name: str, default: float) -> float:
    """A variable that is a finite number."""
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name}: {text!r}: use a number")
    return value


def kafka_settings(environment: Mapping[str, str], role: str) -> dict[str, str]:
    """The librdkafka settings that the platform mounts: how to connect and log in, then those of the role."""
    files = [required(environment, name) for name in ("KAFKA_LIBRDKAFKA_CONFIG", role)]
    lines = [line.strip() for file in files for line in Path(file).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def judge(value: bytes | None, settings: Settings) -> dict[str, Any] | None:
    """What is wrong with a reading; None if nothing is wrong.

    An unreadable record is an alert too: somebody has to look at it, and it must not block what comes after it.
    """
    try:
        celsius = json.loads(value or b"")["celsius"]
        if not isinstance(celsius, int | float) or isinstance(celsius, bool) or not math.isfinite(celsius):
            raise TypeError(celsius)
    except (ValueError, TypeError, KeyError):
        return {"problem": "unreadable"}
    if celsius > settings.most:
        return {"problem": "hot", "celsius": celsius, "limit": settings.most}
    if celsius < settings.least:
        return {"problem": "cold", "celsius": celsius, "limit": settings.least}
    return None


@dataclass(kw_only=True)
class Alerts:
    """Reads, judges, writes, commits."""

    settings: Settings
    stop: bool = False
    """Whether the program was asked to end: set by a signal handler, which must not wait for a lock."""
    read: int = 0
    alerted: int = 0
    _done: dict[tuple[str, int], int] = field(default_factory=dict)
    """Topic and partition -> the offset to continue from."""
    _refused: KafkaError | None = None

    def run(self) -> None:
        """Works until it is stopped, then commits and leaves the group.

        Raises:
            KafkaException: Kafka refuses what the program needs, or does not accept its alerts. What is not committed
                is read again by the next pod.
        """
        # The platform's settings are cooperative-sticky, acks=all, idempotent, and manual commits, as done here.
        self._consumer = Consumer({"client.id": "sensors-alerts", **self.settings.consumer})
        self._producer = Producer({"client.id": "sensors-alerts", **self.settings.producer})
        self._consumer.subscribe([self.settings.readings], on_revoke=self._revoked, on_lost=self._lost)
        commit = report = time.monotonic()
        try:
            while not self.stop:
                message = self._consumer.poll(0.5)
                if message is not None:
                    self._work(message)
                now = time.monotonic()
                if now >= commit:
                    self._commit()
                    commit = now + COMMIT_SECONDS
                if now >= report:
                    log.info("%d readings read, %d alerts written", self.read, self.alerted)
                    report = now + REPORT_SECONDS
        except BaseException:
            self._done.clear()  # nothing more may be committed
            raise
        finally:
            # Calls _revoked to commit, and leaves the group: the others continue at once, not after the session
            # timeout.
            self._consumer.close()
        log.info("%d readings read, %d alerts written; stopped, the group is left", self.read, self.alerted)

    def _work(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.retriable():
                log.warning("%s", error)
                return
            raise KafkaException(error)
        topic, partition, offset = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
        alert = judge(message.value(), self.settings)
        if self.settings.work:
            time.sleep(self.settings.work)
        if alert is not None:
            self.alerted += 1
            value = json.dumps({**alert, "reading": f"{topic}/{partition}/{offset}"})
            self._producer.produce(self.settings.alerts, key=message.key(), value=value, on_delivery=self._delivered)
            self._producer.poll(0)
            log.info("%s: %s", (message.key() or b"?").decode(errors="replace"), value)
        self.read += 1
        self._done[topic, partition] = offset + 1
        if len(self._producer) >= MOST_WAITING:
            self._commit()

    def _commit(self) -> None:
        """Commits what is done, once its alerts are acknowledged."""
        if not self._done:
            return
        waiting = self._producer.flush(ACKNOWLEDGE_SECONDS)
        if self._refused is not None or waiting:
            raise KafkaException(self._refused or KafkaError(KafkaError._TIMED_OUT, "alerts are not acknowledged"))
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self._done.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() not in LATER:
                raise
            log.warning("not committed now: %s", error.args[0])
        else:
            self._done.clear()

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        self._refused = error or self._refused

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Another member will read these partitions: it starts where we have committed."""
        self._commit()
        self._lost(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Another member reads them already: it repeats what we did and did not commit."""
        for each in partitions:
            self._done.pop((each.topic, each.partition), None)


def main() -> int:
    """Runs the program. Returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        alerts = Alerts(settings=Settings.from_environment(os.environ))
    except (ValueError, OSError) as error:
        log.error("%s", error)
        return 1
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: setattr(alerts, "stop", True))
    try:
        alerts.run()
    except KafkaException as error:
        log.error("%s", error.args[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
