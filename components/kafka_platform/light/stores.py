"""Stores of files that light connectors connect Kafka with. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import Any
from urllib.parse import urlsplit

from kafka_platform.connect.common import Place
from kafka_platform.connect.web import check_endpoint, check_service, place_of
from kafka_platform.kube.store import REGION, check_any_bucket, check_region
from kafka_platform.light.kinds import LightKind, check_member
from kafka_platform.values.checks import check_field, check_login_url
from kafka_platform.values.forms import duration, formed, named, size
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.names import check_topic
from kafka_platform.values.units import seconds, size_bytes
from kafka_platform.values.words import Deciding

MOST_RECORDS = 50_000
"""Of what is gathered at a time: as objects of Python, small records take many times their size."""
_LARGEST = "16Mi"
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,254}\$?")
_MOST_NAMENODES = 8
_SCHEMES_OF_HDFS = frozenset({"hdfs", "webhdfs", "swebhdfs", "viewfs", "httpfs"})


def _check_prefix(prefix: str) -> None:
    check_text(prefix, "a prefix", 500)
    if prefix.startswith("/") or "//" in prefix:
        raise ValueError(f"{prefix!r} has an empty part: write one such as lake/orders/")


def _check_namenodes(urls: Sequence[str]) -> None:
    if not 1 <= len(urls) <= _MOST_NAMENODES:
        raise ValueError(f"{len(urls)} URLs: write one for each namenode, up to {_MOST_NAMENODES}")
    for url in urls:
        if url.partition("://")[0] in _SCHEMES_OF_HDFS:
            raise ValueError(
                f"{url!r} is not spoken: write the URL of WebHDFS, such as https://namenode.example.com:9871"
            )
        check_service(url)
        if urlsplit(url).query or urlsplit(url).path.rstrip("/").endswith("/webhdfs/v1"):
            raise ValueError(f"{url!r} has more than its beginning: end it before /webhdfs/v1")
        if list(urls).count(url) > 1:
            raise ValueError(f"{url!r} is listed twice: keep one")
    if len({urlsplit(url).scheme for url in urls}) > 1:
        raise ValueError("some are https and some are not: use https for all")


def _check_datanodes(places: Sequence[str]) -> None:
    for each in places:
        Place.of(each.removeprefix("*."))
        if list(places).count(each) > 1:
            raise ValueError(f"{each!r} is listed twice: keep one")


def _check_folder(path: str) -> None:
    check_text(path, "a folder", 1000)
    if not path.startswith("/") or path == "/" or any(each in {"", ".", ".."} for each in path[1:].split("/")):
        raise ValueError(f"{path!r} is not a folder: write one from the root, such as /lake/orders")
    if ":" in path:
        raise ValueError(f"{path!r} has a colon, which no name in HDFS has: remove it")


def _check_hdfs_user(user: str) -> None:
    if not _USER.fullmatch(user):
        raise ValueError(f"{user!r} is not a user of HDFS: use A-Z, a-z, 0-9, ., _ and -, beginning with a letter")


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


def check_gathered(size: str) -> None:
    """Raises unless so many bytes of records fit in a pod."""
    if size_bytes(size) > size_bytes(_LARGEST):
        raise ValueError(f"size: {size} does not fit in the memory of a pod: use at most {_LARGEST}")


@dataclass(frozen=True, kw_only=True)
class S3(LightKind):
    """A bucket of S3, or of a server with its API. Its Secret has `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.

    With `writes` a source of the lines of objects; otherwise a sink, which writes objects of lines. The server has to know conditional
    writes (`If-None-Match`), by which each record is in one object.
    """

    bucket: str = formed(MISSING, check_any_bucket, examples=["lake"])
    """Its name. It has to exist. Required."""
    endpoint: str | None = named(check_endpoint, examples=["https://s3.example.com"])
    """URL of the server, for S3 of others. Default: that of AWS in the region."""
    region: str = formed(REGION, check_region, examples=["eu-central-1"])
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
        check_gathered(self.size)
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
        return [place_of(self.url)]

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


@dataclass(frozen=True, kw_only=True)
class HdfsSink(LightKind):
    """Writes files of lines to HDFS by WebHDFS, from its namenodes or through HttpFS or Knox. Each record is in one file.

    Its Secret has `username` and `password` (HttpFS, Knox), `token` (Knox), or `delegation-token`, and `ca.crt` as all have. Kerberos
    is not spoken.
    """

    urls: Sequence[str] = formed(MISSING, _check_namenodes, examples=[["https://namenode.example.com:9871"]])
    """URLs of the namenodes, of which one is active, or of HttpFS or Knox. Required."""
    path: str = formed(MISSING, _check_folder, examples=["/lake"])
    """Folder that files are written below. Required."""
    datanodes: Sequence[str] = formed((), _check_datanodes, examples=[["*.data.example.com:9865"]])
    """Datanodes as `host:port`, or `*.domain:port` for those of a domain: records are sent to no others, wherever a namenode redirects to.
    Default: none, which is right for HttpFS and Knox."""
    user: str | None = named(_check_hdfs_user)
    """User of HDFS, for a cluster that believes every name. Default: the login of the Secret says who it is."""
    timeout: str = duration("30s", least="1s", most="120s")
    """How long a server may take to answer. Default 30s."""
    lines: Lines = Lines.VALUE
    """Whether a line is a record's value or an object that describes the record. Default: value."""
    compression: Compression = Compression.GZIP
    """How files are compressed. Default: gzip."""
    size: str = size("8Mi")
    """Bytes of records that a pod gathers before it writes files, one for each partition, up to 16Mi. Default 8Mi."""
    every: str = duration("60s", least="1s", most="1h")
    """How long it gathers at most. Default 60s."""

    def check(self) -> None:
        """Somebody writes, and no login is sent in the clear."""
        if self.user is None and self.secret is None:
            raise ValueError("secret: missing: name a Secret with a login, or the user of HDFS in user")
        if self.secret is not None and self.user is None:
            for url in self.urls:
                check_field("secret", check_login_url, url)
        check_gathered(self.size)

    @property
    def is_sink(self) -> bool:
        """It reads topics."""
        return True

    @property
    def program_kind(self) -> str:
        """As in the stack file."""
        return "hdfs"

    def places(self) -> Sequence[Place]:
        """The namenodes and the datanodes."""
        parts = [urlsplit(url) for url in self.urls]
        found = [
            Place(host=each.hostname or "", port=each.port or (443 if each.scheme == "https" else 80)) for each in parts
        ]
        for each in self.datanodes:
            place = Place.of(each.removeprefix("*."))
            found.append(Place(host="*." + place.host, port=place.port) if each.startswith("*.") else place)
        return list(dict.fromkeys(found))

    def batch(self) -> dict[str, Any]:
        """What is gathered for files."""
        return {"records": MOST_RECORDS, "bytes": size_bytes(self.size), "wait": seconds(self.every)}

    def settings(self) -> dict[str, Any]:
        """The cluster, and what is written."""
        user = {} if self.user is None else {"user": self.user}
        files = {"lines": self.lines.value, "compression": self.compression.value}
        return user | {
            "urls": list(self.urls),
            "path": self.path.rstrip("/"),
            "datanodes": list(self.datanodes),
            "timeout": seconds(self.timeout),
            "files": files,
        }
