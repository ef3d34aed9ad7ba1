"""A way to a Kafka on which some kinds of answers take their time, as those of a broker that has too much to do."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from tests.kafka_process import LocalKafka, Node
from tests.ports import free_ports

METADATA, DESCRIBE_TOPIC_PARTITIONS = 3, 75
"""Kafka's numbers of requests."""


@dataclass(kw_only=True)
class SlowKafka(LocalKafka):
    """One node whose clients come by way of this process. A context manager, as every LocalKafka; without TLS."""

    held: Mapping[int, float] = field(default_factory=dict)
    """Seconds by which answers are late, by the number of their request. It may be replaced at any time."""
    _server: socket.socket | None = field(default=None, init=False)
    _port: int = field(default_factory=lambda: free_ports(1)[0], init=False)

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._server is not None:
            self._server.close()

    @property
    def bootstrap_servers(self) -> str:
        """This process."""
        return f"127.0.0.1:{self._port}"

    def _rendered(self, node: Node) -> dict[str, str]:
        made = super()._rendered(node)
        advertised = made["advertised.listeners"].replace(f":{node.client_port}", f":{self._port}", 1)
        return made | {"advertised.listeners": advertised}

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed at the end
            while True:
                client, _ = server.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.members[0].client_port)) as broker,
        ):
            asked: dict[int, int] = {}
            threading.Thread(target=self._answers, args=(broker, client, asked), daemon=True).start()
            while (frame := _frame(client)) is not None:
                number, _, correlation = struct.unpack(">hhi", frame[:8])
                asked[correlation] = number
                broker.sendall(_framed(frame))

    def _answers(self, broker: socket.socket, client: socket.socket, asked: dict[int, int]) -> None:
        with contextlib.suppress(OSError):
            while (frame := _frame(broker)) is not None:
                [correlation] = struct.unpack(">i", frame[:4])
                time.sleep(self.held.get(asked.pop(correlation, -1), 0))
                client.sendall(_framed(frame))
            client.shutdown(socket.SHUT_RDWR)


def _frame(connection: socket.socket) -> bytes | None:
    """The next request or answer; None if the other side has ended."""
    head = _exactly(connection, 4)
    return None if head is None else _exactly(connection, struct.unpack(">i", head)[0])


def _framed(frame: bytes) -> bytes:
    return struct.pack(">i", len(frame)) + frame


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            return None
        found += part
    return found
