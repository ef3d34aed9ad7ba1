"""How programs reach an S3-compatible object store. No Pulumi."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from kafka_platform.values.later import Input


@dataclass(frozen=True, kw_only=True)
class StoreConnection:
    """A place in an object store, and the key that works there."""

    endpoint: Input[str]
    """URL of the store."""
    bucket: str
    """Name of the bucket, which exists."""
    prefix: str
    """What the keys of objects begin with; it ends in a slash."""
    secret: Input[str]
    """Secret with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, in the namespace of the program."""
    region: str = "us-east-1"
    """Region of the bucket. Default us-east-1, which most other servers expect."""


def port_of(endpoint: str) -> int:
    """The port of a store's URL."""
    parts = urlsplit(endpoint)
    return parts.port or (443 if parts.scheme == "https" else 80)
