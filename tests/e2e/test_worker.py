"""Workers as `pulumi up` deploys them: they read and write as their own users, and are as many as their load asks for."""

import copy
import json
import subprocess
import time
from typing import Any

import pytest

from sandbox.pins import KAFKA_IMAGE, RUNTIME_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import CLIENTS, Stack, client_pod, eventually, get, in_pod, kubectl

NAMESPACE = "e2e-worker"
SHOP = "e2e-worker-shop"
PARTITIONS = 4
TRY = """
import json, os, sys
from pathlib import Path
from confluent_kafka import Consumer, Producer
options = dict(line.split("=", 1) for line in Path(os.environ["KAFKA_LIBRDKAFKA_CONFIG"]).read_text().splitlines())
action, topic, group = sys.argv[1:]
if action == "write":
    producer, answers = Producer({**options, "message.timeout.ms": 15000}), []
    producer.produce(topic, b"x", on_delivery=lambda error, _: answers.append("ok" if error is None else error.name()))
    producer.flush(120)
    print(answers[0])
else:
    consumer = Consumer({**options, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    record = consumer.poll(20)
    print("nothing" if record is None else "ok" if record.error() is None else record.error().name())
"""
COUNT = """
import os
from pathlib import Path
from confluent_kafka import Consumer, KafkaError, Producer
def options(*names):
    lines = [line for name in names for line in Path(os.environ[name]).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines)
connection = "KAFKA_LIBRDKAFKA_CONFIG"
consumer = Consumer(options(connection, "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG") | {"enable.partition.eof": "true"})
topics = os.environ["KAFKA_READ_TOPICS"].split(",")
left = {(topic, each) for topic in topics for each in consumer.list_topics(topic, 30).topics[topic].partitions}
consumer.subscribe(topics)
count = 0
while left:
    record = consumer.poll(60)
    assert record is not None, "nothing was read for a minute"
    if record.error() is None:
        count += 1
    elif record.error().code() == KafkaError._PARTITION_EOF:
        left.discard((record.topic(), record.partition()))
    else:
        raise SystemExit(str(record.error()))
producer = Producer(options(connection, "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG"))
producer.produce(os.environ["KAFKA_WRITE_TOPICS"], str(count), os.environ["POD_NAME"])
assert producer.flush(60) == 0
if count:
    consumer.commit(asynchronous=False)
consumer.close()
"""
"""A job: counts the records that have come since the last run, and writes the number."""
COPY = ["python3", "-c", (CLIENTS / "copy_worker.py").read_text()]
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {
        "orders": {"partitions": PARTITIONS},
        "done": {"partitions": PARTITIONS},
        "burst": {"partitions": PARTITIONS},
        "burst-done": {"partitions": PARTITIONS},
        "private": {},
        "counts": {},
    },
    "tenants": {
        "shop": {
            "namespace": SHOP,
            "createNamespace": True,
            "users": {"app": {"writes": ["orders", "burst", "private"], "reads": ["*"], "groups": ["app-*"]}},
        }
    },
    "workers": {
        "copy": {
            "image": RUNTIME_IMAGE,
            "tenant": "shop",
            "reads": ["orders"],
            "writes": ["done"],
            "replicas": 2,
            "command": COPY,
            "termination": "20s",
        },
        "java": {
            "image": KAFKA_IMAGE,
            "tenant": "shop",
            "reads": ["orders"],
            "command": [
                "/opt/kafka/bin/kafka-console-consumer.sh",
                "--bootstrap-server=$(KAFKA_BOOTSTRAP_SERVERS)",
                "--topic=$(KAFKA_READ_TOPICS)",
                "--command-config=$(KAFKA_CONSUMER_PROPERTIES)",
            ],
            # The tool writes a log of its own; it leaves the group when it is told to end.
            "environment": {"LOG_DIR": "/tmp", "KAFKA_HEAP_OPTS": "-Xmx128m"},
        },
    },
    "jobs": {
        "count": {
            "image": RUNTIME_IMAGE,
            "tenant": "shop",
            "schedule": "* * * * *",
            "reads": ["orders"],
            "writes": ["counts"],
            "command": ["python3", "-c", COUNT],
        },
        **{
            name: {
                "image": RUNTIME_IMAGE,
                "tenant": "shop",
                "schedule": "@yearly",
                "suspended": True,
                "reads": ["orders"],
                "command": command,
                "deadline": deadline,
                "retries": 1,
                "termination": "1s",
            }
            for name, command, deadline in (
                ("broken", ["sh", "-c", "exit 3"], "5m"),
                ("slow", ["sleep", "600"], "20s"),
                ("curious", ["python3", "-c", TRY, "read", "private", "curious"], "5m"),
            )
        },
    },
}
WRITE = """
import sys
from pathlib import Path
from confluent_kafka import Producer
options = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines())
producer = Producer({**options, "partitioner": "murmur2_random"})
topic, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(first, first + count):
    while True:
        try:
            producer.produce(topic, str(number), f"key-{number % 40}")
            break
        except BufferError:
            producer.poll(0.1)
assert producer.flush(60) == 0
"""
READ = """
import json, sys, time
from pathlib import Path
from confluent_kafka import Consumer, TopicPartition
options = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines())
consumer = Consumer({**options, "group.id": "app-reader", "enable.auto.commit": False})
topic = sys.argv[1]
partitions = [TopicPartition(topic, each, 0) for each in consumer.list_topics(topic).topics[topic].partitions]
waiting = {each.partition: consumer.get_watermark_offsets(each)[1] for each in partitions}
consumer.assign(partitions)
found, left = [], sum(waiting.values())
while left:
    for record in consumer.consume(1000, timeout=1):
        if record.error() is None and record.offset() < waiting[record.partition()]:
            found.append((record.partition(), record.key().decode(), int(record.value())))
            left -= 1
print(json.dumps(found))
"""
COMMITTED = """
import json, os, sys
from pathlib import Path
from confluent_kafka import Consumer, TopicPartition
names = ("KAFKA_LIBRDKAFKA_CONFIG", "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG")
lines = [line for name in names for line in Path(os.environ[name]).read_text().splitlines()]
consumer = Consumer(dict(line.split("=", 1) for line in lines))
partitions = [TopicPartition(sys.argv[1], each) for each in range(int(sys.argv[2]))]
print(json.dumps([each.offset for each in consumer.committed(partitions, timeout=60)]))
"""


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("worker", PLATFORM)
    stack.up()
    client_pod(SHOP, "client", "app")
    return stack


def write(topic: str, first: int, count: int) -> None:
    in_pod(SHOP, "client", "python3", "-c", WRITE, topic, str(first), str(count))


def read(topic: str) -> list[tuple[int, str, int]]:
    """Partition, key and number of each record."""
    return [tuple(each) for each in json.loads(in_pod(SHOP, "client", "python3", "-c", READ, topic))]


def pods(worker: str) -> list[str]:
    """Names of a worker's pods that are ready and stay."""
    own = f"app.kubernetes.io/instance={worker},app.kubernetes.io/component=worker"
    found = json.loads(kubectl("-n", SHOP, "get", "pods", "-l", own, "-o", "json"))["items"]
    return [
        each["metadata"]["name"]
        for each in found
        if "deletionTimestamp" not in each["metadata"]
        and any(
            entry["type"] == "Ready" and entry["status"] == "True" for entry in each["status"].get("conditions", [])
        )
    ]


def tried(worker: str, action: str, topic: str, group: str) -> str:
    return in_pod(SHOP, pods(worker)[0], "python3", "-c", TRY, action, topic, group).strip()


def steps(stack: Stack) -> dict[str, str]:
    plan = json.loads(stack.preview("--json"))
    return {step["urn"]: step["op"] for step in plan["steps"] if step["op"] not in {"same", "read", "refresh"}}


class TestAsDeployed:
    def test_the_stack_says_what_it_runs(self, stack: Stack) -> None:
        outputs = stack.outputs()
        assert outputs["workers"]["copy"] == {
            "namespace": SHOP,
            "deployment": "copy",
            "user": "copy",
            "group": "copy",
        }
        assert outputs["userSecrets"]["copy"] == f"{SHOP}/copy-kafka"

    def test_an_unchanged_stack_shows_no_change(self, stack: Stack) -> None:
        assert steps(stack) == {}

    def test_it_reads_writes_and_commits(self, stack: Stack) -> None:
        write("orders", 0, 400)
        eventually("400 records are copied", lambda: len(read("done")) >= 400)
        assert sorted(number for _, _, number in read("done")) == list(range(400))
        committed = in_pod(SHOP, pods("copy")[0], "python3", "-c", COMMITTED, "orders", str(PARTITIONS))
        assert sum(json.loads(committed)) == 400

    def test_a_key_is_in_the_same_partition_from_every_client(self, stack: Stack) -> None:
        """Written by the platform's options in the worker, and by Java's own partitioner in Kafka's tool."""
        by_worker = {key: partition for partition, key, _ in read("done")}
        lines = "".join(f"key-{number}:{number}\n" for number in range(40))
        options = "--reader-property=parse.key=true --reader-property=key.separator=:"
        client_pod(SHOP, "java-client", "app", image=KAFKA_IMAGE)
        produce = (
            "/opt/kafka/bin/kafka-console-producer.sh --bootstrap-server=$(cat /etc/kafka-client/bootstrap-servers) "
            f"--topic=private-keys --command-config=/etc/kafka-client/client.properties {options}"
        ).replace("private-keys", "burst")
        in_pod(SHOP, "java-client", "sh", "-c", produce, stdin=lines)
        by_java = {key: partition for partition, key, _ in read("burst")}
        assert len(by_java) == 40
        assert by_worker == by_java

    def test_java_reads_by_one_file_without_a_secret_in_it(self, stack: Stack) -> None:
        config = get("configmap", "java-client", SHOP)["data"]["consumer.properties"]
        assert "${file:/etc/kafka-platform/credentials/client.properties:sasl.jaas.config}" in config
        own = "app.kubernetes.io/instance=java"

        def seen() -> int:
            return len(kubectl("-n", SHOP, "logs", "-l", own, "--tail=-1").splitlines())

        eventually("Java has read 400 records", lambda: seen() >= 400, 90)

    @pytest.mark.parametrize(
        ("action", "topic", "group", "answer"),
        [
            ("read", "private", "copy", "TOPIC_AUTHORIZATION_FAILED"),
            ("read", "orders", "app-reader", "GROUP_AUTHORIZATION_FAILED"),
            ("write", "orders", "copy", "TOPIC_AUTHORIZATION_FAILED"),
            ("write", "private", "copy", "TOPIC_AUTHORIZATION_FAILED"),
        ],
    )
    def test_everything_else_is_denied(self, stack: Stack, action: str, topic: str, group: str, answer: str) -> None:
        assert tried("copy", action, topic, group) == answer

    def test_no_password_stands_in_objects_or_logs(self, stack: Stack) -> None:
        password = in_pod(SHOP, pods("copy")[0], "cat", "/etc/kafka-platform/credentials/password").strip()
        assert len(password) >= 24
        shown = kubectl("-n", SHOP, "get", "deployments,pods,configmaps,replicasets", "-o", "json")
        logs = "".join(kubectl("-n", SHOP, "logs", pod) for pod in pods("copy"))
        assert password not in shown + logs


def runs(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        kubectl("-n", SHOP, "get", "jobs", "-l", f"app.kubernetes.io/instance={job}", "-o", "json")
    )["items"]
    return found


class TestJobs:
    def test_they_run_on_their_schedule_and_read_each_record_once(self, stack: Stack) -> None:
        assert stack.outputs()["jobs"]["count"] == {
            "namespace": SHOP,
            "cronJob": "count",
            "user": "count",
            "group": "count",
        }
        wanted = len({number for _, _, number in read("done")})
        eventually("all orders are counted", lambda: sum(number for _, _, number in read("counts")) >= wanted, 150)
        assert sum(number for _, _, number in read("counts")) == wanted
        succeeded = [each for each in runs("count") if each.get("status", {}).get("succeeded")]
        assert succeeded
        assert all(each["metadata"]["ownerReferences"][0]["kind"] == "CronJob" for each in succeeded)

    def test_those_that_fail_or_take_too_long_end(self, stack: Stack) -> None:
        for job in ("broken", "slow", "curious"):
            kubectl("-n", SHOP, "create", "job", f"--from=cronjob/{job}", f"{job}-by-hand")

        def reason(job: str) -> str:
            conditions = get("job", f"{job}-by-hand", SHOP).get("status", {}).get("conditions", [])
            return next((each["reason"] for each in conditions if each["type"] in ("Failed", "Complete")), "")

        eventually("the broken one has failed twice", lambda: reason("broken") == "BackoffLimitExceeded", 120)
        assert get("job", "broken-by-hand", SHOP)["status"]["failed"] == 2
        eventually("the slow one is ended", lambda: reason("slow") == "DeadlineExceeded", 120)
        eventually("the curious one has ended", lambda: reason("curious") != "", 120)
        # Beside what the client library says of connections.
        assert "TOPIC_AUTHORIZATION_FAILED" in kubectl("-n", SHOP, "logs", "job/curious-by-hand").splitlines()


def name_check(pod: str) -> dict[str, Any]:
    """How a pod's check of Kafka's name ended; nothing while it has not."""
    status = get("pod", pod, SHOP)["status"]
    found: dict[str, Any] = status.get("initContainerStatuses", [{}])[0].get("state", {}).get("terminated", {})
    return found


def test_a_pod_says_that_kafkas_name_cannot_be_resolved_and_runs_its_program_all_the_same(stack: Stack) -> None:
    assert "message" not in name_check(pods("copy")[0])
    template = get("deployment", "copy", SHOP)["spec"]["template"]
    template["metadata"] |= {"name": "lost", "namespace": SHOP}
    template["metadata"]["labels"]["app.kubernetes.io/instance"] = "lost"  # not one of the worker's own
    template["spec"]["initContainers"][0]["command"][-1] = "kafka.nowhere.svc:9092"
    template["spec"]["containers"][0]["command"] = ["sleep", "60"]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", **template}))
    eventually("its program runs", lambda: get("pod", "lost", SHOP)["status"]["phase"] == "Running")
    assert name_check("lost")["message"].startswith("cannot resolve kafka.nowhere.svc: ")
    kubectl("-n", SHOP, "delete", "pod", "lost", "--wait=false", "--grace-period=0", "--force")


def test_an_update_under_load_loses_nothing(stack: Stack) -> None:
    """Pods are replaced while records come: each leaves the group when it is told to, and what it had is done by others."""
    changed = copy.deepcopy(dict(stack.platform))
    changed["workers"]["copy"]["environment"] = {"PAUSE": "0.002"}
    stack.write(changed)
    update = stack.start("up", "--yes", "--skip-preview")
    number = 1000
    while update.poll() is None:
        write("orders", number, 100)
        number += 100
        time.sleep(0.5)
    output = update.stdout.read() if update.stdout is not None else ""
    assert update.returncode == 0, output
    wanted = set(range(1000, number))
    eventually("all are copied", lambda: wanted <= {each for _, _, each in read("done")}, 120)
    found = [each for _, _, each in read("done") if each >= 1000]
    assert set(found) == wanted
    # What a pod had not committed is done again; more than a batch of each would be no order in ending.
    assert len(found) - len(wanted) <= 200
    assert len(pods("copy")) == 2


def keda_is_there() -> bool:
    """Whether something makes numbers of pods out of ScaledObjects here."""
    command = ["kubectl", "get", "apiservice", "v1beta1.external.metrics.k8s.io", "-o", "json"]
    found = subprocess.run(command, capture_output=True, text=True)
    conditions = json.loads(found.stdout)["status"]["conditions"] if found.returncode == 0 else []
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)


@pytest.fixture(scope="module")
def scaled(stack: Stack) -> Stack:
    if not keda_is_there():
        pytest.skip("KEDA does not run in this cluster: install it, or write keda: {install: true}")
    platform = copy.deepcopy(dict(stack.platform))
    platform["keda"] = {}
    platform["workers"]["burst"] = {
        "image": RUNTIME_IMAGE,
        "tenant": "shop",
        "reads": ["burst"],
        "writes": ["burst-done"],
        "assignment": "consumer",
        "command": COPY,
        "environment": {"PAUSE": "0.02"},
        "resources": {"cpu": "20m", "memory": "128Mi"},
        "scale": {
            "min": 0,
            "recordsPerSecondPerPod": 50,
            "acceptableDelay": "2s",
            "polling": "2s",
            "cooldown": "10s",
            "stabilization": "5s",
            "scaleDownPeriod": "5s",
        },
    }
    stack.write(platform)
    stack.up()
    return stack


def replicas() -> int:
    return int(get("deployment", "burst", SHOP)["spec"].get("replicas", 0))


class TestScaled:
    def test_from_zero_to_all_and_back(self, scaled: Stack) -> None:
        eventually("the first records are read and nobody waits any more", lambda: replicas() == 0, 180)
        write("burst", 10_000, 4000)
        eventually("as many pods as partitions", lambda: replicas() == PARTITIONS, 120)
        written = set(range(10_000, 14_000))
        eventually("all are copied", lambda: written <= {each for _, _, each in read("burst-done")}, 180)
        eventually("no pods again", lambda: replicas() == 0, 180)

    def test_the_order_of_a_key_is_kept(self, scaled: Stack) -> None:
        """What is done again after a change of the group is there twice; the first time of each is in order."""
        seen: set[int] = set()
        newest: dict[str, int] = {}
        for _, key, number in read("burst-done"):
            if number not in seen:
                assert number > newest.get(key, -1), (key, number)
                newest[key] = number
                seen.add(number)
        assert len(newest) == 40

    def test_pulumi_leaves_the_number_alone(self, scaled: Stack) -> None:
        assert steps(scaled) == {}
        kubectl("-n", SHOP, "annotate", "scaledobject", "burst-scaler", "autoscaling.keda.sh/paused-replicas=3")
        eventually("three pods by KEDA", lambda: replicas() == 3, 60)
        assert "replicas" not in json.dumps(steps(scaled))
        scaled.up()
        assert replicas() == 3

    def test_it_only_sees_offsets(self, scaled: Stack) -> None:
        """KEDA's user may not read a record."""
        client_pod(SHOP, "keda-client", "burst-scaler", programs=["access.py"])
        answer = in_pod(SHOP, "keda-client", "python3", "/programs/access.py", "consume", "burst", "burst").strip()
        assert answer in {"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"}
