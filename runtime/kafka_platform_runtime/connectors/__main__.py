"""Moves records between Kafka and another system.

Run as `python3 -m kafka_platform_runtime.connectors` with the KAFKA_* variables of `connection` and:

- CONNECTOR_FILE: what the connector does, as JSON (`settings.Connector`); it contains no secret.
- CONNECTOR_SECRET_DIR: folder with the secrets of the other system, such as `username` and `password` (default: none).
- CONNECTOR_REGISTRY_DIR, CONNECTOR_REGISTRY_CA: folder with `username` and `password` of the schema registry, and the file with the
  authority of its certificate (default: none, and public authorities).
- CONNECTOR_PORT: of /metrics, /healthz and /readyz (default 9404).

`GET /readyz` answers 200 once both sides have answered, and until one of them has failed for `unreadyAfter` seconds; otherwise
503 and the reason in one line.

A sink reads in the group `group` and needs READ on it and on its topics, a source WRITE on its topic, both WRITE on the
dead-letter topic. A source that polls (`http`) keeps its position in the group, and needs READ on it and on its topic.

Exit code 0: asked to end. 1: something it cannot work without has ended. 3: a variable, the file or a secret is wrong.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.kinds.table import made
from kafka_platform_runtime.connectors.meter import Meter
from kafka_platform_runtime.connectors.records import Target
from kafka_platform_runtime.connectors.settings import from_environment
from kafka_platform_runtime.connectors.sink import Sink
from kafka_platform_runtime.connectors.source import Broken, Source
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.metrics_server import serve
from kafka_platform_runtime.supervision import WATCH
from kafka_platform_runtime.termination import leave, termination_log

DONE = 0
FAILED = 1
REFUSED = 3


def run(environment: Mapping[str, str], stop: threading.Event) -> None:
    """Move records until told to stop.

    Raises:
        Refused: the configuration has a fault.
        Broken: the program has to start over.
    """
    connector, secrets, port = from_environment(environment)
    connection = Connection.from_environment(environment)
    meter = Meter(connector)
    side = made(connector, secrets, connection)
    server = serve(port, meter)
    try:
        if side.target is not None:
            target = (
                side.target if connector.registry is None else decoding(connector.registry, side.target, environment)
            )
            Sink(connector, connection, target, meter, stop).run()
        elif side.origin is not None:
            Source(connector, connection, side.origin, meter, stop).run()
    finally:
        WATCH.ending()
        server.shutdown()
        server.server_close()


def decoding(url: str, target: Target, environment: Mapping[str, str]) -> Target:
    """The target, which gets what has a schema as JSON. Only then is anything of schemas loaded."""
    from kafka_platform_runtime.connectors.schemas import Decoding, Registry

    login, authority = (environment.get(f"CONNECTOR_REGISTRY_{each}") for each in ("DIR", "CA"))
    return Decoding(target, Registry(url, Path(login) if login else None, Path(authority) if authority else None))


def main() -> int:
    """The program; see the module."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    WATCH.begin(stop.set)
    try:
        run(os.environ, stop)
    except Refused as refusal:
        message = "".join(f"{fault}\n" for fault in refusal.faults)
        sys.stderr.write(message)
        leave(message, termination_log(os.environ))
        return REFUSED
    except Broken as fault:
        sys.stderr.write(f"the producer cannot continue: {fault}\n")
        return FAILED
    return DONE if WATCH.death is None else FAILED


if __name__ == "__main__":
    sys.exit(main())
