"""How to reach a bucket of S3, for both directions."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from msgspec import Meta

from kafka_platform_runtime.connectors.records import line
from kafka_platform_runtime.connectors.settings import SECRET_VARIABLE, Seconds, Secrets, Section
from kafka_platform_runtime.failures import Refused, Transient

T = TypeVar("T")


class Bucket(Section, frozen=True, kw_only=True):
    """How to reach a bucket."""

    endpoint: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$")]
    region: str = "us-east-1"
    bucket: str
    prefix: str = ""
    """Of the keys of objects."""
    timeout: Seconds = 30.0


class S3:
    """Requests to one bucket, each tried once: the loops try again.

    Raises:
        Refused: the Secret has a fault.
    """

    def __init__(self, bucket: Bucket, secrets: Secrets) -> None:
        self._bucket = bucket
        key, word = secrets.text("AWS_ACCESS_KEY_ID"), secrets.text("AWS_SECRET_ACCESS_KEY")
        if key is None or word is None:
            missing = "AWS_ACCESS_KEY_ID" if key is None else "AWS_SECRET_ACCESS_KEY"
            raise Refused([f"{SECRET_VARIABLE}: has no {missing}: add it"])
        secrets.tls()  # what is wrong with its files is told at once
        ca, certificate, own_key = (secrets.path(name) for name in ("ca.crt", "tls.crt", "tls.key"))
        self.client: Any = botocore.session.Session().create_client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=bucket.region,
            aws_access_key_id=key,
            aws_secret_access_key=word,
            aws_session_token=secrets.text("AWS_SESSION_TOKEN"),
            verify=True if ca is None else str(ca),
            config=Config(
                signature_version="s3v4",
                connect_timeout=min(10.0, bucket.timeout),
                read_timeout=bucket.timeout,
                retries={"total_max_attempts": 1},
                max_pool_connections=2,
                client_cert=None if certificate is None else (str(certificate), str(own_key)),
                # The signature covers the content, with every server; newer checksums are AWS's alone.
                s3={"addressing_style": "path", "payload_signing_enabled": True},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def ask(self, request: Callable[..., T], **arguments: Any) -> T:
        """Send a request to the bucket.

        Raises:
            Transient: there is no answer, or an error that `status_of` does not expect.
            ClientError: the server's answer is an error about the object (404, 409, 412).
        """
        try:
            return request(Bucket=self._bucket.bucket, **arguments)
        except ClientError as error:
            if status_of(error) in {404, 409, 412} and error.response["Error"].get("Code") != "NoSuchBucket":
                raise
            raise self.trouble(error) from None
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise self.trouble(error) from None

    def trouble(self, error: Exception) -> Transient:
        """Why a request failed."""
        if isinstance(error, ClientError):
            told = error.response.get("Error", {})
            return Transient(
                line(f"bucket {self._bucket.bucket}: {status_of(error)} {told.get('Code')}: {told.get('Message')}")
            )
        return Transient(line(f"bucket {self._bucket.bucket}: {error}"))

    def close(self) -> None:
        """End the connections."""
        self.client.close()


def status_of(error: ClientError) -> int:
    """The HTTP status of an error."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
