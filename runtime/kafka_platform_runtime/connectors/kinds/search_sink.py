"""Indexes records in OpenSearch or Elasticsearch, each with a result of its own."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal, in_halves, line
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.connectors.web import BUSY, Web, WebSettings
from kafka_platform_runtime.failures import Refused, Transient

CONFLICT = 409


class Ids(StrEnum):
    """What identifies a document."""

    RECORD = "record"
    """Topic, partition and offset: each record is a document, and one that arrives twice is the same."""
    KEY = "key"
    """The key: the newest record of a key is the document, one without a value deletes it."""


class Settings(WebSettings, frozen=True, kw_only=True):
    """Of this kind."""

    index: Annotated[str, Meta(pattern=r"^[^A-Z\\/*?\"<>| ,#:_+.-][^A-Z\\/*?\"<>| ,#:]*$", max_length=255)] | None = (
        None
    )
    """Default: the topic, in lower case."""
    ids: Ids = Ids.RECORD


class Search:
    """A cluster that is given records by `_bulk`."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings = settings
        self._web = Web(settings, secrets)
        self._url = settings.url.rstrip("/")

    def open(self) -> None:
        """Whether the cluster answers and accepts the login."""
        answer = self._web.ask("GET", f"{self._url}/")
        if answer.status != 200:
            raise Transient(answer.reason)

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Indexes them in their order; what is refused is known for each."""
        refused, sent, lines = [], [], []
        for each in records:
            try:
                lines += self._lines(each)
            except Refused as unfit:
                refused.append(Refusal(record=each, reason=str(unfit)))
            else:
                sent.append(each)
        if not sent:
            return Outcome(refused=refused)
        content = {"content-type": "application/x-ndjson"}
        answer = self._web.ask("POST", f"{self._url}/_bulk", b"\n".join(lines) + b"\n", content)
        if answer.status == 413 and len(sent) > 1:
            # The cluster does not take so much in one request.
            found = in_halves(sent, self.deliver)
            return replace(found, refused=[*refused, *found.refused])
        if answer.status == 413:
            return Outcome(refused=[*refused, Refusal(record=sent[0], reason=answer.reason)])
        if answer.status != 200:
            return Outcome(refused=refused, left=sent, trouble=answer.reason, wait=answer.wait)
        return _results(sent, refused, answer.body)

    def _lines(self, record: Record) -> list[bytes]:
        place: dict[str, Any] = {"_index": self._settings.index or record.topic.lower(), "_id": record.identity}
        if self._settings.ids is Ids.KEY:
            if record.key is None:
                raise Refused(["it has no key, and the key identifies the document"])
            try:
                place["_id"] = record.key.decode()
            except UnicodeDecodeError:
                raise Refused(["its key is not text, and the key identifies the document"]) from None
            # An older record of a key that arrives again does not replace a newer one.
            place |= {"version": record.offset + 1, "version_type": "external"}
            if record.value is None:
                return [msgspec.json.encode({"delete": place})]
        document = _document(record.value)
        return [msgspec.json.encode({"index": place}), document]

    def close(self) -> None:
        """Ends the connection."""
        self._web.close()


def _document(value: bytes | None) -> bytes:
    try:
        parsed = msgspec.json.decode(value or b"null")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused([f"its value is not JSON: {error}"]) from None
    if not isinstance(parsed, dict):
        raise Refused(["its value is not a JSON object"])
    # On one line, as the request has it.
    return msgspec.json.encode(parsed) if b"\n" in (value or b"") or b"\r" in (value or b"") else value or b""


def _results(records: Sequence[Record], refused: Sequence[Refusal], body: bytes) -> Outcome:
    try:
        found = msgspec.json.decode(body)
        results = [next(iter(each.values())) for each in found["items"]] if found["errors"] else []
    except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError, KeyError, TypeError, StopIteration):
        return Outcome(refused=refused, left=records, trouble="its answer is not one of _bulk")
    if not results:
        return Outcome(refused=refused)
    if len(results) != len(records):
        return Outcome(refused=refused, left=records, trouble="its answer has not a result for each record")
    unfit, left, trouble = list(refused), [], ""
    for record, result in zip(records, results, strict=True):
        status = int(result.get("status", 500))
        if 200 <= status < 300 or status == CONFLICT or (status == 404 and "error" not in result):
            continue
        reason = _reason(result.get("error"))
        if 400 <= status < 500 and status not in BUSY | {401, 403, 404}:
            unfit.append(Refusal(record=record, reason=reason))
        else:
            left.append(record)
            trouble = trouble or f"{status} {reason}"
    return Outcome(refused=unfit, left=left, trouble=trouble)


def _reason(error: Any) -> str:
    if not isinstance(error, dict):
        return line(str(error))
    inner = error.get("caused_by")
    inner_text = f": {inner.get('reason')}" if isinstance(inner, dict) and inner.get("reason") else ""
    return line(f"{error.get('type')}: {error.get('reason')}{inner_text}")


def target(settings: Settings, secrets: Secrets, _: Connector) -> Search:
    """The target of a connector."""
    return Search(settings, secrets)
