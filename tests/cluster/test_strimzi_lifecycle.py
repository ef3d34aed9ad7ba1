"""A platform with Strimzi from `up` to `destroy`, by the real engine and a real API server.

Where no operator of Strimzi runs, tests/strimzi_operator.py plays its part. What Kafka does then is tried by tests/e2e/test_strimzi.py.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sandbox.host import SandboxError
from tests import strimzi_api
from tests.harness import Stack, eventually, get, kubectl
from tests.strimzi_operator import Operator

NAMESPACE = "strimzi-lifecycle"
TENANT = "strimzi-lifecycle-shop"
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    # It would go with the stack otherwise, and take along what the stack keeps.
    "createNamespace": False,
    "kafka": {
        "engine": "strimzi",
        "pools": {
            "controllers": {"roles": ["controller"], "nodes": 3, "storage": "1Gi"},
            "brokers": {"roles": ["broker"], "nodes": 3, "storage": "2Gi"},
        },
        "listeners": {"internal": {"certificates": True}},
        "scaling": {"pool": "brokers", "max": 6, "diskAbove": "70%"},
        "deletion": "allow",
    },
    "topics": {"orders": {"partitions": 6}, "Old_Orders": {"deletion": "allow"}},
    "tenants": {
        "shop": {
            "namespace": TENANT,
            "createNamespace": True,
            "users": {"order-api": {"writes": ["orders"]}, "warehouse": {"auth": "mtls", "reads": ["orders"]}},
        }
    },
    "keda": {},
}


@pytest.fixture(scope="module")
def operator(environment: Mapping[str, str], keda: None) -> Iterator[Operator]:
    if strimzi_api.operator_watches(environment):
        pytest.skip("an operator of Strimzi runs in this cluster, and plays its part itself: tests/e2e/test_strimzi.py")
    try:
        strimzi_api.install(environment)
    except SandboxError as error:
        pytest.skip(f"the API server does not serve Strimzi's kinds: {error}")
    playing = Operator(NAMESPACE)
    playing.start()
    yield playing
    playing.stop()


@pytest.fixture(scope="module")
def stack(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    kubectl("create", "namespace", NAMESPACE)
    made = Stack("strimzi-lifecycle", tmp_path_factory.mktemp("stack"), PLATFORM)
    yield made
    made.run("cancel", "--yes")
    made.destroy()
    # What was kept on purpose: topics, and the namespace in case they are in it.
    for namespace in (NAMESPACE, TENANT):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def secret(name: str, namespace: str) -> dict[str, str]:
    data = get("secret", name, namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_up_waits_for_each_in_its_order(stack: Stack, operator: Operator) -> None:
    stack.up()
    order = operator.ready
    kafka = order.index("Kafka/kafka")
    assert {"KafkaNodePool/brokers", "KafkaNodePool/controllers"} <= set(order[:kafka])
    # A KEDA that runs here has said of the ScaledObject itself that it is ready.
    after = {each.partition("/")[0] for each in order[kafka + 1 :]} - {"ScaledObject"}
    assert after == {"KafkaTopic", "KafkaUser"}
    outputs = stack.outputs()
    assert outputs["clusterId"] == "strimzi-says-so-123456"
    assert outputs["bootstrapServers"] == f"kafka-kafka-bootstrap.{NAMESPACE}.svc:9092"


def test_what_users_are_given(stack: Stack) -> None:
    api = secret("order-api-kafka", TENANT)
    # All the authority's certificates: the one that is replaced, and the one that replaces it.
    assert api["ca.crt"] == "OLD\nNEW\n"
    assert api["password"] == secret("kafka-passwords", NAMESPACE)["order-api"]
    warehouse = secret("warehouse-kafka", TENANT)
    assert warehouse["user.crt"] == "certificate of warehouse\n"
    assert warehouse["user.pem"] == "key\ncertificate of warehouse\n"
    assert warehouse["bootstrap-servers"] == f"kafka-kafka-bootstrap.{NAMESPACE}.svc:9093"


def test_an_unchanged_stack_shows_nothing(stack: Stack) -> None:
    stack.preview("--expect-no-changes")


def test_the_autoscaler_is_not_overruled_and_drift_is_shown(stack: Stack) -> None:
    """Strimzi holds a change back by keeping what is there: the pool says 4, and there are 3."""
    kubectl("-n", NAMESPACE, "scale", "kafkanodepool/brokers", "--replicas=4")
    eventually(
        "the pool was looked at", lambda: get("kafkanodepool", "brokers", NAMESPACE)["status"].get("replicas") == 4
    )
    status = json.dumps({"status": {"replicas": 3}})
    kubectl("-n", NAMESPACE, "patch", "kafkanodepool", "brokers", "--subresource=status", "--type=merge", "-p", status)
    shown = stack.up()
    assert "pool brokers: 4 brokers are wanted and 3 are there" in shown
    assert get("kafkanodepool", "brokers", NAMESPACE)["spec"]["replicas"] == 4


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("kafka", "pools", "brokers", "storage"), "1Gi", "volumes never shrink: use at least 2Gi"),
        (("kafka", "pools", "controllers", "nodes"), 5, "the number of controllers cannot change"),
        (("topics", "orders", "partitions"), 3, "topic orders: 6 partitions -> 3: partitions never shrink"),
    ],
)
def test_what_would_lose_records_is_refused_in_the_preview(
    stack: Stack, path: tuple[str, ...], value: Any, message: str
) -> None:
    changed: dict[str, Any] = json.loads(json.dumps(PLATFORM))
    *above, last = path
    section = changed
    for key in above:
        section = section[key]
    section[last] = value
    stack.write(changed)
    assert message in stack.preview(fails=True)
    stack.write(PLATFORM)


def test_a_changed_password_reaches_the_user(stack: Stack) -> None:
    before = secret("order-api-kafka", TENANT)["password"]
    changed: dict[str, Any] = json.loads(json.dumps(PLATFORM))
    changed["tenants"]["shop"]["users"]["order-api"]["passwordVersion"] = 2
    stack.write(changed)
    stack.up()
    after = secret("order-api-kafka", TENANT)["password"]
    assert after != before
    assert secret("kafka-passwords", NAMESPACE)["order-api"] == after
    stack.write(PLATFORM)
    stack.up()


def test_topics_and_users_go_before_the_kafka_and_topics_are_kept(stack: Stack) -> None:
    shown = stack.destroy()
    deleted = re.findall(r"-  kubernetes:kafka.strimzi.io/v1:(\w+) (\S+) deleted ", shown)
    names = [f"{kind} {name}" for kind, name in deleted]
    kafka = names.index("Kafka kafka-kafka")
    assert {"KafkaUser kafka-user-order-api", "KafkaUser kafka-user-warehouse"} <= set(names[:kafka])
    assert "KafkaTopic kafka-topic-Old_Orders" in names[:kafka]
    assert {"KafkaNodePool kafka-pool-brokers", "KafkaNodePool kafka-pool-controllers"} <= set(names[kafka:])
    kept = json.loads(kubectl("-n", NAMESPACE, "get", "kafkatopics", "-o", "json"))["items"]
    assert [each["metadata"]["name"] for each in kept] == ["orders"]
