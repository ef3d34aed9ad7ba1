"""Keys have one spelling, and what many readers of JSON could not read is not taken for it."""

import json
import random
from decimal import Decimal

import pytest
from kafka_platform_runtime.gateway import jsontext
from kafka_platform_runtime.gateway.jsontext import DEEPEST, LONGEST_NUMBER, canonical, why_unreadable

SPELLINGS: dict[str, list[str]] = {
    # Strings: no more escapes than JSON needs.
    '"café/1"': ['"café/1"', r'"caf\u00e9/1"', r'"caf\u00E9\/1"', r'"\u0063af\u00e9\u002F1"'],
    '"a"': ['"a"', r'"\u0061"'],
    '""': ['""'],
    r'"\"\\\b\f\n\r\t"': [r'"\"\\\b\f\n\r\t"', r'"\u0022\u005c\u0008\u000c\u000a\u000d\u0009"'],
    r'"\u0000\u001F"': [r'"\u0000\u001F"', r'"\u0000\u001f"'],
    '"\x7f\u2028"': ['"\x7f\u2028"', r'"\u007f\u2028"'],
    # As Jackson writes what is beyond 16 bits.
    r'"\uD83D\uDE00!"': ['"😀!"', r'"\ud83d\ude00!"', r'"\uD83D\uDE00\u0021"'],
    r'"\\u0041"': [r'"\\u0041"', r'"\u005cu0041"'],
    '"1.50 [ ]"': ['"1.50 [ ]"'],
    '"7e1"': ['"7e1"'],
    # Numbers: whole ones digit by digit, others as Java writes them, without loss.
    "1": ["1"],
    "0": ["0", "-0"],
    "1.0": ["1.0", "1.00", "1e0", "1E+0", "10e-1", "0.1e1"],
    "-1.5": ["-1.5", "-15e-1", "-1.50"],
    "0.0": ["0.0", "0e5", "0.00e-7"],
    "-0.0": ["-0.0", "-0e0"],
    "0.001": ["0.001", "1e-3"],
    "9.9E-4": ["0.00099", "9.9E-4", "99e-5"],
    "1234567.5": ["1234567.5"],
    "1.0E7": ["1e7", "10000000.0"],
    "1.23456785E7": ["12345678.5"],
    "123456789012345678901234567890": ["123456789012345678901234567890"],
    "0.10000000000000000000001": ["0.10000000000000000000001", "1.0000000000000000000001e-1"],
    "1.0E400": ["1e400", "10E+399"],
    # White space means nothing; the order of members does.
    '{"a":[1,2],"b":{}}': ['{"a":[1,2],"b":{}}', '{ "a" : [ 1 ,\t2 ],\r\n"b" : { } }', r'{"\u0061":[1,2],"b":{}}'],
    '{"b":{},"a":[1,2]}': ['{"b":{},"a":[1,2]}'],
    '[1.0," x ",true,false,null]': ['[1.0," x ",true,false,null]', ' [1e0, " x ", true, false, null ]'.strip()],
    "true": ["true"],
    "false": ["false"],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_equal_keys_have_one_spelling(spelling: str) -> None:
    assert {canonical(each.encode()).decode() for each in SPELLINGS[spelling]} == {spelling}


def test_different_keys_stay_different() -> None:
    assert len({canonical(spelling.encode()) for spelling in SPELLINGS}) == len(SPELLINGS)


def test_a_spelling_is_final_and_means_the_same() -> None:
    chance = random.Random(7)
    for _ in range(5000):
        letters = [
            chance.choice(['"', "\\", "/", "a", "é", "😀", "\n", "\x01", " "]) for _ in range(chance.randrange(9))
        ]
        text = json.dumps("".join(letters), ensure_ascii=chance.random() < 0.5)
        number = (
            f"{chance.choice(['', '-'])}{chance.randrange(10**6)}.{chance.randrange(10**9)}e{chance.randrange(-30, 30)}"
        )
        whole = str(chance.randrange(-(10**30), 10**30))
        key = f'{{ {text} : [{number}, {whole}], "x":{text}}}'
        spelled = canonical(key.encode())
        assert canonical(spelled) == spelled
        assert json.loads(spelled, parse_float=Decimal) == json.loads(key, parse_float=Decimal)


def nested(depth: int) -> bytes:
    return b'{"a":[' * (depth // 2) + b"[" * (depth % 2) + b"]" * (depth % 2) + b"]}" * (depth // 2)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * DEEPEST + b"]" * DEEPEST,
        b"[" + b"[],{}," * 2000 + b"1]",
        b'"' + b"[" * 5000 + b'"',
        b'"\\"' + b"[{" * 5000 + b'"',
        b'{"' + b"1" * 5000 + b'":1}',
        b"9" * LONGEST_NUMBER,
        b"[" + b"12345," * 5000 + b"1]",
        b"1e400",
        b"-0",
        b'{"a":1,"a":2}',
    ],
)
def test_what_is_readable(text: bytes) -> None:
    assert why_unreadable(text) is None


@pytest.mark.parametrize(
    "text",
    [
        nested(DEEPEST + 1),
        b"[" + b"1," * 3000 + nested(DEEPEST) + b"]",
        b'["\\\\",' + nested(DEEPEST) + b"]",
        b"9" * (LONGEST_NUMBER + 1),
        b"-1." + b"0" * LONGEST_NUMBER,
        b'{"x":"' + b"y" * 777 + b'","n":[1,' + b"1" * (LONGEST_NUMBER + 1) + b"]}",
    ],
)
def test_what_is_not(text: bytes) -> None:
    json.loads(text, parse_int=str)
    assert why_unreadable(text) is not None


def test_long_numbers_are_found_wherever_they_begin() -> None:
    for start in range(0, 1100, 7):
        text = b'["' + b"x" * start + b'",' + b"7" * (LONGEST_NUMBER + 1) + b"]"
        assert why_unreadable(text) is not None, start
        assert why_unreadable(text.replace(b"7", b"8", 1).replace(b"7", b"", 1)) is None, start


@pytest.mark.parametrize("deepest", [0, 1, 3, 6])
def test_suspicions_are_the_same_with_and_without_the_compiled_part(deepest: int) -> None:
    chance = random.Random(9)

    def document(depth: int) -> bytes:
        kind = chance.randrange(6 if depth < 8 else 3)
        if kind < 3:
            number = b"1" * chance.choice((1, 20, 700, 1001, 1300))
            return (number, b"null", json.dumps('a"\\[{é' * chance.randrange(90)).encode())[kind]
        parts = [document(depth + 1) for _ in range(chance.randrange(4))]
        if kind < 5:
            return b"[" + b" ,".join(parts) + b"]"
        return b"{" + b",".join(b'"}[\\"":' + part for part in parts) + b"}"

    found = 0
    for _ in range(2000):
        text = document(0)
        json.loads(text)
        suspected = jsontext.suspicious(text, deepest)
        assert suspected == jsontext._suspicious(text, deepest)
        found += suspected
    assert 0 < found < 2000
