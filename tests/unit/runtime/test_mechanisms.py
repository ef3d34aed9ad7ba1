"""Every way to log in to a managed Kafka, with a real one: the provisioner, the gateway and the probe."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka_platform import OAuth
from kafka_platform.program.client_files import ClientSettings, Login, client_files
from kafka_platform.worker.spec import WorkerSpec
from kafka_platform_runtime import client_login
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Rejected, Transient
from kafka_platform_runtime.provisioner.declarations import Mechanism
from kafka_platform_runtime.provisioner.run import REFUSED
from kafka_platform_runtime.tokens import Tokens

from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, QUICK, java, needed_jars
from tests.logins import Authority, ManagedKafka, TokenServer
from tests.provisioning import PASSWORD, Bench
from tests.unit.runtime.gateway.conftest import Kafka, Program

SECRET = "s3cret/+=:&"
ALL = ["SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "mTLS"]
WITHOUT_PASSWORDS = ["PLAIN", "OAUTHBEARER", "mTLS"]


class Managed(ManagedKafka, Kafka):
    """The Kafka, with what the tests need of its administration, and everybody's variables."""

    folder_of_files: Path
    authority: Authority

    def login(self, kind: str, user: str, secret: str) -> dict[str, str]:
        """The variables of one of our programs that logs in as a user in this way."""
        variables = {"KAFKA_SSL_CA_FILE": str(self.ca_file)}
        if kind == "mTLS":
            certificate, key = self.authority.issue(user, f"/CN={user}")
            return variables | {
                "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.certificate_port}",
                "KAFKA_SECURITY_PROTOCOL": "SSL",
                "KAFKA_SSL_CERTIFICATE_FILE": str(certificate),
                "KAFKA_SSL_KEY_FILE": str(key),
            }
        file = self.folder_of_files / f"{user}-{kind}"
        file.write_text(secret)
        variables |= {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": kind,
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD_FILE": str(file),
        }
        if kind == "OAUTHBEARER":
            variables |= {
                "KAFKA_OAUTH_TOKEN_URL": f"{self.tokens.url}/token",
                "KAFKA_OAUTH_SCOPE": "kafka.all",
                "KAFKA_OAUTH_EXTENSIONS": "logicalCluster=lkc-1,identityPoolId=pool-1",
            }
        return variables

    def administrator(self, kind: str) -> dict[str, str]:
        """The variables of an administrator who logs in this way."""
        return self.login(kind, ADMIN_USER, SECRET if kind == "OAUTHBEARER" else ADMIN_PASSWORD)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    jars, folder = needed_jars(), tmp_path_factory.mktemp("managed")
    authority = Authority(folder)
    certificate, key = authority.issue("node", "/CN=node", "IP:127.0.0.1")
    keystore = folder / "node.pem"
    keystore.write_text(key.read_text() + certificate.read_text())
    clients = {ADMIN_USER: SECRET, "payments@corp": SECRET, "latency-probe": SECRET}
    with (
        TokenServer(folder=folder, clients=clients).serving() as tokens,
        Managed(
            jars=jars,
            ca_file=authority.ca_file,
            keystore_file=keystore,
            tokens=tokens,
            plain_users={"ABCD1234": SECRET},
        ) as cluster,
    ):
        cluster.folder_of_files, cluster.authority = folder, authority
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        change = UserScramCredentialUpsertion(ADMIN_USER, credential, ADMIN_PASSWORD.encode())
        cluster.admin.alter_user_scram_credentials([change])[ADMIN_USER].result(120)
        yield cluster


def bench_of(kafka: Managed, folder: Path, kind: str) -> Bench:
    """The provisioner with an administrator who logs in this way."""
    blank = dict.fromkeys(kafka.environment(), "")
    return Bench(kafka=kafka, folder=folder, owner=f"by-{kind}", more=blank | kafka.administrator(kind))


@pytest.mark.parametrize("kind", ALL)
def test_the_provisioner_works_by_every_login(kafka: Managed, tmp_path: Path, kind: str) -> None:
    name = "CN=app,O=Acme" if kind == "mTLS" else f"app@{kind}"
    acls = [{"resource": "topic", "name": f"orders-{kind}", "pattern": "literal", "operations": ["WRITE"]}]
    bench = bench_of(kafka, tmp_path, kind)
    bench.files = {
        f"topic.orders-{kind}": {"partitions": 2},
        "user.app-0123456789": {
            "name": name,
            "acls": acls,
            "quotas": {"producer_byte_rate": 5000},
            **({"auth": "custom"} if kind in WITHOUT_PASSWORDS else {}),
        },
    }
    bench.passwords = {} if kind in WITHOUT_PASSWORDS else {"app-0123456789": PASSWORD}
    assert bench.apply().startswith("done: 1 topic created, 1 user")
    assert bench.apply() == "done: nothing to change, 2 declarations in place"
    assert bench.acls(name) == {("TOPIC", f"orders-{kind}", "WRITE")}
    assert bench.quotas(name) == {"producer_byte_rate": 5000.0}
    assert bench.credentials(name) == ({Mechanism.SCRAM_SHA_256} if kind == "SCRAM-SHA-256" else frozenset())
    bench.files = {}
    bench.apply()
    assert bench.acls(name) == set()
    assert bench.quotas(name) == {}


@pytest.mark.parametrize("kind", WITHOUT_PASSWORDS)
def test_a_password_that_nobody_could_log_in_with_is_refused_before_anything_is_made(
    kafka: Managed, tmp_path: Path, kind: str
) -> None:
    bench = bench_of(kafka, tmp_path, kind)
    bench.files = {"topic.never-made": {"partitions": 1}, "user.app": {}}
    bench.passwords = {"app": PASSWORD}
    code, message = bench.run()
    assert code == REFUSED
    assert "user.app: auth: clients log in with " in message
    assert "write custom" in message
    assert "never-made" not in bench.topics


def test_what_somebody_else_gave_a_user_to_log_in_with_is_never_taken_away(kafka: Managed, tmp_path: Path) -> None:
    kafka.make_user("theirs", PASSWORD)
    bench = Bench(kafka=kafka, folder=tmp_path, owner="custom")
    bench.files = {"user.theirs": {"auth": "custom", "acls": []}}
    bench.apply()
    bench.files = {}
    bench.apply()
    assert bench.credentials("theirs") == {Mechanism.SCRAM_SHA_512}
    assert bench.can_log_in("theirs", PASSWORD)


def test_a_topic_without_a_number_of_replicas_gets_the_clusters_and_keeps_what_it_has(
    kafka: Managed, tmp_path: Path
) -> None:
    bench = Bench(kafka=kafka, folder=tmp_path, owner="defaults")
    bench.files = {"topic.mine": {"partitions": 1}, "topic.__debezium-heartbeat.inventory": {"partitions": 1}}
    assert bench.apply().startswith("done: 2 topics created")
    assert {"mine", "__debezium-heartbeat.inventory"} <= bench.topics
    assert bench.ledger["topic.mine"] == {"partitions": 1}
    bench.files["topic.mine"] = {"partitions": 1, "replicas": 1}
    bench.apply()
    bench.files["topic.mine"] = {"partitions": 1, "replicas": 3}
    assert bench.run()[0] == REFUSED


def test_a_wrong_client_of_the_token_endpoint_is_told(
    kafka: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kafka_platform_runtime.provisioner.run.LOGIN_SECONDS", 1.0)
    bench = bench_of(kafka, tmp_path, "OAUTHBEARER")
    bench.more |= kafka.login("OAUTHBEARER", "stranger", "wrong")
    bench.files = {"topic.a": {"partitions": 1}}
    code, message = bench.run()
    assert code == REFUSED
    assert "the login was refused" in message
    assert "wrong" not in message


def test_tokens_are_kept_until_most_of_their_time_is_over(kafka: Managed) -> None:
    connection = Connection.from_environment(kafka.administrator("OAUTHBEARER"))
    assert connection.oauth is not None
    before = len(kafka.tokens.asked)
    tokens = connection.tokens()
    assert tokens is not None
    assert tokens.token() == tokens.token()
    assert len(kafka.tokens.asked) == before + 1
    assert kafka.tokens.asked[-1] == {"grant_type": "client_credentials", "scope": "kafka.all"}
    with pytest.raises(Rejected, match="refuses the client: HTTP 401"):
        Tokens(connection.oauth, ADMIN_USER, "wrong").token()
    gone = type(connection.oauth)(token_url="http://127.0.0.1:1/token")
    with pytest.raises(Transient, match="does not answer"):
        Tokens(gone, ADMIN_USER, SECRET).token()


def allow(kafka: Managed, user: str, name: str) -> None:
    """Let a user write and read a topic that is made for it."""
    kafka.make_topic(name)
    kafka.add_rules(
        *(
            AclBinding(
                ResourceType.TOPIC,
                name,
                ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                each,
                AclPermissionType.ALLOW,
            )
            for each in (AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE)
        )
    )


@contextlib.contextmanager
def gateway(
    kafka: Managed, folder: Path, variables: Mapping[str, str], settings: Mapping[str, Any]
) -> Iterator[Program]:
    """The gateway, with only what it needs of somebody's variables."""
    without = dict.fromkeys(("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD_FILE"), "")
    program = Program(kafka, folder, settings, environment={**variables, **without})
    try:
        yield program.wait()
    finally:
        program.kill()


CALLERS = {
    "SCRAM-SHA-256": ("scram256@corp", PASSWORD),
    "PLAIN": ("ABCD1234", SECRET),
    "OAUTHBEARER": ("payments@corp", SECRET),
    "mTLS": ("CN=shared", ""),
}


@pytest.mark.parametrize("kind", ALL)
def test_callers_of_the_gateway_are_who_kafka_takes_them_for(kafka: Managed, tmp_path: Path, kind: str) -> None:
    user, secret = CALLERS[kind]
    mine, other = f"mine-{kind}", f"other-{kind}"
    allow(kafka, user, mine)
    kafka.make_topic(other)
    if kind == "SCRAM-SHA-256":
        change = UserScramCredentialUpsertion(
            user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), secret.encode()
        )
        kafka.admin.alter_user_scram_credentials([change])[user].result(120)
    variables = kafka.login(kind, "shared" if kind == "mTLS" else user, secret)
    bearer = {"authorization": f"Bearer {kafka.tokens.token(user)}"} if kind == "OAUTHBEARER" else {}
    login: dict[str, Any] = {"user": None, "headers": bearer} if kind in ("OAUTHBEARER", "mTLS") else {"user": user}
    with gateway(kafka, tmp_path, variables, {"bearer": kind == "OAUTHBEARER"}) as program:

        def status(topic: str, **changed: Any) -> int:
            body = {"records": [{"value": 1}]}
            return program.ask(
                "POST", f"/topics/{topic}", body, **{"secret": secret or None, **login, **changed}
            ).status

        until = time.monotonic() + 240
        while status(mine) != 200 and time.monotonic() < until:  # a new user is known a moment later
            time.sleep(0.2)
        assert status(mine) == 200, program.log.read_text()
        assert status(other) == 403
        if kind in ("SCRAM-SHA-256", "PLAIN"):
            assert status(mine, secret="wrong") == 401
        if kind == "OAUTHBEARER":
            refused = program.ask("POST", f"/topics/{mine}", {"records": [{"value": 1}]}, user=user, secret=secret)
            assert (refused.status, refused.json()["message"]) == (
                401,
                "This kind of credentials is not accepted here: use Bearer.",
            )
            assert status(mine, headers={"authorization": f"Bearer {kafka.tokens.token(user)[:-6]}abcdef"}) == 401
        assert program.beside("/healthz")[0] == 200


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "bearer: Kafka takes tokens only"),
        ({"bearer": True, "anonymous": "app"}, "anonymous: Kafka takes tokens only"),
    ],
)
def test_a_gateway_that_nobody_could_log_in_to_does_not_start(
    kafka: Managed, tmp_path: Path, settings: dict[str, Any], fault: str
) -> None:
    (tmp_path / "password").write_text("x")
    if "anonymous" in settings:
        settings = settings | {"anonymous": {"username": "app", "passwordFile": str(tmp_path / "password")}}
    program = Program(kafka, tmp_path, settings, environment=kafka.administrator("OAUTHBEARER"))
    assert program.process.wait(60) == 3
    assert fault in program.log.read_text()


@pytest.mark.parametrize("kind", ["OAUTHBEARER", "mTLS"])
def test_the_probe_works_natively_and_through_the_gateway(kafka: Managed, tmp_path: Path, kind: str) -> None:
    user = "latency-probe"
    topic = f"probe-{kind}"
    allow(kafka, f"CN={user}" if kind == "mTLS" else user, topic)
    variables = kafka.login(kind, user, SECRET)
    with gateway(kafka, tmp_path, variables, {"bearer": kind == "OAUTHBEARER"}) as program:
        done = subprocess.run(
            [sys.executable, "-m", "kafka_platform_runtime.probe", "--once"],
            env={
                **os.environ,
                **variables,
                "PROBE_TOPIC": topic,
                "PROBE_GATEWAY_URL": f"http://127.0.0.1:{program.port}",
                "PROBE_COUNT": "3",
                "TERMINATION_LOG": str(tmp_path / "message"),
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_renewed_certificate_is_shown_from_then_on(kafka: Managed, tmp_path: Path) -> None:
    allow(kafka, "CN=renewed", "renewed")
    variables = kafka.login("mTLS", "before", "")
    certificate, key = (Path(variables[f"KAFKA_SSL_{each}_FILE"]) for each in ("CERTIFICATE", "KEY"))
    with gateway(kafka, tmp_path, variables, {"recheckSeconds": 0.5}) as program:

        def status() -> int:
            return program.ask("POST", "/topics/renewed", {"records": [{"value": 1}]}, user=None).status

        assert status() == 403
        for now, then in zip((certificate, key), kafka.authority.issue("after", "/CN=renewed"), strict=True):
            now.write_bytes(then.read_bytes())
        until = time.monotonic() + 240
        while status() != 200:
            assert time.monotonic() < until, program.log.read_text()
            time.sleep(0.2)


ENDPOINT = "https://id.example.com/token"


def files_of_a_worker(kafka: Managed, folder: Path, kind: str, user: str, secret: str, topic: str) -> Path:
    """What a worker's pod finds, in a folder in place of /etc/kafka-platform: its files, and those made of the Secret."""
    certified = kind == "mTLS"
    rendered = client_files(
        ClientSettings(
            name="app",
            bootstrap_servers=f"127.0.0.1:{kafka.certificate_port}" if certified else kafka.bootstrap_servers,
            security_protocol="SSL" if certified else "SASL_SSL",
            sasl_mechanism=None if certified else kind,
            has_ca=True,
            oauth=OAuth(token_url=ENDPOINT, scope="kafka.all") if kind == "OAUTHBEARER" else None,
            login=Login.CERTIFICATE if certified else Login.PASSWORD,
            spec=WorkerSpec(image="app:1", writes=[topic]),
        )
    )
    client, login, credentials, authority = (folder / name for name in ("client", "login", "credentials", "ca"))
    for each in (client, login, credentials, authority):
        each.mkdir()
    for name, text in rendered.items():
        # A token endpoint of the test has no TLS, which a worker's must have.
        known = text.replace("/etc/kafka-platform", str(folder)).replace(ENDPOINT, f"{kafka.tokens.url}/token")
        (client / name).write_text(known)
    (authority / "ca.crt").write_bytes(kafka.authority.ca_file.read_bytes())
    if certified:
        for name, path in zip(("tls.crt", "tls.key"), kafka.authority.issue(user, f"/CN={user}"), strict=True):
            (login / name).write_bytes(path.read_bytes())
    else:
        (login / "username").write_text(user)
        (login / "password").write_text(secret)
    assert client_login.main([str(client), str(login), str(credentials)]) == client_login.DONE
    return folder


@pytest.mark.parametrize("kind", ALL)
def test_a_worker_writes_with_the_files_that_its_pod_makes(kafka: Managed, tmp_path: Path, kind: str) -> None:
    user, secret = {
        "SCRAM-SHA-256": ("worker@corp", 'pass"word\\1'),
        "PLAIN": ("ABCD1234", SECRET),
        "OAUTHBEARER": ("payments@corp", SECRET),
        "mTLS": ("worker", ""),
    }[kind]
    topic = f"worker-{kind}"
    allow(kafka, f"CN={user}" if kind == "mTLS" else user, topic)
    if kind == "SCRAM-SHA-256":
        change = UserScramCredentialUpsertion(
            user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), secret.encode()
        )
        kafka.admin.alter_user_scram_credentials([change])[user].result(120)
    folder = files_of_a_worker(kafka, tmp_path, kind, user, secret, topic)

    options = [
        line.split("=", 1)
        for name in ("credentials/librdkafka.conf", "client/librdkafka-producer.conf")
        for line in (folder / name).read_text().splitlines()
    ]
    told: list[Any] = []
    producer = Producer({**dict(options), "message.timeout.ms": 60_000})
    producer.produce(topic, b"by librdkafka", on_delivery=lambda error, _: told.append(error))
    assert producer.flush(90) == 0
    assert told == [None]

    allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={kafka.tokens.url}/token"
    command = [java() or "java", *QUICK, "-Xmx128m", allowed, "-cp", f"{kafka.jars}/*"]
    command += ["org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", kafka.bootstrap_servers]
    if kind == "mTLS":
        command[-1] = f"127.0.0.1:{kafka.certificate_port}"
    command += ["--topic", topic, "--command-config", str(folder / "client" / "producer.properties")]
    done = subprocess.run(command, input="by Java\n", capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    consumer = Consumer({**kafka.client(), "group.id": f"read-{kind}", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        found: set[bytes | None] = set()
        until = time.monotonic() + 240
        while len(found) < 2 and time.monotonic() < until:
            found |= {each.value() for each in consumer.consume(10, 1.0)}
    finally:
        consumer.close()
    assert found == {b"by librdkafka", b"by Java"}, done.stdout + done.stderr
