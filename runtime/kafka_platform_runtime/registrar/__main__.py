"""Registers the declared schemas in a registry with the API of Confluent's clients, and ends.

Run as `python3 -m kafka_platform_runtime.registrar` with these variables:

- REGISTRY_URL: where the API is, such as http://schema-registry.streaming.svc/apis/ccompat/v7.
- REGISTRY_LOGIN_DIR: folder with the files `username` and `password` (default: no login).
- REGISTRY_CA_FILE: authority of the registry's certificate (default: the usual public ones).
- REGISTRY_COMPATIBILITY: the level of subjects that are declared nowhere (default: it stays as it is).
- DECLARATIONS_DIR: folder with a file per subject, and `removed` with a JSON list of subjects to delete (default
  /etc/kafka-platform/schemas).
- DEADLINE_SECONDS: how long to retry what may yet succeed (default 240).
- TERMINATION_LOG: file for the last message (default /dev/termination-log).

Exit code 0: everything is as declared. 3: refused, a retry cannot help. 1: ran out of time, a retry may help.
"""

import os
import sys
import traceback
from collections.abc import Mapping

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.registrar.apply import Levels, apply
from kafka_platform_runtime.registrar.client import Registry
from kafka_platform_runtime.registrar.declarations import Settings, read
from kafka_platform_runtime.retries import Retries
from kafka_platform_runtime.termination import leave, termination_log

DONE = 0
NOT_NOW = 1
REFUSED = 3


def run(environment: Mapping[str, str]) -> tuple[int, str]:
    """Retry until it is done, refused, or out of time; the exit code and the last message."""
    try:
        settings = Settings.from_environment(environment)
        declared = read(settings.declarations)
        registry = Registry(settings)
    except Refused as refusal:
        return REFUSED, _refused(refusal)
    retries = Retries(settings.deadline_seconds, lambda line: print(line, flush=True))
    former: Levels = {}
    while True:
        try:
            return DONE, apply(registry, declared, settings, former)
        except Refused as refusal:
            return REFUSED, _refused(refusal)
        except Transient as trouble:
            late = retries.pause(str(trouble))
            if late is not None:
                return NOT_NOW, late


def _refused(refusal: Refused) -> str:
    return "\n".join(["refused:", *refusal.faults])


def main() -> int:
    """The program; see the module."""
    try:
        code, message = run(os.environ)
    except Exception as error:  # the message must reach whoever waits for the Job, in any case
        traceback.print_exc()
        code, message = NOT_NOW, f"unexpected {type(error).__name__}: {error}; see the log of the pod"
    leave(message, termination_log(os.environ))
    print(message, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
