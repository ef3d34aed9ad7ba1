"""Writes numbered records over HTTP, reads them from a stream that is broken again and again, and compares.

    python3 http_ledger.py write URL TOPIC SECONDS   until SECONDS have passed or /tmp/stop-writing exists
    python3 http_ledger.py read URL TOPIC            a stream, resumed by Last-Event-ID; until it has all of /tmp/ends
    python3 http_ledger.py verify TOPIC              reads the topic by Kafka's own protocol, too; writes /tmp/ends first

Each prints one line of JSON. Runs in a pod with the credentials of a user in /etc/kafka-client.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import aiohttp
from confluent_kafka import Consumer, TopicPartition

CREDENTIALS = Path("/etc/kafka-client")
TMP = Path("/tmp")
WRITERS = 12
RECORDS = 25
REQUEST_SECONDS = 0.2
"""From one request of a writer to its next, so that the writers leave the machine to whatever else runs on it."""
PADDING = "." * 60
UNKNOWN = 50401
FORMAT = {"content-type": "application/vnd.kafka.json.v2+json"}


def credential(name: str) -> str:
    return (CREDENTIALS / name).read_text().strip()


def session(timeout: float | None) -> aiohttp.ClientSession:
    login = {"authorization": aiohttp.encode_basic_auth(credential("username"), credential("password"))}
    # A connection for each request: what sits behind the address may have changed, and nothing must stick to one pod.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    return aiohttp.ClientSession(headers=login, connector=connector, timeout=aiohttp.ClientTimeout(total=timeout))


async def write(url: str, topic: str, seconds: float) -> None:
    acknowledged: dict[int, list[int]] = {}
    refused: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    number = 0
    longest_gap, last = 0.0, time.monotonic()
    started = time.monotonic()

    async def writer(name: int, http: aiohttp.ClientSession) -> None:
        nonlocal number, longest_gap, last
        while time.monotonic() - started < seconds and not (TMP / "stop-writing").exists():
            due = time.monotonic() + REQUEST_SECONDS
            numbers = list(range(number, number + RECORDS))
            number += RECORDS
            records = [{"key": f"w{name}", "value": {"number": each, "padding": PADDING}} for each in numbers]
            try:
                async with http.post(f"{url}/topics/{topic}", json={"records": records}, headers=FORMAT) as response:
                    answer = await response.json(content_type=None)
                    status = response.status
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                unknown[type(error).__name__] += RECORDS
                await asyncio.sleep(0.05)
                continue
            entries = answer.get("offsets")
            if entries is None:
                # The whole request was answered with an error: with 504 its records may have been written all the same.
                (unknown if status == 504 else refused)[f"{status} {answer.get('error_code')}"] += RECORDS
                await asyncio.sleep(0.05)
                continue
            for each, entry in zip(numbers, entries, strict=True):
                if "offset" in entry:
                    acknowledged[each] = [entry["partition"], entry["offset"]]
                else:
                    (unknown if entry["error_code"] == UNKNOWN else refused)[f"record {entry['error_code']}"] += 1
            longest_gap = max(longest_gap, time.monotonic() - last)
            last = time.monotonic()
            await asyncio.sleep(due - time.monotonic())

    async with session(60) as http:
        await asyncio.gather(*(writer(name, http) for name in range(WRITERS)))
    took = time.monotonic() - started
    (TMP / "acknowledged").write_text(json.dumps(acknowledged))
    print(
        json.dumps(
            {
                "sent": number,
                "acknowledged": len(acknowledged),
                "refused": dict(refused),
                "unknown": dict(unknown),
                "seconds": round(took, 1),
                "per_second": round(len(acknowledged) / took),
                "longest_gap_seconds": round(longest_gap, 1),
            }
        )
    )


async def read(url: str, topic: str) -> None:
    last_id: str | None = None
    positions: dict[int, int] = {}
    seen: list[list[int]] = []
    connections = duplicated = gaps = 0
    errors: Counter[str] = Counter()

    def complete() -> bool:
        ends = TMP / "ends"
        return ends.exists() and all(
            positions.get(int(partition), 0) >= end for partition, end in json.loads(ends.read_text()).items()
        )

    while not complete():
        connections += 1
        headers = {} if last_id is None else {"last-event-id": last_id}
        # A connection is given up in the middle of whatever it does, beside what happens to the pods.
        patience = random.uniform(2, 12)
        begun = time.monotonic()
        try:
            async with (
                session(None) as http,
                http.get(f"{url}/topics/{topic}/stream?from=earliest", headers=headers) as response,
            ):
                if response.status != 200:
                    errors[str(response.status)] += 1
                    await asyncio.sleep(0.2)
                    continue
                event: dict[str, str] = {}
                while time.monotonic() - begun < patience and not complete():
                    line = (await asyncio.wait_for(response.content.readline(), 5)).decode()
                    if not line:
                        break
                    name, _, value = line.rstrip("\n").partition(": ")
                    if name:
                        event[name] = value
                    elif event:
                        if event.get("event") == "gap":
                            gaps += 1
                        elif "event" in event:
                            errors[event["event"]] += 1
                        elif "data" in event:
                            record = json.loads(event["data"])
                            partition, offset = record["partition"], record["offset"]
                            if offset < positions.get(partition, 0):
                                duplicated += 1
                            positions[partition] = offset + 1
                            last_id = event["id"]
                            seen.append([record["value"]["number"], partition, offset])
                        event = {}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            errors[type(error).__name__] += 1
            await asyncio.sleep(0.1)
    (TMP / "streamed").write_text(json.dumps(seen))
    print(
        json.dumps(
            {
                "read": len(seen),
                "connections": connections,
                "duplicated_or_out_of_order": duplicated,
                "gaps": gaps,
                "errors": dict(errors),
            }
        )
    )


def by_kafka(topic: str) -> dict[int, list[list[int]]]:
    """Number of each record to the places where it stands."""
    consumer = Consumer(
        {
            "bootstrap.servers": credential("bootstrap-servers"),
            "security.protocol": credential("security-protocol"),
            "sasl.mechanism": credential("sasl-mechanism"),
            "sasl.username": credential("username"),
            "sasl.password": credential("password"),
            "group.id": "unused",
            "enable.auto.commit": False,
        }
    )
    partitions = list(consumer.list_topics(topic, 30).topics[topic].partitions)
    ends = {each: consumer.get_watermark_offsets(TopicPartition(topic, each), 30)[1] for each in partitions}
    (TMP / "ends").write_text(json.dumps(ends))
    consumer.assign([TopicPartition(topic, each, 0) for each in partitions if ends[each]])
    remaining = {each for each in partitions if ends[each]}
    found: dict[int, list[list[int]]] = {}
    while remaining:
        for message in consumer.consume(10_000, 5):
            if message.error():
                raise SystemExit(str(message.error()))
            number = json.loads(message.value())["number"]
            found.setdefault(number, []).append([message.partition(), message.offset()])
            if message.offset() + 1 >= ends[message.partition()]:
                remaining.discard(message.partition())
    consumer.close()
    return found


def verify(topic: str) -> None:
    acknowledged = {int(key): place for key, place in json.loads((TMP / "acknowledged").read_text()).items()}
    found = by_kafka(topic)
    until = time.monotonic() + 120
    while not (TMP / "streamed").exists() and time.monotonic() < until:
        time.sleep(0.5)
    streamed: dict[int, list[list[int]]] = {}
    for number, partition, offset in json.loads((TMP / "streamed").read_text()):
        streamed.setdefault(number, []).append([partition, offset])
    print(
        json.dumps(
            {
                "records": sum(map(len, found.values())),
                "acknowledged": len(acknowledged),
                "lost": sum(1 for number in acknowledged if number not in found),
                "elsewhere": sum(
                    1 for number, place in acknowledged.items() if place not in found.get(number, [place])
                ),
                "twice": sum(1 for places in found.values() if len(places) > 1),
                "written_without_answer": sum(1 for number in found if number not in acknowledged),
                "streamed": sum(map(len, streamed.values())),
                "stream_missed": sum(1 for number, places in found.items() if streamed.get(number, []) != places),
                "stream_invented": sum(1 for number in streamed if number not in found),
            }
        )
    )


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "write":
        asyncio.run(write(rest[0], rest[1], float(rest[2])))
    elif what == "read":
        asyncio.run(read(*rest))
    else:
        verify(*rest)
