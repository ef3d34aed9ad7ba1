"""Applies the declared topics, users, ACLs and quotas to a Kafka cluster, and ends.

Run as `python3 -m kafka_platform_runtime.provisioner` with the KAFKA_* variables of `connection` and:

- DECLARATIONS_DIR: folder with a file per declaration (default /etc/kafka-platform/declarations).
- PASSWORDS_DIR: folder with a file per user (default /etc/kafka-platform/passwords).
- OWNER: scope of the ledger; declarations of other owners are never touched.
- STACK: this owner's stack, if other stacks may use the same Kafka: owners of the same name in other stacks are
  other owners (default none).
- FORMER_STACKS: comma-separated stacks that this one replaced, such as its own former name (default none).
- RESERVED_USERS: comma-separated names of super users, which must not be declared (default admin,broker); the user
  that logs in here never may.
- FORMER_OWNERS: comma-separated owners that this one replaced (default none).
- DEADLINE_SECONDS: how long to retry what may yet succeed (default 240).
- TERMINATION_LOG: file for the last message (default /dev/termination-log).

Exit code 0: everything is as declared. 3: refused, a retry cannot help. 1: ran out of time, a retry may help.
"""

import os
import signal
import sys
import traceback
from types import FrameType

from kafka_platform_runtime.provisioner.report import Report
from kafka_platform_runtime.provisioner.run import NOT_NOW, run
from kafka_platform_runtime.termination import leave, termination_log


class Ended(BaseException):
    """The process was asked to end."""


def main() -> int:
    """The program; see the module."""

    def end(number: int, _: FrameType | None) -> None:
        raise Ended(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, end)
    report = Report()
    try:
        code, message = run(os.environ, report)
    except Ended as ended:
        code, message = NOT_NOW, report.refused([f"ended by {ended} before it was done"])
    except Exception as error:  # the message must reach whoever waits for the Job, in any case
        traceback.print_exc()
        code, message = NOT_NOW, report.refused([f"unexpected {type(error).__name__}: {error}; see the log of the pod"])
    leave(message, termination_log(os.environ))
    for line in message.splitlines():
        report.say(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
