"""Whose word about where a request comes from counts."""

import pytest
from kafka_platform_runtime.gateway.proxies import HEADER, MOST_HOPS, TrustedProxies
from kafka_platform_runtime.listening import origin

PROXY, INNER, CALLER, FORGED = "10.42.0.7", "10.42.1.9", "198.51.100.4", "203.0.113.66"
TRUSTED = ["10.42.0.0/16", "fd00::/8"]


def caller(peer: str, *values: str, trusted: list[str] = TRUSTED) -> str:
    headers = [(b"host", b"x"), *((HEADER, value.encode("latin-1")) for value in values)]
    return TrustedProxies(trusted).caller(peer, headers)


@pytest.mark.parametrize(
    ("peer", "values", "found"),
    [
        (PROXY, [], PROXY),
        (PROXY, [CALLER], CALLER),
        (PROXY, [f"{CALLER}, {INNER}"], CALLER),
        (PROXY, [CALLER, INNER], CALLER),
        (INNER, [f"{CALLER}:51812"], CALLER),
        (PROXY, ["[2001:db8::1]:443"], "2001:db8::1"),
        (PROXY, ["2001:db8::1"], "2001:db8::1"),
        (f"::ffff:{PROXY}", [CALLER], CALLER),
        ("fd00::7", [CALLER], CALLER),
        (PROXY, [INNER], INNER),
    ],
)
def test_a_trusted_proxy_says_where_a_request_comes_from(peer: str, values: list[str], found: str) -> None:
    assert caller(peer, *values) == found


@pytest.mark.parametrize(
    ("peer", "values", "found"),
    [
        (CALLER, [FORGED], CALLER),
        (CALLER, [f"{FORGED}, {PROXY}"], CALLER),
        (PROXY, [f"{FORGED}, {CALLER}"], CALLER),
        (PROXY, [FORGED, CALLER], CALLER),
        (PROXY, [f"{FORGED}, {CALLER}, {INNER}"], CALLER),
        (PROXY, [f"{INNER}, {PROXY}, {CALLER}"], CALLER),
        ("", [FORGED], ""),
    ],
)
def test_what_a_caller_claims_does_not_count(peer: str, values: list[str], found: str) -> None:
    assert caller(peer, *values) == found


@pytest.mark.parametrize(
    "nonsense", ["", "unknown", "10.42.0.7.1", "_hidden", "\xff", "1e400", "[", "[::1", ":", "0x7f.1"]
)
def test_nonsense_ends_the_list_at_who_said_it(nonsense: str) -> None:
    found = caller(PROXY, f"{FORGED}, {nonsense}, {INNER}")
    assert found in (INNER, "::1")
    assert origin(found)


def test_without_proxies_to_trust_a_request_comes_from_its_connection() -> None:
    assert caller(PROXY, CALLER, trusted=[]) == PROXY


def test_a_long_list_is_not_read_to_its_beginning() -> None:
    chain = ", ".join([CALLER, *[INNER] * 5000])
    assert caller(PROXY, chain) == INNER
    assert caller(PROXY, ", ".join([CALLER, *[INNER] * (MOST_HOPS - 1)])) == CALLER
