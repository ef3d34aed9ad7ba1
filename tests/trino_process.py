"""A real Trino on loopback, started by hand from what the sandbox keeps of its image, with the files that a query engine renders."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kafka_platform import KafkaConnection, QueryReader
from kafka_platform.kube.pods import HTTP_PORT
from kafka_platform.query.catalogs import CREDENTIALS, FOLDER
from kafka_platform.query.config import DATA, HOME, files
from kafka_platform.query.objects import QuerySettings, command
from kafka_platform.query.sources import RUN, Sources
from kafka_platform.query.spec import QuerySpec
from kafka_platform_runtime.query_keeper.__main__ import once
from kafka_platform_runtime.query_keeper.settings import Settings

from infra.live.forward import Answer
from infra.query.statement import Ask, StatementError, run
from sandbox.registry import JAVA
from tests.kafka_process import LocalKafka
from tests.ports import free_ports
from tests.sandbox_cache import needed_layer, unpacked

START_SECONDS = 300.0
STOP_SECONDS = 30.0
PASSWORD = "password of "
"""What a user's begins with."""


def needed_trino() -> Path:
    """The folder of its image's files; the test is skipped, with the reason, where nobody has fetched them."""
    layer = needed_layer("trino", "no Trino: `make trino` fetches it (820 MB, once)")
    return unpacked(layer, "unpacked")


@dataclass(kw_only=True)
class LocalTrino:
    """One process; a context manager that starts it and ends it by its id.

    Args:
        root: folder of the image's files.
        kafka: whose topics it reads, as the administrator.
        readers: who may query. The password of each is `PASSWORD` and its name.
        sources: databases and lakes.
        secrets: what their Secrets hold, by the names that marks have for them, and by key.
        replaced: what stands in declarations for something else, such as an address that only pods know.
    """

    root: Path
    kafka: LocalKafka
    readers: Mapping[str, QueryReader]
    sources: Sources
    secrets: Mapping[str, Mapping[str, str]]
    replaced: Mapping[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="trino-")), init=False)
    port: int = field(default_factory=lambda: free_ports(1)[0], init=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __enter__(self) -> Self:
        try:
            self._mount()
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

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def rendered(self) -> str:
        """All that stands in its ConfigMap."""
        return "\n".join(self._files.values())

    def rows(self, sql: str, user: str) -> list[list[Any]]:
        """What a statement of a user answers."""
        return [list(row) for row in run(sql, self._asking(user), most_rows=100_000, seconds=120).rows]

    def refusal(self, sql: str, user: str) -> str:
        """Why a statement is refused."""
        try:
            return f"it is not: {self.rows(sql, user)}"
        except StatementError as error:
            return str(error)

    @property
    def _files(self) -> dict[str, str]:
        return files(QuerySpec(), self.readers, self.sources, self.kafka.bootstrap_servers)

    def _here(self, text: str) -> str:
        """A text with this machine's folders and addresses in place of the pod's."""
        places = {FOLDER: "trino", RUN: "run", CREDENTIALS: "credentials", DATA: "data"}
        for there, here in sorted(places.items(), key=lambda each: -len(each[0])):
            text = text.replace(there, str(self.folder / here))
        for known, other in self.replaced.items():
            text = text.replace(known, other)
        return text.replace(HOME, str(self.root / HOME.removeprefix("/")))

    def _mount(self) -> None:
        for name in ("catalogs", "credentials", "data", "passwords", "run", "secrets"):
            (self.folder / name).mkdir()
        for path, text in self._files.items():
            # As the volumes of the pod place them.
            target = (
                self.folder
                / ("catalogs" if path.startswith("catalog/") else "trino/etc")
                / path.removeprefix("catalog/")
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self._here(text).replace(str(HTTP_PORT), str(self.port)))
        for secret, values in self.secrets.items():
            (self.folder / "secrets" / secret).mkdir()
            for key, value in values.items():
                (self.folder / "secrets" / secret / key).write_text(value)
        for user in self.readers:
            (self.folder / "passwords" / user).write_text(PASSWORD + user)
        client = self.kafka.client()
        login = f'username="{client["sasl.username"]}" password="{client["sasl.password"]}"'
        (self.folder / "credentials" / "client.properties").write_text(
            f"security.protocol={client['security.protocol']}\nsasl.mechanism={client['sasl.mechanism']}\n"
            f"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required {login};\n"
        )
        once(
            Settings(
                url="http://127.0.0.1:1",
                port=1,
                folder=self.folder / "run",
                passwords=self.folder / "passwords",
                users={user: user for user in self.readers},
                certificate=None,
                catalogs=self.folder / "catalogs",
                secrets=self.folder / "secrets",
            )
        )

    def _start(self) -> None:
        settings = QuerySettings(
            name="query-engine",
            namespace="streaming",
            connection=KafkaConnection(
                cluster="events",
                namespace="streaming",
                bootstrap_servers=self.kafka.bootstrap_servers,
                security_protocol="SASL_PLAINTEXT",
            ),
            passwords="passwords",
            image="trino",
            runtime_image="runtime",
        )
        java, *options = [self._here(each).replace("$(POD_NAME)", "trino") for each in command(settings)]
        environment = {"SHARED_SECRET": "of-the-test-and-of-nothing-else", "PATH": "/usr/bin:/bin"}
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["nice", str(self.root / JAVA / "bin" / java), *options],
                cwd=self.folder / "trino",
                env=environment,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert self._process.poll() is None, self.log[-4000:]
            assert time.monotonic() < end, self.log[-4000:]
            time.sleep(0.5)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/info", timeout=5) as answer:
                return json.load(answer)["starting"] is False
        except OSError:
            return False

    def _asking(self, user: str) -> Ask:
        login = base64.b64encode(f"{user}:{PASSWORD}{user}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "X-Forwarded-Proto": "https"}

        def ask(method: str, path: str, body: bytes | None) -> Answer:
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    return Answer(status=answer.status, body=answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    return Answer(status=error.code, body=error.read())

        return ask
