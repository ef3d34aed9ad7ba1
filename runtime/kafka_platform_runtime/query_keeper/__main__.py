"""Makes the files that Trino takes from Secrets, and shows Prometheus and the kubelet how it is.

Run as `python3 -m kafka_platform_runtime.query_keeper` beside Trino, and with `--once` before it starts, with:

- QUERY_FOLDER: where its files are put: `password.db`, with a hash of each user's password, and `server.pem`, the certificate with its key.
- QUERY_USERS: JSON file with the name of each user's file in QUERY_PASSWORDS, a folder with their passwords.
- QUERY_CERTIFICATE: folder with `tls.crt` and `tls.key`. Default: there is no certificate.
- QUERY_CATALOGS: with `--once`, folder of the files of catalogs, in which `${SECRET:name/key}` stands for a value. Default: none.
- QUERY_SECRETS: folder with a folder for each of these Secrets. Default: none.
- RELAY_URL: of a schema registry with Confluent's API, for which it answers Trino at RELAY_PORT of the loopback, as
  Trino has no login there: RELAY_LOGIN, a folder with `username` and `password`, RELAY_CA_FILE, the authority of its
  certificate, and RELAY_SUBJECTS, a JSON file with a list of the subjects that are tables. Default: none.
- QUERY_URL: where Trino answers inside the pod.
- QUERY_PORT: of /metrics, /healthz and /readyz.

It is ready once Trino is and the files are there. Exit code 0: asked to end, or with `--once` the files are there. 1: a background
thread has ended. 3: a variable or a file is missing or wrong.
"""

import os
import sys
import threading
import time
from collections.abc import Sequence

from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.jobs import DONE, REFUSED
from kafka_platform_runtime.looking import Trouble, again, looks, say
from kafka_platform_runtime.query_keeper import catalogs
from kafka_platform_runtime.query_keeper.engine import Engine
from kafka_platform_runtime.query_keeper.files import Files
from kafka_platform_runtime.query_keeper.page import Page
from kafka_platform_runtime.query_keeper.settings import Settings
from kafka_platform_runtime.schema_relay.server import serve
from kafka_platform_runtime.supervision import WATCH

INTERVAL_SECONDS = 5.0
"""A password that changes works after this, what the kubelet takes to mount it, and Trino's own five seconds."""
PAUSE_SECONDS = 1.0
HUNG_SECONDS = 120.0


def run(settings: Settings, stop: threading.Event, page: Page) -> None:
    """Look until told to stop."""
    files, engine = Files(settings), Engine(settings.url)
    told = Trouble()

    def look() -> float:
        try:
            done = files.keep()
            for each in done:
                say(f"{each} written")
            page.wrote(len(done))
            engine.ready()
            page.looked(engine.values())
        except Transient as trouble:
            page.failed(str(trouble))
            told.tell(str(trouble))
            return PAUSE_SECONDS
        told.over()
        return INTERVAL_SECONDS

    schemas = None if settings.registry is None else serve(settings.registry)
    again("The look at Trino", stop, look, INTERVAL_SECONDS + HUNG_SECONDS)
    if schemas is not None:
        WATCH.ending()
        schemas.shutdown()
        schemas.server_close()


def once(settings: Settings, seconds: float = 60.0) -> None:
    """Make the files.

    Raises:
        Refused: what they are made of is not there.
    """
    files, until = Files(settings), time.monotonic() + seconds
    while True:
        try:
            files.keep()
            if settings.catalogs is not None:
                catalogs.write(settings.catalogs, settings.secrets, settings.folder)
        except (Transient, OSError, UnicodeDecodeError) as trouble:
            if time.monotonic() > until:
                raise Refused([str(trouble)]) from None
            time.sleep(PAUSE_SECONDS)
        else:
            return


def main(arguments: Sequence[str]) -> int:
    """The program; see the module."""
    if list(arguments) != ["--once"]:
        return looks(Settings.from_environment, lambda settings: Page(len(settings.users)), run)
    try:
        once(Settings.from_environment(os.environ))
    except Refused as refusal:
        sys.stderr.write("".join(f"{fault}\n" for fault in refusal.faults))
        return REFUSED
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
