"""Sends the table of compatibility.yaml to a gateway: to ours in a test, and by hand to another one.

python -m tests.unit.runtime.gateway.compatibility http://localhost:8080 strimzi
"""

import http.client
import json
import sys
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).with_name("compatibility.yaml")
MORE = "..."
KINDS: Mapping[str, type | tuple[type, ...]] = {"<integer>": int, "<text>": str, "<anything>": object, "<uri>": str}
SECONDS = 240.0
"""The bridge thinks for a minute before it says that there is no such topic."""
PATIENCE_SECONDS = 240.0
PAUSE_SECONDS = 0.5
"""A group needs a moment until its members know what they read, and brokers until they know a new topic."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What should be answered."""

    status: int
    type: str | None = None
    body: Any = None
    difference: str | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """A line of the table."""

    name: str
    send: Mapping[str, Any]
    documented: Expected
    here: Expected
    bridge: Expected | None


def read() -> list[Case]:
    """The table."""
    cases = []
    for line in yaml.safe_load(TABLE.read_text()):
        documented = Expected(**line["documented"])
        here = Expected(**line["here"]) if "here" in line else documented
        bridge = Expected(**line["bridge"]) if "bridge" in line else None
        name = f"{line['from']}: {line['case']}"
        cases.append(Case(name=name, send=line["send"], documented=documented, here=here, bridge=bridge))
    return cases


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was answered."""

    status: int
    type: str
    body: Any


def try_case(address: str, case: Case, expected: Expected, headers: Mapping[str, str]) -> tuple[Answer, list[str]]:
    """Send a case, again and again if it says so; the answer and what is wrong with it.

    Records come in one answer or in several, as they happen to be in batches: those of all answers count.
    """
    records: list[Any] = []
    until = time.monotonic() + (PATIENCE_SECONDS if case.send.get("again") else 0)
    while True:
        answer = ask(address, case.send, headers)
        if "/records" in case.send["path"] and isinstance(answer.body, list):
            records += answer.body
            answer = replace(answer, body=list(records))
        wrong = faults(expected, answer)
        if not wrong or time.monotonic() >= until:
            return answer, wrong
        time.sleep(PAUSE_SECONDS)


def ask(address: str, send: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    """Send a request of the table."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=SECONDS)
    sent = dict(headers)
    if "accept" in send:
        sent["accept"] = send["accept"]
    if "type" in send:
        sent["content-type"] = send["type"]
    body = json.dumps(send["body"]).encode() if "body" in send else None
    try:
        connection.request(send["method"], send["path"], body, sent)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    try:
        content = json.loads(text) if text else None
    except ValueError:
        content = text.decode(errors="replace")
    return Answer(status=answer.status, type=answer.headers.get("content-type", "").partition(";")[0], body=content)


def faults(expected: Expected, answer: Answer) -> list[str]:
    """What is not as expected."""
    found = []
    if answer.status != expected.status:
        found.append(f"status {answer.status}, not {expected.status}")
    if expected.type is not None and answer.type != expected.type:
        found.append(f"type {answer.type}, not {expected.type}")
    if expected.status == 204 and answer.body is not None:
        found.append(f"a body: {answer.body}")
    if expected.body is not None:
        found.extend(_unlike(expected.body, answer.body, "body"))
    return found


def _unlike(wanted: Any, found: Any, place: str) -> Iterator[str]:
    if isinstance(wanted, str) and wanted in KINDS:
        if not isinstance(found, KINDS[wanted]) or (wanted == "<uri>" and not str(found).startswith("http://")):
            yield f"{place} is {found!r}, not {wanted}"
    elif isinstance(wanted, dict) and isinstance(found, dict):
        for key in wanted.keys() - {MORE}:
            if key not in found:
                yield f"{place}.{key} is missing"
            else:
                yield from _unlike(wanted[key], found[key], f"{place}.{key}")
        if MORE not in wanted:
            yield from (f"{place}.{key} is not expected" for key in found.keys() - wanted.keys())
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{place} has {len(found)} elements, not {len(wanted)}"
        for number, (each, other) in enumerate(zip(wanted, found, strict=False)):
            yield from _unlike(each, other, f"{place}[{number}]")
    elif wanted != found:
        yield f"{place} is {found!r}, not {wanted!r}"


def main() -> None:
    """Print what another gateway answers that is not documented; the second argument chooses whose cases are sent."""
    for case in read():
        if not case.name.startswith(sys.argv[2]):
            continue
        answer, wrong = try_case(sys.argv[1], case, case.documented, {})
        if wrong:
            print(f"{case.name}: {'; '.join(wrong)}\n    {answer}")


if __name__ == "__main__":
    main()
