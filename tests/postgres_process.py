"""A real PostgreSQL on loopback with logical decoding, started by hand from the machine's own programs."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from tests.debian import environment, for_everybody, unpacked
from tests.ports import free_ports

ADMIN_PASSWORD = "admin-of-the-database"
END_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_replication_slots": "8",
    "max_wal_senders": "8",
    "shared_buffers": "32MB",
    "wal_level": "logical",
}


def needed_postgres() -> Path:
    """The folder of PostgreSQL's programs; the test is skipped, with the reason, where they cannot be had."""
    installed = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if installed is not None and shutil.which("psql") is not None:
        return Path(installed).resolve().parent
    try:
        root = for_everybody(unpacked("postgresql"))
    except RuntimeError as error:
        pytest.skip(str(error))
    return next(root.glob("usr/lib/postgresql/*/bin/initdb")).parent


def _ordinary_user() -> str | None:
    """As whom it runs: it refuses to as root."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _runs(process: object) -> bool:
    """Whether there is such a process, and not only its exit code."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class LocalPostgres:
    """A server; a context manager that starts it and ends it.

    Args:
        programs: folder of its programs.
        address: of this machine, at which others may log in too. Default: nobody else can.
    """

    def __init__(self, programs: Path, address: str | None = None) -> None:
        self._programs = programs
        self._address = address
        self._own = environment(programs)
        self._user = _ordinary_user()
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        (self.port,) = free_ports(1)

    def __enter__(self) -> Self:
        password = self.folder / "password"
        password.write_text(ADMIN_PASSWORD)
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            for each in (self.folder, password):
                os.chown(each, account.pw_uid, account.pw_gid)
        options = ["-A", "scram-sha-256", f"--pwfile={password}", "-U", "postgres", "--no-sync"]
        self._run("initdb", "-D", str(self.folder / "data"), *options)
        if self._address is not None:
            with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all,replication all all scram-sha-256\n")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock.exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _lock(self) -> Path:
        """The file with the server's process id, which a server that shuts down removes."""
        return self.folder / "data" / "postmaster.pid"

    def stop(self, mode: str = "fast") -> None:
        """Ends it as pg_ctl does: `fast` breaks off connections, `immediate` does not wait for anything."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def kill(self) -> None:
        """Ends it at once (SIGKILL), and waits until the processes of its connections have noticed."""
        pid = int(self._lock.read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + END_SECONDS
        while any(map(_runs, (pid, *children))):
            assert time.monotonic() < deadline, f"processes {children} of the killed server {pid} do not end"
            time.sleep(0.1)

    def start(self) -> None:
        """Starts it, and waits until it takes connections."""
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        if self._address is not None:
            settings["listen_addresses"] += f",{self._address}"
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "-o", options, "start"
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True, user=self._user, group=self._user, extra_groups=() if self._user else None, cwd="/",
            env=self._own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def client(self, database: str = "postgres") -> subprocess.Popen[str]:
        """A program that runs the statements written to it, one by one, and ends at the first that fails."""
        return subprocess.Popen(
            self._psql(database), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=self._environment()
        )

    def sql(self, statements: str, database: str = "postgres") -> list[str]:
        """Runs statements; the lines of the answers, with `|` between columns."""
        done = subprocess.run(
            self._psql(database), input=statements, capture_output=True, text=True, env=self._environment(), check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def _psql(self, database: str) -> Sequence[str]:
        return [
            str(self._programs / "psql"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
            "-qAt",
            database,
        ]

    def _environment(self) -> dict[str, str]:
        return {**self._own, "PGPASSWORD": ADMIN_PASSWORD}
