"""Runs the gateway: `python3 -m kafka_platform_runtime.gateway`.

The KAFKA_* variables say where Kafka listens (no user: callers log in as themselves), GATEWAY_SETTINGS names the
settings file, POD_NAME this pod. Exit codes: 0, asked to end; 3, refused because a variable or setting is wrong; 4, a
background task that serves everybody has ended: the log has its name and the reason.
"""

import logging
import os
import sys

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.gateway import serving, settings
from kafka_platform_runtime.supervision import WATCH


def main() -> int:
    """Read the configuration and serve."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    # It logs each refused WebSocket, although the refusal was sent.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing handshake" not in record.msg)
    try:
        kafka = settings.Kafka.from_environment(os.environ)
        chosen = settings.read(os.environ)
        settings.check_logins(kafka, chosen)
    except Refused as refusal:
        for fault in refusal.faults:
            print(fault, file=sys.stderr)
        return 3
    serving.run(kafka, chosen, settings.pod_name(os.environ))
    if WATCH.death is not None:
        logging.shutdown()
        os._exit(4)  # without waiting for threads, one of which may be hanging
    return 0


if __name__ == "__main__":
    sys.exit(main())
