"""Stores of files that light connectors connect Kafka with. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import Any
from urllib.parse import urlsplit

from kafka_platform.connect.common import Place
from kafka_platform.light.kinds import LightKind, check_member, check_service
from kafka_platform.values.checks import check_field, check_login_url
from kafka_platform.values.forms import duration, formed, named, size
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.names import check_topic
from kafka_platform.values.units import seconds, size_bytes
from kafka_platform.values.words import Deciding

MOST_RECORDS = 50_000
"""Of what is gathered at a time: as objects of Python, small records take many times their size."""
_LARGEST = "16Mi"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _check_bucket(bucket: str) -> None:
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise ValueError(f"{bucket!r} is not a bucket: use 3 to 63 of a-z, 0-9, - and .")


def _check_region(region: str) -> None:
    if not _REGION.fullmatch(region):
        raise ValueError(f"{region!r} is not a region: write one such as eu-central-1")


def _check_endpoint(url: str) -> None:
    check_service(url)
    if urlsplit(url).path not in {"", "/"} or urlsplit(url).query:
        raise ValueError(f"{url!r} has more than a host and a port: write one such as https://s3.example.com")


def _check_prefix(prefix: str) -> None:
    check_text(prefix, "a prefix", 500)
    if prefix.startswith("/") or "//" in prefix:
        raise ValueError(f"{prefix!r} has an empty part: write one such as lake/orders/")


class Lines(Deciding):
    """What a line of an object is."""

    VALUE = "value"
    """The record's value, which is JSON."""
    RECORD = "record"
    """An object with topic, partition, offset, timestamp, key and value."""


class Compression(Deciding):
    """How objects are compressed."""

    GZIP = "gzip"
    """By gzip; their names end with `.gz`."""
    NONE = "none"
    """They are not."""


class AfterRead(Deciding):
    """What becomes of an object that Kafka has."""

    KEEP = "keep"
    """It stays. Objects are read in the order of their keys; one that sorts before the last one read is not read."""
    DELETE = "delete"
    """It is deleted, so that keys need no order."""


@dataclass(frozen=True, kw_only=True)
class S3(LightKind):
    """A bucket of S3, or of a server with its API. Its Secret has `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.

    With `writes` a source of the lines of objects; otherwise a sink, which writes objects of lines. The server has to know conditional
    writes (`If-None-Match`), by which each record is in one object.
    """

    bucket: str = formed(MISSING, _check_bucket, examples=["lake"])
    """Its name. It has to exist. Required."""
    endpoint: str | None = named(_check_endpoint, examples=["https://s3.example.com"])
    """URL of the server, for S3 of others. Default: that of AWS in the region."""
    region: str = formed("us-east-1", _check_region, examples=["eu-central-1"])
    """Region of the bucket. Default us-east-1, which most other servers expect."""
    prefix: str = formed("", _check_prefix, examples=["lake/"])
    """What the keys of objects begin with. Default: nothing."""
    timeout: str = duration("30s", least="1s", most="120s")
    """How long the server may take to answer. Default 30s."""
    lines: Lines = Lines.VALUE
    """Sink: whether a line is a record's value or an object that describes the record. Default: value."""
    compression: Compression = Compression.GZIP
    """Sink: how objects are compressed. Default: gzip."""
    size: str = size("8Mi")
    """Sink: bytes of records that a pod gathers before it writes objects, one for each partition, up to 16Mi. Default 8Mi."""
    every: str = duration("60s", least="1s", most="1h")
    """Sink: how long it gathers at most. Default 60s."""
    writes: str | None = named(check_topic)
    """Source: topic of Kafka that lines are written to."""
    interval: str = duration("60s", least="1s", most="24h")
    """Source: how often it looks for new objects. Default 60s."""
    key: str | None = named(check_member)
    """Source: where a line has the key of its record, such as `id`. Default: records have none."""
    after: AfterRead = AfterRead.KEEP
    """Source: what becomes of objects that Kafka has. Default: keep."""

    def check(self) -> None:
        """It has a login, which is encrypted, and fields of one direction."""
        if self.secret is None:
            raise ValueError("secret: missing: name the Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        if self.endpoint is not None:
            check_field("secret", check_login_url, self.endpoint)
        if size_bytes(self.size) > size_bytes(_LARGEST):
            raise ValueError(f"size: {self.size} does not fit in the memory of a pod: use at most {_LARGEST}")
        names = ("interval", "key", "after") if self.is_sink else ("lines", "compression", "size", "every")
        for name in names:
            if getattr(self, name) != getattr(S3, name, None):
                told = "only a source has it, which has writes" if self.is_sink else "writes makes it a source"
                raise ValueError(f"{name}: {told}: remove one of them")

    @property
    def is_sink(self) -> bool:
        """Whether it writes objects."""
        return self.writes is None

    @property
    def keeps_position(self) -> bool:
        """The last object that was read."""
        return not self.is_sink

    @property
    def program_kind(self) -> str:
        """By its direction."""
        return "s3" if self.is_sink else "s3-source"

    @property
    def url(self) -> str:
        """Where it sends requests."""
        return (self.endpoint or f"https://s3.{self.region}.amazonaws.com").rstrip("/")

    def places(self) -> Sequence[Place]:
        """The server."""
        parts = urlsplit(self.url)
        return [Place(host=parts.hostname or "", port=parts.port or (443 if parts.scheme == "https" else 80))]

    def written(self) -> str | None:
        """A source's topic."""
        return self.writes

    def batch(self) -> dict[str, Any] | None:
        """What is gathered for objects."""
        if not self.is_sink:
            return None
        return {"records": MOST_RECORDS, "bytes": size_bytes(self.size), "wait": seconds(self.every)}

    def settings(self) -> dict[str, Any]:
        """The bucket, and what is read or written."""
        place = {"endpoint": self.url, "region": self.region, "bucket": self.bucket, "prefix": self.prefix}
        place["timeout"] = seconds(self.timeout)  # type: ignore[assignment]
        if self.is_sink:
            return place | {"files": {"lines": self.lines.value, "compression": self.compression.value}}
        key = {} if self.key is None else {"key": self.key}
        return place | {"interval": seconds(self.interval), "after": self.after.value} | key
