"""Writes or reads Avro as an application does, with what its pod has of the schema registry: `avro.py write|read|register TOPIC`.

Uses the variables of the user's Secret `<user>-registry`, or those of a worker.
"""

import base64
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer
from fastavro import parse_schema, schemaless_reader, schemaless_writer

DEADLINE = time.monotonic() + 120


def login() -> str:
    """Name and password."""
    both = os.environ.get("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO")
    if both is not None:
        return both
    return f"{os.environ['SCHEMA_REGISTRY_USERNAME']}:{Path(os.environ['SCHEMA_REGISTRY_PASSWORD_FILE']).read_text()}"


def ask(path: str, content: Any = None) -> tuple[int, Any]:
    """The registry's answer; asks again while a pod of it is gone."""
    body = None if content is None else json.dumps(content).encode()
    headers = {
        "content-type": "application/json",
        "authorization": "Basic " + base64.b64encode(login().encode()).decode(),
    }
    while True:
        try:
            request = urllib.request.Request(os.environ["SCHEMA_REGISTRY_URL"] + path, body, headers)
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code < 500 or time.monotonic() > DEADLINE:
                return error.code, None
        except OSError:
            if time.monotonic() > DEADLINE:
                raise
        time.sleep(0.5)


def options(*names: str) -> dict[str, str]:
    """Options of librdkafka from these files."""
    lines = [line for name in names for line in Path(name).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines)


def write(topic: str, producer: Producer, value: Any) -> None:
    """Writes a record with the latest schema."""
    found = ask(f"/subjects/{topic}-value/versions/latest")[1]
    out = io.BytesIO()
    schemaless_writer(out, parse_schema(json.loads(found["schema"])), value)
    producer.produce(topic, b"\0" + found["id"].to_bytes(4, "big") + out.getvalue())
    assert producer.flush(60) == 0


def read(content: bytes) -> Any:
    """A record, by the schema that it names."""
    found = ask(f"/schemas/ids/{int.from_bytes(content[1:5], 'big')}")[1]
    return schemaless_reader(io.BytesIO(content[5:]), parse_schema(json.loads(found["schema"])), None)


def main() -> None:
    """Does what it is told."""
    action, topic, *values = sys.argv[1:]
    if action == "register":
        print(ask(f"/subjects/{topic}-value/versions", {"schema": '"string"'})[0])
    elif action == "write":
        write(topic, Producer(options("/etc/kafka-client/librdkafka.conf")), json.loads(values[0]))
    elif action == "read":
        consumer = Consumer(
            options("/etc/kafka-client/librdkafka.conf")
            | {"group.id": "app-avro", "enable.auto.commit": "false", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe([topic])
        found: list[Any] = []
        while len(found) < int(values[0]) and time.monotonic() < DEADLINE:
            found += [read(each.value()) for each in consumer.consume(10, 1.0) if each.error() is None]
        consumer.close()
        print(json.dumps(found))
    else:
        names = [os.environ[f"KAFKA_LIBRDKAFKA{part}CONFIG"] for part in ("_", "_CONSUMER_", "_PRODUCER_")]
        consumer, producer = Consumer(options(*names[:2])), Producer(options(names[0], names[2]))
        consumer.subscribe(os.environ["KAFKA_READ_TOPICS"].split(","))
        while True:
            for each in consumer.consume(10, 1.0):
                if each.error() is None:
                    write(topic, producer, read(each.value()))
                    consumer.commit(each)


main()
