"""The relay of schemas: what answers in a pod as a schema registry would, for programs that know no login to it, or need too many rights.

Trino has no login to a registry; Flink registers what it writes, and is to have no right to. The relay logs in, reads and changes nothing.
"""

from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.registry import CA_FILE, LOGIN, RegistryConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 8085
"""Of the pod's loopback."""
URL = f"http://127.0.0.1:{PORT}"


def variables(registry: RegistryConnection) -> "Mapping[str, Any]":
    """The variables of the program that is the relay; its login is mounted as that of any other program."""
    found = {"RELAY_PORT": str(PORT), "RELAY_URL": registry.url}
    if registry.secret is not None:
        found["RELAY_LOGIN"] = LOGIN
    return found if registry.ca_secret is None else found | {"RELAY_CA_FILE": CA_FILE}
