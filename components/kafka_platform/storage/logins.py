"""Who may do what in an object store: its file of users, its bucket's policy, and the users' Secrets. No Pulumi."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.secrets import encode
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, metadata, secret_of, sha256_of
from kafka_platform.kube.store import REGION
from kafka_platform.storage.spec import ADMIN, StoreAccess, StoreUser, prefix_of

if TYPE_CHECKING:
    from pulumi import Input

USERS_FILE = "users.json"
"""What versitygw calls its file of users."""
_READ = ("s3:GetObject",)
_WRITE = (*_READ, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

Keys = Mapping[str, Any]
"""The generated secret key of each user by name, and the administrator's."""


def policy(bucket: str, users: Mapping[str, StoreUser]) -> dict[str, Any] | None:
    """The policy of the bucket: each user below its prefix, and nobody elsewhere. None if there are no users."""
    statements: list[dict[str, Any]] = []
    for name, user in sorted(users.items()):
        prefix = prefix_of(name, user)
        whose = {"Effect": "Allow", "Principal": {"AWS": [name]}}
        statements += [
            whose
            | {
                "Action": list(_WRITE if user.access is StoreAccess.WRITE else _READ),
                "Resource": [f"arn:aws:s3:::{bucket}/{prefix}*"],
            },
            # A prefix without its slash would show the names of its neighbours, as `lake` those of `lakehouse/`.
            whose
            | {
                "Action": ["s3:ListBucket"],
                "Condition": {"StringLike": {"s3:prefix": [f"{prefix}*"]}},
                "Resource": [f"arn:aws:s3:::{bucket}"],
            },
        ]
    return {"Statement": statements, "Version": "2012-10-17"} if statements else None


def logins_version(users: Mapping[str, StoreUser]) -> str:
    """Changes with every key: the pod reads them when it starts."""
    known = {name: user.password_version for name, user in sorted(users.items())}
    return sha256_of(json.dumps(known))


def users_secret(
    name: str, namespace: "Input[str]", labels: Mapping[str, str], users: Mapping[str, StoreUser], keys: Keys
) -> Manifest:
    """The users and their secret keys, as versitygw reads them: S3 signs with the key itself, so a hash of it would not do."""
    names = sorted(users)

    def rendered(*known: str) -> dict[str, str]:
        accounts = {
            user: {"access": user, "groupID": 0, "projectID": 0, "role": "user", "secret": secret, "userID": 0}
            for user, secret in zip(names, known, strict=True)
        }
        return encode({USERS_FILE: json.dumps({"accessAccounts": accounts})})

    data = derived(rendered, *(keys[user] for user in names))
    return secret_of(metadata(name, namespace, labels), data)


def admin_secret(name: str, namespace: "Input[str]", labels: Mapping[str, str], keys: Keys) -> Manifest:
    """The administrator's key."""
    data = derived(lambda key: encode({"AWS_ACCESS_KEY_ID": ADMIN, "AWS_SECRET_ACCESS_KEY": key}), keys[ADMIN])
    return secret_of(metadata(name, namespace, labels), data)


def login(
    name: str,
    namespace: "Input[str]",
    labels: Mapping[str, str],
    *,
    user: str,
    key: "Input[str]",
    endpoint: "Input[str]",
    bucket: str,
    prefix: str,
) -> Manifest:
    """Everything that a client needs, under the names that clients of S3 use."""
    data = derived(
        lambda key, endpoint: encode(
            {
                "AWS_ACCESS_KEY_ID": user,
                "AWS_ENDPOINT_URL_S3": endpoint,
                "AWS_REGION": REGION,
                "AWS_SECRET_ACCESS_KEY": key,
                "S3_BUCKET": bucket,
                "S3_PREFIX": prefix,
            }
        ),
        key,
        endpoint,
    )
    return secret_of(metadata(name, namespace, labels), data)
