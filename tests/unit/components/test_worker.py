"""StreamWorker: what it renders, the graph that it makes, what it refuses."""

import json
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from kafka_platform import (
    Assignment,
    Commit,
    Egress,
    HealthCheck,
    HealthChecks,
    KafkaConnection,
    OAuth,
    OffsetReset,
    PartitionBy,
    Partitioning,
    RegistryConnection,
    RegistryRole,
    RegistryUser,
    Scale,
    SchemaRegistry,
    SchemaRegistryArgs,
    StreamWorker,
    StreamWorkerArgs,
    WorkerResources,
    WorkerState,
)
from kafka_platform.kube.manifests import allowed_port
from kafka_platform.program.client_files import ClientSettings, Login, client_files
from kafka_platform.program.clients import LIBRDKAFKA_PARTITIONERS
from kafka_platform.program.spec import VARIABLES
from kafka_platform.worker.objects import (
    WorkerSettings,
    deployment,
    network_policy,
    objects,
    pod_disruption_budget,
    service,
)
from kafka_platform.worker.spec import WorkerSpec

from tests.specs import taken
from tests.unit.components.graph import Registered, run, value

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
    admin_secret="events-admin",
    nodes=3,
    replicas=3,
)
LOGIN = {
    "bootstrap.servers": "localhost:1",
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "fraud",
    "sasl.password": "x",
}
OAUTH = OAuth(token_url="https://id.example.com/token", scope="kafka", extensions={"logicalCluster": "lkc-1"})
BY_LAG = Scale(records_per_second_per_pod=400, acceptable_delay="10s")
OWN = {
    "app.kubernetes.io/name": "kafka",
    "app.kubernetes.io/instance": "fraud",
    "app.kubernetes.io/component": "worker",
}


def settings(**changes: Any) -> WorkerSettings:
    given: dict[str, Any] = {
        "name": "fraud",
        "namespace": "shop",
        "connection": CONNECTION,
        "image": "fraud:1",
        "reads": ["orders"],
        "secret": "fraud-kafka",
        "runtime_image": "runtime:1",
    } | changes
    return WorkerSettings(spec=taken(WorkerSpec, given), **given)


def spec(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = deployment(settings(**changes), "hash")["spec"]
    return found


def pod(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = spec(**changes)["template"]["spec"]
    return found


def container(**changes: Any) -> dict[str, Any]:
    only: dict[str, Any]
    [only] = pod(**changes)["containers"]
    return only


def variables(**changes: Any) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container(**changes)["env"]}


class TestPods:
    def test_a_fixed_number(self) -> None:
        assert spec(replicas=3)["replicas"] == 3
        assert [each.kind for each in objects(settings(replicas=3)) if each.forced] == ["Deployment"]

    def test_a_scaled_one_says_no_number(self) -> None:
        assert "replicas" not in spec(scale=BY_LAG)
        assert not [each for each in objects(settings(scale=BY_LAG)) if each.forced]

    def test_they_are_replaced_a_quarter_at_a_time_and_never_missing(self) -> None:
        assert spec()["strategy"] == {
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0},
            "type": "RollingUpdate",
        }
        assert spec()["minReadySeconds"] == 5
        assert pod_disruption_budget(settings())["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": OWN}}

    def test_they_have_no_rights(self) -> None:
        assert container()["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert pod()["securityContext"]["runAsNonRoot"] is True
        assert pod()["automountServiceAccountToken"] is False
        other = pod(run_as=1001)["securityContext"]
        assert (other["runAsUser"], other["runAsGroup"], other["fsGroup"]) == (1001, 1001, 1001)

    def test_their_name_check_can_do_no_more_than_they(self) -> None:
        [check] = pod()["initContainers"]
        assert (check["image"], check["command"][-1]) == ("runtime:1", "events.streaming.svc:9092")
        assert check["securityContext"] == container()["securityContext"]
        assert "volumeMounts" not in check
        assert "env" not in check

    def test_the_variables_of_a_consumer(self) -> None:
        assert variables() == {
            "KAFKA_AUTO_OFFSET_RESET": "earliest",
            "KAFKA_BOOTSTRAP_SERVERS": "events.streaming.svc:9092",
            "KAFKA_CLIENT_PROPERTIES": "/etc/kafka-platform/credentials/client.properties",
            "KAFKA_CONSUMER_PROPERTIES": "/etc/kafka-platform/client/consumer.properties",
            "KAFKA_GROUP_ID": "fraud",
            "KAFKA_LIBRDKAFKA_CONFIG": "/etc/kafka-platform/credentials/librdkafka.conf",
            "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG": "/etc/kafka-platform/client/librdkafka-consumer.conf",
            "KAFKA_READ_TOPICS": "orders",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_PASSWORD_FILE": "/etc/kafka-platform/credentials/password",
            "KAFKA_SASL_USERNAME": {"secretKeyRef": {"key": "username", "name": "fraud-kafka"}},
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
            "SPRING_CONFIG_ADDITIONAL_LOCATION": "file:/etc/kafka-platform/client/application.properties",
        }

    def test_the_variables_of_a_producer(self) -> None:
        found = variables(reads=(), writes=["a", "b"], transactional=True)
        assert found["KAFKA_WRITE_TOPICS"] == "a,b"
        assert found["KAFKA_TRANSACTIONAL_ID_PREFIX"] == "fraud-"
        assert found["KAFKA_PRODUCER_PROPERTIES"] == "/etc/kafka-platform/client/producer.properties"
        assert found.keys().isdisjoint({"KAFKA_GROUP_ID", "KAFKA_READ_TOPICS", "KAFKA_CONSUMER_PROPERTIES"})

    def test_every_variable_of_the_platform_is_known_as_such(self) -> None:
        authority = replace(CONNECTION, ca_secret="ca")
        by_token = replace(
            authority,
            sasl_mechanism="OAUTHBEARER",
            oauth_token_url=OAUTH.token_url,
            oauth_scope=OAUTH.scope,
            oauth_extensions=OAUTH.extensions,
        )
        by_certificate = replace(authority, sasl_mechanism=None, security_protocol="SSL", client_certificates=True)
        found: set[str] = set()
        for connection in (authority, by_token, by_certificate):
            found |= variables(writes=["a"], transactional=True, connection=connection).keys()
        readiness = HealthChecks(readiness=HealthCheck(path="/ready", port=8080))
        found |= variables(state=WorkerState(size="1Gi"), probes=readiness).keys()
        # Whoever has options for Java of their own keeps them.
        assert found - {"JAVA_TOOL_OPTIONS"} == VARIABLES

    def test_own_variables_come_last(self) -> None:
        assert container(environment={"B": "2", "A": "1"})["env"][-2:] == [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "2"},
        ]

    def test_credentials_are_files_and_nothing_else(self) -> None:
        # Who it is, and nothing else, is in a variable.
        assert json.dumps(pod()).count("secretKeyRef") == 1
        mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
        assert mounts == {
            "client": "/etc/kafka-platform/client",
            "credentials": "/etc/kafka-platform/credentials",
            "scratch-0": "/tmp",
        }
        assert {"name": "credentials", "secret": {"secretName": "fraud-kafka"}} in pod()["volumes"]

    def test_without_logins_there_are_none(self) -> None:
        found = variables(secret=None)
        assert found["KAFKA_LIBRDKAFKA_CONFIG"] == "/etc/kafka-platform/client/librdkafka.conf"
        assert "KAFKA_SASL_USERNAME" not in found
        assert [each["name"] for each in pod(secret=None)["volumes"]] == ["client", "scratch-0"]

    def test_the_authority_and_other_secrets_are_mounted(self) -> None:
        connection = KafkaConnection(
            cluster="events",
            namespace="streaming",
            bootstrap_servers="events:9092",
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            ca_secret="kafka-tls",
        )
        changes = {"connection": connection, "secret_files": ["db-login"], "pull_secrets": ["registry"]}
        mounts = {each["name"]: each["mountPath"] for each in container(**changes)["volumeMounts"]}
        assert mounts["ca"] == "/etc/kafka-platform/ca"
        assert mounts["secret-0"] == "/etc/secrets/db-login"
        assert variables(**changes)["KAFKA_SSL_CA_FILE"] == "/etc/kafka-platform/ca/ca.crt"
        assert pod(**changes)["imagePullSecrets"] == [{"name": "registry"}]

    def test_they_have_time_to_commit(self) -> None:
        assert pod()["terminationGracePeriodSeconds"] == 60
        assert "lifecycle" not in container()
        served = {"ports": {"http": 8080}, "termination": "90s"}
        assert pod(**served)["terminationGracePeriodSeconds"] == 95
        assert container(**served)["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
        told = container(**served, stop_command=["/app/leave", "--now"])["lifecycle"]
        assert told == {"preStop": {"exec": {"command": ["/app/leave", "--now"]}}}
        assert pod(**served, stop_command=["/app/leave"])["terminationGracePeriodSeconds"] == 90

    def test_probes(self) -> None:
        probes = HealthChecks(
            startup=HealthCheck(command=["test", "-e", "/tmp/ready"], period="1s", failures=60),
            liveness=HealthCheck(path="/healthz", port=8080),
        )
        assert container(probes=probes)["startupProbe"] == {
            "exec": {"command": ["test", "-e", "/tmp/ready"]},
            "failureThreshold": 60,
            "periodSeconds": 1,
            "timeoutSeconds": 5,
        }
        assert container(probes=probes)["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": 8080}
        assert "readinessProbe" not in container(probes=probes)

    def test_resources(self) -> None:
        given = WorkerResources(cpu="250m", cpu_limit="1", memory="1Gi")
        assert container(resources=given)["resources"] == {
            "limits": {"cpu": "1", "memory": "1Gi"},
            "requests": {"cpu": "250m", "memory": "1Gi"},
        }

    def test_another_password_replaces_them(self) -> None:
        annotations = spec(password_version=2)["template"]["metadata"]["annotations"]
        assert annotations["kafka-platform/password-version"] == "2"


class TestNetwork:
    def rules(self, **changes: Any) -> dict[str, Any]:
        given = settings(**changes)
        found: dict[str, Any] = network_policy(given, [allowed_port(9092), allowed_port(9093)])["spec"]
        return found

    def test_only_names_and_kafka(self) -> None:
        rules = self.rules()
        assert rules["ingress"] == []
        names, _, kafka = rules["egress"]
        assert [[each["port"] for each in rule["ports"]] for rule in (names, kafka)] == [[53, 53], [9092, 9093]]
        assert rules["policyTypes"] == ["Ingress", "Egress"]

    def test_what_it_says_it_needs(self) -> None:
        egress = [Egress(ports=[5432], namespace="db"), Egress(ports=[443], network="10.0.0.0/8"), Egress(ports=[80])]
        database, network, anywhere = self.rules(egress=egress)["egress"][3:]
        assert database["to"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["db"]
        assert network["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
        assert "to" not in anywhere

    def test_its_ports(self) -> None:
        [everybody] = self.rules(ports={"http": 8080})["ingress"]
        assert everybody == {"ports": [{"port": 8080, "protocol": "TCP"}]}
        [some] = self.rules(ports={"http": 8080}, client_namespaces=["web"])["ingress"]
        assert some["from"][0] == {"podSelector": {}}
        assert service(settings(ports={"http": 8080}))["spec"]["ports"] == [
            {"name": "http", "port": 8080, "protocol": "TCP", "targetPort": 8080}
        ]


def files(**changes: Any) -> dict[str, dict[str, str]]:
    """Options by file."""
    given: dict[str, Any] = {
        "bootstrap_servers": "events:9092",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "login": Login.DELIVERED,
        "image": "fraud:1",
        "reads": ["orders"],
        "writes": ["alerts"],
    } | changes
    rendered = client_files(ClientSettings(name="fraud", spec=taken(WorkerSpec, given), **given))
    return {name: dict(line.split("=", 1) for line in text.splitlines()) for name, text in rendered.items()}


class TestClientFiles:
    def test_a_java_client_needs_one_file(self) -> None:
        assert files()["consumer.properties"] == {
            "auto.offset.reset": "earliest",
            "bootstrap.servers": "events:9092",
            "config.providers": "file",
            "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
            "enable.auto.commit": "false",
            "group.id": "fraud",
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            "sasl.jaas.config": "${file:/etc/kafka-platform/credentials/client.properties:sasl.jaas.config}",
            "sasl.mechanism": "SCRAM-SHA-512",
            "security.protocol": "SASL_PLAINTEXT",
        }

    def test_librdkafka(self) -> None:
        assert files()["librdkafka-consumer.conf"] == {
            "auto.offset.reset": "earliest",
            "enable.auto.commit": "false",
            "group.id": "fraud",
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "cooperative-sticky",
        }
        assert files()["librdkafka-producer.conf"] == {
            "acks": "all",
            "enable.idempotence": "true",
            "partitioner": "murmur2_random",
        }

    def test_spring(self) -> None:
        found = files(transactional=True)["application.properties"]
        assert found["spring.config.import"] == "configtree:/etc/kafka-platform/"
        assert found["spring.kafka.properties.sasl.jaas.config"] == (
            "org.apache.kafka.common.security.scram.ScramLoginModule required "
            'username="${credentials.username}" password="${credentials.password}";'
        )
        assert found["spring.kafka.consumer.group-id"] == "fraud"
        assert found["spring.kafka.producer.acks"] == "all"
        assert found["spring.kafka.producer.transaction-id-prefix"] == "fraud-${HOSTNAME}-"

    def test_a_kafka_without_logins(self) -> None:
        found = files(security_protocol="SSL", sasl_mechanism=None, has_ca=True, login=Login.NONE)
        assert found["librdkafka.conf"] == {
            "bootstrap.servers": "events:9092",
            "security.protocol": "SSL",
            "ssl.ca.location": "/etc/kafka-platform/ca/ca.crt",
        }
        assert "sasl.jaas.config" not in found["consumer.properties"]
        assert found["consumer.properties"]["ssl.truststore.type"] == "PEM"
        assert "spring.config.import" not in found["application.properties"]

    def test_there_are_only_those_that_are_needed(self) -> None:
        assert set(files(writes=())) == {"application.properties", "consumer.properties", "librdkafka-consumer.conf"}
        assert set(files(reads=())) == {"application.properties", "producer.properties", "librdkafka-producer.conf"}

    @pytest.mark.parametrize(
        ("partitioning", "java", "librdkafka"),
        [
            (Partitioning(), {}, {"partitioner": "murmur2_random"}),
            (
                Partitioning(by=PartitionBy.ROUND_ROBIN),
                {"partitioner.class": "org.apache.kafka.clients.producer.RoundRobinPartitioner"},
                {"partitioner": "random", "sticky.partitioning.linger.ms": "0"},
            ),
            (
                Partitioning(by=PartitionBy.STICKY),
                {"partitioner.ignore.keys": "true"},
                {"partitioner": "random"},
            ),
            (
                Partitioning(by=PartitionBy.CUSTOM, java="com.example.ByRegion", librdkafka="fnv1a_random"),
                {"partitioner.class": "com.example.ByRegion"},
                {"partitioner": "fnv1a_random"},
            ),
        ],
    )
    def test_partitioning(self, partitioning: Partitioning, java: dict[str, str], librdkafka: dict[str, str]) -> None:
        names = ("partitioner", "partitioner.class", "partitioner.ignore.keys", "sticky.partitioning.linger.ms")
        found = files(partitioning=partitioning)
        assert {key: found["producer.properties"][key] for key in names if key in found["producer.properties"]} == java
        options = found["librdkafka-producer.conf"]
        assert {key: options[key] for key in names if key in options} == librdkafka

    @pytest.mark.parametrize(
        ("assignment", "java", "librdkafka"),
        [
            (Assignment.RANGE, "org.apache.kafka.clients.consumer.RangeAssignor", "range"),
            (Assignment.ROUND_ROBIN, "org.apache.kafka.clients.consumer.RoundRobinAssignor", "roundrobin"),
        ],
    )
    def test_assignment(self, assignment: Assignment, java: str, librdkafka: str) -> None:
        found = files(assignment=assignment)
        assert found["consumer.properties"]["partition.assignment.strategy"] == java
        assert found["librdkafka-consumer.conf"]["partition.assignment.strategy"] == librdkafka

    def test_the_protocol_of_the_brokers(self) -> None:
        found = files(assignment=Assignment.CONSUMER)
        for file in ("consumer.properties", "librdkafka-consumer.conf"):
            assert found[file]["group.protocol"] == "consumer"
            assert "partition.assignment.strategy" not in found[file]
        assert found["application.properties"]["spring.kafka.consumer.properties.group.protocol"] == "consumer"

    @pytest.mark.parametrize("assignment", Assignment)
    def test_librdkafka_takes_the_options_of_a_consumer(self, assignment: Assignment) -> None:
        found = files(assignment=assignment, consumer_config={"max.poll.interval.ms": "600000"})
        Consumer(LOGIN | found["librdkafka-consumer.conf"]).close()

    def test_librdkafka_refuses_what_is_the_brokers(self) -> None:
        """What is refused here is refused there, too: it is no rule of our own."""
        for option in ("partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"):
            value = "range" if option.startswith("partition") else "10000"
            with pytest.raises(KafkaException):
                Consumer(LOGIN | files(assignment=Assignment.CONSUMER)["librdkafka-consumer.conf"] | {option: value})

    @pytest.mark.parametrize("by", [each for each in PartitionBy if each is not PartitionBy.CUSTOM])
    def test_librdkafka_takes_the_options_of_a_producer(self, by: PartitionBy) -> None:
        Producer(LOGIN | files(partitioning=Partitioning(by=by))["librdkafka-producer.conf"])

    @pytest.mark.parametrize("name", LIBRDKAFKA_PARTITIONERS)
    def test_librdkafka_has_these_partitioners(self, name: str) -> None:
        given = Partitioning(by=PartitionBy.CUSTOM, librdkafka=name)
        Producer(LOGIN | files(partitioning=given)["librdkafka-producer.conf"])

    def test_other_options(self) -> None:
        found = files(
            commit=Commit.AUTO,
            offset_reset=OffsetReset.LATEST,
            consumer_config={"max.poll.interval.ms": "600000"},
            producer_config={"compression.type": "zstd"},
        )
        assert found["librdkafka-consumer.conf"]["enable.auto.commit"] == "true"
        assert found["consumer.properties"]["auto.offset.reset"] == "latest"
        assert found["consumer.properties"]["max.poll.interval.ms"] == "600000"
        assert found["producer.properties"]["compression.type"] == "zstd"


def args(**changes: Any) -> StreamWorkerArgs:
    given: dict[str, Any] = {"connection": CONNECTION, "image": "fraud:1", "reads": ["orders"]}
    return StreamWorkerArgs(**(given | changes))


def graph(given: StreamWorkerArgs) -> dict[str, Registered]:
    return run(lambda: StreamWorker("fraud", given))


class TestGraph:
    def test_it_makes_its_users_in_one_job(self) -> None:
        found = graph(args(writes=["alerts"], partitions={"orders": 24}, scale=BY_LAG, namespace="shop"))
        assert found["KafkaResources fraud-access"].urn.count("StreamWorker") == 1
        assert [each for each in found if each.startswith("Job ")] == ["Job fraud-access-provision"]
        declared = found["ConfigMap fraud-access-declarations"].inputs
        assert declared["metadata"]["namespace"] == "streaming"
        rights = {
            (acl["resource"], acl["name"], tuple(acl["operations"]))
            for acl in json.loads(declared["data"]["user.fraud"])["acls"]
        }
        assert rights == {
            ("group", "fraud", ("DESCRIBE", "READ")),
            ("topic", "alerts", ("DESCRIBE", "WRITE")),
            ("topic", "orders", ("DESCRIBE", "READ")),
        }
        keda = json.loads(declared["data"]["user.fraud-scaler"])["acls"]
        assert [(acl["resource"], acl["name"], acl["operations"]) for acl in keda] == [
            ("group", "fraud", ["DESCRIBE"]),
            ("topic", "orders", ["DESCRIBE"]),
        ]
        assert found["Secret fraud-access-fraud-kafka"].inputs["metadata"]["namespace"] == "shop"
        assert found["Secret fraud-access-fraud-scaler-kafka"].inputs["metadata"]["namespace"] == "shop"

    def test_transactions(self) -> None:
        declared = graph(args(writes=["alerts"], transactional=True))["ConfigMap fraud-access-declarations"].inputs
        acls = json.loads(declared["data"]["user.fraud"])["acls"]
        [acl] = [each for each in acls if each["resource"] == "transactionalId"]
        assert (acl["name"], acl["pattern"]) == ("fraud-", "prefixed")

    def test_users_that_are_there_are_used(self) -> None:
        found = graph(args(partitions={"orders": 24}, scale=BY_LAG, user="payments", scaler_user="keda"))
        assert not [each for each in found if each.startswith(("KafkaResources", "Job", "RandomPassword"))]
        [worker] = found["Deployment fraud-pods"].inputs["spec"]["template"]["spec"]["containers"]
        username = {"secretKeyRef": {"key": "username", "name": "payments-kafka"}}
        assert {"name": "KAFKA_SASL_USERNAME", "valueFrom": username} in worker["env"]
        references = found["TriggerAuthentication fraud-scaler-login"].inputs["spec"]["secretTargetRef"]
        assert {each["name"] for each in references} == {"keda-kafka"}

    def test_the_scaler_takes_everything_from_the_worker(self) -> None:
        found = graph(args(partitions={"orders": 24}, scale=BY_LAG, offset_reset=OffsetReset.LATEST, group="team-a"))
        spec = found["ScaledObject fraud-scaler-scaled"].inputs["spec"]
        assert spec["scaleTargetRef"]["name"] == "fraud"
        assert spec["maxReplicaCount"] == 24
        assert spec["triggers"][0]["metadata"]["offsetResetPolicy"] == "latest"
        assert spec["triggers"][0]["metadata"]["consumerGroup"] == "team-a"
        assert "replicas" not in found["Deployment fraud-pods"].inputs["spec"]

    def test_a_fixed_worker_has_no_scaler(self) -> None:
        found = graph(args(replicas=2))
        assert not [each for each in found if each.startswith(("Scaler", "ScaledObject"))]
        assert found["Deployment fraud-pods"].inputs["spec"]["replicas"] == 2

    def test_a_kafka_without_logins_has_no_users(self) -> None:
        connection = KafkaConnection(
            cluster="events", namespace="streaming", bootstrap_servers="events:9092", security_protocol="PLAINTEXT"
        )
        found = graph(args(connection=connection, partitions={"orders": 2}, scale=BY_LAG))
        assert not [each for each in found if each.startswith(("KafkaResources", "TriggerAuthentication"))]
        [trigger] = found["ScaledObject fraud-scaler-scaled"].inputs["spec"]["triggers"]
        assert "authenticationRef" not in trigger
        assert "sasl" not in trigger["metadata"]

    def test_the_outputs(self) -> None:
        made: list[StreamWorker] = []
        run(lambda: made.append(StreamWorker("fraud", args(namespace="shop"))))
        [worker] = made
        outputs = [worker.deployment, worker.namespace, worker.user, worker.group]
        assert [value(each) for each in outputs] == ["fraud", "shop", "fraud", "fraud"]

    def test_a_port_has_a_service(self) -> None:
        assert "Service fraud-service" in graph(args(ports={"http": 8080}))
        assert not [each for each in graph(args()) if each.startswith("Service ")]


MISUSE: list[tuple[dict[str, Any], str]] = [
    ({"image": " "}, "image: is empty: write registry/name:tag"),
    ({"reads": []}, "reads: missing, as is writes: name the topics that it reads or writes"),
    ({"reads": ["orders", "orders"]}, "reads: 'orders' is listed twice: keep one"),
    ({"reads": ["or ders"]}, "reads: 'or ders' is not a Kafka topic name"),
    ({"reads": ["orders-*"]}, "reads: 'orders-*' is not a Kafka topic name"),
    ({"writes": ["__transaction_state"]}, "writes: '__transaction_state' is an internal topic"),
    ({"reads": [], "writes": ["a"], "group": "x"}, "group: it reads no topic"),
    ({"group": "a b"}, "group: 'a b' is not a consumer group"),
    ({"transactional": True}, "transactional: it writes no topic"),
    ({"partitioning": Partitioning()}, "partitioning: it writes no topic"),
    ({"producer_config": {"linger.ms": "5"}}, "producer_config: it writes no topic"),
    ({"consumer_config": {"group.id": "x"}}, "consumer_config: group.id: has a field of its own: write group"),
    (
        {"consumer_config": {"auto.offset.reset": "latest"}},
        "consumer_config: auto.offset.reset: has a field of its own: write offset_reset",
    ),
    (
        {"consumer_config": {"sasl.password": "x"}},
        "consumer_config: sasl.password: comes from the connection and the user's Secret: remove it",
    ),
    (
        {"writes": ["a"], "producer_config": {"partitioner": "random"}},
        "producer_config: partitioner: has a field of its own: write partitioning",
    ),
    (
        {"assignment": Assignment.CONSUMER, "consumer_config": {"session.timeout.ms": "45000"}},
        "consumer_config: session.timeout.ms: the brokers decide on it in the protocol consumer",
    ),
    ({"environment": {"KAFKA_GROUP_ID": "x"}}, "environment: KAFKA_GROUP_ID: is set by the platform: use another name"),
    (
        {"environment": {"DB_PASSWORD": "x"}},
        "environment: DB_PASSWORD: secrets do not belong in variables: name its Secret in secret_files",
    ),
    ({"environment": {"a-b": "x"}}, "environment: 'a-b' is not a variable"),
    ({"ports": {"HTTP": 80}}, "ports: 'HTTP' is not the name of a port"),
    ({"ports": {"a": 8080, "b": 8080}}, "ports: b: 8080 is a already: use another one"),
    ({"client_namespaces": ["web"]}, "client_namespaces: the worker has no ports"),
    ({"scratch": {"data": "1Gi"}}, "scratch: 'data' is not a folder"),
    ({"scratch": {"/etc/kafka-platform/x": "1Gi"}}, "scratch: '/etc/kafka-platform/x' is the platform's"),
    ({"termination": "forever"}, "termination: 'forever' is out of range"),
    ({"run_as": 0}, "run_as: 0 is out of range: use 1 to"),
    ({"replicas": 2, "scale": BY_LAG}, "replicas: scale decides on the number of pods: remove it, or scale"),
    ({"scaler_user": "keda"}, "scaler_user: the number of pods does not depend on lag: remove it"),
    # What scaling must fit: the rest is in test_scaler.py.
    ({"reads": [], "writes": ["a"], "scale": BY_LAG}, "scale: lag needs topics to read, and there are none"),
    ({"scale": BY_LAG}, "scale.max: missing, and the topics' partitions are not known: write it, or partitions"),
    ({"scale": BY_LAG, "partitions": {"order": 4}}, "partitions: topic 'orders' is missing"),
    (
        {"scale": BY_LAG, "partitions": {"orders": 4}, "commit": Commit.NEVER},
        "scale: lag is counted from what the group commits, and it never commits",
    ),
]


@pytest.mark.parametrize(("changes", "message"), MISUSE)
def test_misuse(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        args(**changes)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [("Fraud", "'Fraud' is not a Kubernetes name"), ("1st", "begin it with a letter"), ("a" * 34, "up to 33")],
)
def test_names(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(lambda: StreamWorker(name, args()))


class TestRegistry:
    REGISTRY = RegistryConnection(
        url="http://schemas.streaming.svc/apis", secret="fraud-registry", namespace="streaming", port=8080
    )

    def files(self, **changes: Any) -> dict[str, list[str]]:
        manifest = objects(settings(registry=self.REGISTRY, writes=["alerts"], **changes))[0].manifest
        return {name: text.splitlines() for name, text in manifest["data"].items()}

    def test_variables_name_the_files_of_the_login_and_hold_no_password(self) -> None:
        found = {name: each for name, each in variables(registry=self.REGISTRY).items() if "REGISTRY" in name}
        assert found == {
            "SCHEMA_REGISTRY_URL": "http://schemas.streaming.svc/apis",
            "SCHEMA_REGISTRY_BASIC_AUTH_CREDENTIALS_SOURCE": "USER_INFO",
            "SCHEMA_REGISTRY_USERNAME": {"secretKeyRef": {"key": "username", "name": "fraud-registry"}},
            "SCHEMA_REGISTRY_PASSWORD_FILE": "/etc/kafka-platform/registry/password",
        }
        volume = next(each for each in pod(registry=self.REGISTRY)["volumes"] if each["name"] == "registry")
        assert [each["key"] for each in volume["secret"]["items"]] == ["username", "password"]

    def test_javas_files_read_the_login_from_its_secret(self) -> None:
        files = self.files()
        assert {
            "schema.registry.url=http://schemas.streaming.svc/apis",
            "basic.auth.credentials.source=USER_INFO",
            "basic.auth.user.info=${directory:/etc/kafka-platform/registry:username}"
            ":${directory:/etc/kafka-platform/registry:password}",
            "config.providers=file,directory",
        } <= {*files["consumer.properties"]}
        assert {"auto.register.schemas=false", "use.latest.version=true"} <= {*files["producer.properties"]}
        assert {
            "spring.kafka.properties.basic.auth.user.info=${registry.username}:${registry.password}",
            "spring.kafka.producer.properties.auto.register.schemas=false",
        } <= {*files["application.properties"]}
        assert not [
            line for name in files if name.startswith("librdkafka") for line in files[name] if "registry" in line
        ]

    def test_who_may_register_is_not_kept_from_it(self) -> None:
        found = objects(settings(registry=replace(self.REGISTRY, registers=True), writes=["alerts"]))[0].manifest[
            "data"
        ]
        assert "auto.register.schemas" not in json.dumps(found)

    def test_it_reaches_the_pods_of_the_registry_and_no_others(self) -> None:
        rule = network_policy(settings(registry=self.REGISTRY), [])["spec"]["egress"][-1]
        assert rule["ports"] == [allowed_port(8080)]
        assert rule["to"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["streaming"]

    def test_an_existing_registry_is_reached_by_the_port_of_its_url(self) -> None:
        existing = RegistryConnection(url="https://registry.example.com", ca_secret="registry-ca")
        assert network_policy(settings(registry=existing), [])["spec"]["egress"][-1] == {"ports": [allowed_port(443)]}
        found = variables(registry=existing)
        assert found["SCHEMA_REGISTRY_SSL_CA_FILE"] == "/etc/kafka-platform/registry-ca/ca.crt"
        assert "SCHEMA_REGISTRY_USERNAME" not in found

    def test_the_programs_own_variables_take_precedence(self) -> None:
        own = container(registry=self.REGISTRY, environment={"SCHEMA_REGISTRY_URL": "https://own.example.com"})["env"]
        assert [each["value"] for each in own if each["name"] == "SCHEMA_REGISTRY_URL"] == ["https://own.example.com"]

    def test_without_one_nothing_speaks_of_it(self) -> None:
        assert "registry" not in json.dumps([each.manifest for each in objects(settings())]).lower()

    def test_a_program_takes_it_from_the_registrys_component(self) -> None:
        def program() -> None:
            users = {"fraud": RegistryUser(namespace="shop", role=RegistryRole.DEVELOPER)}
            registry = SchemaRegistry("schemas", SchemaRegistryArgs(connection=CONNECTION, users=users))
            args = StreamWorkerArgs(
                connection=CONNECTION,
                image="fraud:1",
                reads=["orders"],
                namespace="shop",
                registry=registry.connection_of("fraud"),
            )
            StreamWorker("fraud", args)
            with pytest.raises(ValueError, match=r"user: 'other' is not among the registry's users"):
                registry.connection_of("other")

        made = run(program)
        text = made["ConfigMap fraud-client"].inputs["data"]["consumer.properties"]
        assert "schema.registry.url=http://schemas.streaming.svc/apis/ccompat/v7" in text.splitlines()
