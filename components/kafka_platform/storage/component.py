"""A small S3-compatible object store on one volume."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.kube.images import OBJECT_STORE_IMAGE, RUNTIME_IMAGE
from kafka_platform.kube.passwords import generated_password
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.storage.objects import ObjectStoreSettings, objects, store_endpoint
from kafka_platform.storage.spec import ADMIN, ObjectStoreSpec, store_secret
from kafka_platform.values.forms import named
from kafka_platform.values.names import check_label, check_service_name


@dataclass(frozen=True, kw_only=True)
class ObjectStoreArgs(ObjectStoreSpec, Args):
    """Arguments of an `ObjectStore`."""

    namespace: pulumi.Input[str] = named(check_label, "namespace", default="streaming")
    """Its namespace. Default streaming."""
    image: pulumi.Input[str] = OBJECT_STORE_IMAGE
    """Image of versitygw. Default: its own."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""


class ObjectStore(pulumi.ComponentResource):
    """An S3-compatible store for laptops, CI and the edge: versitygw as one pod on one volume.

    Each user gets a generated key, which works below its prefix and nowhere else, in the Secret `<user>-storage` of its namespace
    with the keys `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL_S3`, `AWS_REGION`, `S3_BUCKET` and `S3_PREFIX`.
    """

    endpoint: pulumi.Output[str]
    """Where it answers inside Kubernetes, once its bucket is there."""
    bucket: pulumi.Output[str]
    """Name of the bucket, once it is there."""
    user_secrets: pulumi.Output[dict[str, str]]
    """Names of the Secrets with the users' keys, by user."""

    def __init__(self, name: str, args: ObjectStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the StatefulSet and of the Service."""
        super().__init__("kafka-platform:index:ObjectStore", name, {}, opts)
        args = ObjectStoreArgs.of(args)
        check_service_name(name, "store")
        settings = ObjectStoreSettings(
            name=name, namespace=args.namespace, image=args.image, runtime_image=args.runtime_image, spec=args
        )
        versions = {ADMIN: 1} | {user: each.password_version for user, each in sorted(args.users.items())}
        keys = {user: generated_password(f"{name}-{user}", self, version) for user, version in versions.items()}
        placed = place_all(self, name, objects(settings, keys))
        # The pod is ready once its bucket and the bucket's policy are there.
        ready = placed["StatefulSet", "pod"]
        endpoint = pulumi.Output.from_input(args.namespace).apply(lambda known: store_endpoint(name, known))
        self.endpoint = once_ready(endpoint, ready, placed["Service", "service"])
        self.bucket = once_ready(args.bucket, ready)
        self.user_secrets = pulumi.Output.from_input({user: store_secret(user) for user in sorted(args.users)})
        self.register_outputs({"endpoint": self.endpoint, "bucket": self.bucket, "userSecrets": self.user_secrets})
