"""What becomes of exceptions in callbacks of Kafka's client, and of errors from which it cannot recover."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.rights import Right, Wish

from tests.kafka_process import ADMIN_USER
from tests.unit.runtime.gateway.conftest import Kafka, password

SECONDS = 240.0
READER = "reader"
WISH = Wish(user=READER, right=Right.WRITE, topic="callbacks")


@pytest.fixture(scope="module", autouse=True)
def topic(kafka: Kafka) -> str:
    kafka.make_user(READER)
    rule = AclBinding(
        ResourceType.TOPIC,
        "callbacks",
        ResourcePatternType.LITERAL,
        f"User:{READER}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    kafka.add_rules(rule)
    return kafka.make_topic("callbacks")


@pytest.fixture
def make(kafka: Kafka) -> Iterator[Callable[..., Producer]]:
    made: list[Producer] = []

    def make(user: str = ADMIN_USER, secret: str | None = None, **more: Any) -> Producer:
        login = {"sasl.username": user, "sasl.password": secret or password(user)}
        settings = {**kafka.client(), **login, "enable.idempotence": True, "log_level": 0}
        made.append(Producer({**settings, **more}))
        return made[-1]

    yield make
    for producer in made:
        with contextlib.suppress(ValueError):  # of a callback: `close` raises it, as `poll` does
            producer.close()


def until(true: Callable[[], bool]) -> None:
    over = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < over
        time.sleep(0.01)


def test_poll_raises_what_a_delivery_callback_raises_and_the_others_are_still_called(
    make: Callable[..., Producer],
) -> None:
    channel = Channel(make())
    called: list[int] = []

    def delivered(number: int) -> Callable[..., None]:
        def callback(error: KafkaError | None, message: Any) -> None:
            called.append(number)
            if number == 1:
                raise ValueError("in a callback")

        return callback

    for number in range(4):
        channel.producer.produce("callbacks", b"x", on_delivery=delivered(number))
    raised: list[BaseException] = []

    def poll() -> bool:
        try:
            channel.producer.poll(0)
        except ValueError as error:
            raised.append(error)
        return len(called) == 4

    until(poll)
    assert len(raised) == 1
    assert sorted(called) == [0, 1, 2, 3]


def test_a_channel_goes_on_after_a_callback_has_failed(
    make: Callable[..., Producer], caplog: pytest.LogCaptureFixture
) -> None:
    def refused(_: KafkaError) -> None:
        raise ValueError("the password of red")

    channel = Channel(make(secret="wrong", error_cb=refused))

    def failed() -> bool:
        channel.serve()
        return "A callback of Kafka's client failed: ValueError" in caplog.text

    until(failed)
    assert "password" not in caplog.text
    assert channel.failure is None


def test_a_fatal_error_is_raised_by_poll_and_ends_the_channel_alone(make: Callable[..., Producer]) -> None:
    told: list[KafkaError] = []
    producer = make(READER, error_cb=told.append)
    over = time.monotonic() + SECONDS

    def poll() -> None:
        while time.monotonic() < over:
            producer.poll(0.1)

    with pytest.raises(KafkaException) as raised:
        poll()
    assert raised.value.args[0].fatal()
    assert raised.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED
    assert not [each for each in told if each.fatal()], "were it told to the callback, poll would not have to be caught"

    channel = Channel(make(READER))
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Any) -> None:
        assert error is not None
        errors.append(error)

    channel.producer.produce("callbacks", b"x", on_delivery=delivered)

    def failed() -> bool:
        channel.serve()
        return bool(errors) and channel.failure is not None

    until(failed)
    refusal = channel.refusal(errors[0], "Record 0", WISH)
    assert (refusal.status, refusal.code) == (403, 40301)
    assert refusal.message == "reader may not WRITE topic callbacks: add it to its `writes`."
    with pytest.raises(KafkaException):
        channel.producer.produce("callbacks", b"x")


@pytest.mark.parametrize(
    ("code", "status"), [(KafkaError._PURGE_QUEUE, 503), (KafkaError._FATAL, 503), (KafkaError._PURGE_INFLIGHT, 504)]
)
def test_records_of_a_producer_that_failed_otherwise_may_be_sent_again(
    make: Callable[..., Producer], code: int, status: int
) -> None:
    channel = Channel(make())
    channel.end(KafkaError(KafkaError.INVALID_PRODUCER_EPOCH, fatal=True))
    assert channel.refusal(KafkaError(code), "Record 0", WISH).status == status
