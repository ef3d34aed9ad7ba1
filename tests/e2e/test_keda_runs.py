"""KEDA as the cluster runs it: a real lag scales a Deployment from nothing and back, the time and the cores another."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kafka_platform import CpuScale, CronScale, KafkaConnection, Scale
from kafka_platform.scaling.objects import ScalerSettings, scaled_object as rendered, trigger_authentication

from sandbox.pins import RUNTIME_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl, why_no_keda

pytestmark = pytest.mark.long

NAMESPACE = "e2e-keda"
READER = "reader"
"""Deployment, ScaledObject and consumer group."""
RECORDS = 1200
MOST = 4
PAIR = ("orders", "payments")
EACH = 6
"""Partitions of each of these topics, which one group reads."""
BOTH = "both"
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "keda": {},
    "topics": {"readings": {"partitions": MOST}} | {topic: {"partitions": EACH} for topic in PAIR},
    "tenants": {
        "readers": {
            "users": {
                "app": {"writes": ["readings", *PAIR], "reads": ["readings", *PAIR], "groups": [READER, BOTH]},
                "scaler": {
                    "acls": [
                        {"resource": kind, "name": name, "operations": ["DESCRIBE"]}
                        for kind, names in (("topic", ("readings", *PAIR)), ("group", (READER, BOTH)))
                        for name in names
                    ]
                },
            }
        }
    },
}


def deployment(name: str, command: list[str], **container: Any) -> dict[str, Any]:
    """A Deployment of one container that may use Kafka as `app` does; it starts with no pods."""
    volumes = [
        {"name": "credentials", "secret": {"secretName": "app-kafka"}},
        {"name": "programs", "configMap": {"name": "client-programs"}},
    ]
    mounts = [
        {"name": "credentials", "mountPath": "/etc/kafka-client", "readOnly": True},
        {"name": "programs", "mountPath": "/programs", "readOnly": True},
    ]
    pod = {
        "terminationGracePeriodSeconds": 20,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
        "containers": [
            {"name": "main", "image": RUNTIME_IMAGE, "command": command, "volumeMounts": mounts, **container}
        ],
        "volumes": volumes,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }


def scaled_object(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"name": READER},
            "pollingInterval": 2,
            "cooldownPeriod": 5,
            "minReplicaCount": 0,
            "maxReplicaCount": MOST,
            "advanced": {
                "horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
            },
            "triggers": [
                {
                    "type": "kafka",
                    "metadata": {
                        "bootstrapServers": f"kafka.{NAMESPACE}.svc:9092",
                        "consumerGroup": READER,
                        "topic": "readings",
                        "lagThreshold": "50",
                        "offsetResetPolicy": "earliest",
                        "sasl": "scram_sha512",
                    },
                    "authenticationRef": {"name": "scaler"},
                }
            ],
        },
    }


AUTHENTICATION = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "TriggerAuthentication",
    "metadata": {"name": "scaler", "namespace": NAMESPACE},
    "spec": {
        "secretTargetRef": [
            {"parameter": each, "name": "scaler-kafka", "key": each} for each in ("username", "password")
        ]
    },
}


def apply(*objects: Mapping[str, Any], check: bool = True) -> str:
    items = {"apiVersion": "v1", "kind": "List", "items": objects}
    return kubectl("apply", "-f", "-", stdin=json.dumps(items), check=check)


def pods() -> int:
    """How many pods the reader has."""
    ready: int = get("deployment", READER, NAMESPACE)["status"].get("readyReplicas", 0)
    return ready


def committed() -> int:
    return int(in_pod(NAMESPACE, "client", "python3", "/programs/slow_reader.py", "committed", "readings", READER))


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Iterator[Stack]:
    reason = why_no_keda()
    if reason is not None:
        pytest.skip(reason)
    stack = make_stack("keda", PLATFORM)
    stack.up()
    client_pod(NAMESPACE, "client", "app", programs=["slow_reader.py", "ledger.py"])
    yield stack
    # While KEDA is there to take its finalizer away.
    kubectl("-n", NAMESPACE, "delete", "scaledobjects", "--all", "--ignore-not-found")


@pytest.mark.timeout(2400)
@pytest.mark.usefixtures("stack")
def test_lag_scales_from_nothing_and_back() -> None:
    read = ["python3", "/programs/slow_reader.py", "read", "readings", READER, "50"]
    apply(deployment(READER, read), AUTHENTICATION, scaled_object(READER))
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "--timeout=300s", f"scaledobject/{READER}")
    assert pods() == 0, "nothing is to be read, and a pod runs"

    in_pod(NAMESPACE, "client", "python3", "-c", WRITE, "readings", str(RECORDS))
    eventually(f"{MOST} pods read", lambda: pods() == MOST, 240)
    autoscaler = get("hpa", f"keda-hpa-{READER}", NAMESPACE)["status"]
    assert autoscaler["currentMetrics"][0]["external"]["metric"]["name"] == "s0-kafka-readings"

    eventually("all records are read", lambda: committed() == RECORDS, 240)
    eventually("no pod is left", lambda: pods() == 0, 240)
    assert committed() == RECORDS

    # A ScaledObject for the same Deployment: KEDA's webhook judges it, by certificates that KEDA made.
    done = in_cluster_refusal(scaled_object("second"))
    assert f"'{READER}'" in done
    assert "already managed" in done


WRITE = """
import sys; sys.path.insert(0, "/programs")
import ledger
from confluent_kafka import Producer
producer = Producer(ledger.connection() | {"enable.idempotence": True, "acks": "all"})
for number in range(int(sys.argv[2])):
    producer.produce(sys.argv[1], b"%d" % number, str(number))
    producer.poll(0)
assert producer.flush(60) == 0
"""


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("stack")
def test_a_reader_of_two_topics_has_as_many_pods_as_both_have_partitions() -> None:
    for topic in PAIR:
        in_pod(NAMESPACE, "client", "python3", "-c", WRITE, topic, "50000")
    read = ["python3", "/programs/slow_reader.py", "read", ",".join(PAIR), BOTH, "50"]
    connection = KafkaConnection(
        cluster="kafka",
        namespace=NAMESPACE,
        bootstrap_servers=f"kafka.{NAMESPACE}.svc:9092",
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
    )
    scaler = ScalerSettings(
        name=BOTH,
        namespace=NAMESPACE,
        connection=connection,
        scale=Scale(min=0, polling="2s", cooldown="5s", lag_threshold=100),
        max=2 * EACH,
        target=BOTH,
        topics=PAIR,
        group=BOTH,
        secret="scaler-kafka",
    )
    apply(deployment(BOTH, read), trigger_authentication(scaler), rendered(scaler))

    def at_work() -> int:
        """Partitions from which something was read."""
        command = ("python3", "/programs/slow_reader.py", "begun", ",".join(PAIR), BOTH)
        return int(in_pod(NAMESPACE, "client", *command))

    def ready() -> int:
        number: int = get("deployment", BOTH, NAMESPACE)["status"].get("readyReplicas", 0)
        return number

    eventually("a pod for every partition of both topics", lambda: ready() == 2 * EACH, 300)
    eventually("every partition of both topics is read", lambda: at_work() == 2 * EACH, 300)
    kubectl("-n", NAMESPACE, "delete", "scaledobject,deployment", BOTH)


def in_cluster_refusal(item: Mapping[str, Any]) -> str:
    """What the API server answers to an object that it must not take."""
    with pytest.raises(AssertionError) as caught:
        apply(item)
    return str(caught.value)


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("stack")
def test_the_time_and_the_cores_scale_what_others_deployed() -> None:
    busy = deployment(
        "busy",
        ["sh", "-c", "while :; do :; done"],
        resources={"requests": {"cpu": "20m"}, "limits": {"cpu": "40m"}},
    )
    busy["spec"]["replicas"] = 1
    scale = Scale(
        min=1,
        max=3,
        cpu=CpuScale(percent=50),
        cron=[CronScale(start="0 0 1 1 *", end="59 23 31 12 *", pods=2)],
    )
    connection = KafkaConnection(
        cluster="kafka",
        namespace=NAMESPACE,
        bootstrap_servers=f"kafka.{NAMESPACE}.svc:9092",
        security_protocol="SASL_PLAINTEXT",
    )
    scaler = ScalerSettings(name="busy", namespace=NAMESPACE, connection=connection, scale=scale, max=3, target="busy")
    apply(busy, rendered(scaler))
    eventually("the time of the year asks for two", lambda: wanted() >= 2, 120)

    def by_cores() -> bool:
        # What is not known yet stands there without a resource.
        metrics = get("hpa", "keda-hpa-busy", NAMESPACE)["status"].get("currentMetrics") or []
        seen = [each["resource"]["current"] for each in metrics if "resource" in each]
        return any(each.get("averageUtilization", 0) > 50 for each in seen) and wanted() == 3

    eventually("the cores ask for a third", by_cores, 300)
    kubectl("-n", NAMESPACE, "delete", "scaledobject,deployment", "busy")


def wanted() -> int:
    """How many pods the busy Deployment shall have."""
    number: int = get("deployment", "busy", NAMESPACE)["spec"]["replicas"]
    return number
