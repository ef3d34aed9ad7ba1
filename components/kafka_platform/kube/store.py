"""How programs reach an S3-compatible object store. No Pulumi."""

import re
from dataclasses import MISSING, dataclass
from urllib.parse import urlsplit

from kafka_platform.values.checks import check_url
from kafka_platform.values.forms import Spec, formed, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain

REGION = "us-east-1"
"""What servers other than S3 itself expect, most of them."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,99}/){1,10}")
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check_any_bucket(bucket: str) -> None:
    """Raises unless it can be the name of a bucket that is there."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise ValueError(f"{bucket!r} is not a bucket: use 3 to 63 of a-z, 0-9, - and .")


def check_prefix(prefix: str) -> None:
    """Raises unless keys of objects may begin with it, and nothing in it means more than itself in a policy."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(
            f"{prefix[:60]!r} is not a prefix: write parts of a-z A-Z 0-9 . _ - that each end in /, such as lake/orders/"
        )


def check_region(region: str) -> None:
    """Raises unless it can be the region of a bucket."""
    if not _REGION.fullmatch(region):
        raise ValueError(f"{region!r} is not a region: write one such as eu-central-1")


@dataclass(frozen=True, kw_only=True)
class StoreConnection(Spec):
    """A place in an object store, and the key that works there."""

    endpoint: Input[str] = named(check_url, default=MISSING)
    """URL of the store."""
    bucket: str = formed(MISSING, check_any_bucket)
    """Name of the bucket, which exists."""
    prefix: str = formed(MISSING, check_prefix)
    """What the keys of objects begin with; it ends in a slash."""
    secret: Input[str] = named(check_subdomain, "object name", default=MISSING)
    """Secret with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, in the namespace of the program."""
    region: str = formed(REGION, check_region)
    """Region of the bucket. Default us-east-1, which most other servers expect."""


def port_of(endpoint: str) -> int:
    """The port of a store's URL."""
    parts = urlsplit(endpoint)
    return parts.port or (443 if parts.scheme == "https" else 80)
