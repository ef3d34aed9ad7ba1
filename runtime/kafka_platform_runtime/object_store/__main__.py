"""Makes the bucket of an object store, keeps its policy as declared, and shows Prometheus the store's volume.

Run as `python3 -m kafka_platform_runtime.object_store` beside the store, with:

- OBJECT_STORE_URL, OBJECT_STORE_REGION: where the store answers.
- OBJECT_STORE_CREDENTIALS: folder with the files AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of its administrator.
- OBJECT_STORE_CONFIG: JSON file with `bucket` and its `policy`, which may be null.
- OBJECT_STORE_VOLUME: folder of the store's volume.
- OBJECT_STORE_PORT: of /metrics, /healthz and /readyz.

It is ready once the bucket and its policy are there. Exit code 0: asked to end. 1: a background thread has ended. 3: a variable or a
file is missing or wrong.
"""

import os
import signal
import sys
import threading
import time

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.metrics_server import serve
from kafka_platform_runtime.object_store.bucket import Bucket
from kafka_platform_runtime.object_store.page import Page
from kafka_platform_runtime.object_store.settings import Settings
from kafka_platform_runtime.supervision import WATCH

DONE = 0
FAILED = 1
REFUSED = 3
INTERVAL_SECONDS = 15.0
PAUSE_SECONDS = 0.5
"""Until another attempt after a failure: the store starts in a tenth of a second."""
HUNG_SECONDS = 120.0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(bucket: Bucket, page: Page, stop: threading.Event) -> None:
    """Look at the bucket until told to stop."""
    said: str | None = None
    with WATCH.heart("The look at the bucket", INTERVAL_SECONDS + HUNG_SECONDS) as beat:
        while not stop.is_set():
            beat()
            begun = time.monotonic()
            try:
                done = bucket.keep()
            except Transient as trouble:
                page.failed(str(trouble))
                if str(trouble) != said:
                    said = str(trouble)
                    _say(said)
                stop.wait(PAUSE_SECONDS)
                continue
            said = None
            for each in done:
                _say(each)
            page.kept(time.monotonic() - begun, len(done))
            stop.wait(INTERVAL_SECONDS)


def main() -> int:
    """The program; see the module."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    WATCH.begin(stop.set)
    try:
        settings = Settings.from_environment(os.environ)
    except Refused as refusal:
        sys.stderr.write("".join(f"{fault}\n" for fault in refusal.faults))
        return REFUSED
    page = Page(settings.volume)
    server = serve(settings.port, page)
    bucket = Bucket(settings)
    run(bucket, page, stop)
    bucket.close()
    WATCH.ending()
    server.shutdown()
    server.server_close()
    return DONE if WATCH.death is None else FAILED


if __name__ == "__main__":
    sys.exit(main())
