"""A mosquitto on loopback, for tests that restart it."""

import base64
import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.debian import environment
from tests.ports import free_ports


class Broker:
    """Mosquitto with persistent sessions.

    Args:
        program: that of Debian.
        folder: which it makes.
        users: passwords of users; without any, everybody may do everything.
        rights: lines of the file with the rights of users.
        listener: more lines of its listener, such as those about TLS.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        users: Mapping[str, str] | None = None,
        rights: Sequence[str] = (),
        listener: Sequence[str] = (),
    ) -> None:
        (self.port,) = free_ports(1)
        self._program = program
        self._folder = folder
        folder.mkdir()
        lines = [f"listener {self.port} 127.0.0.1", *listener, f"allow_anonymous {'false' if users else 'true'}"]
        if users:
            (folder / "users").write_text("".join(f"{name}:{_hashed(word)}\n" for name, word in users.items()))
            (folder / "rights").write_text("\n".join(rights) + "\n")
            lines += [f"password_file {folder}/users", f"acl_file {folder}/rights"]
            for file in ("users", "rights"):
                (folder / file).chmod(0o600)
        lines += ["persistence true", f"persistence_location {folder}/", "max_queued_messages 0"]
        if os.geteuid() == 0:
            lines.append("user root")
        (folder / "conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(self._program), "-c", str(self._folder / "conf")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(self._program))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)
            self._process = None


def connects(client: mqtt.Client, port: int, **how: object) -> bool:
    """Whether a client could connect."""
    try:
        return client.connect("127.0.0.1", port, **how) == mqtt.MQTT_ERR_SUCCESS  # type: ignore[arg-type]
    except OSError:
        return False


def _hashed(password: str) -> str:
    salt, rounds = b"of-the-test!", 101
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 64)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(found).decode()}"
