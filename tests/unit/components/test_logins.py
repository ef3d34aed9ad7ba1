"""Logins at a Kafka that somebody else runs: what every component renders for each mechanism, and what cannot work."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from kafka_platform import (
    Engine,
    ExternalKafka,
    HttpGateway,
    HttpGatewayArgs,
    KafkaCluster,
    KafkaClusterArgs,
    KafkaConnection,
    KafkaResources,
    KafkaResourcesArgs,
    LatencyProbe,
    LatencyProbeArgs,
    Login,
    OAuth,
    PodSettings,
    SaslMechanism,
    Scale,
    Scaler,
    ScalerArgs,
    SecurityProtocol,
    StreamWorker,
    StreamWorkerArgs,
    Topic,
    User,
)
from kafka_platform.entities.declarations import check_update
from kafka_platform.entities.strimzi import user, user_object
from kafka_platform.values.names import user_key
from kafka_platform_runtime.gateway import settings as gateway_program
from kafka_platform_runtime.provisioner.parsing import parse

from tests.strimzi_cases import connection as strimzi_connection
from tests.unit.components.graph import Registered, run

OAUTH = OAuth(
    token_url="https://id.example.com:8443/token",
    scope="kafka.read kafka.write",
    extensions={"logicalCluster": "lkc-1"},
)
TOKENS = {"sasl_mechanism": SaslMechanism.OAUTHBEARER, "oauth": OAUTH}
CERTIFICATES = {"security_protocol": SecurityProtocol.SSL, "client_certificates": True}
PLAIN = {"sasl_mechanism": SaslMechanism.PLAIN}
BY_LAG = Scale(records_per_second_per_pod=400, acceptable_delay="10s", max=4)


def external(**changes: Any) -> ExternalKafka:
    return ExternalKafka(**{"bootstrap_servers": "k.example.com:9093", "admin_secret": "kafka-admin"} | changes)


def connection(**changes: Any) -> KafkaConnection:
    """What a cluster with this login gives."""
    made: list[KafkaCluster] = []
    args = KafkaClusterArgs(namespace="streaming", engine=Engine.EXTERNAL, external=external(**changes))
    run(lambda: made.append(KafkaCluster("msk", args)))
    return made[0].connection


def worker(**changes: Any) -> dict[str, Registered]:
    given: dict[str, Any] = {"image": "app:1", "reads": ["orders"], "writes": ["alerts"], "user": "svc@corp"}
    return run(lambda: StreamWorker("fraud", StreamWorkerArgs(**given | {"user_secret": "svc-corp"} | changes)))


def pod(found: dict[str, Registered], role: str) -> dict[str, Any]:
    spec: dict[str, Any] = found[role].inputs["spec"]["template"]["spec"]
    return spec


def variables(container: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_the_connection_carries_the_login_and_no_secret() -> None:
    by_token = connection(**TOKENS)
    assert (by_token.sasl_mechanism, by_token.oauth, by_token.engine) == ("OAUTHBEARER", OAUTH, Engine.EXTERNAL)
    by_certificate = connection(**CERTIFICATES)
    assert (by_certificate.sasl_mechanism, by_certificate.client_certificates) == (None, True)
    assert (by_certificate.logs_in, by_certificate.makes_users) == (True, False)
    made = {
        str(each.value): connection(sasl_mechanism=each, **({"oauth": OAUTH} if "OAUTH" in each.value else {}))
        for each in SaslMechanism
    }
    assert {name for name, each in made.items() if each.makes_users} == {"SCRAM-SHA-256", "SCRAM-SHA-512"}
    assert connection(**PLAIN).replicas is None


class TestResources:
    def test_the_administrator_of_each_kind(self) -> None:
        def job(**changes: Any) -> dict[str, Any]:
            args = KafkaResourcesArgs(connection=connection(**changes), topics={"orders": Topic()})
            found = run(lambda: KafkaResources("msk", args))
            return pod(found, "Job msk-provision")

        [by_token] = job(**TOKENS)["containers"]
        found = variables(by_token)
        assert found["KAFKA_SASL_USERNAME"] == {"secretKeyRef": {"key": "username", "name": "kafka-admin"}}
        assert {name: found[name] for name in found if name.startswith("KAFKA_OAUTH")} == {
            "KAFKA_OAUTH_TOKEN_URL": "https://id.example.com:8443/token",
            "KAFKA_OAUTH_SCOPE": "kafka.read kafka.write",
            "KAFKA_OAUTH_EXTENSIONS": "logicalCluster=lkc-1",
        }
        spec = job(**CERTIFICATES)
        found = variables(spec["containers"][0])
        assert found["KAFKA_SSL_CERTIFICATE_FILE"] == "/etc/kafka-platform/credentials/tls.crt"
        assert found["KAFKA_SSL_KEY_FILE"] == "/etc/kafka-platform/credentials/tls.key"
        assert not {"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD_FILE", "KAFKA_SASL_MECHANISM"} & found.keys()
        [credentials] = [each["secret"] for each in spec["volumes"] if each["name"] == "credentials"]
        assert [each["key"] for each in credentials["items"]] == ["tls.crt", "tls.key"]

    def test_tokens_are_reached(self) -> None:
        args = KafkaResourcesArgs(connection=connection(**TOKENS), topics={"orders": Topic()})
        found = run(lambda: KafkaResources("msk", args))
        egress = found["NetworkPolicy msk-provisioner-network"].inputs["spec"]["egress"]
        assert {"ports": [{"port": 8443, "protocol": "TCP"}, {"port": 9093, "protocol": "TCP"}]} in egress

    def test_topics_without_replicas_get_the_clusters(self) -> None:
        args = KafkaResourcesArgs(connection=connection(), topics={"orders": Topic(), "own": Topic(replicas=2)})
        data = run(lambda: KafkaResources("msk", args))["ConfigMap msk-declarations"].inputs["data"]
        assert data == {"topic.orders": '{"partitions":1}', "topic.own": '{"partitions":1,"replicas":2}'}
        # What was declared with our own number of copies before is no change that Kafka would have to make.
        check_update({"topic.a": '{"partitions":1,"replicas":3}'}, {"topic.a": '{"partitions":1}'})
        check_update({"topic.a": '{"partitions":1}'}, {"topic.a": '{"partitions":1,"replicas":3}'})

    @pytest.mark.parametrize("name", ["svc@corp", "CN=app,OU=Pay Ments,O=Acme", "AKIAIOSFODNN7EXAMPLE", "Payment_API"])
    def test_a_user_may_be_called_as_no_object_can_be(self, name: str) -> None:
        declared = User(reads=["orders"], secret="its-login")
        args = KafkaResourcesArgs(connection=connection(), users={name: declared})
        found = run(lambda: KafkaResources("msk", args))
        data = found["ConfigMap msk-declarations"].inputs["data"]
        # The provisioner reads what is rendered, and finds the password where it is delivered to.
        [read] = parse(data).users.values()
        assert read.name == name
        passwords = found["Secret msk-passwords"].inputs["data"]["value"]
        assert list(passwords) == [read.password_file] == [user_key(name)]
        secret = found[f"Secret msk-{name}-kafka"].inputs
        assert secret["metadata"]["name"] == "its-login"
        assert base64.b64decode(secret["data"]["value"]["username"]).decode() == name

    def test_keys_of_users_never_meet(self) -> None:
        names = ["a@b", "a-b", "A@b", "a b", "a/b", "ä", "ö", "a" * 249]
        assert len({user_key(name) for name in names}) == len(names)

    def test_whoever_has_a_login_already_gets_rights_alone(self) -> None:
        users = {"sa-1": User(reads=["orders"], auth=Login.CUSTOM)}
        args = KafkaResourcesArgs(connection=connection(**PLAIN), users=users)
        found = run(lambda: KafkaResources("msk", args))
        assert not [each for each in found if each.startswith(("Secret", "RandomPassword"))]
        declared = json.loads(found["ConfigMap msk-declarations"].inputs["data"]["user.sa-1"])
        assert declared["auth"] == "custom"

    def test_certificates_of_somebody_else_at_strimzi(self) -> None:
        declared = User(reads=["orders"], auth=Login.CUSTOM)
        rendered = user("events", strimzi_connection(), "CN=payments", declared, "x")
        assert rendered["metadata"]["name"] == "payments"
        assert rendered["spec"]["authentication"] == {"type": "tls-external"}
        with pytest.raises(ValueError, match="'svc@corp' cannot be a user of Strimzi"):
            user_object("svc@corp", declared)


class TestWorker:
    def test_files_are_made_of_somebody_elses_secret(self) -> None:
        found = worker(connection=connection(**PLAIN))
        assert not [each for each in found if each.startswith(("KafkaResources", "RandomPassword"))]
        spec = pod(found, "Deployment fraud-pods")
        assert [each["name"] for each in spec["initContainers"]] == ["name-check", "login-files"]
        volumes = {each["name"]: each for each in spec["volumes"]}
        assert volumes["login"]["secret"] == {"secretName": "svc-corp"}
        assert volumes["credentials"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
        [program] = spec["containers"]
        told = variables(program)
        assert told["KAFKA_SASL_USERNAME"] == {"secretKeyRef": {"key": "username", "name": "svc-corp"}}
        assert told["KAFKA_CLIENT_PROPERTIES"] == "/etc/kafka-platform/credentials/client.properties"
        # The program has the files, and not the Secret itself.
        assert "login" not in {each["name"] for each in program["volumeMounts"]}
        data = found["ConfigMap fraud-client"].inputs["data"]
        assert {each for each in data if each.startswith("login-")} == {
            "login-client.properties",
            "login-jaas",
            "login-librdkafka.conf",
        }

    def test_certificates(self) -> None:
        found = worker(connection=connection(**CERTIFICATES), user="CN=app", user_secret="app-tls")
        told = variables(pod(found, "Deployment fraud-pods")["containers"][0])
        assert told["KAFKA_SSL_CERTIFICATE_FILE"] == "/etc/kafka-platform/credentials/tls.crt"
        assert "KAFKA_SASL_USERNAME" not in told
        data = found["ConfigMap fraud-client"].inputs["data"]
        assert "ssl.keystore.location=/etc/kafka-platform/credentials/user.pem" in data["consumer.properties"]
        assert "ssl.key.location=/etc/kafka-platform/credentials/tls.key" in data["login-librdkafka.conf"]

    def test_java_may_fetch_its_tokens_beside_its_own_options(self) -> None:
        found = worker(connection=connection(**TOKENS), environment={"JAVA_TOOL_OPTIONS": "-Xss1m"})
        told = variables(pod(found, "Deployment fraud-pods")["containers"][0])
        allowed = "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=https://id.example.com:8443/token"
        assert told["JAVA_TOOL_OPTIONS"] == f"-Xss1m {allowed}"
        data = found["ConfigMap fraud-client"].inputs["data"]
        assert 'scope="kafka.read kafka.write" extension_logicalCluster="lkc-1";' in data["login-jaas"]
        assert "sasl.oauthbearer.extensions=logicalCluster=lkc-1" in data["login-librdkafka.conf"]


class TestScaler:
    def references(self, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        args = ScalerArgs(
            connection=connection(**changes),
            target="app",
            topics=["orders"],
            group="app",
            scale=BY_LAG,
            user="CN=keda",
            user_secret="keda",
        )
        found = run(lambda: Scaler("app", args))
        [trigger] = found["ScaledObject app-scaled"].inputs["spec"]["triggers"]
        return found["TriggerAuthentication app-login"].inputs["spec"], trigger["metadata"]

    def test_certificates(self) -> None:
        login, trigger = self.references(**CERTIFICATES)
        assert login["secretTargetRef"] == [
            {"key": "tls.crt", "name": "keda", "parameter": "cert"},
            {"key": "tls.key", "name": "keda", "parameter": "key"},
        ]
        assert trigger["tls"] == "enable"
        assert "sasl" not in trigger

    def test_tokens(self) -> None:
        login, trigger = self.references(**TOKENS)
        assert trigger["sasl"] == "oauthbearer"
        assert [each["parameter"] for each in login["configMapTargetRef"]] == [
            "oauthExtensions",
            "oauthTokenEndpointUri",
            "scopes",
        ]
        assert [each["parameter"] for each in login["secretTargetRef"]] == ["username", "password"]

    def test_sha_256(self) -> None:
        assert self.references(sasl_mechanism=SaslMechanism.SCRAM_SHA_256)[1]["sasl"] == "scram_sha256"

    def test_the_job_that_makes_its_user_runs_where_it_is_told(self) -> None:
        args = ScalerArgs(
            connection=connection(),
            target="app",
            topics=["orders"],
            group="app",
            scale=BY_LAG,
            pod_settings=PodSettings(priority_class="high"),
        )
        spec = pod(run(lambda: Scaler("app", args)), "Job app-access-provision")
        assert spec["priorityClassName"] == "high"


class TestGateway:
    def test_everybody_is_the_user_whose_certificate_is_shown(self) -> None:
        args = HttpGatewayArgs(connection=connection(**CERTIFICATES), anonymous="CN=edge", anonymous_secret="edge-tls")
        found = run(lambda: HttpGateway("data", args))
        spec = pod(found, "StatefulSet data-pods")
        told = variables(spec["containers"][0])
        assert told["KAFKA_SSL_KEY_FILE"] == "/etc/kafka-platform/anonymous/tls.key"
        [shown] = [each["secret"] for each in spec["volumes"] if each["name"] == "anonymous"]
        assert shown["secretName"] == "edge-tls"
        content = json.loads(found["ConfigMap data-config"].inputs["data"]["gateway.json"])
        assert content["anonymous"] is None

    def test_tokens_of_callers(self) -> None:
        args = HttpGatewayArgs(connection=connection(**TOKENS), bearer=True)
        found = run(lambda: HttpGateway("data", args))
        told = variables(pod(found, "StatefulSet data-pods")["containers"][0])
        program = gateway_program.Kafka.from_environment({name: str(each) for name, each in told.items()})
        assert not program.takes_passwords
        assert program.extensions == {"logicalCluster": "lkc-1"}


def test_the_probe_logs_in_with_the_secret_of_a_user_that_is_there() -> None:
    args = LatencyProbeArgs(connection=connection(**TOKENS), user="svc@corp", user_secret="svc-corp")
    spec = pod(run(lambda: LatencyProbe("canary", args)), "Deployment canary-pod")
    told = variables(spec["containers"][0])
    assert told["KAFKA_SASL_USERNAME"] == {"secretKeyRef": {"key": "username", "name": "svc-corp"}}
    assert told["KAFKA_OAUTH_TOKEN_URL"] == "https://id.example.com:8443/token"


def scaler(**changes: Any) -> ScalerArgs:
    given: dict[str, Any] = {"target": "app", "topics": ["orders"], "group": "app", "scale": BY_LAG}
    return ScalerArgs(**given | changes)


MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: external(**CERTIFICATES, sasl_mechanism=SaslMechanism.PLAIN), "sasl_mechanism: SSL has no login"),
    (
        lambda: external(client_certificates=True),
        "client_certificates: clients log in with SCRAM-SHA-512 already, by SASL_SSL",
    ),
    (lambda: external(sasl_mechanism=SaslMechanism.OAUTHBEARER), "oauth: missing, OAUTHBEARER needs tokens"),
    (lambda: external(oauth=OAUTH), "oauth: clients log in with SCRAM-SHA-512"),
    (
        lambda: external(bootstrap_servers="8.8.8.8:9092", security_protocol=SecurityProtocol.SASL_PLAINTEXT),
        "security_protocol: 8.8.8.8 is an address of the internet",
    ),
    (lambda: OAuth(token_url="http://id.example.com"), "token_url: 'http://id.example.com' sends the client's secret"),
    (lambda: OAuth(token_url="https://a/t", scope="a  b"), "scope: 'a  b' is not a scope"),
    (lambda: OAuth(token_url="https://a/t", scope='a"; x="'), "scope: 'a\"; x=\"' is not a scope"),
    (lambda: OAuth(token_url="https://a/t", extensions={"auth": "x"}), "extensions: 'auth' is not the name"),
    (lambda: OAuth(token_url="https://a/t", extensions={"a": "b\1c"}), "extensions: a: 'b\\x01c' cannot be sent"),
    (
        lambda: KafkaResourcesArgs(connection=connection(**PLAIN), users={"app": User()}),
        "user app: auth: clients log in with PLAIN, for which Kafka keeps no passwords",
    ),
    (
        lambda: KafkaResourcesArgs(connection=connection(), users={"svc@corp": User()}),
        "user svc@corp: secret: missing, no Secret can be called 'svc@corp-kafka'",
    ),
    (
        lambda: KafkaResourcesArgs(connection=connection(), users={"a": User(secret="b-kafka"), "b": User()}),
        "user b: secret: b-kafka is the Secret of user a",
    ),
    (lambda: KafkaResourcesArgs(connection=connection(), users={"*": User()}), "'*' means all users"),
    (
        lambda: StreamWorkerArgs(connection=connection(**PLAIN), image="a:1", reads=["a"]),
        "user: missing, clients log in with PLAIN, and whoever runs the Kafka makes users",
    ),
    (
        lambda: StreamWorkerArgs(connection=connection(**PLAIN), image="a:1", reads=["a"], user_secret="a"),
        "user_secret: it is the Secret of a user that is there",
    ),
    (
        lambda: StreamWorkerArgs(connection=connection(**PLAIN), image="a:1", reads=["a"], user="ABCD"),
        "user_secret: missing, no Secret can be called 'ABCD-kafka'",
    ),
    (lambda: scaler(connection=connection(**CERTIFICATES)), "user: missing, clients log in with certificates"),
    (lambda: scaler(connection=connection(), user_secret="a"), "user_secret: a user of its own is made"),
    (lambda: HttpGatewayArgs(connection=connection(**TOKENS)), "bearer: clients log in with OAUTHBEARER"),
    (
        lambda: HttpGatewayArgs(connection=connection(**CERTIFICATES)),
        "anonymous: missing, clients log in with certificates",
    ),
    (
        lambda: LatencyProbeArgs(connection=connection(**PLAIN), user="svc@corp"),
        "user_secret: missing, no Secret can be called 'svc@corp-kafka'",
    ),
]


@pytest.mark.parametrize(("make", "message"), MISUSES, ids=[message for _, message in MISUSES])
def test_what_cannot_work_is_refused_before_anything_is_made(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at below
        make()
    assert str(caught.value).startswith(message), caught.value
