"""The job's checkpoints and savepoints in the object store."""

import re
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.stream_keeper.former import METADATA, places, to_remove
from kafka_platform_runtime.stream_keeper.ledger import Ledger

_T = TypeVar("_T")
_TIMEOUT_SECONDS = 10.0
_CHECKPOINT = re.compile(r"/chk-(\d+)/_metadata$")


class Bucket(Protocol):
    """What is needed of an object store."""

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so."""
        ...

    def remove(self, key: str) -> None:
        """Removes it; one that is not there is none to it."""
        ...


class Store:
    """One place in a bucket.

    Args:
        within: the bucket.
        bucket: its name.
        prefix: what all keys begin with; it ends in a slash.
        job: the job's id in Flink.
    """

    def __init__(self, within: Bucket, bucket: str, prefix: str, job: str) -> None:
        self._within = within
        self._root = f"s3://{bucket}/"
        self._prefix = prefix
        self._job = job

    def savepoints(self, generation: int, attempt: int) -> str:
        """The folder of a savepoint."""
        return f"{self._root}{self._prefix}savepoints/{generation}-{attempt}"

    def checkpoints(self, generation: int) -> str:
        """The folder of the checkpoints."""
        return f"{self._root}{self._prefix}checkpoints/{generation}"

    def savepoint(self, folder: str) -> str | None:
        """The complete savepoint in the folder, if there is one."""
        found = [key for key in self._within.keys(self._key(folder)) if key.endswith(METADATA)]
        return self._place(found[0]) if found else None

    def newest(self, generation: int) -> str | None:
        """The newest complete checkpoint, if there is one."""
        keys = self._within.keys(f"{self._key(self.checkpoints(generation))}{self._job}/")
        found = {int(match[1]): key for key in keys if (match := _CHECKPOINT.search(key)) is not None}
        return self._place(found[max(found)]) if found else None

    def superfluous(self, ledger: Ledger, kept: int) -> list[str]:
        """Keys of the states of former jobs, but for the last `kept`, once the job has a checkpoint of its own."""
        if self.newest(ledger.generation) is None:
            return []
        keys = [key for each in ("savepoints/", "checkpoints/") for key in self._within.keys(self._prefix + each)]
        needed = [each.removeprefix(self._root) for each in places(ledger)]
        return to_remove(keys, self._prefix, ledger, needed, kept)

    def remove(self, key: str) -> None:
        """Removes a key."""
        self._within.remove(key)

    def _key(self, folder: str) -> str:
        return folder.removeprefix(self._root) + "/"

    def _place(self, key: str) -> str:
        return self._root + key.removesuffix(METADATA)


class S3:
    """A bucket; each request is tried once."""

    def __init__(self, bucket: str, endpoint: str, region: str) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._region = region
        self._client: Any = None

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so."""

        def listed(client: Any) -> list[str]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [str(each["Key"]) for page in pages for each in page.get("Contents", [])]

        return self._asked(f"list {prefix}", listed)

    def remove(self, key: str) -> None:
        """Removes it. Not all stores know how to remove many at a time."""
        self._asked(f"remove {key}", lambda client: client.delete_object(Bucket=self._bucket, Key=key))

    def _asked(self, what: str, ask: Callable[[Any], _T]) -> _T:
        # Takes half a second and 40 MB, and is seldom needed.
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        if self._client is None:
            self._client = botocore.session.Session().create_client(
                "s3",
                endpoint_url=self._endpoint,
                region_name=self._region,
                config=Config(
                    connect_timeout=_TIMEOUT_SECONDS,
                    read_timeout=_TIMEOUT_SECONDS,
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                ),
            )
        try:
            return ask(self._client)
        except (BotoCoreError, ClientError, OSError) as error:
            raise Transient(f"the object store does not {what}: {error}") from None
