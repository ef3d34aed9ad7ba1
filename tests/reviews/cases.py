"""The changes that reviews are tested with: one deployed platform, and edits of its stack file."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
NAMESPACE = "review"
STACK = "review"

Platform = dict[str, Any]

DEPLOYED: Platform = {
    "namespace": NAMESPACE,
    "kafka": {
        "engine": "embedded",
        "nodes": 3,
        "storage": "1Gi",
        "resources": {"cpu": "50m", "memory": "512Mi"},
        "listeners": {"external": {"expose": "nodePort", "host": "localhost", "port": 30192}},
        "deletion": "allow",
    },
    "topics": {
        "orders": {"partitions": 6, "retention": "30d"},
        "customers": {"partitions": 3, "cleanup": "compact"},
        "clicks": {"partitions": 12, "retention": "6h", "deletion": "allow"},
        "audit": {"retention": "forever"},
    },
    "tenants": {
        "shop": {
            "namespace": "review-shop",
            "createNamespace": True,
            "users": {
                "order-api": {"writes": ["orders", "customers"], "reads": ["customers"], "groups": ["shop-*"]},
                "mailer": {"reads": ["orders"], "groups": ["mailer"]},
            },
            "quotas": {"produce": "20MB/s", "consume": "50MB/s"},
        },
        "web": {"users": {"collector": {"writes": ["clicks"]}}},
    },
    "gateway": {"pods": {"min": 1}, "resources": {"cpu": "50m"}},
}
"""What is deployed before each of the changes."""


def _nothing(platform: Platform) -> None:
    del platform


def _add_topic(platform: Platform) -> None:
    platform["topics"]["invoices"] = {"partitions": 24, "retention": "90d"}
    platform["tenants"]["shop"]["users"]["order-api"]["writes"].append("invoices")


def _change_retention(platform: Platform) -> None:
    platform["topics"]["orders"]["retention"] = "7d"
    platform["topics"]["clicks"]["retention"] = "1d"
    del platform["topics"]["audit"]["retention"]
    platform["kafka"]["defaults"] = {"retention": "3d"}


def _remove_topics(platform: Platform) -> None:
    del platform["topics"]["clicks"], platform["topics"]["audit"]
    platform["tenants"]["web"]["users"]["collector"]["writes"] = ["orders"]


def _delete_tenant(platform: Platform) -> None:
    del platform["tenants"]["shop"]


def _scale_brokers(platform: Platform) -> None:
    platform["kafka"]["nodes"] = 5
    platform["kafka"]["storage"] = "2Gi"
    platform["kafka"]["resources"]["memory"] = "1Gi"
    platform["gateway"]["pods"] = {"min": 2, "max": 6}
    platform["topics"]["orders"]["partitions"] = 12


def _rename(platform: Platform) -> None:
    topics, users = platform["topics"], platform["tenants"]["shop"]["users"]
    topics["sales"] = topics.pop("orders")
    users["sales-api"] = {"writes": ["sales", "customers"], "reads": ["customers"], "groups": ["shop-*"]}
    del users["order-api"]
    users["mailer"]["reads"] = ["sales"]


def _open_up(platform: Platform) -> None:
    users = platform["tenants"]["web"]["users"]
    users["collector"] |= {"reads": ["*"], "passwordVersion": 2}
    users["admin-tool"] = {"acls": [{"resource": "cluster", "name": "kafka-cluster", "operations": ["ALTER"]}]}
    del platform["tenants"]["shop"]["quotas"]
    platform["kafka"]["clientNamespaces"] = ["analytics"]
    platform["gateway"] |= {"anonymous": "collector", "cors": ["*"], "expose": {"nodePort": 30199}}


def _remove_everything(platform: Platform) -> None:
    for key in ("topics", "tenants", "gateway"):
        del platform[key]
    platform["topics"] = {}


def _fewer_partitions(platform: Platform) -> None:
    platform["topics"]["orders"]["partitions"] = 2


CASES: dict[str, Callable[[Platform], None]] = {
    "nothing": _nothing,
    "add-topic": _add_topic,
    "change-retention": _change_retention,
    "remove-topics": _remove_topics,
    "delete-tenant": _delete_tenant,
    "scale-brokers": _scale_brokers,
    "rename": _rename,
    "open-up": _open_up,
    "remove-everything": _remove_everything,
    "fewer-partitions": _fewer_partitions,
}
"""Edits of the deployed platform by the name of their recording."""


REFUSED = frozenset({"fewer-partitions"})
"""Edits whose preview fails."""


def changed(case: str) -> Platform:
    """The settings after the change."""
    platform = copy.deepcopy(DEPLOYED)
    CASES[case](platform)
    return platform


def recording(case: str) -> Path:
    """Where the preview of the change is kept, as `pulumi preview --json --show-sames` printed it."""
    return FOLDER / "recordings" / f"{case}.json.gz"


def expected(case: str) -> Path:
    """Where the review of it is kept."""
    return FOLDER / "expected" / f"{case}.md"
