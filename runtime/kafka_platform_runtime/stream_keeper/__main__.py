"""Runs beside the JobManager of a stream job, and takes the job from what runs to what is declared.

Run as `python3 -m kafka_platform_runtime.stream_keeper` in its pod with these variables:

- STREAM_NAMESPACE, STREAM_NAME, STREAM_JOB: the namespace, what the job's objects are called, its id in Flink.
- STREAM_ENDPOINT, STREAM_REGION, STREAM_BUCKET, STREAM_PREFIX: its place in the object store, with AWS_ACCESS_KEY_ID and
  AWS_SECRET_ACCESS_KEY.
- STREAM_PODS: what these pods are, where the job is a program of an image (default: they are those of SQL).
- STREAM_KEPT: how many former jobs keep their last state (default: all).
- STREAM_TURN: the folder in which the JobManager asks to start (default /turn).
- STREAM_PORT: of /metrics, /healthz and /readyz (default 9405).

Exit code 0: asked to end. 1: a background thread has ended. 3: a variable is missing or wrong.
"""

import os
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafka_platform_runtime.api_server import ApiServer, ConflictError
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.looking import Trouble, again, looks, say
from kafka_platform_runtime.stream_keeper.cluster import ConfigMaps
from kafka_platform_runtime.stream_keeper.flink import Flink
from kafka_platform_runtime.stream_keeper.keeper import Keeper
from kafka_platform_runtime.stream_keeper.settings import Settings as Job, needed
from kafka_platform_runtime.stream_keeper.store import S3, Store
from kafka_platform_runtime.stream_keeper.turn import ARGUMENTS, SQL, Turn
from kafka_platform_runtime.supervision import whereabouts
from kafka_platform_runtime.variables import port_of

INTERVAL_SECONDS = 2.0
HUNG_SECONDS = 120.0
"""How long a look may take: a dozen requests, each of which is given up after ten seconds."""
DEFAULT_PORT = 9405


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The program's variables."""

    job: Job
    endpoint: str
    region: str
    bucket: str
    prefix: str
    pods: str | None
    kept: int | None
    turn: Path
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read them. Raises `Refused` if one is missing or wrong."""
        port = port_of("STREAM_PORT", environment.get("STREAM_PORT") or str(DEFAULT_PORT), least=1)
        return cls(
            job=Job.from_environment(environment),
            endpoint=needed(environment, "STREAM_ENDPOINT"),
            region=needed(environment, "STREAM_REGION"),
            bucket=needed(environment, "STREAM_BUCKET"),
            prefix=needed(environment, "STREAM_PREFIX"),
            pods=environment.get("STREAM_PODS") or None,
            kept=_kept(environment.get("STREAM_KEPT")),
            turn=Path(environment.get("STREAM_TURN") or "/turn"),
            port=port,
        )


def _kept(text: str | None) -> int | None:
    if not text:
        return None
    if not re.fullmatch("[1-9][0-9]{0,3}", text):
        raise Refused([f"STREAM_KEPT: {text[:20]!r} is not a number of states: use 1 to 9999"])
    return int(text)


class Page:
    """It has no metrics of its own: Flink shows what there is to see."""

    text = b""
    trouble: str | None = None


def run(settings: Settings, stop: threading.Event, _: Page) -> None:
    """Look until told to stop."""
    job = settings.job
    keeper = Keeper(
        ConfigMaps(ApiServer.in_pod(os.environ), job.namespace, job.name, job.job),
        Flink(job.job),
        Store(S3(settings.bucket, settings.endpoint, settings.region), settings.bucket, settings.prefix, job.job),
        Turn(settings.turn, SQL if settings.pods is None else ARGUMENTS),
        say,
        pods=settings.pods,
        kept=settings.kept,
    )
    told = Trouble()

    def once() -> float:
        try:
            keeper.once()
        except (Transient, Refused, ConflictError) as reason:
            told.tell(str(reason))
        except Exception as error:  # what Flink answers must not end the program
            told.tell(f"unexpected {whereabouts(error)}")
        else:
            told.over()
        return INTERVAL_SECONDS

    again("The look at the job", stop, once, INTERVAL_SECONDS + HUNG_SECONDS)


def main() -> int:
    """The program; see the module."""
    return looks(Settings.from_environment, lambda _: Page(), run)


if __name__ == "__main__":
    sys.exit(main())
