"""The bucket, and who may do what in it."""

import json
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.object_store.settings import Settings

_TIMEOUT_SECONDS = 10.0
_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class Bucket:
    """Requests about one bucket, as the administrator; each is tried once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = botocore.session.Session().create_client(
            "s3",
            endpoint_url=settings.url,
            region_name=settings.region,
            aws_access_key_id=settings.key,
            aws_secret_access_key=settings.secret,
            config=Config(
                signature_version="s3v4",
                connect_timeout=_TIMEOUT_SECONDS,
                read_timeout=_TIMEOUT_SECONDS,
                retries={"total_max_attempts": 1},
                max_pool_connections=1,
                s3={"addressing_style": "path"},
            ),
        )

    def keep(self) -> list[str]:
        """Make the bucket if it is missing, and give it its policy if it has another one.

        Returns:
            What was done.

        Raises:
            Transient: there is no answer, or an error.
        """
        done: list[str] = []
        name, wanted = self._settings.bucket, self._settings.policy
        try:
            if self._made(name):
                done.append(f"made the bucket {name}")
            if self._policy(name) != wanted:
                if wanted is None:
                    self._client.delete_bucket_policy(Bucket=name)
                else:
                    text = json.dumps(wanted, separators=(",", ":"), sort_keys=True)
                    self._client.put_bucket_policy(Bucket=name, Policy=text)
                done.append(f"set the policy of the bucket {name}")
        except ClientError as error:
            told = error.response.get("Error", {})
            raise Transient(f"bucket {name}: {told.get('Code')}: {told.get('Message')}") from None
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise Transient(f"bucket {name}: {error}") from None
        return done

    def _made(self, name: str) -> bool:
        try:
            self._client.head_bucket(Bucket=name)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                raise
        else:
            return False
        try:
            self._client.create_bucket(Bucket=name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _THERE:
                return False
            raise
        return True

    def _policy(self, name: str) -> Any:
        try:
            return json.loads(self._client.get_bucket_policy(Bucket=name)["Policy"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchBucketPolicy":
                return None
            raise
        except ValueError:
            return "is no JSON"

    def close(self) -> None:
        """End the connection."""
        self._client.close()
