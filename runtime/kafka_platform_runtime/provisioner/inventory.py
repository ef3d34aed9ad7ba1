"""Prints what a Kafka cluster has, as JSON, and changes nothing: topics, users, ACLs and quotas.

Run as `python3 -m kafka_platform_runtime.provisioner.inventory` with the KAFKA_* variables of `connection`. Passwords
are not among what Kafka tells.

Exit code 0: it is printed. 3: refused, a retry cannot help. 1: a retry may help. The last line of stderr says why.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka.admin import AclBinding

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Refused, Rejected, Transient
from kafka_platform_runtime.provisioner.cluster import Cluster
from kafka_platform_runtime.provisioner.run import DONE, NOT_NOW, REFUSED

T = TypeVar("T")

VERSION = 1
"""Of the JSON: raised if a key is removed, or means something else."""


def inventory(cluster: Cluster) -> dict[str, Any]:
    """What the cluster has; `unread` says what it does not tell this user.

    Raises:
        Rejected, Transient, Refused: it does not even tell its topics.
    """
    metadata = cluster.metadata()
    unread: list[str] = []
    passwords: dict[str, Any] = {}
    acls: list[AclBinding] = []
    quotas: list[Any] = []
    return {
        "version": VERSION,
        "brokers": len(metadata.brokers),
        "topics": {
            name: {
                "partitions": each.partitions,
                "replicas": each.replicas,
                "config": dict(sorted(each.config.items())),
            }
            for name, each in sorted(cluster.topics(metadata).items())
        },
        "passwords": {
            name: sorted(each) for name, each in sorted(_told(cluster.credentials, passwords, unread).items())
        },
        "acls": sorted(map(_acl, _told(cluster.acls, acls, unread)), key=lambda each: sorted(each.items())),
        "quotas": [
            {"of": of, "limits": limits}
            for of, limits in _told(lambda: cluster.quotas.everything(), quotas, unread)  # its client connects
        ],
        "unread": unread,
    }


def _told(ask: Callable[[], T], otherwise: T, unread: list[str]) -> T:
    """The answer; `otherwise`, and why, if this cluster, or this user, gets none: managed ones keep logins elsewhere."""
    try:
        return ask()
    except Refused as refused:
        unread += refused.faults
        return otherwise


def _acl(binding: AclBinding) -> dict[str, str]:
    """By Kafka's own words, also of kinds that cannot be declared."""
    return {
        "principal": binding.principal,
        "host": binding.host,
        "resource": _word(binding.restype),
        "name": binding.name,
        "pattern": _word(binding.resource_pattern_type),
        "operation": _word(binding.operation),
        "permission": _word(binding.permission_type),
    }


def _word(value: Any) -> str:
    """The library has no name for kinds that are newer than it, and calls the cluster a broker."""
    word = str(getattr(value, "name", value))
    return "CLUSTER" if word == "BROKER" else word


def main(environment: Mapping[str, str]) -> int:
    """The program; see the module."""
    try:
        with Cluster(Connection.from_environment(environment)) as cluster:
            print(json.dumps(inventory(cluster)))
    except Refused as refused:
        print("; ".join(refused.faults), file=sys.stderr)
        return REFUSED
    except (Rejected, Transient) as error:
        print(str(error), file=sys.stderr)
        return NOT_NOW
    return DONE


if __name__ == "__main__":
    sys.exit(main(os.environ))
