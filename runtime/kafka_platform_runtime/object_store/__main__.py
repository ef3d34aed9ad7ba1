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

import sys
import threading
import time

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.looking import Trouble, again, looks, say
from kafka_platform_runtime.object_store.bucket import Bucket
from kafka_platform_runtime.object_store.page import Page
from kafka_platform_runtime.object_store.settings import Settings

INTERVAL_SECONDS = 15.0
PAUSE_SECONDS = 0.5
"""Until another attempt after a failure: the store starts in a tenth of a second."""
HUNG_SECONDS = 120.0


def run(settings: Settings, stop: threading.Event, page: Page) -> None:
    """Look at the bucket until told to stop."""
    bucket = Bucket(settings)
    told = Trouble()

    def once() -> float:
        begun = time.monotonic()
        try:
            done = bucket.keep()
        except Transient as trouble:
            page.failed(str(trouble))
            told.tell(str(trouble))
            return PAUSE_SECONDS
        told.over()
        for each in done:
            say(each)
        page.kept(time.monotonic() - begun, len(done))
        return INTERVAL_SECONDS

    again("The look at the bucket", stop, once, INTERVAL_SECONDS + HUNG_SECONDS)
    bucket.close()


def main() -> int:
    """The program; see the module."""
    return looks(Settings.from_environment, lambda settings: Page(settings.volume), run)


if __name__ == "__main__":
    sys.exit(main())
