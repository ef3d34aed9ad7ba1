"""Topics and users of a Kafka that Strimzi runs, as its custom resources: one pure function renders each."""

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kafka_platform.entities.settings import EntitySettings, Passwords, all_passwords, delivered
from kafka_platform.kafka.entities import Acl, AclResource, Deletion, Login, Operation, Topic, User
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.objects import Guard, Object, Wait
from kafka_platform.kube.operated import READY, STRIMZI_API, STRIMZI_CLUSTER_LABEL
from kafka_platform.values.names import LONGEST_CERTIFICATE_NAME, LONGEST_OBJECT_USER, is_subdomain, passwords_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "resources"
TOPIC_SECONDS = 300
"""How long `pulumi up` waits for a topic or user: the operators reconcile each at least every two minutes."""

# io.strimzi.api.kafka.model.user.acl.AclOperation
_OPERATIONS = {
    Operation.READ: "Read",
    Operation.WRITE: "Write",
    Operation.CREATE: "Create",
    Operation.DELETE: "Delete",
    Operation.ALTER: "Alter",
    Operation.DESCRIBE: "Describe",
    Operation.CLUSTER_ACTION: "ClusterAction",
    Operation.DESCRIBE_CONFIGS: "DescribeConfigs",
    Operation.ALTER_CONFIGS: "AlterConfigs",
    Operation.IDEMPOTENT_WRITE: "IdempotentWrite",
    Operation.ALL: "All",
}
_UNFIT = re.compile(r"[^a-z0-9.-]+")


def objects(settings: EntitySettings, passwords: Passwords) -> list[Object]:
    """One custom resource for each topic and user, so that a change is one line of a preview.

    The operator's certificates are not among them: they are looked up once they exist.
    """
    name, connection = settings.name, settings.connection
    wait = Wait(condition=READY, seconds=TOPIC_SECONDS)
    only_grow = Guard(name=f"{name}-topics-only-grow", check=_refuse_shrinking)
    found = [
        Object(
            role=f"topic-{topic_name}",
            manifest=topic(name, connection, topic_name, declared, settings.replicas),
            wait=wait,
            guard=only_grow,
            # Strimzi deletes the records with the object.
            kept=declared.deletion is Deletion.RETAIN,
        )
        for topic_name, declared in sorted(settings.topics.items())
    ]
    kept_passwords = [all_passwords(settings, passwords)] if passwords else []
    found += kept_passwords
    for user_name, each in sorted(settings.users.items()):
        made = Object(
            role=f"user-{user_name}",
            manifest=user(name, connection, user_name, each, passwords_secret(name)),
            after=kept_passwords if each.auth is Login.SCRAM else [],
            wait=wait,
        )
        found.append(made)
        if each.auth is Login.SCRAM:
            # Delivered when the cluster knows it: applications that have it can log in.
            found.append(delivered(settings, user_name, passwords[user_name], after=[made]))
    return found


def _refuse_shrinking(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    name = new["spec"].get("topicName") or new["metadata"]["name"]
    check_topic_update(str(name), old["spec"], new["spec"])


def object_name(topic: str) -> str:
    """Name of a topic's object: the topic's own if Kubernetes accepts it, otherwise one derived from it."""
    if is_subdomain(topic):
        return topic
    readable = re.sub(r"\.+", ".", _UNFIT.sub("-", topic.lower())).strip("-.")
    readable = ".".join(part.strip("-") for part in readable.split(".")).strip(".")[:200].rstrip("-.")
    digest = hashlib.sha256(topic.encode()).hexdigest()[:10]
    return f"{readable}-{digest}" if readable else f"topic-{digest}"


def topic(
    owner: str, connection: "KafkaConnection", name: str, declared: Topic, default_replicas: int | None
) -> Manifest:
    """A topic that `owner`, a KafkaResources, declares."""
    spec: Manifest = {"partitions": declared.partitions}
    config = declared.kafka_config()
    if config:
        spec["config"] = config
    replicas = declared.replicas if declared.replicas is not None else default_replicas
    if replicas is not None:
        spec["replicas"] = replicas
    if object_name(name) != name:
        spec["topicName"] = name
    return {
        "apiVersion": STRIMZI_API,
        "kind": "KafkaTopic",
        "metadata": metadata(object_name(name), connection.namespace, _labels(owner, connection)),
        "spec": spec,
    }


CERTIFICATE_NAME = "CN="
"""With what Kafka's name of a user begins that Strimzi knows by a certificate."""


def user_object(name: str, declared: User) -> str:
    """Name of a user's object: the user's own; without `CN=` for a user with an external certificate.

    Raises:
        ValueError: no object can be called so.
    """
    is_certified = declared.auth is Login.CUSTOM and name.startswith(CERTIFICATE_NAME)
    found = name.removeprefix(CERTIFICATE_NAME) if is_certified else name
    if len(found) > LONGEST_OBJECT_USER or not is_subdomain(found):
        raise ValueError(
            f"{name!r} cannot be a user of Strimzi, which names objects like that: use up to {LONGEST_OBJECT_USER} of a-z, 0-9, - and ., or, "
            "with auth custom, CN=<such a name> of an existing certificate"
        )
    return found


def user(owner: str, connection: "KafkaConnection", name: str, declared: User, passwords_secret: str) -> Manifest:
    """A user that `owner`, a KafkaResources, declares: its rights and limits. Its password is the entry of its name in the Secret."""
    spec: Manifest = {}
    if declared.auth is Login.MTLS:
        spec["authentication"] = {"type": "tls"}
    if declared.auth is Login.SCRAM:
        reference = {"key": name, "name": passwords_secret}
        spec["authentication"] = {"password": {"valueFrom": {"secretKeyRef": reference}}, "type": "scram-sha-512"}
    if declared.auth is Login.CUSTOM and name.startswith(CERTIFICATE_NAME):
        spec["authentication"] = {"type": "tls-external"}
    # Without `authentication` Strimzi creates no credentials, and gives rights and limits to the user of that name.
    acls = declared.all_acls()
    if acls:
        spec["authorization"] = {"acls": [_acl(acl) for acl in acls], "type": "simple"}
    quotas = _quotas(declared)
    if quotas:
        spec["quotas"] = quotas
    return {
        "apiVersion": STRIMZI_API,
        "kind": "KafkaUser",
        "metadata": metadata(
            user_object(name, declared),
            connection.namespace,
            _labels(owner, connection),
            # The operator does not watch the passwords' Secret: a changed annotation makes it look at once.
            {"kafka-platform/password-version": str(declared.password_version)},
        ),
        "spec": spec,
    }


def _labels(owner: str, connection: "KafkaConnection") -> "dict[str, Input[str]]":
    return {**labels(owner, COMPONENT), STRIMZI_CLUSTER_LABEL: connection.cluster}


def _acl(acl: Acl) -> Manifest:
    resource: Manifest = {"type": acl.resource.value}
    if acl.resource is not AclResource.CLUSTER:
        # `*` alone is Kafka's literal wildcard; a longer pattern that ends in it is a prefix.
        prefixed = acl.name.endswith("*") and acl.name != "*"
        resource["name"] = acl.name[:-1] if prefixed else acl.name
        resource["patternType"] = "prefix" if prefixed else "literal"
    return {"operations": [_OPERATIONS[operation] for operation in acl.operations], "resource": resource}


def _quotas(declared: User) -> Manifest:
    if declared.quotas is None:
        return {}
    known = declared.quotas.kafka_quotas()
    rendered: Manifest = {
        key: int(known[of])
        for key, of in (
            ("consumerByteRate", "consumer_byte_rate"),
            ("producerByteRate", "producer_byte_rate"),
            ("requestPercentage", "request_percentage"),
        )
        if of in known
    }
    if "controller_mutation_rate" in known:
        rendered["controllerMutationRate"] = known["controller_mutation_rate"]
    return dict(sorted(rendered.items()))


def check_strimzi_users(cluster: object, users: Mapping[str, User]) -> None:
    """Raises for a user that Strimzi cannot make in the cluster of that name, as far as the name is known."""
    objects: dict[str, str] = {}
    for name, declared in sorted(users.items()):
        try:
            other = objects.setdefault(user_object(name, declared), name)
        except ValueError as error:
            raise ValueError(f"user {name}: {error}") from None
        if other != name:
            raise ValueError(f"user {name}: Strimzi gives it the name of user {other}: rename one")
        if isinstance(cluster, str) and name.startswith(f"{cluster}-"):
            raise ValueError(
                f"user {name}: Strimzi keeps the credentials in a Secret of that name, and those that begin with {cluster}- "
                "are the cluster's own: choose another name"
            )
        # Strimzi keeps each user's credentials in a Secret that is called as the user.
        if declared.auth is not Login.CUSTOM and declared.secret_of(name) in users:
            raise ValueError(
                f"user {declared.secret_of(name)}: its Secret has the name of the one that user {name} is given: rename one of them"
            )
        if declared.auth is Login.MTLS and len(name) > LONGEST_CERTIFICATE_NAME:
            raise ValueError(
                f"user {name}: auth: a name in a certificate has at most {LONGEST_CERTIFICATE_NAME} characters: use a shorter one"
            )
        percentage = declared.quotas.request_percentage if declared.quotas is not None else None
        if percentage is not None and percentage != int(percentage):
            raise ValueError(
                f"user {name}: quotas.request_percentage: {percentage}: Strimzi takes whole percentages only: use {int(percentage) + 1}"
            )


def check_topic_update(cluster_topic: str, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    """Raises for a change of a rendered KafkaTopic's spec that Kafka cannot make."""
    had, wanted = int(str(before["partitions"]).partition(".")[0]), int(str(after["partitions"]).partition(".")[0])
    if wanted < had:
        raise ValueError(
            f"topic {cluster_topic}: {had} partitions -> {wanted}: partitions never shrink: keep {had}, or make a new topic"
        )
    copies = [None if spec.get("replicas") is None else int(float(str(spec["replicas"]))) for spec in (before, after)]
    if copies[0] != copies[1]:
        raise ValueError(
            f"topic {cluster_topic}: {copies[0]} replicas -> {copies[1]}: fixed once the topic exists: "
            f"keep {copies[0]}, or make a new topic"
        )
