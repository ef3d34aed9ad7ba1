"""Makes passwords in the cluster, once, and the Secrets that contain them; and ends.

Run as `python3 -m kafka_platform_runtime.generated_secrets` in a pod whose ServiceAccount may read and write these Secrets:

- TEMPLATES_FILE: the Secrets, with a mark wherever a password belongs (default /etc/kafka-platform/templates/templates.json).
- DEADLINE_SECONDS: how long to retry what may yet succeed (default 240).
- KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT: the API server; Kubernetes sets them.
- TERMINATION_LOG: file for the last message (default /dev/termination-log).

Exit code 0: all Secrets are as they should be. 3: refused, a retry cannot help. 1: ran out of time, a retry may help.
"""

import sys
from collections.abc import Mapping

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.generated_secrets.apply import apply
from kafka_platform_runtime.generated_secrets.kubernetes import Secrets
from kafka_platform_runtime.generated_secrets.templates import read, templates_file
from kafka_platform_runtime.jobs import REFUSED, attempts, deadline, ended, refused


def run(environment: Mapping[str, str]) -> tuple[int, str]:
    """Retry until it is done, refused, or out of time; the exit code and the last message."""
    try:
        templates = read(templates_file(environment))
        seconds = deadline(environment)
        secrets = Secrets.in_pod(environment)
    except Refused as refusal:
        return REFUSED, refused(refusal)
    return attempts(lambda: apply(templates, secrets), seconds)


if __name__ == "__main__":
    sys.exit(ended(run))
