"""Sends records to a web service: one in each request, or many as a JSON array."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum

import msgspec

from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal, in_halves
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.connectors.web import Answer, Web, WebSettings
from kafka_platform_runtime.failures import Transient


class Method(StrEnum):
    """Of the requests."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"


class Body(StrEnum):
    """What a request has in it."""

    ARRAY = "array"
    """The values of a batch, which are JSON, as an array."""
    RECORD = "record"
    """One value, as it is."""


class Settings(WebSettings, frozen=True, kw_only=True):
    """Of this kind."""

    method: Method = Method.POST
    body: Body = Body.ARRAY
    content_type: str = "application/json"
    """Of the requests with one record."""


class Http:
    """A web service that answers 2xx once it has the records.

    4xx means that a record is at fault. If it is in an array, the array is halved until those at fault are found. Other
    answers, and those about the address, the login and too many requests, are tried again.
    """

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings = settings
        self._web = Web(settings, secrets)

    def open(self) -> None:
        """What it answers is seen with the first record: there is no request that every service takes."""

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Sends them in their order."""
        if self._settings.body is Body.RECORD:
            return _one_by_one(records, self._send_one)
        refused, fit = [], []
        for each in records:
            try:
                msgspec.json.decode(each.value or b"")
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                refused.append(Refusal(record=each, reason=f"its value is not JSON: {error}"))
            else:
                fit.append(each)
        found = self._halve(fit) if fit else Outcome()
        return replace(found, refused=[*refused, *found.refused])

    def _halve(self, records: Sequence[Record]) -> Outcome:
        body = b"[" + b",".join(each.value or b"null" for each in records) + b"]"
        answer = self._ask(body, {"content-type": "application/json"})
        if isinstance(answer, str):
            return Outcome(left=records, trouble=answer)
        if 200 <= answer.status < 300:
            return Outcome()
        if not answer.is_refusal:
            return Outcome(left=records, trouble=answer.reason, wait=answer.wait)
        if len(records) == 1:
            return Outcome(refused=[Refusal(record=records[0], reason=answer.reason)])
        return in_halves(records, self._halve)

    def _send_one(self, record: Record) -> Answer | str:
        headers = {
            "content-type": self._settings.content_type,
            "idempotency-key": record.identity,
            "kafka-topic": record.topic,
            "kafka-partition": str(record.partition),
            "kafka-offset": str(record.offset),
        }
        return self._ask(record.value or b"", headers)

    def _ask(self, body: bytes, headers: dict[str, str]) -> Answer | str:
        try:
            return self._web.ask(self._settings.method.value, self._settings.url, body, headers)
        except Transient as failure:
            return str(failure)

    def close(self) -> None:
        """Ends the connection."""
        self._web.close()


def _one_by_one(records: Sequence[Record], send: Callable[[Record], Answer | str]) -> Outcome:
    refused: list[Refusal] = []
    for index, each in enumerate(records):
        answer = send(each)
        if isinstance(answer, str):
            return Outcome(refused=refused, left=records[index:], trouble=answer)
        if answer.is_refusal:
            refused.append(Refusal(record=each, reason=answer.reason))
        elif not 200 <= answer.status < 300:
            return Outcome(refused=refused, left=records[index:], trouble=answer.reason, wait=answer.wait)
    return Outcome(refused=refused)


def target(settings: Settings, secrets: Secrets, _: Connector) -> Http:
    """The target of a connector."""
    return Http(settings, secrets)
