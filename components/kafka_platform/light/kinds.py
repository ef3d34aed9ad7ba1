"""What light connectors connect Kafka with: what all kinds have, and web services. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from kafka_platform.connect.common import ConnectorKind, Place
from kafka_platform.connect.web import check_service, place_of
from kafka_platform.values.checks import check_field, check_login_url
from kafka_platform.values.forms import Spec, duration, formed, named
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain, check_topic
from kafka_platform.values.units import seconds
from kafka_platform.values.words import Deciding

_INDEX = re.compile(r"[^A-Z\\/*?\"<>| ,#:_+.-][^A-Z\\/*?\"<>| ,#:]{0,254}")
_MEMBER = re.compile(r"[^.\s]+(\.[^.\s]+)*")


def _check_index(index: str) -> None:
    if not _INDEX.fullmatch(index):
        raise ValueError(f"{index!r} is not the name of an index: use lower case, such as orders")


def check_member(path: str) -> None:
    """Raises unless it is the path of a member of a JSON value."""
    if not _MEMBER.fullmatch(path):
        raise ValueError(
            f"{path!r} is not a member of an answer: write its name, or names with dots, such as data.items"
        )


def check_name(name: str) -> None:
    """Raises unless it can be a name in another system."""
    check_text(name, "a name", 255)
    if not name or name != name.strip():
        raise ValueError(f"{name!r} is not a name: remove the blanks around it")


@dataclass(frozen=True, kw_only=True)
class LightKind(ConnectorKind):
    """A system that light connectors know. Its fields are the settings of the runtime's kind, in their names."""

    secret: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret in the connectors' namespace with the login, as files: `username` and `password`, for HTTP alternatively `token`;
    `ca.crt` for a server whose certificate is not from a public authority; `tls.crt` and `tls.key` for a client certificate.
    Default: none."""

    @property
    def keeps_position(self) -> bool:
        """Whether it is a source that keeps in its consumer group how far it is, as the other system does not know."""
        return False

    def batch(self) -> dict[str, Any] | None:
        """How many records a sink gathers, if the connector's `batch` does not say so."""
        return None

    @property
    def program_kind(self) -> str:
        """What the program calls it (`connectors/kinds/table.py` of the runtime)."""
        raise NotImplementedError

    def written(self) -> str | None:
        """The topic that a source writes."""
        return None

    def settings(self) -> dict[str, Any]:
        """The program's settings of this kind."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class _Web(LightKind):
    """A system that speaks HTTP."""

    url: str = named(check_service, default=MISSING, examples=["https://api.example.com/orders"])
    """Its URL, without a login. Required."""
    timeout: str = duration("30s", least="1s", most="120s")
    """How long it may take to answer. Default 30s."""

    def check(self) -> None:
        """No login is sent in the clear."""
        if self.secret is not None:
            check_field("secret", check_login_url, self.url)

    def places(self) -> Sequence[Place]:
        """The server."""
        return [place_of(self.url)]

    def _web(self) -> dict[str, Any]:
        return {"url": self.url, "timeout": seconds(self.timeout)}


class HttpMethod(Deciding):
    """Method of the requests of a sink."""

    POST = "post"
    """POST."""
    PUT = "put"
    """PUT."""
    PATCH = "patch"
    """PATCH."""


class HttpBody(Deciding):
    """What a request of a sink contains."""

    ARRAY = "array"
    """The values of many records, which are JSON, as an array."""
    RECORD = "record"
    """The value of one record, as it is."""


@dataclass(frozen=True, kw_only=True)
class HttpSink(_Web):
    """Sends records to a web service, which answers 2xx once it has them.

    400, 413, 422 and other answers about the content mean that a record is at fault: of an array, the halves are sent until it
    is found. Answers about the login or the address (401, 403, 404, 405), 408, 429 and 5xx are tried again.
    """

    method: HttpMethod = HttpMethod.POST
    """Method of the requests. Default: post."""
    body: HttpBody = HttpBody.ARRAY
    """Whether a request has many records as a JSON array, or one. Default: array, which is many times as fast."""

    @property
    def is_sink(self) -> bool:
        """It reads topics."""
        return True

    @property
    def program_kind(self) -> str:
        """As in the stack file."""
        return "http"

    def settings(self) -> dict[str, Any]:
        """The service, and how it is spoken to."""
        return self._web() | {"method": self.method.name, "body": self.body.value}


class DocumentIds(Deciding):
    """What identifies a document in an index."""

    RECORD = "record"
    """Topic, partition and offset: each record is a document, and one that arrives twice is the same."""
    KEY = "key"
    """The record's key: its newest record is the document, and one without a value deletes it."""


@dataclass(frozen=True, kw_only=True)
class SearchSink(_Web):
    """Indexes records, which are JSON objects, by `_bulk`; each record has a result of its own."""

    index: str | None = named(_check_index, examples=["orders"])
    """Index for all its topics. Default: one for each, called as the topic in lower case."""
    ids: DocumentIds = DocumentIds.RECORD
    """Whether each record is a document, or each key. Default: record."""

    @property
    def is_sink(self) -> bool:
        """It reads topics."""
        return True

    @property
    def program_kind(self) -> str:
        """OpenSearch and Elasticsearch are spoken to in the same way."""
        return "opensearch"

    def settings(self) -> dict[str, Any]:
        """The cluster, and what records become."""
        index = {} if self.index is None else {"index": self.index}
        return self._web() | index | {"ids": self.ids.value}


@dataclass(frozen=True, kw_only=True)
class Cursor(Spec):
    """How a service is asked for what came after its last answer. One of `answer` and `item` says where the cursor is."""

    parameter: str = formed(MISSING, check_name)
    """Parameter of the query that takes it, such as `after`. Required."""
    answer: str | None = named(check_member)
    """Where an answer has the next one, such as `meta.next`."""
    item: str | None = named(check_member)
    """Where an item has it, such as `id`; that of the last item is the next one."""

    def check(self) -> None:
        """It is in one place."""
        if (self.answer is None) == (self.item is None):
            told = "missing" if self.answer is None else "item is given too"
            raise ValueError(f"answer: {told}: write one of answer and item")


@dataclass(frozen=True, kw_only=True)
class PollSource(_Web):
    """Asks a web service at intervals, and writes what is new. How far it is stands in its consumer group."""

    writes: str = named(check_topic, default=MISSING)
    """Topic of Kafka that the items are written to. Required."""
    interval: str = duration("60s", least="1s", most="24h")
    """How often it asks. Default 60s; while a cursor moves, it asks again at once."""
    items: str | None = named(check_member)
    """Where an answer has its items, such as `data.items`. Default: an array has them, any other answer is one item."""
    key: str | None = named(check_member)
    """Where an item has the key of its record, such as `id`. Default: records have none."""
    cursor: Cursor | None = None
    """How it asks for what came after the last answer. Default: each answer is written, unless its ETag is that of the last."""

    @property
    def is_sink(self) -> bool:
        """It writes a topic."""
        return False

    @property
    def keeps_position(self) -> bool:
        """A cursor, or an ETag."""
        return True

    @property
    def program_kind(self) -> str:
        """One of the sources."""
        return "http-source"

    def written(self) -> str:
        """Its topic."""
        return self.writes

    def settings(self) -> dict[str, Any]:
        """The service, and what is made of its answers."""
        given = {"items": self.items, "key": self.key}
        if self.cursor is not None:
            cursor = {"parameter": self.cursor.parameter, "answer": self.cursor.answer, "item": self.cursor.item}
            given["cursor"] = {name: value for name, value in cursor.items() if value is not None}  # type: ignore[assignment]
        more = {name: value for name, value in given.items() if value is not None}
        return self._web() | {"interval": seconds(self.interval)} | more
