"""Applies the declared connectors by the REST interface of Kafka Connect, waits until they run, and ends.

Run as `python3 -m kafka_platform_runtime.connect_applier` with these variables:

- CONNECT_URL: the REST interface, such as http://connect.streaming.svc:8083.
- DECLARATIONS_DIR: folder with a file per connector, and `removed` with a JSON list of connectors to delete (default
  /etc/kafka-platform/connectors).
- DEADLINE_SECONDS: how long to retry what may yet succeed (default 240).
- TERMINATION_LOG: file for the last message (default /dev/termination-log).

Exit code 0: all connectors and their tasks are as declared. 3: refused, a retry cannot help. 1: ran out of time, a retry may
help.
"""

import sys
from collections.abc import Mapping

from kafka_platform_runtime.connect_applier.apply import Applier
from kafka_platform_runtime.connect_applier.client import Connect
from kafka_platform_runtime.connect_applier.declarations import Settings, read
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.jobs import REFUSED, attempts, ended, refused


def run(environment: Mapping[str, str]) -> tuple[int, str]:
    """Retry until it is done, refused, or out of time; the exit code and the last message."""
    try:
        settings = Settings.from_environment(environment)
        declared = read(settings.declarations)
    except Refused as refusal:
        return REFUSED, refused(refusal)
    return attempts(Applier(Connect(settings.url), declared).attempt, settings.deadline_seconds)


if __name__ == "__main__":
    sys.exit(ended(run))
