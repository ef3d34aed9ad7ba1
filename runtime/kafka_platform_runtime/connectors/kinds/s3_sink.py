"""Writes records to objects of S3: lines of JSON, each record in one object."""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from kafka_platform_runtime.connectors.kinds.files import Files, FileSettings
from kafka_platform_runtime.connectors.kinds.s3 import S3, Bucket, status_of
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Transient

EXISTS = 412


class Settings(Bucket, frozen=True, kw_only=True):
    """Of this kind."""

    files: FileSettings = FileSettings()


class Objects:
    """The objects of a bucket."""

    def __init__(self, bucket: Bucket, secrets: Secrets) -> None:
        self._s3 = S3(bucket, secrets)

    def open(self) -> None:
        """That it may write is seen with the first object: the connector needs no other right."""

    def put(self, name: str, content: bytes, facts: Mapping[str, str]) -> Mapping[str, str] | None:
        """Writes an object unless there is one, which the server decides."""
        try:
            self._s3.ask(
                self._s3.client.put_object,
                Key=name,
                Body=content,
                ContentType="application/gzip" if name.endswith(".gz") else "application/x-ndjson",
                Metadata=dict(facts),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if status_of(error) != EXISTS:
                raise self._s3.trouble(error) from None
        else:
            return None
        try:
            found: Mapping[str, str] = self._s3.ask(self._s3.client.head_object, Key=name)["Metadata"]
        except ClientError as error:
            raise Transient(f"{name} is there and cannot be looked at: {self._s3.trouble(error)}") from None
        return {key.lower(): value for key, value in found.items()}

    def close(self) -> None:
        """Ends the connections."""
        self._s3.close()


def target(settings: Settings, secrets: Secrets, _: Connector) -> Files:
    """The target of a connector."""
    return Files(settings.prefix, settings.files, Objects(settings, secrets))
