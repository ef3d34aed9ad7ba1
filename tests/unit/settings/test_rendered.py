"""What `check` judges is what is deployed: the same objects, of every capability."""

from typing import Any

import pytest
from kafka_platform.kube.marks import MARK
from kafka_platform.kube.place import annotated

from infra.capabilities import rendered
from infra.capabilities.capability import Rendered
from infra.check import STACKS
from infra.platform import Platform
from infra.policies import resources
from infra.settings.model import Settings
from infra.settings.parsing import parse, read_stack
from infra.settings.stackfile import stack_names
from tests.unit.components.graph import Registered, run

KUBECONFIG = {"KUBECONFIG": "/home/somebody/.kube/config"}
WORKER = {"image": "fraud-check:1.8.2", "tenant": "shop", "reads": ["orders"], "ports": {"metrics": 8080}}
SCALED = WORKER | {"scale": {"recordsPerSecondPerPod": 1000, "acceptableDelay": "10s", "max": 4}}
STATEFUL = WORKER | {
    "group": "totals-app",
    "replicas": 2,
    "state": {"size": "10Gi"},
    "probes": {"readiness": {"path": "/ready", "port": 8080}},
}
SCALED_STATE = {**SCALED, "state": STATEFUL["state"], "probes": STATEFUL["probes"], "transactional": True}
PODS: dict[str, Any] = {
    "pullSecrets": ["registry"],
    "tolerations": [{"key": "dedicated", "value": "kafka", "effect": "NoSchedule"}, {"key": "spot"}],
    "nodeLabels": {"pool": "kafka"},
    "priorityClass": "high",
    "labels": {"example.com/cost": "streaming"},
    "annotations": {"example.com/scrape": "false"},
    "runAs": "platform",
}
SHOP = {"host": "db.shop", "database": "shop", "secret": "shop-db", "tables": ["public.orders"]}
COMMON: dict[str, Any] = {
    "podSettings": PODS,
    "topics": {"orders": {"partitions": 6}, "orders-by-minute": {}},
    "tenants": {
        "shop": {"namespace": "shop", "createNamespace": True, "users": {"api": {"writes": ["orders"]}}},
        "own": {"users": {"anyone": {"reads": ["orders"]}}},
    },
    "gateway": {"anonymous": "anyone", "pods": {"min": 2, "max": 5}},
    "probe": {"gate": True},
    "keda": {},
    "registry": {"roles": {"api": "developer"}, "tls": {"certificate": "schemas"}, "removedSubjects": ["old"]},
    "prometheus": {},
    "exporter": {"surge": True},
    "storage": {
        "install": True,
        "users": {"lake": {"namespace": "shop"}, "marts": {"prefix": "marts/daily/", "access": "read"}},
    },
    "streams": {
        "minutes": {
            "sql": "streams/minutes.sql",
            "tenant": "shop",
            "slots": 2,
            "tables": {
                "orders": {"columns": ["customer STRING", "amount DECIMAL(10, 2)", "at BIGINT"], "time": "at"},
                "orders-by-minute": {
                    "columns": [
                        "customer STRING",
                        "window_start TIMESTAMP(3)",
                        "orders BIGINT",
                        "amount DECIMAL(38, 2)",
                    ],
                    "key": "customer",
                },
            },
        }
    },
    "query": {
        "tables": {"orders": {"columns": ["id BIGINT", "city VARCHAR address/city"]}},
        "tls": {"certificate": "query"},
    },
    "certManager": {},
    "mirror": {
        "origin": {"name": "first", "bootstrapServers": "first:9093", "username": "mirror", "secret": "first-login"},
        "topics": ["payments"],
        "groups": ["payments-*"],
    },
    "workers": {"fraud-check": SCALED, "plain": WORKER | {"replicas": 2}, "totals": STATEFUL, "views": SCALED_STATE},
    "logs": {"namespaces": ["shop", "streaming"], "multiline": {"shop": "[0-9]{4}-"}},
    "connectors": {
        "shop": {"postgres": SHOP, "tenant": "shop"},
        "warehouse": {
            "jdbc": {"url": "jdbc:postgresql://10.1.2.3/warehouse", "secret": "warehouse"},
            "reads": ["orders", "shop.public.orders"],
        },
        "search": {
            "opensearch": {"url": "https://search.example.com:9200", "secret": "search"},
            "reads": ["orders"],
            "tenant": "shop",
            "scale": {"recordsPerSecondPerPod": 400, "acceptableDelay": "10s"},
        },
        "lake": {
            "hdfs": {"urls": ["http://nn:9870"], "path": "/lake", "user": "kafka", "datanodes": ["*.data:9864"]},
            "reads": ["orders"],
        },
        "rows": {
            "cassandra": {
                "hosts": ["10.1.2.5"],
                "datacenter": "dc1",
                "keyspace": "shop",
                "table": "orders",
                "columns": {"id": "key", "total": "value.total"},
                "secret": "rows",
            },
            "reads": ["orders"],
        },
        "plants": {"mqtt": {"host": "10.1.2.4", "filters": ["plants/#"], "writes": "orders", "tls": False}},
        "other": {
            "plugin": {"connectorClass": "com.example.Source", "writes": ["orders"], "hosts": ["example.com:443"]}
        },
    },
}
POOLS: dict[str, Any] = {
    "controllers": {"roles": ["controller"], "nodes": 3, "storage": "10Gi"},
    "brokers": {"roles": ["broker"], "nodes": 4, "storage": "100Gi"},
}
STACKS_OF_TESTS: dict[str, dict[str, Any]] = {
    "embedded": COMMON
    | {
        "kafka": {"nodes": 3, "listeners": {"external": {"expose": "nodePort", "host": "localhost", "port": 30092}}},
        "images": {
            "kafka": "registry.example.com/kafka:1",
            "runtime": "registry.example.com/runtime:1",
            "registry": "registry.example.com/apicurio:1",
            "collector": "registry.example.com/collector:1",
            "connect": "registry.example.com/connect:1",
            "objectStore": "registry.example.com/versitygw:1",
            "flink": "registry.example.com/flink:1",
            "trino": "registry.example.com/trino:1",
        },
    },
    "server": COMMON
    | {
        "prometheus": {"server": {}},
        "registry": {"roles": {"api": "developer"}},
        "streams": COMMON["streams"]
        | {
            "totals": {
                "image": "registry.example.com/totals:1",
                "jar": "/opt/flink/usrlib/totals.jar",
                "entryClass": "com.example.Totals",
                "reads": ["orders"],
                "writes": ["orders-by-minute"],
            }
        },
        "connectors": COMMON["connectors"]
        | {"crm": {"postgres": SHOP | {"slot": "crm"}, "format": "avro"}}
        | {"declared": {"http": {"url": "https://api.example.com"}, "reads": ["orders"], "format": "schema"}},
        "alerts": {
            "slack": {"secret": "slack", "channel": "#streaming"},
            "tenants": {"shop": {"pagerduty": {"secret": "pagerduty"}}},
        },
    },
    "strimzi": COMMON
    | {
        "kafka": {"engine": "strimzi", "pools": POOLS, "scaling": {"pool": "brokers", "max": 9, "diskAbove": "70%"}},
    },
    "external": COMMON
    | {"kafka": {"engine": "external", "bootstrapServers": "kafka.example.com:9093", "adminSecret": "kafka-admin"}},
}
OPERATORS = ("KedaOperator", "StrimziOperator", "DrainCleaner", "CertManager", "PrometheusStack")
"""Components of which only Helm knows the objects."""


def settings_of(stack: str) -> Settings:
    if stack in STACKS_OF_TESTS:
        return parse(STACKS_OF_TESTS[stack])
    return read_stack(STACKS / f"Pulumi.{stack}.yaml")


def deployed(settings: Settings) -> dict[str, Registered]:
    """The objects that the program registers, without those that it only reads and those of operators."""
    found = run(lambda: Platform(settings, KUBECONFIG) and None)
    return {
        key: each
        for key, each in found.items()
        if "::kubernetes:" in f"::{each.urn.rpartition('$')[2]}"
        and each.inputs.get("metadata") is not None
        and not any(f":{operator}$" in each.urn for operator in OPERATORS)
    }


def key_of(each: Rendered) -> str:
    return f"{each.object.kind}{'Patch' if each.object.partial else ''} {each.name}"


def unmarked(value: Any) -> Any:
    """The value without the marks of the stack, wherever they are, and what holds nothing else."""
    if isinstance(value, dict):
        left = {key: (each, unmarked(each)) for key, each in value.items() if key != MARK}
        return {key: each for key, (before, each) in left.items() if each or not before}
    return [unmarked(each) for each in value] if isinstance(value, list) else value


def comparable(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest without what only a deployment knows."""
    left: dict[str, Any] = unmarked({key: value for key, value in manifest.items() if key != "status"})
    data = left.get("data") or {}
    if left["kind"] == "Secret":
        # The engine gets secrets wrapped.
        left["data"] = sorted(data.get("value", data))
    data.pop("cluster-id", None)
    template = left.get("spec", {}).get("template", {}).get("metadata", {})
    made = template.get("annotations", {})
    for key in ("kafka-platform/config", "kafka-platform/gate-version"):
        if key in made:
            made[key] = "known later"
    for container in left.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        for variable in container.get("env", []):
            if variable["name"] in {"STACK", "EXPORTER_STACK"}:
                variable["value"] = "known later"
    return left


@pytest.mark.parametrize("stack", [*stack_names(STACKS), *STACKS_OF_TESTS])
def test_what_is_judged_is_what_is_deployed(stack: str) -> None:
    settings = settings_of(stack)
    found, judged = deployed(settings), {key_of(each): each.object for each in rendered(settings)}
    assert sorted(judged) == sorted(found)
    for key, each in judged.items():
        assert comparable(annotated(each)) == comparable(found[key].inputs), key
        assert list(each.ignored) == found[key].ignored, key
        assert each.kept == found[key].retained, key


@pytest.mark.parametrize("stack", STACKS_OF_TESTS)
def test_every_capability_is_judged(stack: str) -> None:
    parts = {
        each.properties["metadata"].get("labels", {}).get("app.kubernetes.io/component")
        for each in resources(settings_of(stack))
        if "metadata" in each.properties
    }
    entities = "resources" if stack == "strimzi" else "provisioner"
    own = {
        "embedded": {"broker"},
        "server": {"broker", "prometheus", "alertmanager"},
        "strimzi": {"broker", "broker-scaler"},
        "external": set[str](),
    }
    expected = {
        entities,
        "gateway",
        "latency-probe",
        "latency-gate",
        "worker",
        "scaler",
        "monitoring",
        "schema-registry",
    }
    assert parts >= expected | own[stack]


def test_every_container_comes_from_the_images_that_the_stack_names() -> None:
    images = {
        container["image"]
        for each in resources(settings_of("embedded"))
        for container in each.containers
        if container["name"] != "worker"
    }
    own = {
        f"registry.example.com/{name}:1"
        for name in ("apicurio", "collector", "connect", "flink", "kafka", "runtime", "trino", "versitygw")
    }
    assert images == own
