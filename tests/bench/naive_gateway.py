"""The least that can be called an HTTP gateway: no identity, no limits, no metrics, no errors of single records.

What the real gateway adds is measured against it. Run as `naive_gateway.py PORT BOOTSTRAP`.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvicorn
import uvloop
from confluent_kafka import KafkaError, Message

from tests.bench.native_client import producer


class Record(msgspec.Struct, gc=False):
    value: msgspec.Raw


class Records(msgspec.Struct, gc=False):
    records: list[Record]


class Written(msgspec.Struct, gc=False):
    partition: int | None
    offset: int | None


class Naive:
    """The ASGI application."""

    def __init__(self, bootstrap: str) -> None:
        self.producer = producer(bootstrap)
        self.decode = msgspec.json.Decoder(Records).decode
        self.encode = msgspec.json.Encoder().encode
        self.waiting = 0
        self.scheduled = False

    def poll(self) -> None:
        self.producer.poll(0)
        self.scheduled = self.waiting > 0
        if self.scheduled:
            asyncio.get_running_loop().call_later(0.001, self.poll)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        records = self.decode(body).records
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        written: list[Written] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            written.append(Written(message.partition(), message.offset()))
            if len(written) == len(records):
                done.set_result(None)

        topic = scope["path"].rpartition("/")[2]
        for record in records:
            self.producer.produce(topic, record.value, None, -1, delivered)
        self.waiting += 1
        if not self.scheduled:
            self.scheduled = True
            loop.call_later(0.001, self.poll)
        await done
        self.waiting -= 1
        answer = self.encode({"offsets": written})
        headers = [(b"content-type", b"application/vnd.kafka.v2+json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def main() -> None:
    """Serves until it is ended."""
    port, bootstrap = sys.argv[1:]
    config = uvicorn.Config(
        Naive(bootstrap),
        port=int(port),
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="error",
        proxy_headers=False,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(main())
