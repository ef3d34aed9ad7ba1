"""The gateway's writes with a schema of each language next to those without: `python -m tests.bench.formats`.

The same values, batches and connections as `tests.bench.gateway`, against one gateway; the registry is a stand-in with a schema for
each topic, since the gateway asks it only once in half a minute.
"""

import http.server
import json
import re
import statistics
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from sandbox.host import install
from tests.bench.gateway import (
    AUTHORIZATION,
    LIMITS,
    LOAD_CORE,
    PARTITIONS,
    RUNS,
    SECONDS,
    SERVER_CORE,
    TOPIC,
    WINDOW,
    Server,
)
from tests.bench.measure import processor_seconds
from tests.bench.native_client import BATCH
from tests.kafka_process import KAFKA_JVM, LocalKafka, find_jars
from tests.ports import free_ports

VALUE = {"id": "order-17-of-customer-4711", "amount": 1250, "price": 17.25, "note": None, "item": "chair, oak, 4 legs"}
SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": "long"},
        {"name": "price", "type": "double"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "item", "type": "string"},
    ],
}
JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "amount": {"type": "integer"},
        "price": {"type": "number"},
        "note": {"type": ["null", "string"]},
        "item": {"type": "string"},
    },
    "required": ["id", "amount", "price", "item"],
    "additionalProperties": False,
}
PROTOBUF = """syntax = "proto3";
message Order { string id = 1; int64 amount = 2; double price = 3; optional string note = 4; string item = 5; }
"""
SCHEMAS = {
    "avro": ("AVRO", json.dumps(SCHEMA)),
    "jsonschema": ("JSON", json.dumps(JSON_SCHEMA)),
    "protobuf": ("PROTOBUF", PROTOBUF),
}
FORMS = ["json", *SCHEMAS]


def topic_of(form: str) -> str:
    """The topic that is written in a format."""
    return f"{TOPIC}-{form}"


class _Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        # /subjects/<topic>-value/versions/latest, or /schemas/ids/<number>
        parts = self.path.split("/")
        numbers = {topic_of(form) + "-value": number for number, form in enumerate(SCHEMAS, 1)}
        number = int(parts[-1]) if parts[-1].isdigit() else numbers[parts[2]]
        kind, schema = SCHEMAS[list(SCHEMAS)[number - 1]]
        body = json.dumps({"id": number, "version": 1, "schemaType": kind, "schema": schema}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def written(pid: int, port: int, folder: Path, form: str, records: int) -> tuple[float, float]:
    """Records a second, and records for a second of the gateway's processor time, which other programs hardly change."""
    text = json.dumps({"records": [{"value": VALUE}] * records}, separators=(",", ":"))
    script = folder / f"{form}-{records}.lua"
    script.write_text(
        f"""wrk.method = "POST"
wrk.body = '{text}'
wrk.headers["Content-Type"] = "application/vnd.kafka.{form}.v2+json"
wrk.headers["Authorization"] = "{AUTHORIZATION}"
"""
    )
    command = ["taskset", "--cpu-list", LOAD_CORE, "wrk", "--threads=1", f"--connections={WINDOW}"]
    command += [f"--duration={SECONDS}s", "--timeout=30s", f"--script={script}"]
    before = processor_seconds(pid)
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/topics/{topic_of(form)}"], capture_output=True, text=True
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if done.returncode != 0 or found is None or "Non-2xx" in done.stdout:
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    taken = processor_seconds(pid) - before
    requests = re.search(r"(\d+) requests in ", done.stdout)
    assert requests is not None
    return float(found[1]) * records, int(requests[1]) * records / taken


def main() -> None:
    """Prints records a second of each, and the ratio."""
    install({"wrk": "wrk", "taskset": "util-linux"}, Path(tempfile.gettempdir()) / "install.log")
    jars = find_jars()
    if jars is None:
        raise SystemExit("no Kafka: run `make up` once")
    registry = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=registry.serve_forever, daemon=True).start()
    with LocalKafka(jars=jars, jvm_options=KAFKA_JVM, heap="1g") as kafka, tempfile.TemporaryDirectory() as name:
        admin = AdminClient(dict(kafka.client()))
        for made in admin.create_topics([NewTopic(topic_of(form), PARTITIONS, 1) for form in FORMS]).values():
            made.result(30)
        folder, (port, metrics) = Path(name), free_ports(2)
        chosen: dict[str, Any] = {"port": port, "metricsPort": metrics, "limits": LIMITS}
        chosen["registry"] = {"url": f"http://127.0.0.1:{registry.server_port}"}
        (folder / "gateway.json").write_text(json.dumps(chosen))
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": kafka.client_protocol,
            "GATEWAY_SETTINGS": str(folder / "gateway.json"),
        }
        with Server(["-m", "kafka_platform_runtime.gateway"], port, environment, SERVER_CORE) as gateway:
            pid = gateway.process.pid
            for records in (BATCH, 1):
                rounds = [[written(pid, port, folder, form, records) for form in FORMS] for _ in range(RUNS + 1)]
                for side, what in enumerate(("s", "s of processor time")):
                    plain, *others = (
                        statistics.median(each[side] for each in found[1:]) for found in zip(*rounds, strict=True)
                    )
                    ratios = (
                        f"{form} {found:,.0f} ({found / plain:.2f})"
                        for form, found in zip(SCHEMAS, others, strict=True)
                    )
                    print(f"{records} records a request, records/{what}: json {plain:,.0f}, {', '.join(ratios)}")
    registry.shutdown()


if __name__ == "__main__":
    main()
