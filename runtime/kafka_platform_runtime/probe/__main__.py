"""Measures how long records take through the platform, and whether any get lost, with records of its own.

Run as `python3 -m kafka_platform_runtime.probe` with the KAFKA_* variables of `connection` and:

- PROBE_TOPIC: a topic for the probe alone; it writes to all of its partitions. The user needs WRITE and READ on it, no group.
- PROBE_GATEWAY_URL: of an HTTP gateway; probes are then written and read through it too. Default: none.
- PROBE_GATEWAY_CA_FILE: authority that signed its certificate (default: the usual public ones).
- PROBE_INTERVAL_SECONDS: pause between two probes to a partition, per write protocol (default 1).
- PROBE_LOST_AFTER_SECONDS: how long a written probe may take until it counts as lost, if its reader has read on (default 30).
- PROBE_PORT: of /metrics, /healthz and /readyz (default 9404).

With `--once` it sends PROBE_COUNT probes (default 20) to each partition along every path, ends within PROBE_DEADLINE_SECONDS
(default 120), prints one line and leaves it at TERMINATION_LOG (default /dev/termination-log). With `--table`, for
people, it also prints a table and leaves nothing.

With `--drill SECONDS` it sends probes until its standard input ends, for at most so long, and reports how long nobody could
write and what came late (`drill`).

Exit code 0: asked to end, or all probes arrived. 1: the deadline passed, a probe was lost, duplicated or out of order,
or a background task has ended; a retry may help. 3: a variable is missing or wrong.
"""

import argparse
import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.probe.drill import drill
from kafka_platform_runtime.probe.gate import Verdict, gate
from kafka_platform_runtime.probe.program import Log, canary
from kafka_platform_runtime.probe.settings import Settings
from kafka_platform_runtime.supervision import WATCH
from kafka_platform_runtime.termination import leave, termination_log

DONE = 0
FAILED = 1
REFUSED = 3
QUESTION_THREADS = 4
"""For blocking requests to Kafka: one at a time, and one more while the program ends."""


async def _run(settings: Settings, connection: Connection, *, once: bool, seconds: float | None) -> Verdict | str:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(WATCH.pool("questions", QUESTION_THREADS))
    WATCH.begin(lambda: loop.call_soon_threadsafe(stop.set))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log = Log()
    if seconds is not None:
        return await drill(settings, connection, stop, log, seconds)
    if once:
        return await gate(settings, connection, stop, log)
    file = os.environ.get("KAFKA_SASL_PASSWORD_FILE") or os.environ.get("KAFKA_SSL_CERTIFICATE_FILE")
    reason = await canary(settings, connection, Path(file) if file else None, stop, log)
    log(f"ended: {reason}")
    return reason


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; see the module."""
    parser = argparse.ArgumentParser(prog="python3 -m kafka_platform_runtime.probe")
    parser.add_argument("--once", action="store_true", help="send a fixed number of probes and report the result")
    parser.add_argument("--table", action="store_true", help="with --once: also print a table, and leave no message")
    parser.add_argument(
        "--drill", type=float, metavar="SECONDS", help="send probes until standard input ends, and report"
    )
    chosen = parser.parse_args(arguments)
    log = termination_log(os.environ)
    try:
        settings = Settings.from_environment(os.environ)
        result = asyncio.run(
            _run(settings, Connection.from_environment(os.environ), once=chosen.once, seconds=chosen.drill)
        )
    except Refused as refusal:
        message = "; ".join(refusal.faults)
        leave(message, log)
        print(message, file=sys.stderr)
        return REFUSED
    except Exception as error:  # the message must reach whoever waits for the Job, in any case
        traceback.print_exc()
        leave(f"unexpected {type(error).__name__}: {error}; see the log of the pod", log)
        return FAILED
    if isinstance(result, str):
        return DONE if WATCH.death is None else FAILED
    if chosen.drill is not None:
        print(result.line, flush=True)
    elif chosen.table:
        print("\n\n".join([result.table, result.line] if result.table else [result.line]))
    else:
        leave(result.line, log)
        print(result.line)
    return DONE if result.passed else FAILED


if __name__ == "__main__":
    sys.exit(main())
