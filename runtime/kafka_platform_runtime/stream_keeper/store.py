"""The job's checkpoints and savepoints in the object store."""

import re
from typing import Any, Protocol

from kafka_platform_runtime.failures import Transient

_TIMEOUT_SECONDS = 10.0
_METADATA = "/_metadata"
"""The file that a complete checkpoint or savepoint has."""
_CHECKPOINT = re.compile(r"/chk-(\d+)/_metadata$")


class Lister(Protocol):
    """What is needed of an object store."""

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so."""
        ...


class Store:
    """One place in a bucket.

    Args:
        lister: lists it.
        bucket: its name.
        prefix: what all keys begin with; it ends in a slash.
        job: the job's id in Flink.
    """

    def __init__(self, lister: Lister, bucket: str, prefix: str, job: str) -> None:
        self._lister = lister
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
        found = [key for key in self._lister.keys(self._key(folder)) if key.endswith(_METADATA)]
        return self._place(found[0]) if found else None

    def newest(self, generation: int) -> str | None:
        """The newest complete checkpoint, if there is one."""
        keys = self._lister.keys(f"{self._key(self.checkpoints(generation))}{self._job}/")
        found = {int(match[1]): key for key in keys if (match := _CHECKPOINT.search(key)) is not None}
        return self._place(found[max(found)]) if found else None

    def _key(self, folder: str) -> str:
        return folder.removeprefix(self._root) + "/"

    def _place(self, key: str) -> str:
        return self._root + key.removesuffix(_METADATA)


class S3:
    """Lists a bucket; each request is tried once."""

    def __init__(self, bucket: str, endpoint: str, region: str) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._region = region
        self._client: Any = None

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so."""
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
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [str(each["Key"]) for page in pages for each in page.get("Contents", [])]
        except (BotoCoreError, ClientError, OSError) as error:
            raise Transient(f"the object store does not list {prefix}: {error}") from None
