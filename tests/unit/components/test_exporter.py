"""The Kafka exporter: what it renders, the graph that it makes, and its place in a stack."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import KafkaConnection, KafkaExporter, KafkaExporterArgs, Surge, exporter_user
from kafka_platform.exporter.objects import ExporterSettings, deployment, network_policy, objects
from kafka_platform.exporter.spec import ExporterSpec
from kafka_platform.kafka.entities import Operation
from kafka_platform_runtime import runs
from kafka_platform_runtime.exporter.surge import Workload, workloads

from infra.platform import Platform
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from tests.unit.components.graph import run, value
from tests.unit.test_platform import EMBEDDED, EXTERNAL, KUBECONFIG, STRIMZI

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="b:9092",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
)


CERTIFICATES = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="b:9092",
    security_protocol="SSL",
    client_certificates=True,
)


TOKENS = replace(CONNECTION, sasl_mechanism="OAUTHBEARER", oauth_token_url="https://id.example.com/token")


def settings(**changes: Any) -> ExporterSettings:
    spec = ExporterSpec(**changes)
    return ExporterSettings(
        name="lag", namespace="streaming", connection=CONNECTION, image="runtime:1", user="lag-exporter", spec=spec
    )


def variables(**changes: Any) -> dict[str, str]:
    [container] = deployment(settings(**changes))["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def built(raw: dict[str, Any]) -> dict[str, Any]:
    return run(lambda: Platform(parse(raw), KUBECONFIG) and None)


def test_its_user_may_describe_and_nothing_else() -> None:
    acls = exporter_user().all_acls()
    assert {(acl.resource.value, acl.name) for acl in acls} == {
        ("topic", "*"),
        ("group", "*"),
        ("cluster", "kafka-cluster"),
    }
    assert {operation.value for acl in acls for operation in acl.operations} == {"DESCRIBE"}


def test_where_runs_are_noted_it_may_read_what_they_did_and_nothing_else() -> None:
    others = exporter_user().all_acls()
    rights = [acl for acl in exporter_user(ledger=True).all_acls() if acl not in others]
    assert [(acl.resource.value, acl.name, *acl.operations) for acl in rights] == [
        ("topic", runs.RUNS_TOPIC, Operation.READ)
    ]
    given = variables()
    assert not {"EXPORTER_RUNS_TOPIC", "EXPORTER_STACK"} & given.keys()
    [container] = deployment(replace(settings(), ledger=True, stack="acme/shop/dev"))["spec"]["template"]["spec"][
        "containers"
    ]
    told = {each["name"]: each["value"] for each in container["env"]}
    assert (told["EXPORTER_RUNS_TOPIC"], told["EXPORTER_STACK"]) == (runs.RUNS_TOPIC, "acme/shop/dev")


def test_it_sees_what_is_declared_where_runs_are_noted() -> None:
    pod = deployment(replace(settings(), ledger=True, declared_by=["kafka", "more"]))["spec"]["template"]["spec"]
    [container] = pod["containers"]
    folders = {each["mountPath"]: each["name"] for each in container["volumeMounts"] if "declared" in each["name"]}
    assert {"name": "EXPORTER_DECLARATIONS_DIR", "value": "/etc/kafka-platform/declared"} in container["env"]
    assert folders == {
        f"/etc/kafka-platform/declared/{name}": f"declared-{i}" for i, name in enumerate(["kafka", "more"])
    }
    maps = [each["configMap"] for each in pod["volumes"] if "configMap" in each]
    assert maps == [{"name": f"{name}-declarations", "optional": True} for name in ("kafka", "more")]
    without = deployment(replace(settings(), declared_by=["kafka"]))["spec"]["template"]["spec"]
    assert "configMap" not in str(without)


def test_the_bounds_reach_the_program() -> None:
    given = variables(interval="90s", topics=7, groups=8, pairs=9)
    assert given["EXPORTER_INTERVAL_SECONDS"] == "90"
    assert [given[f"EXPORTER_MOST_{each}"] for each in ("TOPICS", "GROUPS", "PAIRS")] == ["7", "8", "9"]
    assert given["KAFKA_SASL_USERNAME"] == "lag-exporter"
    assert "password" not in str({key for key in given.values() if "/" not in key})


def test_it_shows_a_certificate_where_kafka_asks_for_one() -> None:
    pod = deployment(replace(settings(), connection=CERTIFICATES))["spec"]["template"]["spec"]
    given = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert given["KAFKA_SSL_CERTIFICATE_FILE"] == "/etc/kafka-platform/credentials/tls.crt"
    assert not {name for name in given if "SASL" in name}
    [volume] = pod["volumes"]
    assert volume["secret"]["secretName"] == "lag-exporter-kafka"
    assert [each["key"] for each in volume["secret"]["items"]] == ["tls.crt", "tls.key"]


def test_it_fetches_tokens_where_kafka_asks_for_them() -> None:
    pod = deployment(replace(settings(), connection=TOKENS))["spec"]["template"]["spec"]
    given = {each["name"]: each.get("value") or each["valueFrom"] for each in pod["containers"][0]["env"]}
    assert given["KAFKA_OAUTH_TOKEN_URL"] == "https://id.example.com/token"
    assert given["KAFKA_SASL_USERNAME"] == {"secretKeyRef": {"key": "username", "name": "lag-exporter-kafka"}}
    assert given["KAFKA_SASL_PASSWORD_FILE"] == "/etc/kafka-platform/credentials/password"


def test_its_pod_runs_with_the_least_rights() -> None:
    spec = deployment(settings())["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "256Mi"}


def test_only_the_named_namespaces_read_its_metrics() -> None:
    [rule] = network_policy(settings(metrics_namespaces=["watch"]), [])["spec"]["ingress"]
    assert rule["ports"] == [{"port": 9404, "protocol": "TCP"}]
    assert rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["watch"]


def test_it_reaches_the_servers_whose_certificates_it_watches() -> None:
    given = settings(tls_servers=["registry.streaming.svc:443", "[::1]:8443"], tls_server_ports=[8080, 443])
    [container] = deployment(given)["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each["value"] for each in container["env"]}
    assert told["EXPORTER_TLS_SERVERS"] == "registry.streaming.svc:443,[::1]:8443"
    rules = network_policy(given, [])["spec"]["egress"]
    assert [each["port"] for each in rules[-1]["ports"]] == [443, 8080, 8443]
    assert len(network_policy(settings(), [])["spec"]["egress"]) == len(rules) - 1
    assert "EXPORTER_TLS_SERVERS" not in variables()


def test_the_graph() -> None:
    made: list[KafkaExporter] = []
    found = run(lambda: made.append(KafkaExporter("lag", KafkaExporterArgs(connection=CONNECTION))))
    assert {name for name in found if "stack" not in name} == {
        "KafkaExporter lag",
        "NetworkPolicy lag-network",
        "Service lag-service",
        "Deployment lag-pod",
    }
    assert all("KafkaExporter$" in each.urn for name, each in found.items() if name.split()[0] == "Deployment")
    assert value(made[0].metrics_url) == "http://lag.streaming.svc:9404/metrics"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"interval": "1s"}, "interval: '1s' is out of range: use 5s to 10m"),
        ({"groups": 0}, "groups: 0 is out of range: use 1 to 100000"),
        ({"tls_servers": ["registry"]}, "tls_servers: 'registry' is not host:port: write"),
        ({"tls_servers": ["a:1,b:2"]}, "tls_servers: 'a:1,b:2' is several servers: write each as an entry of its own"),
        ({"tls_server_ports": [0]}, "tls_server_ports: 0 is out of range: use 1 to 65535"),
        ({"user": "lag exporter"}, "user: 'lag exporter' cannot be part of a Secret's name: use"),
    ],
)
def test_a_misuse_names_the_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        KafkaExporterArgs(connection=CONNECTION, **given)


class TestStack:
    @pytest.mark.parametrize(
        "engine", [EMBEDDED, STRIMZI, {**EXTERNAL, "kafka": {**EXTERNAL["kafka"], "adminSecret": "admin"}}]
    )
    def test_it_comes_with_prometheus_on_every_engine(self, engine: dict[str, Any]) -> None:
        assert "KafkaExporter kafka-exporter" not in built(engine)
        found = built({**engine, "prometheus": {"namespace": "watch"}})
        assert "KafkaExporter kafka-exporter" in found
        assert "PodMonitor kafka-exporter-kafka-exporter" in found
        [rule] = found["NetworkPolicy kafka-exporter-network"].inputs["spec"]["ingress"]
        assert rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["watch"]
        rules = found["PrometheusRule kafka-alerts"].inputs["spec"]["groups"][0]["rules"]
        assert {"KafkaConsumerLagGrows", "KafkaConsumerLate", "KafkaExporterGone"} <= {each["alert"] for each in rules}

    def test_it_can_be_turned_off_and_on(self) -> None:
        assert "KafkaExporter kafka-exporter" not in built(
            {**EMBEDDED, "prometheus": {}, "exporter": {"enabled": False}}
        )
        assert "KafkaExporter kafka-exporter" in built({**EMBEDDED, "exporter": {}})

    def test_it_is_not_there_where_nobody_can_make_its_user(self) -> None:
        assert "KafkaExporter kafka-exporter" not in built({**EXTERNAL, "prometheus": {}})
        with pytest.raises(SettingsError, match="exporter: it needs a user, which an administrator makes"):
            parse({**EXTERNAL, "exporter": {}})
        tokens = {"saslMechanism": "OAUTHBEARER", "oauth": {"tokenUrl": "https://id.example.com/token"}}
        managed = {"kafka": {**EXTERNAL["kafka"], **tokens, "adminSecret": "admin"}}
        assert "KafkaExporter kafka-exporter" not in built({**managed, "prometheus": {}})
        with pytest.raises(
            SettingsError, match="exporter: it needs a user of its own, and clients log in with OAUTHBEARER"
        ):
            parse({**managed, "exporter": {}})

    def test_it_takes_the_place_of_strimzis(self) -> None:
        kafka = {**STRIMZI["kafka"], "exporter": True}
        both = built({**STRIMZI, "kafka": kafka, "prometheus": {}})
        assert "kafkaExporter" not in both["Kafka kafka-kafka"].inputs["spec"]
        theirs = built({**STRIMZI, "kafka": kafka, "prometheus": {}, "exporter": {"enabled": False}})
        assert "kafkaExporter" in theirs["Kafka kafka-kafka"].inputs["spec"]
        rules = theirs["PrometheusRule kafka-alerts"].inputs["spec"]["groups"][0]["rules"]
        assert "KafkaConsumerLagGrows" in {each["alert"] for each in rules}

    def test_its_user_is_nobody_elses(self) -> None:
        tenants = {"shop": {"users": {"lag-exporter": {"reads": ["orders"]}}}}
        with pytest.raises(SettingsError, match=r"tenants.shop.users.lag-exporter: is the user of the exporter"):
            parse({**EMBEDDED, "tenants": tenants, "exporter": {}})

    def test_prometheus_has_to_be_let_in(self) -> None:
        with pytest.raises(SettingsError, match=r"exporter.metricsNamespaces: Prometheus may not connect"):
            parse({**EMBEDDED, "prometheus": {}, "exporter": {"metricsNamespaces": ["elsewhere"]}})

    def test_it_watches_what_the_stack_serves_by_tls(self) -> None:
        def told(raw: dict[str, Any]) -> str | None:
            found = built({**raw, "prometheus": {}})["Deployment kafka-exporter-pod"].inputs
            [container] = found["spec"]["template"]["spec"]["containers"]
            given: dict[str, str | None] = {each["name"]: each.get("value") for each in container["env"]}
            return given.get("EXPORTER_TLS_SERVERS")

        assert told({**EMBEDDED, "registry": {}}) is None
        tls = {
            "registry": {"tls": {"certificate": "registry-tls"}},
            "exporter": {"tlsServers": ["data.example.com:443"]},
        }
        assert told({**EMBEDDED, **tls}) == "schema-registry.streaming.svc:443,data.example.com:443"
        external = {"expose": "loadBalancer", "host": "broker-{nodeId}.kafka.example.com"}

        def strimzi(**more: Any) -> dict[str, Any]:
            listeners = {**STRIMZI["kafka"]["listeners"], "external": external | more}
            return {**STRIMZI, "kafka": {**STRIMZI["kafka"], "listeners": listeners}}

        assert told(strimzi()) is None
        assert told(strimzi(certificate="own", port=9096)) == "kafka-kafka-external-bootstrap.streaming.svc:9096"


class TestSurges:
    """An exporter that adds pods."""

    SURGES = (
        Surge(namespace="shop", name="b", topic="orders", records_per_second_per_pod=160, acceptable_delay="8s", max=6),
        Surge(namespace="shop", name="a", topic="orders", records_per_second_per_pod=2.5, acceptable_delay="1m", max=2),
        Surge(namespace="ads", name="c", topic="clicks", records_per_second_per_pod=10, acceptable_delay="0s", max=9),
    )

    def rendered(self, surges: Sequence[Surge] = SURGES) -> dict[str, Any]:
        given = replace(settings(), surges=surges)
        found = [each.manifest for each in objects(given)]
        return {f"{each['kind']} {each['metadata']['namespace']}/{each['metadata']['name']}": each for each in found}

    def test_it_may_change_the_scale_of_these_and_nothing_else(self) -> None:
        found = self.rendered()
        roles = {name: each["rules"] for name, each in found.items() if name.startswith("Role ")}
        rule = {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get", "patch"]}
        assert roles == {
            "Role shop/lag": [{**rule, "resourceNames": ["a", "b"]}],
            "Role ads/lag": [{**rule, "resourceNames": ["c"]}],
        }
        for where in ("shop", "ads"):
            bound = found[f"RoleBinding {where}/lag"]
            assert bound["roleRef"]["name"] == "lag"
            assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "lag", "namespace": "streaming"}]

    def test_its_program_reads_what_is_rendered(self) -> None:
        found = workloads(self.rendered()["ConfigMap streaming/lag-surges"]["data"]["surges.json"])
        assert found == [
            Workload(
                namespace=each.namespace,
                name=each.name,
                topics=[each.topic],
                per_pod=each.records_per_second_per_pod,
                delay=delay,
                most=each.max,
            )
            for each, delay in zip(self.SURGES, (8, 60, 0), strict=True)
        ]

    def test_without_any_it_knows_nothing_of_kubernetes(self) -> None:
        found = self.rendered(())
        assert not {each.split()[0] for each in found} & {"Role", "RoleBinding", "ServiceAccount", "ConfigMap"}
        pod = found["Deployment streaming/lag"]["spec"]["template"]
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert "annotations" not in pod["metadata"]
        assert "EXPORTER_SURGE_FILE" not in variables()

    def test_only_then_it_reaches_the_api_server(self) -> None:
        def ports(surges: Sequence[Surge]) -> set[int]:
            egress = self.rendered(surges)["NetworkPolicy streaming/lag"]["spec"]["egress"]
            return {port["port"] for rule in egress for port in rule.get("ports", []) if isinstance(port["port"], int)}

        assert {443, 6443} <= ports(self.SURGES)
        assert not {443, 6443} & ports(())

    def test_a_changed_list_is_read_anew(self) -> None:
        def hash_of(surges: Sequence[Surge]) -> Any:
            return self.rendered(surges)["Deployment streaming/lag"]["spec"]["template"]["metadata"]["annotations"]

        assert hash_of(self.SURGES) != hash_of(self.SURGES[:2])

    def test_of_a_stack_those_workers_that_it_can_help(self) -> None:
        worker = {"image": "a:1", "tenant": "shop", "reads": ["orders"]}
        scale = {"recordsPerSecondPerPod": 100, "acceptableDelay": "10s"}
        found = built(
            {
                **EMBEDDED,
                "prometheus": {},
                "keda": {"namespace": "scaling"},
                "exporter": {"surge": True},
                "topics": {"orders": {"partitions": 6}, "customers": {}},
                "tenants": {"shop": {"namespace": "shop"}},
                "workers": {
                    "quick": {**worker, "scale": scale},
                    "from-zero": {**worker, "scale": {**scale, "min": 0}},
                    "of-two": {**worker, "reads": ["orders", "customers"], "scale": scale},
                    "fixed": worker,
                },
            }
        )
        listed = json.loads(found["ConfigMap kafka-exporter-surges"].inputs["data"]["surges.json"])
        assert [(each["namespace"], each["name"], each["max"]) for each in listed] == [("shop", "quick", 6)]
        triggers = {
            name: [each["type"] for each in found[f"ScaledObject {name}-scaler-scaled"].inputs["spec"]["triggers"]]
            for name in ("quick", "from-zero", "of-two")
        }
        assert triggers == {"quick": ["kafka", "metrics-api"], "from-zero": ["kafka"], "of-two": ["kafka", "kafka"]}
        let_in = found["NetworkPolicy kafka-exporter-network"].inputs["spec"]["ingress"]
        assert "scaling" in json.dumps(let_in), "KEDA may not read the rate"
