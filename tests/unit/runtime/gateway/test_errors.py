"""Whose fault each of Kafka's errors is."""

from collections import Counter

import pytest
from confluent_kafka import KafkaError
from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.rights import SHOWN, Right, Wish
from kafka_platform_runtime.gateway.verdicts import OF_A_BATCH, VERDICTS, Verdict, verdict_on

CODES = {
    code: name
    for name in dir(KafkaError)
    if not name.startswith("__") and isinstance(code := getattr(KafkaError, name), int)
}
STATUSES = {
    Verdict.DENIED: 403,
    Verdict.REJECTED: 401,
    Verdict.NO_TOPIC: 404,
    Verdict.NO_PARTITION: 404,
    Verdict.EXISTS: 409,
    Verdict.TOO_LARGE: 413,
    Verdict.PACKED: 413,
    Verdict.NO_OFFSET: 416,
    Verdict.UNFIT: 422,
    Verdict.THROTTLED: 429,
    Verdict.NOT_NOW: 503,
    Verdict.UNKNOWN_FATE: 504,
    Verdict.FAULT: 500,
}
READS = Wish(user="payment-api", right=Right.READ, topic="orders", group="payments")


def test_every_error_of_the_client_is_judged_once() -> None:
    judged = Counter(code for codes in VERDICTS.values() for code in codes)
    assert {CODES[code] for code in CODES.keys() - judged.keys()} == set()
    assert {CODES[code] for code, times in judged.items() if times > 1} == set()


@pytest.mark.parametrize(("code", "name"), sorted(CODES.items()), ids=lambda each: str(each))
def test_the_answer_has_the_status_of_the_verdict(code: int, name: str) -> None:
    error = KafkaError(code)
    answer = errors.from_kafka(error, "Topic orders", READS)
    assert answer.status == STATUSES[verdict_on(error)], name
    assert answer.code // 100 == answer.status or answer.code == 50003
    assert answer.message.startswith(
        "payment-api may not " if verdict_on(error) is Verdict.DENIED else "Topic orders: "
    )
    assert answer.message.endswith(".")


def test_an_error_that_is_newer_than_the_table_is_ours() -> None:
    assert errors.from_kafka(KafkaError(9999), "Topic orders", READS).status == 500


@pytest.mark.parametrize("code", sorted(OF_A_BATCH))
def test_what_refuses_a_batch_is_never_our_fault(code: int) -> None:
    assert errors.from_kafka(KafkaError(code), "Record 0", READS).status in {413, 422, 503}


@pytest.mark.parametrize("name", ["INVALID_RECORD", "INVALID_TIMESTAMP", "POLICY_VIOLATION"])
def test_the_callers_fault_says_why(name: str) -> None:
    answer = errors.from_kafka(KafkaError(getattr(KafkaError, name)), "Record 0", READS)
    assert (answer.status, answer.code) == (422, 42201)
    assert KafkaError(getattr(KafkaError, name)).str() in answer.message


@pytest.mark.parametrize(
    ("code", "wish", "sentence"),
    [
        ("TOPIC", READS, "payment-api may not READ topic orders: add it to its `reads`."),
        ("GROUP", READS, "payment-api may not READ group payments: add it to its `groups`."),
        (
            "CLUSTER",
            Wish(user="a", right=Right.WRITE, topic="orders"),
            "a may not WRITE topic orders: add it to its `writes`.",
        ),
        ("TOPIC", Wish(user="a", right=Right.READ), "a may not READ one of the topics: add it to its `reads`."),
        (
            "TRANSACTIONAL_ID",
            READS,
            "payment-api may not do this (TRANSACTIONAL_ID_AUTHORIZATION_FAILED): an ACL must allow it.",
        ),
    ],
)
def test_a_denial_names_the_user_and_the_right(code: str, wish: Wish, sentence: str) -> None:
    answer = errors.from_kafka(KafkaError(getattr(KafkaError, f"{code}_AUTHORIZATION_FAILED")), "Record 0", wish)
    assert (answer.status, answer.code, answer.message) == (403, 40301, sentence)


def test_a_denial_is_short_however_long_the_names_are() -> None:
    wish = Wish(user="u" * 10_000, right=Right.READ, topic="t" * 10_000, group="g" * 10_000)
    for code in VERDICTS[Verdict.DENIED]:
        assert len(errors.from_kafka(KafkaError(code), "Record 0", wish).message) < 2 * SHOWN + 100
