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

import sys
from collections.abc import Mapping

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.jobs import REFUSED, attempts, ended, refused
from kafka_platform_runtime.registrar.apply import Levels, apply
from kafka_platform_runtime.registrar.client import Registry
from kafka_platform_runtime.registrar.declarations import Settings, read


def run(environment: Mapping[str, str]) -> tuple[int, str]:
    """Retry until it is done, refused, or out of time; the exit code and the last message."""
    try:
        settings = Settings.from_environment(environment)
        declared = read(settings.declarations)
        registry = Registry(settings)
    except Refused as refusal:
        return REFUSED, refused(refusal)
    former: Levels = {}
    return attempts(lambda: apply(registry, declared, settings, former), settings.deadline_seconds)


if __name__ == "__main__":
    sys.exit(ended(run))
