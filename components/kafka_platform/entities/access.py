"""Users that a component makes for itself."""

from collections.abc import Mapping
from dataclasses import replace

import pulumi

from kafka_platform.entities.component import KafkaResources, KafkaResourcesArgs
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.entities import User
from kafka_platform.kube.place import once_ready
from kafka_platform.kube.pod_settings import PodSettings


def with_users(
    parent: pulumi.ComponentResource,
    name: str,
    connection: KafkaConnection,
    users: Mapping[str, User],
    namespace: pulumi.Input[str],
    *,
    runtime_image: pulumi.Input[str],
    pod_settings: PodSettings,
) -> KafkaConnection:
    """Makes the users that are not there yet. Returns the connection, which can be used once they are.

    Args:
        parent: the component that they are for.
        name: of that component.
        connection: the Kafka.
        users: to be made; none if all are there.
        namespace: where the Secrets of the users go.
        runtime_image: image of this platform's own programs.
        pod_settings: of the Job that makes them.
    """
    if not users:
        return connection
    args = KafkaResourcesArgs(
        connection=connection,
        users=users,
        user_namespace=namespace,
        runtime_image=runtime_image,
        pod_settings=pod_settings,
    )
    made = KafkaResources(f"{name}-access", args, pulumi.ResourceOptions(parent=parent))
    return replace(connection, bootstrap_servers=once_ready(connection.bootstrap_servers, made))
