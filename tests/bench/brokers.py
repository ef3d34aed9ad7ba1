"""Producer and consumer throughput of the deployed cluster, next to the same Kafka started by hand on this machine.

Both have three brokers with the same settings (the ones that the deployed cluster renders), heap and jars; Kafka's own
performance tools write to and read from a topic of three replicas with `acks=all`, in turn, from a pod there and from the
machine here.
"""

import contextlib
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic
from kafka_platform.kafka.secrets import client_files

from sandbox.pins import KAFKA_IMAGE
from tests.bench.measure import ending_properly, report
from tests.harness import Stack, client_pod, get, in_pod
from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, KAFKA_JVM, LocalKafka, find_jars, java

NAMESPACE = "bench-brokers"
RECORDS, RECORD_BYTES, PARTITIONS, RUNS = 1_000_000, 100, 12, 5
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 3, "storage": "20Gi", "deletion": "allow"},
    "topics": {"bench": {"partitions": PARTITIONS, "deletion": "allow"}},
    "tenants": {"bench": {"users": {"app": {"writes": ["bench"], "reads": ["bench"], "groups": ["*"]}}}},
}
# Names and places of the nodes differ; everything else is taken over.
OWN_ADDRESSES = (
    "advertised.listeners",
    "controller.quorum.voters",
    "listeners",
    "listener.",
    "log.dirs",
    "node.id",
    "process.roles",
    "sasl.",
    "ssl.",
)
CLIENT = "-Xmx512m"

Tool = Callable[[str, list[str]], str]
"""Runs one of Kafka's tools by class or script name with arguments; its output."""


def settings(pod: str) -> dict[str, str]:
    """The broker settings that a deployed node runs with, without addresses."""
    text = in_pod(NAMESPACE, pod, "cat", "/run/kafka-platform/server.properties")
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value for key, value in pairs if not key.startswith(OWN_ADDRESSES)}


def heap(pod: str) -> str:
    """The heap of a deployed node, in the JVM's notation."""
    containers = get("pod", pod, NAMESPACE)["spec"]["containers"]
    kafka = next(each for each in containers if each["name"] == "kafka")
    options = str(next(each["value"] for each in kafka["env"] if each["name"] == "KAFKA_HEAP_OPTS"))
    return options.rsplit("-Xmx", 1)[1]


def in_the_cluster(script: str, arguments: list[str]) -> str:
    """Runs a tool in the client pod."""
    return in_pod(NAMESPACE, "client", "env", f"KAFKA_HEAP_OPTS={CLIENT}", f"/opt/kafka/bin/{script}.sh", *arguments)


def on_this_machine(jars: Path, folder: Path) -> Tool:
    """Runs the same tools from the same jars, without a container."""
    classes = {
        "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
        "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    }
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.yaml'}"

    def run(script: str, arguments: list[str]) -> str:
        command = [
            java() or "java",
            CLIENT,
            "-server",
            "-XX:+UseG1GC",
            logging,
            "-cp",
            f"{jars}/*",
            classes[script],
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{script}: {done.stdout}{done.stderr}")
        return done.stdout

    return run


def produced_per_second(tool: Tool, bootstrap: str, config: str) -> float:
    """Records a second that one producer gets acknowledged by all replicas."""
    output = tool(
        "kafka-producer-perf-test",
        [
            "--topic",
            "bench",
            "--num-records",
            str(RECORDS),
            "--record-size",
            str(RECORD_BYTES),
            "--throughput",
            "-1",
            "--bootstrap-server",
            bootstrap,
            "--command-config",
            config,
            "--command-property",
            "acks=all",
            "linger.ms=5",
        ],
    )
    return float(re.findall(r"([\d.]+) records/sec", output)[-1])


def consumed_per_second(tool: Tool, bootstrap: str, config: str) -> float:
    """Records a second that one consumer reads from the beginning, its start and the joining of the group left out."""
    output = tool(
        "kafka-consumer-perf-test",
        [
            "--topic",
            "bench",
            "--num-records",
            str(RECORDS),
            "--bootstrap-server",
            bootstrap,
            "--command-config",
            config,
            "--timeout",
            "60000",
        ],
    )
    lines = [[word.strip() for word in line.split(",")] for line in output.splitlines()]
    header = next((line for line in lines if line[0] == "start.time"), None)
    values = next((line for line in lines if line != header and len(line) == len(header or ())), None)
    if header is None or values is None:
        raise SystemExit(f"kafka-consumer-perf-test printed no figures:\n{output}")
    return float(values[header.index("fetch.nMsg.sec")])


@contextlib.contextmanager
def deployed(stack: Stack) -> Iterator[None]:
    """The stack is up, and is destroyed at the end."""
    try:
        stack.up()
        yield
    except BaseException:
        stack.run("cancel", "--yes")  # a command that was killed has left its lock
        raise
    finally:
        stack.destroy()


def rounds(jars: Path, folder: Path) -> dict[tuple[str, str], list[float]]:
    """Records a second of every round, by what was done and on which side."""
    client_pod(NAMESPACE, "client", "app", image=KAFKA_IMAGE)
    bootstrap = in_pod(NAMESPACE, "client", "cat", "/etc/kafka-client/bootstrap-servers")
    by_hand = LocalKafka(
        jars=jars,
        folder=folder / "by-hand",
        nodes=3,
        heap=heap("kafka-0"),
        properties=settings("kafka-0"),
        jvm_options=KAFKA_JVM,
    )
    figures: dict[tuple[str, str], list[float]] = {}
    with by_hand:
        admin = AdminClient(dict(by_hand.client()))
        admin.create_topics([NewTopic("bench", PARTITIONS, 3)])["bench"].result(30)
        del admin
        config = folder / "client.properties"
        files = client_files(
            username=ADMIN_USER,
            password=ADMIN_PASSWORD,
            bootstrap_servers=by_hand.bootstrap_servers,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            has_ca=False,
        )
        config.write_text(files["client.properties"])
        sides: dict[str, tuple[Tool, str, str]] = {
            "deployed": (in_the_cluster, bootstrap, "/etc/kafka-client/client.properties"),
            "by hand": (on_this_machine(jars, by_hand.root), by_hand.bootstrap_servers, str(config)),
        }
        for round_number in range(RUNS + 1):
            for side, arguments in sides.items():
                for what, measure in (("produce", produced_per_second), ("consume", consumed_per_second)):
                    rate = measure(*arguments)
                    if round_number:  # the first round warms the brokers up
                        figures.setdefault((what, side), []).append(rate)
                        print(f"{what:<8} {side:<9} {rate:>10,.0f} records/s")
    return figures


def main() -> None:
    """Prints every round and the line of JSON."""
    jars = find_jars()
    if jars is None:
        raise SystemExit("no Kafka jars in the sandbox's cache: run `make up` first")
    with (
        ending_properly(),
        tempfile.TemporaryDirectory() as name,
        deployed(Stack("benchbrokers", Path(name), PLATFORM)),
    ):
        figures = rounds(jars, Path(name))
    medians = {key: statistics.median(rates) for key, rates in figures.items()}
    produce = medians["produce", "deployed"] / medians["produce", "by hand"]
    consume = medians["consume", "deployed"] / medians["consume", "by hand"]
    report(
        ratio=min(produce, consume),
        produce_ratio=produce,
        consume_ratio=consume,
        produce_per_second=medians["produce", "deployed"],
        produce_per_second_by_hand=medians["produce", "by hand"],
        consume_per_second=medians["consume", "deployed"],
        consume_per_second_by_hand=medians["consume", "by hand"],
        n=RECORDS,
        runs=RUNS,
    )


if __name__ == "__main__":
    main()
