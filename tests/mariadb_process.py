"""A real MariaDB on loopback with a binary log, started by hand from the machine's own programs."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.debian import environment, needed
from tests.ports import free_ports

START_SECONDS = 120.0
STOP_SECONDS = 30.0


def needed_mariadb() -> Path:
    """MariaDB's server; the test is skipped, with the reason, where it cannot be had."""
    return needed("usr/sbin/mariadbd", "mariadb-server-core", "mariadb-client-core")


class LocalMariadb:
    """A server; a context manager that starts it and ends it by its id.

    Args:
        server: its program; the client is beside it.
    """

    def __init__(self, server: Path) -> None:
        self._root = server.parents[2]
        self._environment = environment(server)
        self.folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._run(
                str(self._root / "usr/bin/mariadb-install-db"),
                *self._common(),
                "--auth-root-authentication-method=normal",
            )
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _common(self) -> list[str]:
        return ["--no-defaults", f"--basedir={self._root / 'usr'}", f"--datadir={self.folder / 'data'}", "--user=root"]

    def _run(self, *command: str, told: str | None = None) -> str:
        done = subprocess.run(command, input=told, capture_output=True, text=True, env=self._environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _start(self) -> None:
        options = ["--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.folder / 'socket'}"]
        options += [
            "--log-bin=log",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--server-id=1",
            "--innodb-buffer-pool-size=32M",
        ]
        with (self.folder / "log").open("ab") as log:
            command = [str(self._root / "usr/sbin/mariadbd"), *self._common(), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        deadline = time.monotonic() + START_SECONDS
        while not (self.folder / "socket").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text()[-1500:])
            time.sleep(0.1)

    def sql(self, statements: str) -> list[str]:
        """Runs statements as the administrator; the lines of the answers, with tabs between columns."""
        client = [
            str(self._root / "usr/bin/mariadb"),
            "--no-defaults",
            f"--socket={self.folder / 'socket'}",
            "--user=root",
            "-N",
        ]
        return self._run(*client, told=statements).splitlines()
