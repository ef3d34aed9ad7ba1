"""A real Cassandra on loopback, one node with logins, for tests that kill it."""

import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy

from tests.connector_process import eventually
from tests.maven_libraries import needed_libraries
from tests.ports import free_ports

VERSION = "5.0.9"
RECIPE = Path(__file__).parent / "cassandra"
ADMIN = ("cassandra", "cassandra")
CENTRE = "datacenter1"
START_SECONDS = 300.0
"""It computes for ten seconds until it listens, which takes minutes on a machine with other work."""
EXPORTED = (
    "java.base/jdk.internal.misc",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "java.base/java.lang.ref",
    "java.base/jdk.internal.ref",
    "jdk.unsupported/sun.misc",
)
OPENED = (
    *(f"java.base/java.{name}" for name in ("lang", "lang.module", "lang.reflect", "io", "math", "net", "nio", "util")),
    *(f"java.base/java.util.concurrent{name}" for name in ("", ".atomic")),
    *(f"java.base/jdk.internal.{name}" for name in ("loader", "ref", "reflect", "math", "module", "util.jar")),
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)
# What is acknowledged is on disk: with `periodic`, a killed node loses up to a second of it.
SETTINGS = """\
cluster_name: test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
commitlog_sync: batch
seed_provider: [{{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{{seeds: "127.0.0.1:{storage}"}}]}}]
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
native_transport_port: {port}
endpoint_snitch: SimpleSnitch
permissions_validity: 100ms
roles_validity: 100ms
concurrent_reads: 4
concurrent_writes: 4
memtable_heap_space: 64MiB
memtable_offheap_space: 32MiB
key_cache_size: 8MiB
commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
file_cache_size: 32MiB
networking_cache_size: 8MiB
auto_snapshot: false
dynamic_snitch: false
disk_access_mode: standard
data_file_directories: [{folder}/data]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc
"""


LOGINS = (
    "authenticator: PasswordAuthenticator",
    "authorizer: CassandraAuthorizer",
    "role_manager: CassandraRoleManager",
)


def needed_cassandra() -> Path:
    """Cassandra's jars (67 MB, fetched once); the test is skipped, with the reason, where they cannot be had."""
    return needed_libraries("Cassandra", VERSION, RECIPE)


class Cassandra:
    """One process at a time, which keeps what it has when it is killed.

    Args:
        libraries: its jars.
        folder: which it makes.
        more: lines of its settings, instead of those by which it asks for a login.
        tls: how its administrator connects, if it speaks TLS.
    """

    def __init__(
        self, libraries: Path, folder: Path, more: Sequence[str] = (), tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self.port, storage = free_ports(2)
        self._folder, self._libraries = folder, libraries
        folder.mkdir()
        text = SETTINGS.format(port=self.port, storage=storage, folder=folder)
        (folder / "cassandra.yaml").write_text(text + "\n".join(more or LOGINS) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._session: Session | None = None

    def start(self) -> None:
        (agent,) = self._libraries.glob("jamm-*.jar")
        command = ["java", "-Xms256m", "-Xmx384m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command += ["-Djdk.attach.allowAttachSelf=true"]
        command += [each for name in EXPORTED for each in ("--add-exports", f"{name}=ALL-UNNAMED")]
        command += [each for name in OPENED for each in ("--add-opens", f"{name}=ALL-UNNAMED")]
        properties = {
            "cassandra.config": f"file://{self._folder}/cassandra.yaml",
            "cassandra.storagedir": str(self._folder),
            "cassandra.ring_delay_ms": "1",
            "cassandra.skip_wait_for_gossip_to_settle": "0",
            "cassandra.superuser_setup_delay_ms": "0",
            "cassandra-foreground": "yes",
            "logback.configurationFile": f"file://{RECIPE}/logback.xml",
            "java.io.tmpdir": str(self._folder),
        }
        command += [f"-javaagent:{agent}", *(f"-D{name}={value}" for name, value in properties.items())]
        command += ["-cp", f"{self._libraries}/*", "org.apache.cassandra.service.CassandraDaemon"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            eventually(self._answers, lambda: (self._folder / "log").read_text(errors="replace")[-3000:], START_SECONDS)
        except BaseException:
            self.kill()  # nobody else does if it never was ready
            raise

    def _answers(self) -> bool:
        try:
            self._connected()
        except NoHostAvailable:
            return False
        return True

    def _connected(self) -> Session:
        if self._session is None:
            profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=30)
            cluster = Cluster(
                ["127.0.0.1"],
                port=self.port,
                protocol_version=5,
                auth_provider=PlainTextAuthProvider(*ADMIN),
                execution_profiles={EXEC_PROFILE_DEFAULT: profile},
                connect_timeout=10,
                ssl_context=self._tls,
            )
            try:
                self._session = cluster.connect()
            except NoHostAvailable:
                cluster.shutdown()
                raise
        return self._session

    def kill(self) -> None:
        if self._session is not None:
            self._session.cluster.shutdown()
            self._session = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask(self, statement: str) -> list[Any]:
        """The rows of a statement, as an administrator."""
        return list(self._connected().execute(statement))
