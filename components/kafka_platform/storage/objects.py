"""The Kubernetes objects of an object store: one pure function renders each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    collectors,
    environment,
    labels,
    metadata,
    network_policy_of,
    of_namespaces,
    selector,
    service_of,
    service_port,
    text_hash,
)
from kafka_platform.kube.objects import Guard, Object
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    HTTP_PORT,
    METRICS_PORT,
    configured,
    container_security,
    helper_resources,
    http_check,
    pod_spec,
    resources_of,
    secret_volume,
)
from kafka_platform.kube.store import REGION
from kafka_platform.kube.watchers import watcher_container
from kafka_platform.storage.logins import (
    USERS_FILE,
    Keys,
    admin_secret,
    login,
    logins_version,
    policy,
    users_secret,
)
from kafka_platform.storage.spec import ObjectStoreSpec, prefix_of, store_secret
from kafka_platform.values.units import quantity

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "object-store"

_CONFIG = "/etc/kafka-platform/config"
_CREDENTIALS = "/etc/kafka-platform/credentials"
_USERS = "/etc/kafka-platform/users"
_DATA = "/data"
_FILE = "store.json"
_HEALTH = "/_Health"
"""What it answers without a login. No bucket can be called so."""
_CONNECTIONS = 1000
_REQUESTS = 200
"""Requests at a time; each has a buffer of 1 MiB at most while it moves data."""
_BUFFER = 256 * 1024
_MEMORY_OF_GO = 0.8
"""Share of the memory at which Go collects garbage more often; the rest is for buffers and stacks."""
_TERMINATION_SECONDS = 20
_KEEPER_MEMORY = "128Mi"


@dataclass(frozen=True, kw_only=True)
class ObjectStoreSettings:
    """Inputs of the objects of an object store."""

    name: str
    namespace: "Input[str]"
    image: "Input[str]"
    runtime_image: "Input[str]"
    spec: ObjectStoreSpec = field(default_factory=ObjectStoreSpec)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pod."""
        return selector(self.name, COMPONENT)


def store_endpoint(name: str, namespace: str) -> str:
    """Where it answers inside Kubernetes."""
    return f"http://{name}.{namespace}.svc:{HTTP_PORT}"


def objects(settings: ObjectStoreSettings, keys: Keys) -> list[Object]:
    """The store's objects, in the order in which they are needed."""
    name, namespace, own, spec = settings.name, settings.namespace, labels(settings.name, COMPONENT), settings.spec
    before = [
        Object(role="admin", manifest=admin_secret(f"{name}-admin", namespace, own, keys)),
        Object(role="users", manifest=users_secret(f"{name}-users", namespace, own, spec.users, keys)),
        Object(role="config", manifest=config_map(settings)),
        Object(role="network", manifest=network_policy(settings)),
        # The StatefulSet needs this Service first; waiting for its pod here would never end.
        Object(role="service", manifest=service(settings), awaited=False),
    ]
    pod = Object(
        role="pod",
        manifest=stateful_set(settings),
        after=before,
        # The API server completes the claim's template as a whole.
        forced=True,
        # It takes no other template; what it would change is done by the claim's patch.
        ignored=["spec.volumeClaimTemplates"],
    )
    claim = Object(
        role="claim",
        manifest=claim_patch(settings),
        after=[pod],
        awaited=False,
        forced=True,
        # Taking the patch back would shrink the claim, which the API server refuses.
        kept=True,
        partial=True,
        guard=Guard(name=f"{name}-no-smaller-volume", check=_refuse_smaller_volume),
    )
    return [*before, pod, claim, *_delivered(settings, keys)]


def _delivered(settings: ObjectStoreSettings, keys: Keys) -> list[Object]:
    """The users' keys, in their namespaces."""
    endpoint = derived(lambda known: store_endpoint(settings.name, known), settings.namespace)
    found: list[Object] = []
    for user, declared in sorted(settings.spec.users.items()):
        manifest = login(
            store_secret(user),
            settings.namespace if declared.namespace is None else declared.namespace,
            labels(settings.name, COMPONENT),
            user=user,
            key=keys[user],
            endpoint=endpoint,
            bucket=settings.spec.bucket,
            prefix=prefix_of(user, declared),
        )
        found.append(Object(role=f"{user}-storage", manifest=manifest))
    return found


def config(spec: ObjectStoreSpec) -> str:
    """What the keeper sees to: the bucket and its policy."""
    return json.dumps({"bucket": spec.bucket, "policy": policy(spec.bucket, spec.users)}, indent=1, sort_keys=True)


def config_map(settings: ObjectStoreSettings) -> Manifest:
    """The file that the keeper reads."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {_FILE: config(settings.spec)},
    }


def service(settings: ObjectStoreSettings) -> Manifest:
    """The Service of the store: pods are reached once the bucket and its policy are there."""
    return service_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        [service_port("http", HTTP_PORT)],
        settings.own,
    )


def network_policy(settings: ObjectStoreSettings) -> Manifest:
    """The namespaces of its users may connect, and those that are named. The store itself connects to nothing."""
    spec = settings.spec
    others = [each.namespace for each in spec.users.values() if each.namespace is not None] + [*spec.client_namespaces]
    peers: list[Manifest] = []
    if any(each.namespace is None for each in spec.users.values()):
        peers.append({"podSelector": {}})
    if others:
        peers.append(of_namespaces(others))
    ingress = [collectors(METRICS_PORT, spec.metrics_namespaces)]
    if peers:  # a rule without peers would let everybody in
        ingress.insert(0, {"from": peers, "ports": [allowed_port(HTTP_PORT)]})
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=ingress,
        egress=[],
    )


def stateful_set(settings: ObjectStoreSettings) -> Manifest:
    """One pod, which keeps its volume."""
    own = labels(settings.name, COMPONENT)
    spec = settings.spec
    claim: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": spec.size}}}
    if spec.storage_class is not None:
        claim["storageClassName"] = spec.storage_class
    changed = text_hash(config(spec))
    annotations = {CONFIG_ANNOTATION: changed, "kafka-platform/logins": logins_version(spec.users)}
    template = {"metadata": {"annotations": annotations, "labels": own}, "spec": _pod(settings)}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(settings.name, settings.namespace, own),
        "spec": {
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "replicas": 1,
            "selector": {"matchLabels": settings.own},
            "serviceName": settings.name,
            "template": configured(template, spec.pod_settings),
            "updateStrategy": {"type": "RollingUpdate"},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def claim_patch(settings: ObjectStoreSettings) -> Manifest:
    """The requested size of the claim: a StatefulSet creates it, but never changes it."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"data-{settings.name}-0", "namespace": settings.namespace},
        "spec": {"resources": {"requests": {"storage": settings.spec.size}}},
    }


def _refuse_smaller_volume(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    before, after = (str(inputs["spec"]["resources"]["requests"]["storage"]) for inputs in (old, new))
    if quantity(after) < quantity(before):
        raise ValueError(
            f"volume {new['metadata']['name']}: size: {before} -> {after}: volumes never shrink: use at least {before}"
        )


def _pod(settings: ObjectStoreSettings) -> Manifest:
    name = settings.name
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{name}-config"}, "name": "config"},
        secret_volume("credentials", f"{name}-admin", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        secret_volume("users", f"{name}-users", USERS_FILE),
    ]
    return pod_spec(
        [_store(settings), _keeper(settings)],
        volumes,
        initContainers=[_folders(settings)],
        terminationGracePeriodSeconds=_TERMINATION_SECONDS,
    )


def _folders(settings: ObjectStoreSettings) -> Manifest:
    """Makes the folders of objects and of what is known about them."""
    return {
        "command": ["mkdir", "-p", f"{_DATA}/objects", f"{_DATA}/metadata"],
        "image": settings.runtime_image,
        "name": "folders",
        "resources": helper_resources("32Mi"),
        "securityContext": container_security(),
        "volumeMounts": [{"mountPath": _DATA, "name": "data"}],
    }


def store_command() -> list[str]:
    """How versitygw is started.

    What it knows about objects is in files of their own: not every volume has extended attributes, and those of ext4 have no room for
    the policy of many users.
    """
    return [
        "versitygw",
        "--port",
        f":{HTTP_PORT}",
        "--region",
        REGION,
        "--iam-dir",
        _USERS,
        "--health",
        _HEALTH,
        "--max-connections",
        str(_CONNECTIONS),
        "--max-requests",
        str(_REQUESTS),
        "--keep-alive",
        "--quiet",
        "posix",
        "--sidecar",
        f"{_DATA}/metadata",
        "--io-buffer-size",
        str(_BUFFER),
        f"{_DATA}/objects",
    ]


def _store(settings: ObjectStoreSettings) -> Manifest:
    secret = f"{settings.name}-admin"
    variables = (("ROOT_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"), ("ROOT_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"))
    most = int(float(quantity(settings.spec.resources.memory)) * _MEMORY_OF_GO)
    return {
        "command": store_command(),
        # It takes its administrator's key from nowhere else.
        "env": [
            {"name": "GOMEMLIMIT", "value": str(most)},
            *({"name": name, "valueFrom": {"secretKeyRef": {"key": key, "name": secret}}} for name, key in variables),
        ],
        "image": settings.image,
        "livenessProbe": http_check(_HEALTH, HTTP_PORT, failures=3, period_seconds=20),
        "name": "store",
        "ports": [{"containerPort": HTTP_PORT, "name": "http"}],
        "readinessProbe": http_check(_HEALTH, HTTP_PORT, failures=3, period_seconds=5),
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        "startupProbe": http_check(_HEALTH, HTTP_PORT, failures=60, period_seconds=1),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"mountPath": _DATA, "name": "data"},
            {"mountPath": _USERS, "name": "users", "readOnly": True},
        ],
    }


def _keeper(settings: ObjectStoreSettings) -> Manifest:
    """Makes the bucket, keeps its policy as declared, and shows the volume."""
    variables = {
        "OBJECT_STORE_CONFIG": f"{_CONFIG}/{_FILE}",
        "OBJECT_STORE_CREDENTIALS": _CREDENTIALS,
        "OBJECT_STORE_PORT": str(METRICS_PORT),
        "OBJECT_STORE_REGION": REGION,
        "OBJECT_STORE_URL": f"http://127.0.0.1:{HTTP_PORT}",
        "OBJECT_STORE_VOLUME": _DATA,
    }
    container = watcher_container(
        "keeper",
        "object_store",
        image=settings.runtime_image,
        env=environment(variables),
        resources=helper_resources(_KEEPER_MEMORY),
        mounts=[
            {"mountPath": _CONFIG, "name": "config", "readOnly": True},
            {"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True},
            {"mountPath": _DATA, "name": "data", "readOnly": True},
        ],
    )
    return container | {"readinessProbe": http_check("/readyz", METRICS_PORT, failures=2, period_seconds=5)}
