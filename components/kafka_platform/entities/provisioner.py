"""The Kubernetes objects that apply declarations to a Kafka: one pure function renders each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kafka_platform.entities.declarations import check_declared, check_update, declarations
from kafka_platform.entities.settings import COMPONENT, EntitySettings, Passwords, all_passwords, delivered
from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    kafka_ports,
    login_files,
    login_values,
    login_volume,
)
from kafka_platform.kube import declared
from kafka_platform.kube.manifests import Manifest, labels, metadata, network_policy_of, selector, to_names
from kafka_platform.kube.metrics import PROVISION_JOB
from kafka_platform.kube.objects import Guard, Object
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.kube.pods import container_security, helper_resources
from kafka_platform.values.names import declarations_of, passwords_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

_CREDENTIALS = "/etc/kafka-platform/credentials"


def objects(settings: EntitySettings, passwords: Passwords) -> list[Object]:
    """The objects of a Job that applies what is declared; it runs when any of it changes.

    Raises:
        ValueError: a topic's name is too long for the key of its declaration, or there is more than a ConfigMap takes.
    """
    name, connection = settings.name, settings.connection
    for topic in sorted(settings.topics):
        check_declared(topic)
    rendered = declarations(settings.topics, settings.users, settings.replicas)
    before = [
        Object(
            role="declarations",
            manifest=config_map(name, connection.namespace, rendered),
            guard=Guard(name=f"{name}-only-grow", check=_refuse_shrinking),
        ),
        Object(
            role="provisioner-network", manifest=network_policy(name, connection.namespace, kafka_ports(connection))
        ),
        *(delivered(settings, user, password) for user, password in passwords.items()),
    ]
    if passwords:
        before.append(all_passwords(settings, passwords))
    assert connection.admin_secret is not None  # noqa: S101  # the args refuse it
    manifest = job(
        name,
        connection,
        connection.admin_secret,
        settings.runtime_image,
        declared.version_of(rendered),
        stack=settings.stack,
        former_stacks=settings.former_stacks,
        pods=settings.pod_settings,
    )
    return [*before, Object(role=PROVISION_JOB, manifest=manifest, after=before, runs_again=True)]


def _refuse_shrinking(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    check_update(old.get("data") or {}, new.get("data") or {})


def config_map(name: str, namespace: "Input[str]", declarations: Mapping[str, str]) -> Manifest:
    """One key for each topic and user, so that a preview names what changes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(declarations_of(name), namespace, labels(name, COMPONENT)),
        "data": dict(declarations),
    }


def network_policy(name: str, namespace: "Input[str]", kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """The Job's pods may connect to DNS and Kafka; nothing may connect to them."""
    return network_policy_of(
        metadata(f"{name}-{COMPONENT}", namespace, labels(name, COMPONENT)),
        pods={"matchLabels": selector(name, COMPONENT)},
        ingress=[],
        egress=[*to_names(), {"ports": kafka_ports}],
    )


def job(
    name: str,
    connection: "KafkaConnection",
    admin_secret: "Input[str]",
    image: "Input[str]",
    version: str,
    *,
    stack: str | None = None,
    former_stacks: Sequence[str] = (),
    pods: PodSettings = UNDECIDED,
) -> Manifest:
    """Applies the declarations; another version of them makes another Job."""
    container: Manifest = {
        "command": ["python3", "-m", "kafka_platform_runtime.provisioner"],
        "env": _environment(name, connection, admin_secret, stack, former_stacks),
        "image": image,
        "name": "provisioner",
        "resources": helper_resources("512Mi", cpu="50m", reserved="128Mi"),
        "securityContext": container_security(),
        "volumeMounts": _mounts(connection),
    }
    return declared.job(
        container,
        _volumes(name, connection, admin_secret),
        version=version,
        own=labels(name, COMPONENT),
        namespace=connection.namespace,
        pods=pods,
    )


def _environment(
    name: str,
    connection: "KafkaConnection",
    admin_secret: "Input[str]",
    stack: str | None,
    former_stacks: Sequence[str],
) -> list[Manifest]:
    variables = {
        "DEADLINE_SECONDS": str(declared.RETRY_SECONDS),
        "DECLARATIONS_DIR": "/etc/kafka-platform/declarations",
        **login_files(connection, _CREDENTIALS),
        "OWNER": name,
        "PASSWORDS_DIR": "/etc/kafka-platform/passwords",
    }
    if stack is not None:
        variables["STACK"] = stack
    if former_stacks:
        variables["FORMER_STACKS"] = ",".join(former_stacks)
    return [*connection_environment(connection, variables), *login_values(connection, admin_secret)]


def _mounts(connection: "KafkaConnection") -> list[Manifest]:
    return [
        {"mountPath": "/etc/kafka-platform/declarations", "name": "declarations", "readOnly": True},
        {"mountPath": "/etc/kafka-platform/passwords", "name": "passwords", "readOnly": True},
        {"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True},
        *ca_mounts(connection),
    ]


def _volumes(name: str, connection: "KafkaConnection", admin_secret: "Input[str]") -> list[Manifest]:
    return [
        {"configMap": {"name": declarations_of(name)}, "name": "declarations"},
        # Without users there is no such Secret.
        {"name": "passwords", "secret": {"optional": True, "secretName": passwords_secret(name)}},
        login_volume(connection, admin_secret),
        *ca_volumes(connection),
    ]
