"""A real Apicurio Registry on loopback, started by hand from what the sandbox keeps of its image, with the settings that its
pods get."""

import base64
import json
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kafka_platform import KafkaConnection, RegistryRole, RegistryUser
from kafka_platform.kafka.properties import java_properties
from kafka_platform.registry.logins import roles_of, users_secret
from kafka_platform.registry.objects import API, RegistrySettings, jvm_options, registry_properties
from kafka_platform.registry.spec import REGISTRAR, RegistrySpec

from tests.authority import Authority
from tests.kafka_process import LocalKafka
from tests.ports import free_ports
from tests.sandbox_cache import needed_layer, unpacked

START_SECONDS = 240.0
STOP_SECONDS = 30.0
ANSWER_SECONDS = 90.0
"""The first answers of each kind take long on a busy machine: classes are loaded then."""


def needed_registry() -> Path:
    """The folder of the image's files; the test is skipped, with the reason, where nobody has made it."""
    layer = needed_layer("registry", "no schema registry: `make registry` fetches it (159 MB)")
    return unpacked(layer, "unpacked")


@dataclass(kw_only=True)
class LocalRegistry:
    """One process of a registry; a context manager that starts it and ends it by its id.

    Args:
        files: of the image.
        kafka: where it keeps its schemas; its topics are there.
        user: its Kafka user, which is there with its rights.
        password: of that user.
        users: who may log in; the password of each is `<user>-password`.
        spec: what is declared of it.
        authority: that signs its certificate, if `spec` has TLS.
    """

    files: Path
    kafka: LocalKafka
    user: str
    password: str
    users: Mapping[str, RegistryUser] = field(default_factory=dict)
    spec: RegistrySpec = field(default_factory=RegistrySpec)
    authority: Authority | None = None
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="registry-")), init=False)
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.port, self.management_port = free_ports(2)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """Of the API of Confluent's clients."""
        return f"{self._scheme}://127.0.0.1:{self.port}{API}"

    @property
    def _scheme(self) -> str:
        return "http" if self.spec.tls is None else "https"

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.folder / "registry.log").read_text(errors="replace")

    def start(self) -> None:
        """Starts it, and waits until it is ready."""
        connection = KafkaConnection(
            cluster="kafka",
            namespace="streaming",
            bootstrap_servers=self.kafka.bootstrap_servers,
            security_protocol=self.kafka.client_protocol,
            sasl_mechanism="SCRAM-SHA-512",
            ca_secret=None if self.kafka.ca_file is None else "ca",
        )
        settings = RegistrySettings(
            name="schemas", namespace="streaming", connection=connection, image="", users=self.users, spec=self.spec
        )
        rendered = registry_properties(
            settings, self.kafka.bootstrap_servers, self.kafka.client_protocol, "SCRAM-SHA-512"
        ) | {
            "quarkus.http.host": "127.0.0.1",
            f"quarkus.http.{'port' if self.spec.tls is None else 'ssl-port'}": str(self.port),
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": str(self.management_port),
        }
        if self.kafka.ca_file is not None:
            rendered["apicurio.kafka.common.ssl.truststore.location"] = str(self.kafka.ca_file)
        if self.authority is not None:
            certificate, key = self.folder / "tls.crt", self.folder / "tls.key"
            self.authority.sign("registry", certificate, key)
            rendered |= {
                "quarkus.http.ssl.certificate.files": str(certificate),
                "quarkus.http.ssl.certificate.key-files": str(key),
            }
        (self.folder / "registry.properties").write_text(java_properties(rendered))
        passwords = {user: f"{user}-password" for user in roles_of(self.users)}
        secret = users_secret("users", "streaming", {}, self.users, passwords)
        for name, content in secret["data"].items():
            (self.folder / name).write_bytes(base64.b64decode(content))
        module = "org.apache.kafka.common.security.scram.ScramLoginModule"
        login = f'{module} required username="{self.user}" password="{self.password}";'
        (self.folder / "client.properties").write_text(java_properties({"sasl.jaas.config": login}))
        self._run(jvm_options(settings))
        deadline = time.monotonic() + START_SECONDS
        while self.get("/health/ready", port=self.management_port)[0] != 200:
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"the registry {'ended' if ended else 'is not ready'}:\n{self.log[-1500:]}")
            time.sleep(0.2)

    def _run(self, options: Sequence[str]) -> None:
        files = (f"{self.folder}/{name}" for name in ("client.properties", "users.properties", "registry.properties"))
        kept = [each for each in options if not each.startswith("-Dsmallrye")]
        command = [str(self.files / "opt/java/bin/java"), *kept, "-XX:TieredStopAtLevel=1"]
        command += [f"-Djava.io.tmpdir={self.folder}", f"-Dsmallrye.config.locations={','.join(files)}"]
        command += ["-jar", str(self.files / "deployments/quarkus-run.jar")]
        with (self.folder / "registry.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def kill(self) -> None:
        """Ends it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            self.process = None

    def get(self, path: str, user: str | None = None, *, port: int | None = None) -> tuple[int, Any]:
        """The status and the content of an answer; 0 and the reason if there is none."""
        return self.ask("GET", path, user, port=port)

    def ask(
        self, method: str, path: str, user: str | None = None, content: Any = None, *, port: int | None = None
    ) -> tuple[int, Any]:
        """The status and the content of an answer; 0 and the reason if there is none."""
        body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
        address = f"{self._scheme if port is None else 'http'}://127.0.0.1:{port or self.port}{path}"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method=method)
        if user is not None:
            login = user if ":" in user else f"{user}:{user}-password"
            request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=self._context) as answer:
                return answer.status, _read(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _read(error.read())
        except OSError as error:
            return 0, str(error)

    @property
    def _context(self) -> ssl.SSLContext | None:
        return None if self.authority is None else ssl.create_default_context(cafile=self.authority.certificate)

    def admin(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """The answer to the user that registers what is declared; the path is one of the clients' API."""
        return self.ask(method, f"{API}{path}", REGISTRAR, content)


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


USERS = {
    "orders-api": RegistryUser(role=RegistryRole.DEVELOPER),
    "shop.web": RegistryUser(role=RegistryRole.DEVELOPER),
    "reader": RegistryUser(),
}
"""Users for tests."""
