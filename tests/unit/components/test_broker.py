"""The files that an embedded node starts from."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_platform.cluster.defaults import Defaults
from kafka_platform.cluster.embedded.files import (
    BrokerSettings,
    broker_files,
    check_config,
    cluster_properties,
    controllers,
    external_bootstrap_servers,
    files_hash,
    node_host,
    node_properties,
)
from kafka_platform.cluster.embedded.listeners import Listeners, LoadBalancers, NodePorts, TlsRoutes
from kafka_platform.cluster.embedded.pods import health_container, volumes
from kafka_platform.cluster.embedded.settings import EmbeddedSettings
from kafka_platform.cluster.spec import ClusterSpec

from tests.harness import eventually

NAMESPACE = "streaming"
ID = "AAAAAAAAAAAAAAAAAAAAAA"


def settings(nodes: int = 3, **changes: object) -> BrokerSettings:
    return BrokerSettings(name="events", nodes=nodes, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("nodes", "expected"), [(1, 1), (2, 1), (3, 3), (4, 3), (9, 3)])
def test_controllers(nodes: int, expected: int) -> None:
    assert controllers(nodes) == expected


@pytest.mark.parametrize(("nodes", "replicas", "least"), [(1, "1", "1"), (2, "2", "1"), (3, "3", "2"), (7, "3", "2")])
def test_defaults_are_safe_for_the_number_of_nodes(nodes: int, replicas: str, least: str) -> None:
    properties = cluster_properties(settings(nodes), NAMESPACE)
    for key in ("default.replication.factor", "offsets.topic.replication.factor"):
        assert properties[key] == replicas
    assert properties["transaction.state.log.replication.factor"] == replicas
    assert properties["min.insync.replicas"] == least


def test_access_is_denied_by_default() -> None:
    properties = cluster_properties(settings(), NAMESPACE)
    assert properties["allow.everyone.if.no.acl.found"] == "false"
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["super.users"] == "User:admin;User:broker"


def test_a_node_advertises_its_own_name() -> None:
    assert node_properties(settings(), NAMESPACE, 1) == {
        "advertised.listeners": "REPLICATION://events-1.events-nodes.streaming.svc:9091,"
        "INTERNAL://events-1.events-nodes.streaming.svc:9092",
        "listeners": "REPLICATION://:9091,INTERNAL://:9092,CONTROLLER://:9093",
        "node.id": "1",
        "process.roles": "broker,controller",
    }


def test_a_fourth_node_is_only_a_broker() -> None:
    properties = node_properties(settings(4), NAMESPACE, 3)
    assert properties["process.roles"] == "broker"
    assert "CONTROLLER" not in properties["listeners"]


@pytest.mark.parametrize(
    ("listeners", "addresses"),
    [
        (Listeners(node_ports=NodePorts(host="10.0.0.1", first_port=30092)), "10.0.0.1:30092,10.0.0.1:30093"),
        (
            Listeners(load_balancers=LoadBalancers(host="b-{nodeId}.example.com")),
            "b-0.example.com:9094,b-1.example.com:9094",
        ),
    ],
)
def test_external_clients_are_told_addresses_that_exist(listeners: Listeners, addresses: str) -> None:
    two = settings(2, listeners=listeners)
    assert external_bootstrap_servers(two) == addresses
    advertised = node_properties(two, NAMESPACE, 1)["advertised.listeners"]
    assert advertised.endswith(f",EXTERNAL://{addresses.split(',')[1]}")


def test_behind_a_gateway_clients_begin_at_a_name_of_its_own() -> None:
    routes = TlsRoutes(host="b-{nodeId}.example.com", gateway_class="traefik", listener_port=8443)
    two = settings(2, listeners=Listeners(certificate="kafka-tls", tls_routes=routes))
    assert external_bootstrap_servers(two) == "b-bootstrap.example.com:443"
    assert node_properties(two, NAMESPACE, 1)["advertised.listeners"].endswith(",EXTERNAL://b-1.example.com:443")


def test_the_program_beside_the_broker_sees_its_certificate_and_not_the_key() -> None:
    def embedded(**changes: Listeners) -> EmbeddedSettings:
        spec = ClusterSpec(**changes)  # type: ignore[arg-type]
        return EmbeddedSettings(
            name="events", namespace=NAMESPACE, spec=spec, image="kafka:1", runtime_image="runtime:1"
        )

    secured = embedded(listeners=Listeners(certificate="kafka-tls"))
    found = health_container(secured)
    told = {each["name"]: each.get("value") for each in found["env"]}
    assert (told["CERTIFICATE_FILE"], told["CERTIFICATE_SERVER"]) == (
        "/etc/kafka-platform/renewed/tls.crt",
        "localhost:9092",
    )
    [mounted] = [each for each in volumes(secured) if each["name"] == "renewed"]
    assert mounted["secret"] == {"items": [{"key": "tls.crt", "path": "tls.crt"}], "secretName": "kafka-tls"}
    assert "certificate" not in {each["name"] for each in found["volumeMounts"]}
    assert "CERTIFICATE_FILE" not in str(health_container(embedded()))


def test_a_certificate_turns_on_tls_for_clients_only() -> None:
    properties = cluster_properties(settings(listeners=Listeners(certificate="kafka-tls")), NAMESPACE)
    protocols = properties["listener.security.protocol.map"]
    assert protocols == "CONTROLLER:SASL_PLAINTEXT,REPLICATION:SASL_PLAINTEXT,INTERNAL:SASL_SSL"
    assert properties["ssl.keystore.type"] == "PEM"


def test_own_settings_are_added() -> None:
    assert cluster_properties(settings(config={"num.io.threads": "4"}), NAMESPACE)["num.io.threads"] == "4"


@pytest.mark.parametrize("key", ["listeners", "log.dirs", "super.users", "ssl.keystore.location", "node.id"])
def test_settings_that_follow_from_others_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"config: '{key}' cannot be set here: "):
        check_config({key: "x"})


def test_min_insync_replicas_that_stop_writers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"min_insync_replicas: 3 of 3 replicas: .*: use 2"):
        cluster_properties(settings(defaults=Defaults(min_insync_replicas=3)), NAMESPACE)


def test_the_hash_changes_with_the_settings_but_not_with_further_nodes() -> None:
    three = files_hash(broker_files(settings(3), NAMESPACE, ID))
    assert files_hash(broker_files(settings(3), NAMESPACE, ID)) == three
    assert files_hash(broker_files(settings(5), NAMESPACE, ID)) == three
    assert files_hash(broker_files(settings(3, config={"num.io.threads": "4"}), NAMESPACE, ID)) != three


class TestStartScript:
    """The script itself, with Kafka's own programs replaced by ones that tell how they were called."""

    @pytest.fixture
    def pod(self, tmp_path: Path) -> Path:
        files = broker_files(settings(), NAMESPACE, "-AAAAAAAAAAAAAAAAAAAAA")
        for name, text in files.items():
            (tmp_path / "config").mkdir(exist_ok=True)
            (tmp_path / "config" / name).write_text(text)
        (tmp_path / "credentials").mkdir()
        (tmp_path / "credentials" / "broker").write_text("s3cret")
        (tmp_path / "kafka" / "bin").mkdir(parents=True)
        for program in ("kafka-storage.sh", "kafka-server-start.sh"):
            text = f'echo "{program} $*" >>"{tmp_path}/calls"\necho "$KAFKA_OPTS" >>"{tmp_path}/options"'
            self.fake(tmp_path / "kafka" / "bin" / program, text)
        return tmp_path

    def fake(self, program: Path, text: str) -> None:
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def command(self, pod: Path) -> tuple[list[str], dict[str, str]]:
        environment = {
            "PATH": f"{pod}/bin:/usr/bin:/bin",
            "ALONE_SECONDS": "2",
            "RENEWAL_SECONDS": "0.2",
            "NODE_ID": "2",
            "KAFKA_HOME": f"{pod}/kafka",
            "CONFIG_DIR": f"{pod}/config",
            "CREDENTIALS_DIR": f"{pod}/credentials",
            "CERTIFICATE_DIR": f"{pod}/certificate",
            "DATA_DIR": f"{pod}/data",
            "RUN_DIR": f"{pod}/run",
            "TERMINATION_LOG": f"{pod}/termination-log",
        }
        return ["/bin/sh", f"{pod}/config/start.sh"], environment

    def start(self, pod: Path) -> "subprocess.CompletedProcess[str]":
        command, environment = self.command(pod)
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    @contextlib.contextmanager
    def running(self, pod: Path, broker: str) -> Iterator["subprocess.Popen[str]"]:
        """The script with a broker that is this program; the names that are known are those of the folder `names`."""
        self.fake(pod / "kafka" / "bin" / "kafka-server-start.sh", broker)
        (pod / "bin").mkdir()
        self.fake(pod / "bin" / "getent", f'[ -e "{pod}/names/$2" ]')
        (pod / "names").mkdir()
        for node in range(3):
            (pod / "names" / node_host(settings(), NAMESPACE, node)).touch()
        (pod / "names" / "kubernetes.default.svc").touch()
        command, environment = self.command(pod)
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                eventually("the broker runs", (pod / "started").exists, 20)
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):  # as it is when the test went well
                    os.killpg(process.pid, signal.SIGKILL)

    def test_an_empty_volume_is_formatted_once(self, pod: Path) -> None:
        assert self.start(pod).returncode == 0
        calls = (pod / "calls").read_text().splitlines()
        assert calls[0].startswith("kafka-storage.sh format ")
        assert "--cluster-id=-AAAAAAAAAAAAAAAAAAAAA" in calls[0]
        assert calls[1] == f"kafka-server-start.sh {pod}/run/server.properties"
        (pod / "data" / "meta.properties").write_text("version=1\ncluster.id=-AAAAAAAAAAAAAAAAAAAAA\n")
        assert self.start(pod).returncode == 0
        assert (pod / "calls").read_text().splitlines()[2:] == [calls[1]]

    def test_archives_of_classes_are_used_where_the_image_has_them(self, pod: Path) -> None:
        self.start(pod)
        for name in ("storage.jsa", "kafka.jsa"):
            (pod / "kafka" / name).touch()
        self.start(pod)
        assert [line.strip() for line in (pod / "options").read_text().splitlines()] == ["", ""] + [
            f"-XX:SharedArchiveFile={pod}/kafka/{name}" for name in ("storage.jsa", "kafka.jsa")
        ]

    def test_the_password_is_in_the_properties_and_in_no_argument(self, pod: Path) -> None:
        done = self.start(pod)
        properties = (pod / "run" / "server.properties").read_text()
        assert "listener.name.replication.plain.sasl.jaas.config=" in properties
        assert 'username="broker" password="s3cret" user_broker="s3cret";' in properties
        assert "node.id=2\n" in properties
        assert "s3cret" not in (pod / "calls").read_text() + done.stdout + done.stderr
        assert (pod / "run" / "server.properties").stat().st_mode & 0o077 == 0

    def test_a_volume_of_another_cluster_is_refused(self, pod: Path) -> None:
        (pod / "data").mkdir()
        (pod / "data" / "meta.properties").write_text("cluster.id=BBBBBBBBBBBBBBBBBBBBBB\n")
        assert self.start(pod).returncode == 1
        message = (pod / "termination-log").read_text()
        assert "belongs to cluster BBBBBBBBBBBBBBBBBBBBBB" in message
        assert "set kafka.clusterId: BBBBBBBBBBBBBBBBBBBBBB " in message
        assert "delete" not in message
        assert not (pod / "calls").exists()

    @pytest.mark.parametrize("password", ["", 'a"b', "a\nb", "a b", "a;b", "a\\"])
    def test_a_password_of_the_nodes_that_would_be_read_as_something_else_is_refused(
        self, pod: Path, password: str
    ) -> None:
        (pod / "credentials" / "broker").write_text(password)
        assert self.start(pod).returncode == 1
        assert "has other characters than letters and digits" in (pod / "termination-log").read_text()
        assert not (pod / "calls").exists()

    def room(self, pod: Path, free_kib: int) -> None:
        """What is free of the volume, whose size is 16 MiB, as the script sees it."""
        (pod / "bin").mkdir(exist_ok=True)
        text = f'echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "x 16384 0 {free_kib} 0% /y"'
        self.fake(pod / "bin" / "df", text)

    def test_a_broker_that_ends_on_a_full_volume_says_so_and_what_helps(self, pod: Path) -> None:
        self.fake(pod / "kafka" / "bin" / "kafka-server-start.sh", "exit 7")
        self.room(pod, 164)
        assert self.start(pod).returncode == 7
        assert not (pod / "termination-log").exists()
        self.room(pod, 162)
        assert self.start(pod).returncode == 1
        assert (pod / "termination-log").read_text().startswith("the volume is full: raise kafka.storage ")

    def test_a_key_in_another_form_is_refused(self, pod: Path) -> None:
        (pod / "certificate").mkdir()
        (pod / "certificate" / "tls.key").write_text("-----BEGIN RSA PRIVATE KEY-----\n")
        assert self.start(pod).returncode == 1
        assert "PKCS#8" in (pod / "termination-log").read_text()

    def test_a_renewed_certificate_reaches_the_keystore_while_the_broker_runs(self, pod: Path) -> None:
        def deliver(number: int) -> None:
            (pod / "certificate").mkdir(exist_ok=True)
            (pod / "certificate" / "tls.key").write_text(f"-----BEGIN PRIVATE KEY-----\n{number}\n")
            (pod / "certificate" / "tls.crt").write_text(f"CERTIFICATE {number}\n")

        keystore = pod / "run" / "keystore.pem"
        deliver(1)
        broker = f"trap 'exit 143' TERM; touch {pod}/started; while :; do sleep 0.1; done"
        with self.running(pod, broker) as process:
            assert keystore.read_text() == "-----BEGIN PRIVATE KEY-----\n1\nCERTIFICATE 1\n"
            deliver(2)
            eventually("the new one is there", lambda: "\n2\nCERTIFICATE 2" in keystore.read_text(), 30)
            assert keystore.stat().st_mode & 0o077 == 0
            (pod / "certificate" / "tls.crt").unlink()
            process.terminate()
            assert process.wait(60) == 143
        assert "CERTIFICATE 2" in keystore.read_text()

    def test_the_broker_is_told_to_end_and_its_exit_code_is_told(self, pod: Path) -> None:
        broker = f"trap 'echo ended; exit 143' TERM; touch {pod}/started; while :; do sleep 0.1; done"
        with self.running(pod, broker) as process:
            process.terminate()
            assert process.communicate(timeout=60)[0] == "ended\n"
        assert process.returncode == 143

    def test_a_broker_that_ends_by_itself(self, pod: Path) -> None:
        with self.running(pod, f"touch {pod}/started; exit 7") as process:
            assert process.wait(60) == 7

    def test_a_broker_is_waited_for_as_long_as_there_are_controllers(self, pod: Path) -> None:
        broker = f"trap '' TERM; touch {pod}/started; while :; do sleep 0.1; done"
        with self.running(pod, broker) as process:
            process.terminate()
            others = [pod / "names" / node_host(settings(), NAMESPACE, node) for node in (0, 1)]
            others[0].unlink()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(5)
            # Not even the API server's name is known: that says nothing of the controllers.
            (pod / "names" / "kubernetes.default.svc").unlink()
            others[1].unlink()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(5)
            (pod / "names" / "kubernetes.default.svc").touch()
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 137
        assert output == "most controllers are gone for 2 s: nobody is left who could let this broker go, it is ended\n"
