"""A RabbitMQ on loopback, with everything below one folder, for tests that restart it."""

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.exceptions import AMQPError

from tests.connector_process import eventually
from tests.debian import unpacked
from tests.ports import free_ports

START_SECONDS = 240.0
"""It takes fifteen on an idle machine."""
LOCAL = "127.0.0.1"


class RabbitMqServer:
    """Debian's RabbitMQ, installed or unpacked.

    Args:
        folder: which it makes.
        root: of the file system with RabbitMQ and Erlang.
        definitions: users, queues and exchanges that are there from the beginning, as RabbitMQ exports them.
        lines: more lines of its configuration.
    """

    def __init__(
        self, folder: Path, root: Path, definitions: Mapping[str, Any] | None = None, lines: Sequence[str] = ()
    ) -> None:
        self.port, self._dist, self._epmd = free_ports(3)
        self._folder, self._root = folder, root
        (folder / "bin").mkdir(parents=True)
        configuration = [f"listeners.tcp.1 = {LOCAL}:{self.port}", "vm_memory_high_watermark.absolute = 400MB"]
        configuration += ["log.console = true", "log.console.level = warning", *lines]
        if definitions is not None:
            (folder / "definitions.json").write_text(json.dumps(definitions))
            configuration.append(f"load_definitions = {folder / 'definitions.json'}")
        (folder / "rabbitmq.conf").write_text("\n".join(configuration) + "\n")
        (folder / "enabled_plugins").write_text("[].")
        erlang = root / "usr/lib/erlang"
        self._programs = next(erlang.glob("erts-*")) / "bin"
        # Debian's own script knows only where Debian installs it.
        script = f'#!/bin/sh\nexport EMU=beam ROOTDIR={erlang} BINDIR={self._programs} PROGNAME=erl\nexec "$BINDIR/erlexec" "$@"\n'
        (folder / "bin" / "erl").write_text(script)
        (folder / "bin" / "erl").chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None
        self._port_mapper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        folder = self._folder
        environment = os.environ | {
            "PATH": f"{folder / 'bin'}:{self._programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOCAL,
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "ERL_EPMD_ADDRESS": LOCAL,
            "ERL_EPMD_PORT": str(self._epmd),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        if self._port_mapper is None:
            # The server would start one that outlives it.
            command = [str(self._programs / "epmd"), "-address", LOCAL, "-port", str(self._epmd)]
            self._port_mapper = subprocess.Popen(command)
        program = self._root / "usr/lib/rabbitmq/bin/rabbitmq-server"
        with (folder / "out").open("ab") as log:
            self._process = subprocess.Popen([str(program)], stdout=log, stderr=log, env=environment)
        eventually(self._answers, lambda: (folder / "out").read_text()[-2000:], START_SECONDS)

    def _answers(self) -> bool:
        try:
            self.connection().close()
        except (AMQPError, OSError):
            return False
        return True

    def connection(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.ConnectionParameters(LOCAL, self.port, socket_timeout=5))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def end(self) -> None:
        self.stop()
        if self._port_mapper is not None:
            self._port_mapper.kill()
            self._port_mapper.wait()


def needed_rabbitmq() -> Path:
    """The root of a file system with RabbitMQ; the test is skipped, with the reason, where it cannot be had."""
    if Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        return Path("/")
    try:
        return unpacked("rabbitmq-server")
    except RuntimeError as error:
        pytest.skip(str(error))


def user(name: str, password: str) -> dict[str, Any]:
    """A user of `definitions`."""
    salt = b"salt"
    hashed = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
    algorithm = "rabbit_password_hashing_sha256"
    return {"name": name, "password_hash": hashed, "hashing_algorithm": algorithm, "tags": ""}
