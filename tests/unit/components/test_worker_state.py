"""StreamWorker with the state of a Kafka Streams application: what it renders, its rights, what it refuses."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from kafka_platform import (
    Assignment,
    Deletion,
    HealthCheck,
    HealthChecks,
    Partitioning,
    Scale,
    StreamsProtocol,
    StreamWorker,
    StreamWorkerArgs,
    WorkerState,
)
from kafka_platform.entities import strimzi
from kafka_platform.kafka.entities import User
from kafka_platform.kube.objects import Object
from kafka_platform.program.client_files import ClientSettings, Login, client_files
from kafka_platform.worker.objects import WorkerSettings, network_policy, objects
from kafka_platform.worker.spec import WorkerSpec
from kafka_platform.worker.volumes import refuse_other_sizes

from tests.strimzi_cases import connection as strimzi_connection
from tests.unit.components.graph import Registered, run
from tests.unit.components.test_worker import CONNECTION

READY = HealthChecks(readiness=HealthCheck(path="/ready", port=8080))
BY_LAG = Scale(records_per_second_per_pod=400, acceptable_delay="10s", max=4)
INTERNAL = ("CREATE", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE")


def spec(**changes: Any) -> WorkerSpec:
    given: dict[str, Any] = {
        "image": "totals:1",
        "reads": ["orders"],
        "replicas": 3,
        "ports": {"http": 8080},
        "probes": READY,
        "state": WorkerState(size="10Gi"),
    }
    return WorkerSpec(**(given | changes))


def settings(**changes: Any) -> WorkerSettings:
    return WorkerSettings(
        name="totals",
        namespace="shop",
        connection=CONNECTION,
        spec=spec(**changes),
        secret="totals-kafka",
        runtime_image="runtime:1",
    )


def found(**changes: Any) -> dict[tuple[str, str], Object]:
    return {(each.kind, each.role): each for each in objects(settings(**changes))}


def pods(**changes: Any) -> dict[str, Any]:
    return dict(found(**changes)["StatefulSet", "pods"].manifest)


def streams(**changes: Any) -> Mapping[str, str]:
    data: Mapping[str, str] = found(**changes)["ConfigMap", "client"].manifest["data"]
    lines = data["streams.properties"].splitlines()
    return dict(line.split("=", 1) for line in lines)


class TestPods:
    def test_each_keeps_a_volume_for_its_state(self) -> None:
        made = pods()["spec"]
        assert made["volumeClaimTemplates"] == [
            {
                "metadata": {"name": "state"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
            }
        ]
        [container] = made["template"]["spec"]["containers"]
        assert {"mountPath": "/var/lib/kafka-streams", "name": "state"} in container["volumeMounts"]
        assert streams()["state.dir"] == "/var/lib/kafka-streams"
        variables = {each["name"]: each.get("value") for each in container["env"]}
        assert variables["KAFKA_STREAMS_PROPERTIES"] == "/etc/kafka-platform/client/streams.properties"
        assert variables["KAFKA_STATE_DIR"] == "/var/lib/kafka-streams"

    def test_volumes_stay_unless_the_file_says_otherwise(self) -> None:
        kept = {"whenDeleted": "Retain", "whenScaled": "Retain"}
        assert pods()["spec"]["persistentVolumeClaimRetentionPolicy"] == kept
        allowed = pods(state=WorkerState(size="10Gi", deletion=Deletion.ALLOW))
        assert allowed["spec"]["persistentVolumeClaimRetentionPolicy"] == kept | {"whenDeleted": "Delete"}

    def test_they_start_together_and_are_replaced_one_by_one(self) -> None:
        made = pods()["spec"]
        assert (made["podManagementPolicy"], made["updateStrategy"]) == ("Parallel", {"type": "RollingUpdate"})
        assert made["minReadySeconds"] == 5
        [container] = made["template"]["spec"]["containers"]
        assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 8080}
        assert found()["PodDisruptionBudget", "disruption"].manifest["spec"]["maxUnavailable"] == 1

    def test_each_has_a_name_at_which_the_others_ask_it(self) -> None:
        names = found()["Service", "names"].manifest
        assert names["metadata"]["name"] == pods()["spec"]["serviceName"] == "totals-pods"
        assert (names["spec"]["clusterIP"], names["spec"]["publishNotReadyAddresses"]) == ("None", True)
        assert streams()["application.server"] == "${env:POD_NAME}.totals-pods:8080"
        own = names["spec"]["selector"]
        peers = {"ports": [{"port": 8080, "protocol": "TCP"}], "to": [{"podSelector": {"matchLabels": own}}]}
        assert peers in network_policy(settings(), [])["spec"]["egress"]
        assert "application.server" not in streams(ports={})

    def test_a_scaled_one_says_no_number(self) -> None:
        made = found(replicas=None, scale=BY_LAG)
        assert "replicas" not in made["StatefulSet", "pods"].manifest["spec"]
        assert not [each for each in made.values() if each.kind == "PersistentVolumeClaim"]

    def test_without_state_nothing_is_different(self) -> None:
        made = found(state=None)
        assert ("Deployment", "pods") in made
        assert "streams.properties" not in made["ConfigMap", "client"].manifest["data"]
        assert not {"StatefulSet", "PersistentVolumeClaim"} & {kind for kind, _ in made}
        assert ("Service", "names") not in made


class TestSizes:
    def test_the_volume_of_each_pod_can_grow(self) -> None:
        sizes = {
            each.manifest["metadata"]["name"]: each.manifest["spec"]["resources"]["requests"]["storage"]
            for each in found(state=WorkerState(size="20Gi")).values()
            if each.kind == "PersistentVolumeClaim"
        }
        assert sizes == {f"state-totals-{pod}": "20Gi" for pod in range(3)}
        refuse_other_sizes(pods(), pods(state=WorkerState(size="20Gi")))

    def test_none_shrinks(self) -> None:
        with pytest.raises(ValueError, match=r"worker totals: state\.size: 10Gi -> 5Gi: volumes never shrink"):
            refuse_other_sizes(pods(), pods(state=WorkerState(size="5Gi")))

    def test_those_of_a_scaled_worker_stay_as_they_are(self) -> None:
        scaled = {"replicas": None, "scale": BY_LAG}
        refuse_other_sizes(pods(**scaled), pods(**scaled, state=WorkerState(size="10240Mi")))
        with pytest.raises(ValueError, match="the pods that scale adds get volumes of the size"):
            refuse_other_sizes(pods(**scaled), pods(**scaled, state=WorkerState(size="20Gi")))


class TestOptions:
    def test_a_pod_that_returns_in_time_keeps_its_partitions(self) -> None:
        options = streams(state=WorkerState(size="1Gi", takeover="20s"))
        assert options["main.consumer.group.instance.id"] == "${env:POD_NAME}"
        assert options["main.consumer.session.timeout.ms"] == "20000"
        assert options["config.providers"] == "file,env"
        assert options["config.providers.env.param.allowlist.pattern"] == "POD_NAME"

    def test_the_application_is_the_group(self) -> None:
        assert streams()["application.id"] == "totals"
        assert streams(group="team-totals")["application.id"] == "team-totals"

    @pytest.mark.parametrize(
        ("changes", "standbys"),
        [
            ({}, "1"),
            ({"replicas": 1}, "0"),
            ({"replicas": None}, "0"),
            ({"replicas": None, "scale": BY_LAG}, "1"),
            ({"state": WorkerState(size="1Gi", standby_replicas=2)}, "2"),
            ({"state": WorkerState(size="1Gi", standby_replicas=0)}, "0"),
        ],
    )
    def test_standbys(self, changes: dict[str, Any], standbys: str) -> None:
        assert streams(**changes)["num.standby.replicas"] == standbys

    def test_exactly_once(self) -> None:
        assert streams()["processing.guarantee"] == "at_least_once"
        assert streams(transactional=True)["processing.guarantee"] == "exactly_once_v2"

    def test_further_options_and_those_of_its_clients(self) -> None:
        options = streams(
            state=WorkerState(size="1Gi", config={"num.stream.threads": "4"}),
            consumer_config={"max.poll.records": "50"},
            producer_config={"compression.type": "zstd"},
        )
        assert options["num.stream.threads"] == "4"
        assert options["consumer.max.poll.records"] == "50"
        assert options["consumer.auto.offset.reset"] == "earliest"
        assert options["producer.compression.type"] == "zstd"
        assert not {"consumer.group.id", "consumer.enable.auto.commit", "group.id"} & options.keys()

    def test_where_the_brokers_assign_the_members_say_nothing(self) -> None:
        options = streams(state=WorkerState(size="1Gi", protocol=StreamsProtocol.STREAMS))
        assert options["group.protocol"] == "streams"
        assert not [each for each in options if "instance" in each or "session" in each or "standby" in each]

    def test_spring_has_the_same(self) -> None:
        data = found()["ConfigMap", "client"].manifest["data"]
        lines = dict(line.split("=", 1) for line in data["application.properties"].splitlines())
        assert lines["spring.kafka.streams.application-id"] == "totals"
        assert lines["spring.kafka.streams.properties.main.consumer.group.instance.id"] == "${POD_NAME}"
        assert lines["spring.kafka.streams.properties.state.dir"] == "/var/lib/kafka-streams"

    def test_a_login_by_certificate_needs_no_file_provider(self) -> None:
        files = client_files(
            ClientSettings(
                bootstrap_servers="k:9093",
                security_protocol="SSL",
                login=Login.CERTIFICATE,
                name="totals",
                spec=spec(),
                streams={"application.id": "totals"},
            )
        )
        assert "config.providers=env\n" in files["streams.properties"]
        assert "ssl.keystore.location=" in files["streams.properties"]


class TestRights:
    def test_it_may_do_everything_with_its_own_topics_and_nothing_more(self) -> None:
        [(name, user)] = spec(writes=["totals-out"]).users_of("totals").items()
        rights = {
            (acl.resource.value, acl.name, tuple(each.value for each in acl.operations)) for acl in user.all_acls()
        }
        assert name == "totals"
        assert rights == {
            ("group", "totals", ("DESCRIBE", "READ")),
            ("topic", "orders", ("DESCRIBE", "READ")),
            ("topic", "totals-*", INTERNAL),
            ("topic", "totals-out", ("DESCRIBE", "WRITE")),
        }

    def test_its_transactional_ids_are_those_of_the_application(self) -> None:
        user = spec(transactional=True, group="team").users_of("totals")["totals"]
        assert user.transactions == ("totals-*", "team-*")
        assert spec(transactional=True).users_of("totals")["totals"].transactions == ("totals-*",)

    def test_without_state_it_makes_no_topics(self) -> None:
        user: User = spec(state=None).users_of("totals")["totals"]
        assert not user.acls

    def test_strimzi_gets_the_same(self) -> None:
        user = spec(transactional=True).users_of("totals")["totals"]
        manifest = strimzi.user("events", strimzi_connection(), "totals", user, "passwords")
        acls = manifest["spec"]["authorization"]["acls"]
        prefixed = {
            (each["resource"]["type"], each["resource"]["name"]): sorted(each["operations"])
            for each in acls
            if each["resource"].get("patternType") == "prefix"
        }
        assert prefixed == {
            ("topic", "totals-"): ["Create", "Delete", "Describe", "DescribeConfigs", "Read", "Write"],
            ("transactionalId", "totals-"): ["Describe", "Write"],
        }


def graph(**changes: Any) -> dict[str, Registered]:
    given: dict[str, Any] = {
        each: getattr(spec(), each) for each in ("image", "reads", "replicas", "ports", "probes", "state")
    }
    everything: dict[str, Any] = {"connection": CONNECTION, "namespace": "shop"} | given | changes
    args = StreamWorkerArgs(**everything)
    return run(lambda: StreamWorker("totals", args))


class TestGraph:
    def test_the_claims_come_after_the_pods_and_are_patched_only(self) -> None:
        made = graph()
        assert "StatefulSet totals-pods" in made
        assert made["PersistentVolumeClaimPatch totals-state-2"].inputs["metadata"]["name"] == "state-totals-2"
        assert "Deployment totals-pods" not in made

    def test_the_scaler_scales_the_stateful_set(self) -> None:
        made = graph(replicas=None, scale=BY_LAG, partitions={"orders": 4})
        target = made["ScaledObject totals-scaler-scaled"].inputs["spec"]["scaleTargetRef"]
        assert target == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "totals"}

    def test_its_user_is_made_with_the_rights_of_the_application(self) -> None:
        declared = graph()["ConfigMap totals-access-declarations"].inputs["data"]["user.totals"]
        [acl] = [each for each in json.loads(declared)["acls"] if each["pattern"] == "prefixed"]
        assert (acl["resource"], acl["name"], sorted(acl["operations"])) == ("topic", "totals-", list(INTERNAL))


MISUSE: list[tuple[dict[str, Any], str]] = [
    ({"probes": HealthChecks()}, "probes.readiness: missing: with state, a rollout waits after each pod"),
    ({"reads": [], "writes": ["a"]}, "state: it is kept of what a worker reads, and this one reads nothing"),
    ({"assignment": Assignment.RANGE}, "assignment: Kafka Streams decides on it where there is state: remove it"),
    (
        {"writes": ["a"], "partitioning": Partitioning()},
        "partitioning: Kafka Streams decides on it where there is state: remove it",
    ),
    (
        {"consumer_config": {"session.timeout.ms": "9000"}},
        "consumer_config: session.timeout.ms: has a field of its own: write state.takeover",
    ),
    (
        {"replicas": 2, "state": WorkerState(size="1Gi", standby_replicas=2)},
        "state.standby_replicas: 2 besides the pod that works on it need 3 pods, and there are at most 2: use at most 1",
    ),
    (
        {"environment": {"KAFKA_STATE_DIR": "/x"}},
        "environment: KAFKA_STATE_DIR: is set by the platform: use another name",
    ),
]


@pytest.mark.parametrize(("changes", "message"), MISUSE)
def test_misuse(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        spec(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "1Mi"}, "size: 1Mi is too little for a state store: use at least 64Mi"),
        ({"size": "much"}, "size: "),
        ({"takeover": "1s"}, "takeover: '1s' is out of range: use 6s to 30m"),
        ({"standby_replicas": 6}, "standby_replicas: 6 is out of range"),
        ({"config": {"application.id": "x"}}, "config: application.id: is the worker's group: write group"),
        ({"config": {"main.consumer.group.instance.id": "x"}}, "config: main.consumer.group.instance.id: is the pod's"),
        ({"config": {"sasl.jaas.config": "x"}}, "config: sasl.jaas.config: comes from the connection"),
        ({"config": {"producer.ssl.keystore.location": "x"}}, "config: producer.ssl.keystore.location: comes from the"),
        ({"config": {"config.providers": "x"}}, "config: config.providers: comes from the connection"),
        (
            {"protocol": StreamsProtocol.STREAMS, "standby_replicas": 1},
            "standby_replicas: the brokers decide on it in the protocol streams",
        ),
        (
            {"protocol": StreamsProtocol.STREAMS, "takeover": "10s"},
            "takeover: the brokers decide on it in the protocol",
        ),
    ],
)
def test_misuse_of_the_state(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        WorkerState(**({"size": "1Gi"} | changes))
