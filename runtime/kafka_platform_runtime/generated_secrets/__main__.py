"""Makes passwords in the cluster, once, and the Secrets that contain them; and ends.

Run as `python3 -m kafka_platform_runtime.generated_secrets` in a pod whose ServiceAccount may read and write these Secrets:

- TEMPLATES: the ConfigMap, `<namespace>/<name>`, with the Secrets, and a mark wherever a password belongs. It is read again
  until nothing has changed: the files may be applied again while the program runs.
- DEADLINE_SECONDS: how long to retry what may yet succeed (default 240).
- KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT: the API server; Kubernetes sets them.
- TERMINATION_LOG: file for the last message (default /dev/termination-log).

Exit code 0: all Secrets are as they should be. 3: refused, a retry cannot help. 1: ran out of time, a retry may help.
"""

import sys
from collections.abc import Mapping

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.generated_secrets.apply import converge
from kafka_platform_runtime.generated_secrets.kubernetes import Secrets
from kafka_platform_runtime.generated_secrets.templates import KEY, place
from kafka_platform_runtime.jobs import REFUSED, attempts, deadline, ended, refused


def run(environment: Mapping[str, str]) -> tuple[int, str]:
    """Retry until it is done, refused, or out of time; the exit code and the last message."""
    try:
        where = place(environment)
        seconds = deadline(environment)
        secrets = Secrets.in_pod(environment)
    except Refused as refusal:
        return REFUSED, refused(refusal)

    def newest() -> str:
        found = secrets.config_map(*where)
        if found is None:
            raise Transient(f"ConfigMap {'/'.join(where)}: is not there yet")
        return str((found.get("data") or {}).get(KEY, ""))

    return attempts(lambda: converge(newest, secrets), seconds)


if __name__ == "__main__":
    sys.exit(ended(run))
