"""Lets a broker read its certificate again when the Secret has another one.

Kafka reads the file of a changed keystore when any setting of the broker is altered: what is altered here is nothing, a setting
is removed that is not there. A keystore that Kafka cannot use is refused, and the former one stays in use.
"""

import sys
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.exporter.certificates import Address, presented
from kafka_platform_runtime.failures import sentence
from kafka_platform_runtime.x509 import Decoded, decoded

EVERY_SECONDS = 30.0
"""From one look to the next: a renewed certificate is read within two minutes, of which Kubernetes takes most."""
ANSWER_SECONDS = 3.0
"""How long the broker has to answer: a check waits for it."""
_SAME = ("serialNumber", "issuer", "notAfter")
"""What tells two certificates apart."""
_NOTHING = "listener.name.internal.ssl.keystore.location"
"""The setting that is removed: brokers have one keystore for all listeners, from their file."""


class Renewal:
    """Compares what a broker presents with what its Secret has.

    Args:
        node: the broker's id.
        file: the Secret's certificate.
        server: where the broker presents its own.
    """

    def __init__(self, node: int, file: Path, server: Address) -> None:
        self._node = node
        self._file = file
        self._server = server
        self._said = ""
        self._due = 0.0

    def when_due(self, connection: Connection) -> None:
        """Look, unless that was done a moment ago."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + EVERY_SECONDS
            self.once(connection)

    def once(self, connection: Connection) -> bool:
        """Look, and let the broker read its certificate if it presents another one; whether it was told to. Never raises."""
        try:
            if _same(presented(self._server)[0], decoded(self._file)):
                self._said = ""
                return False
        except (OSError, ValueError):  # it starts, or the Secret has no certificate just now
            return False
        nothing = ConfigEntry(_NOTHING, None, incremental_operation=AlterConfigOpType.DELETE)
        broker = ConfigResource(ResourceType.BROKER, str(self._node), incremental_configs=[nothing])
        try:
            client = AdminClient(connection.confluent(Complaints()))
            client.incremental_alter_configs([broker], request_timeout=ANSWER_SECONDS)[broker].result()
        except KafkaException as error:
            self._say(f"broker {self._node} cannot read its certificate again: {sentence(error.args[0])}")
        else:
            self._say(f"broker {self._node} was told to read its certificate again")
        return True

    def _say(self, text: str) -> None:
        if text != self._said:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
            self._said = text


def _same(one: Decoded, other: Decoded) -> bool:
    return all(one.get(each) == other.get(each) for each in _SAME)
