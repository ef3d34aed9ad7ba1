"""A Kafka that a real operator of Strimzi runs: skipped, with the reason, in clusters that have none.

`STRIMZI_KAFKA_IMAGE` names the image of the brokers where the operator's own cannot be had. Where the operator has no
Cruise Control, STRIMZI_BALANCE=false leaves it out: brokers that are added then get no records until there are new topics.
"""

import copy
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from kafka_platform.monitoring.alerts import Watched, alerts

from tests import strimzi_api
from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl

NAMESPACE = "e2e-strimzi"
TENANT = "e2e-strimzi-shop"
pytestmark = pytest.mark.timeout(2400)
BALANCE = os.environ.get("STRIMZI_BALANCE", "true") == "true"


@pytest.fixture(scope="module", autouse=True)
def _operator() -> None:
    if not strimzi_api.operator_watches(os.environ):
        pytest.skip(
            "no operator of Strimzi runs in this cluster (a Deployment with the label app=strimzi that is ready)"
        )


def platform() -> dict[str, Any]:
    small = {"cpu": "100m", "memory": "768Mi"}
    image = os.environ.get("STRIMZI_KAFKA_IMAGE")
    settings: dict[str, Any] = {
        "namespace": NAMESPACE,
        "kafka": {
            "engine": "strimzi",
            "pools": {
                "controllers": {"roles": ["controller"], "nodes": 1, "storage": "1Gi", "resources": small},
                "brokers": {"roles": ["broker"], "nodes": 3, "storage": "2Gi", "resources": small},
            },
            "listeners": {"internal": {"certificates": True}},
            "deletion": "allow",
            **({} if BALANCE else {"unbalanced": True}),
        },
        "topics": {
            "orders": {"partitions": 6, "deletion": "allow"},
            "Ledger_V1": {"partitions": 12, "deletion": "allow"},
            "secret-plans": {"deletion": "allow"},
        },
        "tenants": {
            "shop": {
                "namespace": TENANT,
                "createNamespace": True,
                "users": {
                    "password-app": {"writes": ["orders"], "reads": ["orders"], "groups": ["shop-*"]},
                    "certificate-app": {
                        "auth": "mtls",
                        "writes": ["orders"],
                        "reads": ["orders"],
                        "groups": ["shop-*"],
                    },
                    "writer": {"writes": ["Ledger_*"], "reads": ["Ledger_*"], "groups": ["unused"]},
                },
            }
        },
    }
    return settings if image is None else {**settings, "images": {"kafka": image}}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, record_testsuite_property: Callable[[str, object], None]) -> Stack:
    made = make_stack("strimzi", platform())
    began = time.monotonic()
    made.up()
    record_testsuite_property("up_seconds", round(time.monotonic() - began, 1))
    for user in ("password-app", "certificate-app"):
        client_pod(TENANT, user, user, programs=["access.py"])
    return made


def change(stack: Stack, alter: Callable[[dict[str, Any]], None]) -> None:
    """Alters what the stack's file says now, and applies it."""
    settings = copy.deepcopy(dict(stack.platform))
    alter(settings)
    stack.write(settings)
    stack.up()


def answer(user: str, *command: str) -> str:
    return in_pod(TENANT, user, "python3", "/programs/access.py", *command).strip()


def pods() -> dict[str, str]:
    """The nodes' pods by name, with the identity of each."""
    found = json.loads(kubectl("-n", NAMESPACE, "get", "pods", "-l", "strimzi.io/cluster=kafka", "-o", "json"))["items"]
    nodes = [each for each in found if "strimzi.io/pool-name" in each["metadata"]["labels"]]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in nodes}


def ready(pod: str) -> bool:
    """Whether a pod is there and ready."""
    state = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    return kubectl("-n", NAMESPACE, "get", "pod", pod, "--ignore-not-found", "-o", state) == "True"


def config(topic: str) -> dict[str, Any]:
    spec: dict[str, Any] = get("kafkatopic", topic, NAMESPACE)["spec"].get("config", {})
    return spec


@pytest.mark.usefixtures("stack")
class TestAccess:
    @pytest.mark.parametrize("user", ["password-app", "certificate-app"])
    def test_who_may_writes_and_reads(self, user: str) -> None:
        assert answer(user, "produce", "orders") == "ok"
        # The first consumer of a new cluster finds no groups' topic: Kafka makes it then, with all its partitions.
        eventually("it reads", lambda: answer(user, "consume", "orders", f"shop-{user}") == "ok", 120)

    @pytest.mark.parametrize("user", ["password-app", "certificate-app"])
    def test_who_may_not_is_denied(self, user: str) -> None:
        assert answer(user, "produce", "secret-plans") == "TOPIC_AUTHORIZATION_FAILED"
        assert answer(user, "consume", "orders", "others") == "GROUP_AUTHORIZATION_FAILED"

    def test_a_wrong_password_is_denied(self) -> None:
        assert answer("password-app", "--password", "wrong", "produce", "orders") == "_AUTHENTICATION"

    def test_the_identity_is_exported(self, stack: Stack) -> None:
        assert stack.outputs()["clusterId"] == get("kafka", "kafka", NAMESPACE)["status"]["clusterId"]

    def test_an_unchanged_stack_shows_nothing(self, stack: Stack) -> None:
        stack.preview("--expect-no-changes")


@pytest.mark.usefixtures("stack")
def test_the_metrics_that_alerts_ask_for_are_shown() -> None:
    """An alert about a metric that nobody shows never comes."""
    watched = Watched(cluster="kafka", namespace=NAMESPACE, nodes=True, renewal_days=30)
    expressions = [alert.expression for alert in alerts(watched)]
    asked = {name for each in expressions for name in re.findall(r"\b(?:kafka|strimzi)_\w+(?=\{)", each)}
    assert {
        "kafka_server_replicamanager_underminisrpartitioncount",
        "strimzi_certificate_expiration_timestamp_ms",
    } < asked

    operator = (
        "-l",
        "strimzi.io/kind=cluster-operator",
        "-o",
        "jsonpath={.items[0].metadata.namespace}/{.items[0].metadata.name}",
    )
    namespace, _, pod = kubectl("get", "pods", "--all-namespaces", *operator).partition("/")
    sources = [(NAMESPACE, name, 9404) for name in pods()] + [(namespace, pod, 8080)]
    shown = [in_pod(where, name, "curl", "--silent", f"localhost:{port}/metrics") for where, name, port in sources]
    missing = {name for name in asked if not any(re.search(rf"^{name}[ {{]", each, re.MULTILINE) for each in shown)}
    assert not missing
    ends = re.findall(r"^strimzi_certificate_expiration_timestamp_ms\{(.*)\}", shown[-1], re.MULTILINE)
    assert any(f'resource_namespace="{NAMESPACE}"' in each and 'cluster="kafka"' in each for each in ends)


def test_a_topic_changes(stack: Stack) -> None:
    change(stack, lambda to: to["topics"]["orders"].update({"partitions": 9, "retention": "1d"}))
    found = get("kafkatopic", "orders", NAMESPACE)
    assert found["spec"]["partitions"] == 9
    assert config("orders")["retention.ms"] == "86400000"
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert any(each["type"] == "Ready" and each["status"] == "True" for each in found["status"]["conditions"])
    assert answer("password-app", "produce", "orders") == "ok"


def test_nothing_is_lost_while_every_broker_restarts(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    """A setting that brokers only read when they start."""
    client_pod(TENANT, "ledger", "writer", programs=["ledger.py"])
    before = pods()
    brokers = {name for name in before if "-brokers-" in name}
    command = ["kubectl", "-n", TENANT, "exec", "ledger", "--", "python3", "/programs/ledger.py"]
    with subprocess.Popen([*command, "write", "Ledger_V1", "900"], stdout=subprocess.PIPE, text=True) as writer:
        try:
            time.sleep(5)
            began = time.monotonic()
            change(stack, lambda to: to["kafka"].update({"config": {"queued.max.requests": "600"}}))
            record_property("up_seconds", round(time.monotonic() - began, 1))
            now = pods()
            assert brokers <= set(now), "pulumi up returned before the brokers were back"
            assert all(now[name] != before[name] for name in brokers), "pulumi up returned before all had restarted"
            record_property("restart_seconds", round(time.monotonic() - began, 1))
        finally:
            in_pod(TENANT, "ledger", "touch", "/tmp/stop")
        written = json.loads(writer.communicate(timeout=400)[0])
    record_property("written", written)
    assert written["failed"] == {}
    assert written["unfinished"] == 0
    assert written["sent"] == written["acknowledged"] > 1000
    read = json.loads(in_pod(TENANT, "ledger", "python3", "/programs/ledger.py", "verify", "Ledger_V1"))
    record_property("read", read)
    assert (read["lost"], read["duplicated"], read["out_of_order"]) == (0, 0, 0)


def test_a_pool_grows(stack: Stack, record_property: Callable[[str, object], None]) -> None:
    before = pods()
    began = time.monotonic()
    change(stack, lambda to: to["kafka"]["pools"]["brokers"].update({"nodes": 4}))
    # Pools have no condition to wait for: Strimzi begins when `pulumi up` has written the number.
    eventually("the fourth broker is ready", lambda: ready("kafka-brokers-3"), 300)
    record_property("seconds", round(time.monotonic() - began, 1))
    now = pods()
    assert {name: now[name] for name in before} == before, "nodes restarted that were there"
    eventually("Strimzi counts it", lambda: get("kafkanodepool", "brokers", NAMESPACE)["status"]["replicas"] == 4)


def test_a_new_password_counts_and_the_old_one_does_not(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    old = in_pod(TENANT, "password-app", "cat", "/etc/kafka-client/password")
    began = time.monotonic()
    change(stack, lambda to: to["tenants"]["shop"]["users"]["password-app"].update({"passwordVersion": 2}))
    record_property("up_seconds", round(time.monotonic() - began, 1))
    eventually(
        "the new password is in the pod",
        lambda: in_pod(TENANT, "password-app", "cat", "/etc/kafka-client/password") != old,
        120,
    )
    record_property("seconds", round(time.monotonic() - began, 1))
    assert answer("password-app", "produce", "orders") == "ok"
    assert answer("password-app", "--password", old, "produce", "orders") == "_AUTHENTICATION"


DATABASE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "db", "namespace": NAMESPACE, "labels": {"app": "db"}},
    "spec": {
        "containers": [
            {
                "name": "db",
                "image": os.environ.get("STRIMZI_POSTGRES_IMAGE", "docker.io/library/postgres:17"),
                "args": ["-c", "wal_level=logical"],
                "env": [{"name": "POSTGRES_PASSWORD", "value": "only-for-this-test"}],
                "readinessProbe": {"exec": {"command": ["pg_isready", "-U", "postgres", "-h", "127.0.0.1"]}},
            }
        ]
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "db", "namespace": NAMESPACE},
    "spec": {"selector": {"app": "db"}, "ports": [{"port": 5432}]},
}
LOGIN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db", "namespace": NAMESPACE},
    "stringData": {"username": "postgres", "password": "only-for-this-test"},
}


def sql(statement: str, database: str = "postgres") -> str:
    """The answer; nothing where the statement fails, as while a table is not there."""
    return in_pod(NAMESPACE, "db", "psql", "-U", "postgres", "-qAt", "-c", statement, database, check=False).strip()


def connect(to: dict[str, Any]) -> None:
    to["connectors"] = {
        "shop": {"postgres": {"host": "db", "database": "postgres", "secret": "db", "tables": ["public.orders"]}},
        "copy": {
            "jdbc": {"url": "jdbc:postgresql://db/copy", "secret": "db", "table": "orders"},
            "reads": ["shop.public.orders"],
        },
    }
    image = os.environ.get("STRIMZI_CONNECT_IMAGE")
    if image is not None:
        to["images"] = {**to.get("images", {}), "connect": image}


def test_connectors_move_records_while_a_worker_is_killed(stack: Stack) -> None:
    """STRIMZI_CONNECT_IMAGE names the image that the target `strimzi` of runtime/connect/Dockerfile makes, where it is not public."""
    listed = {"apiVersion": "v1", "kind": "List", "items": [DATABASE, SERVICE, LOGIN]}
    kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "--timeout=300s", "pod/db")
    sql("create database copy")
    sql(
        "create table orders as select n as id, n * 1.5 as amount from generate_series(1, 500) n; alter table orders add primary key (id)"
    )
    change(stack, connect)
    conditions = get("kafkaconnector", "shop", NAMESPACE)["status"]["conditions"]
    assert any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    kubectl("-n", NAMESPACE, "delete", "pod", "connect-connect-0", "--grace-period=0", "--force", "--wait=false")
    sql("insert into orders select n, n from generate_series(501, 1000) n")
    everything = "select count(*), sum(amount) from orders"
    eventually("the copy is complete", lambda: sql(everything, "copy") == sql(everything), 180)
    stack.preview("--expect-no-changes")


def test_everything_goes(stack: Stack, record_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    stack.destroy()
    record_property("seconds", round(time.monotonic() - began, 1))
    assert time.monotonic() - began < 300
    eventually("no pod is left", lambda: not pods(), 120)
    eventually(
        "nothing wedges the namespace", lambda: not kubectl("get", "namespace", NAMESPACE, "--ignore-not-found"), 120
    )
