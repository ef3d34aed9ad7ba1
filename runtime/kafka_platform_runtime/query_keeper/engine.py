"""What Trino says of itself."""

import json
import math
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import urlencode

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.redirects import NoRedirects

TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 4 * 2**20
"""It shows 1.1 MB where nothing is chosen."""
_QUERIES = "trino_execution_name_QueryManager_"
_POOL = "trino_memory_type_MemoryPool_name_general_"
NAMES: Mapping[str, str] = {
    f"{_QUERIES}QueuedQueries": "queries_queued",
    f"{_QUERIES}RunningQueries": "queries_running",
    f"{_QUERIES}CompletedQueries": "queries_total",
    f"{_QUERIES}UserErrorFailures": 'failures_total{kind="user"}',
    f"{_QUERIES}InternalFailures": 'failures_total{kind="internal"}',
    f"{_QUERIES}ExternalFailures": 'failures_total{kind="external"}',
    f"{_QUERIES}InsufficientResourcesFailures": 'failures_total{kind="resources"}',
    f"{_QUERIES}ConsumedInputBytes": "input_bytes_total",
    f"{_QUERIES}ConsumedInputRows": "input_rows_total",
    f"{_POOL}ReservedBytes": "memory_bytes",
    f"{_POOL}MaxBytes": "memory_limit_bytes",
    "trino_memory_name_ClusterMemoryManager_QueriesKilledDueToOutOfMemory": "killed_for_memory_total",
    "trino_spiller_name_SpillerStats_TotalSpilledBytes": "spilled_bytes_total",
}
"""Its metrics that are shown, by their names there."""


class Engine:
    """Asks the Trino in the same pod, without a login, what it tells of itself there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(NoRedirects(), urllib.request.ProxyHandler({}))

    def ready(self) -> None:
        """Raises `Transient` while it starts, or does not answer."""
        try:
            starting = json.loads(self._get("/v1/info"))["starting"]
        except (ValueError, KeyError, TypeError):
            raise Transient("Trino does not say whether it is ready") from None
        if starting is not False:
            raise Transient("Trino is starting")

    def values(self) -> dict[str, float]:
        """What is shown of its metrics, by the names in `NAMES`."""
        found: dict[str, float] = {}
        chosen = urlencode([("name[]", name) for name in NAMES])
        for line in self._get(f"/metrics?{chosen}").decode(errors="replace").splitlines():
            name, _, value = line.partition(" ")
            if name in NAMES:
                try:
                    number = float(value)
                except ValueError:
                    continue
                if math.isfinite(number):
                    found[NAMES[name]] = number
        return found

    def _get(self, path: str) -> bytes:
        try:
            with self._opener.open(self._url + path, timeout=TIMEOUT_SECONDS) as answer:
                content: bytes = answer.read(_MOST_BYTES)
        except urllib.error.HTTPError as error:
            error.close()
            raise Transient(f"Trino answers {error.code}") from None
        except (OSError, HTTPException) as error:
            raise Transient(f"Trino does not answer: {error}") from None
        return content
