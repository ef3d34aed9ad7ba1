"""The Kubernetes objects that apply declarations to a Kafka: one pure function renders each."""

from collections.abc import Mapping, Sequence

import pulumi

from kafka_platform.client_pods import ca_mounts, ca_volumes, connection_environment
from kafka_platform.connection import KafkaConnection
from kafka_platform.kubernetes import Manifest, labels, metadata, selector, to_names
from kafka_platform.pods import RUN_ONCE, container_security, pod_security

COMPONENT = "provisioner"
DECLARATIONS_ANNOTATION = "kafka-platform/declarations"

# Seconds in which the program retries what passes by itself, such as brokers that do not answer yet.
RETRY_SECONDS = 240
# Seconds after which Kubernetes ends the Job: the above, with time to pull the image and to apply thousands of topics.
DEADLINE_SECONDS = 540

_CREDENTIALS = "/etc/kafka-platform/credentials"


def config_map(name: str, namespace: pulumi.Input[str], declarations: Mapping[str, str]) -> Manifest:
    """One key for each topic and user, so that a preview names what changes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{name}-declarations", namespace, labels(name, COMPONENT)),
        "data": dict(declarations),
    }


def network_policy(name: str, namespace: pulumi.Input[str], kafka_ports: pulumi.Input[Sequence[Manifest]]) -> Manifest:
    """The Job's pods reach names and Kafka; nobody reaches them."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(f"{name}-{COMPONENT}", namespace, labels(name, COMPONENT)),
        "spec": {
            "egress": [*to_names(), {"ports": kafka_ports}],
            "ingress": [],
            "podSelector": {"matchLabels": selector(name, COMPONENT)},
            "policyTypes": ["Ingress", "Egress"],
        },
    }


def job(
    name: str,
    connection: KafkaConnection,
    admin_secret: pulumi.Input[str],
    image: str,
    declarations_hash: str,
    *,
    stack: str | None = None,
    former_stacks: Sequence[str] = (),
) -> Manifest:
    """Applies the declarations; another hash makes another Job."""
    own = labels(name, COMPONENT)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            # A Job that failed is made again by the next `pulumi up`; it has no name, so that both may exist meanwhile.
            "annotations": {"pulumi.com/replaceUnready": "true"},
            "labels": own,
            "namespace": connection.namespace,
        },
        "spec": {
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            **RUN_ONCE,
            "template": {
                "metadata": {"annotations": {DECLARATIONS_ANNOTATION: declarations_hash}, "labels": own},
                "spec": {
                    "automountServiceAccountToken": False,
                    "containers": [
                        {
                            "command": ["python3", "-m", "kafka_platform_runtime.provisioner"],
                            "env": _environment(name, connection, admin_secret, stack, former_stacks),
                            "image": image,
                            "name": "provisioner",
                            "resources": {
                                "limits": {"memory": "512Mi"},
                                "requests": {"cpu": "50m", "memory": "128Mi"},
                            },
                            "securityContext": container_security(),
                            "volumeMounts": _mounts(connection),
                        }
                    ],
                    "enableServiceLinks": False,
                    "restartPolicy": "Never",
                    "securityContext": pod_security(),
                    "volumes": _volumes(name, connection, admin_secret),
                },
            },
        },
    }


def _environment(
    name: str,
    connection: KafkaConnection,
    admin_secret: pulumi.Input[str],
    stack: str | None,
    former_stacks: Sequence[str],
) -> list[Manifest]:
    variables = {
        "DEADLINE_SECONDS": str(RETRY_SECONDS),
        "DECLARATIONS_DIR": "/etc/kafka-platform/declarations",
        "KAFKA_SASL_PASSWORD_FILE": f"{_CREDENTIALS}/password",
        "OWNER": name,
        "PASSWORDS_DIR": "/etc/kafka-platform/passwords",
    }
    if stack is not None:
        variables["STACK"] = stack
    if former_stacks:
        variables["FORMER_STACKS"] = ",".join(former_stacks)
    rendered = connection_environment(connection, variables)
    if connection.sasl_mechanism is not None:
        username = {"secretKeyRef": {"key": "username", "name": admin_secret}}
        rendered.append({"name": "KAFKA_SASL_USERNAME", "valueFrom": username})
    return rendered


def _mounts(connection: KafkaConnection) -> list[Manifest]:
    return [
        {"mountPath": "/etc/kafka-platform/declarations", "name": "declarations", "readOnly": True},
        {"mountPath": "/etc/kafka-platform/passwords", "name": "passwords", "readOnly": True},
        {"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True},
        *ca_mounts(connection),
    ]


def _volumes(name: str, connection: KafkaConnection, admin_secret: pulumi.Input[str]) -> list[Manifest]:
    return [
        {"configMap": {"name": f"{name}-declarations"}, "name": "declarations"},
        # Without users there is no such Secret.
        {"name": "passwords", "secret": {"optional": True, "secretName": f"{name}-passwords"}},
        {
            "name": "credentials",
            "secret": {"items": [{"key": "password", "path": "password"}], "secretName": admin_secret},
        },
        *ca_volumes(connection),
    ]
