"""The composition of one environment, from its settings to what it exports."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.kube.marks import ADOPTED, MARK
from kafka_platform.testing import CLUSTER_ID

from infra.check import ROOT
from infra.platform import Platform
from infra.settings.parsing import parse
from tests.unit.components.graph import run, value

KUBECONFIG = {"KUBECONFIG": "/home/somebody/.kube/config"}
EMBEDDED: dict[str, Any] = {
    "namespace": "streaming",
    "kafka": {"engine": "embedded", "nodes": 3},
    "topics": {"orders": {"partitions": 24}},
    "tenants": {
        "payments": {"namespace": "payments", "createNamespace": True, "users": {"api": {"writes": ["orders"]}}}
    },
}
EXTERNAL: dict[str, Any] = {"kafka": {"engine": "external", "bootstrapServers": "kafka.example.com:9093"}}


def build(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The registered resources, and the exported values."""
    made: list[Platform] = []
    found = run(lambda: made.append(Platform(parse(settings), KUBECONFIG)))
    return found, {name: value(each) for name, each in made[0].outputs().items()}


def test_an_embedded_platform() -> None:
    found, exported = build(EMBEDDED)
    assert {"KafkaCluster kafka", "KafkaResources kafka", "Namespace namespace-streaming"} <= found.keys()
    assert found["Secret kafka-api-kafka"].inputs["metadata"]["namespace"] == "payments"
    assert exported == {
        "namespace": "streaming",
        "bootstrapServers": "kafka.streaming.svc:9092",
        "securityProtocol": "SASL_PLAINTEXT",
        "clusterId": "A" * 22,
        "userSecrets": {"api": "payments/api-kafka"},
    }


def test_a_gateway() -> None:
    found, exported = build({**EMBEDDED, "gateway": {"pods": {"min": 3}, "expose": {"nodePort": 30080}}})
    assert {name: value(each) for name, each in exported["gateway"].items()} == {
        "url": "http://gateway.streaming.svc",
        "service": "gateway",
    }
    assert found["StatefulSet gateway-pods"].inputs["spec"]["replicas"] == 3
    assert found["Service gateway-external"].inputs["spec"]["ports"][0]["nodePort"] == 30080
    assert found["ConfigMap gateway-config"].inputs["metadata"]["namespace"] == "streaming"


def test_a_keda_of_the_cluster_may_measure_lag() -> None:
    found, _ = build({**EMBEDDED, "keda": {"namespace": "scaling"}})
    assert "KedaOperator keda" not in found
    assert "scaling" in str(found["NetworkPolicy kafka-network"].inputs["spec"]["ingress"])
    assert "keda" not in str(build(EMBEDDED)[0]["NetworkPolicy kafka-network"].inputs)


def test_a_keda_of_the_stack() -> None:
    found, _ = build({**EMBEDDED, "keda": {"install": True, "replicas": 1, "values": {"logging": {"a": 1}}}})
    assert found["Chart keda-chart"].inputs["values"]["logging"] == {"a": 1}
    assert found["Chart keda-chart"].inputs["values"]["operator"] == {"replicaCount": 1}
    assert found["Namespace keda-namespace"].inputs["metadata"]["name"] == "keda"


STACK_NAMES = {
    "strimzi": "strimzi",
    "drainCleaner": "drain-cleaner",
    "certManager": "cert-manager",
    "prometheus": "prometheus",
    "keda": "keda",
}


def test_every_operator_can_come_from_a_registry_of_ones_own() -> None:
    raw: dict[str, Any] = {**STRIMZI, "kafka": {**STRIMZI["kafka"], "drainCleaner": True}}
    for key in STACK_NAMES:
        raw[key] = {"install": True, "source": {"chart": f"oci://registry.example.com/{key}", "chartVersion": "9.9.9"}}
        if key != "drainCleaner":
            raw[key]["source"]["definitions"] = f"https://files.example.com/{key}.yaml"
    found, _ = build(raw)
    for key, name in STACK_NAMES.items():
        chart = found[f"Chart {name}-chart"].inputs
        assert (chart["chart"], chart["version"]) == (f"oci://registry.example.com/{key}", "9.9.9")
        assert "repositoryOpts" not in chart
        definitions = found.get(f"ConfigFile {name}-definitions")
        assert (definitions is None) == (key == "drainCleaner")
        assert definitions is None or definitions.inputs["file"] == f"https://files.example.com/{key}.yaml"


def test_files_of_an_operator_are_named_as_the_stack_file_sees_them(tmp_path: Path) -> None:
    (tmp_path / "keda").mkdir()
    (tmp_path / "keda" / "Chart.yaml").write_text("name: keda")
    (tmp_path / "crds.yaml").write_text("")
    source = {"chart": "./keda", "definitions": "crds.yaml"}
    settings = parse({**EMBEDDED, "keda": {"install": True, "source": source}}, tmp_path)
    found = run(lambda: Platform(settings, KUBECONFIG) and None)
    # The plugin, which reads them, runs in the folder of Pulumi.yaml.
    assert (ROOT / found["Chart keda-chart"].inputs["chart"]).samefile(tmp_path / "keda")
    assert (ROOT / found["ConfigFile keda-definitions"].inputs["file"]).samefile(tmp_path / "crds.yaml")
    assert "version" not in found["Chart keda-chart"].inputs


def test_a_probe() -> None:
    found, exported = build({**EMBEDDED, "gateway": {}, "probe": {"gate": True}})
    assert value(exported["probe"]["metricsUrl"]) == "http://latency-probe.streaming.svc:9404/metrics"
    declared = found["ConfigMap kafka-declarations"].inputs["data"]
    assert json.loads(declared["topic.latency-probe"]) == {
        "partitions": 3,
        "replicas": 3,
        "config": {"retention.ms": "3600000", "segment.ms": "600000"},
    }
    [allowed] = json.loads(declared["user.latency-probe"])["acls"]
    assert (allowed["name"], allowed["operations"]) == ("latency-probe", ["DESCRIBE", "READ", "WRITE"])
    assert found["Secret kafka-latency-probe-kafka"].inputs["metadata"]["namespace"] == "streaming"
    [container] = found["Deployment latency-probe-pod"].inputs["spec"]["template"]["spec"]["containers"]
    assert {"name": "PROBE_GATEWAY_URL", "value": "http://gateway.streaming.svc"} in container["env"]


def test_the_gate_runs_again_when_what_records_pass_has_changed() -> None:
    def version(settings: dict[str, Any]) -> str:
        found, _ = build({**settings, "probe": {"gate": True}})
        template = found["Job latency-probe-gate"].inputs["spec"]["template"]["metadata"]
        return str(template["annotations"]["kafka-platform/gate-version"])

    same = version(EMBEDDED)
    assert same == version({**EMBEDDED, "topics": {"orders": {"partitions": 48}}})
    assert same != version({**EMBEDDED, "kafka": {**EMBEDDED["kafka"], "resources": {"memory": "2Gi"}}})
    assert same != version({**EMBEDDED, "gateway": {}})


def test_a_probe_without_the_gateway() -> None:
    found, _ = build({**EMBEDDED, "gateway": {}, "probe": {"gateway": False, "partitions": 6}})
    assert "PROBE_GATEWAY_URL" not in str(found["Deployment latency-probe-pod"].inputs)
    assert '"partitions":6' in found["ConfigMap kafka-declarations"].inputs["data"]["topic.latency-probe"]
    assert "Job latency-probe-gate" not in found


def test_everything_that_talks_with_an_external_kafka_reaches_all_of_its_brokers() -> None:
    kafka = {**EXTERNAL["kafka"], "brokerPorts": [9094], "adminSecret": "admin"}
    worker = {"image": "ghcr.io/acme/fraud:1", "reads": ["orders"], "tenant": "fraud-team"}
    found, _ = build(
        {
            **EXTERNAL,
            "kafka": kafka,
            "topics": {"orders": {}},
            "gateway": {"bearer": True},
            "probe": {},
            "workers": {"fraud": worker},
            "tenants": {"fraud-team": {"users": {}}},
        }
    )
    policies = {
        name: each.inputs["spec"]["egress"] for name, each in found.items() if name.startswith("NetworkPolicy ")
    }
    assert policies.keys() >= {
        f"NetworkPolicy {name}-network" for name in ("gateway", "latency-probe", "kafka-provisioner", "fraud")
    }
    for name, egress in policies.items():
        assert [each["port"] for each in egress[2]["ports"]] == [9093, 9094], name


STRIMZI: dict[str, Any] = {
    "kafka": {
        "engine": "strimzi",
        "protect": True,
        "pools": {
            "controllers": {"roles": ["controller"], "nodes": 3, "storage": "20Gi"},
            "brokers": {"roles": ["broker"], "nodes": 3, "storage": "1Ti"},
        },
        "listeners": {
            "internal": {"certificates": True},
            "external": {"expose": "loadBalancer", "host": "broker-{nodeId}.kafka.example.com", "auth": "mtls"},
        },
    },
    "topics": {"orders": {"partitions": 24}},
    "tenants": {
        "payments": {"namespace": "payments", "users": {"api": {"writes": ["orders"]}, "dwh": {"auth": "mtls"}}}
    },
    "gateway": {},
}


def test_a_platform_with_strimzi() -> None:
    found, exported = build(STRIMZI)
    assert {"Kafka kafka-kafka", "KafkaNodePool kafka-pool-brokers", "KafkaTopic kafka-topic-orders"} <= found.keys()
    assert not [each for each in found if each.startswith("Job")]
    gateway = exported.pop("gateway")
    assert exported == {
        "namespace": "streaming",
        "bootstrapServers": "kafka-kafka-bootstrap.streaming.svc:9092",
        "securityProtocol": "SASL_SSL",
        "externalBootstrapServers": "broker-bootstrap.kafka.example.com:9094",
        "certificateBootstrapServers": "kafka-kafka-bootstrap.streaming.svc:9093",
        "clusterId": CLUSTER_ID,
        "userSecrets": {"api": "payments/api-kafka", "dwh": "payments/dwh-kafka"},
    }
    assert value(gateway["service"]) == "gateway"
    # It trusts the authority that Strimzi made.
    pod = found["StatefulSet gateway-pods"].inputs["spec"]["template"]["spec"]
    assert "kafka-cluster-ca-cert" in str(pod["volumes"])
    assert "payments" in str(found["Kafka kafka-kafka"].inputs["spec"]["kafka"]["listeners"])


def test_workers_and_the_probe_trust_the_authority_of_strimzi() -> None:
    worker = {
        "image": "registry.example.com/fraud:1.0",
        "tenant": "payments",
        "reads": ["orders"],
        "scale": {"recordsPerSecondPerPod": 400, "acceptableDelay": "10s", "max": 6},
    }
    found, _ = build({**STRIMZI, "keda": {}, "probe": {}, "workers": {"fraud": worker}})
    assert {"KafkaUser kafka-user-fraud", "KafkaUser kafka-user-latency-probe"} <= found.keys()
    # KEDA and the worker are in the tenant's namespace, where the authority comes with the user's credentials.
    login = found["TriggerAuthentication fraud-scaler-login"].inputs
    assert login["metadata"]["namespace"] == "payments"
    assert {"key": "ca.crt", "name": "fraud-scaler-kafka", "parameter": "ca"} in login["spec"]["secretTargetRef"]
    assert "ca.crt" in found["Secret kafka-fraud-kafka"].inputs["data"]["value"]


def test_what_is_protected() -> None:
    found, _ = build(STRIMZI)
    protected = {name for name, each in found.items() if each.protected}
    assert {"Kafka kafka-kafka", "KafkaNodePool kafka-pool-brokers"} <= protected
    assert not [name for name in protected if name.startswith(("KafkaUser", "StatefulSet"))]


def test_no_secret_is_exported() -> None:
    _, exported = build(EMBEDDED)
    assert "password" not in str(exported)


def test_the_tenants_may_connect() -> None:
    found, _ = build(EMBEDDED)
    rules = found["NetworkPolicy kafka-network"].inputs["spec"]["ingress"]
    assert "payments" in str(rules)


def test_config_maps_and_secrets_change_in_place() -> None:
    found, _ = build(EMBEDDED)
    provider = found["kubernetes kubernetes"].inputs
    assert str(provider["enableConfigMapMutable"]).lower() == "true"
    assert str(provider["enableSecretMutable"]).lower() == "true"


def test_an_interrupted_deployment_can_be_continued() -> None:
    found, _ = build(EMBEDDED)
    assert str(found["kubernetes kubernetes"].inputs["upsertExistingObjects"]).lower() == "true"


def test_an_external_platform_without_an_administrator_is_a_connection_only() -> None:
    found, exported = build(EXTERNAL)
    assert not [each for each in found if each.startswith(("StatefulSet", "Job", "KafkaResources"))]
    assert exported == {
        "namespace": "streaming",
        "bootstrapServers": "kafka.example.com:9093",
        "securityProtocol": "SASL_SSL",
    }


def test_an_external_platform_with_an_administrator_has_topics() -> None:
    external = {"kafka": {**EXTERNAL["kafka"], "adminSecret": "msk"}, "topics": {"orders": {}}}
    found, _ = build(external)
    assert found["ConfigMap kafka-declarations"].inputs["data"] == {"topic.orders": '{"partitions":1}'}


def test_nobody_deploys_to_whichever_cluster_is_current() -> None:
    with pytest.raises(ValueError, match=re.escape("kubernetes.context: missing, and KUBECONFIG is not set")):
        run(lambda: Platform(parse(EMBEDDED), {}))
    run(lambda: Platform(parse({**EMBEDDED, "kubernetes": {"context": "kind-dev"}}), {}))


WORKERS: dict[str, Any] = {
    **EMBEDDED,
    "topics": {"orders": {"partitions": 24}, "alerts": {}},
    "keda": None,
    "workers": {
        "fraud-check": {
            "image": "ghcr.io/acme/fraud-check:1.8.2",
            "tenant": "payments",
            "reads": ["orders"],
            "writes": ["alerts"],
            "scale": {"recordsPerSecondPerPod": 400, "acceptableDelay": "10s"},
        },
        "reports": {"image": "reports:1", "tenant": "payments", "reads": ["orders"], "replicas": 2},
    },
}


class TestWorkers:
    def test_all_users_are_made_by_one_job(self) -> None:
        found, exported = build(WORKERS)
        assert [each for each in found if each.startswith("Job ")] == ["Job kafka-provision"]
        declared = found["ConfigMap kafka-declarations"].inputs["data"]
        users = {"user.api", "user.fraud-check", "user.fraud-check-scaler", "user.reports"}
        assert {each for each in declared if each.startswith("user.")} == users
        assert exported["userSecrets"]["fraud-check-scaler"] == "payments/fraud-check-scaler-kafka"

    def test_they_run_in_their_tenants_namespace(self) -> None:
        found, exported = build(WORKERS)
        assert found["Deployment fraud-check-pods"].inputs["metadata"]["namespace"] == "payments"
        assert found["ScaledObject fraud-check-scaler-scaled"].inputs["metadata"]["namespace"] == "payments"
        assert found["Deployment reports-pods"].inputs["spec"]["replicas"] == 2
        assert {key: value(each) for key, each in exported["workers"]["fraud-check"].items()} == {
            "namespace": "payments",
            "deployment": "fraud-check",
            "user": "fraud-check",
            "group": "fraud-check",
        }

    def test_as_many_pods_as_partitions(self) -> None:
        found, _ = build(WORKERS)
        assert found["ScaledObject fraud-check-scaler-scaled"].inputs["spec"]["maxReplicaCount"] == 24

    def test_the_quotas_of_the_tenant_hold(self) -> None:
        quotas = {
            **WORKERS,
            "tenants": {"payments": {**EMBEDDED["tenants"]["payments"], "quotas": {"consume": "1MB/s"}}},
        }
        found, _ = build(quotas)
        declared = found["ConfigMap kafka-declarations"].inputs["data"]
        assert '"consumer_byte_rate":1000000' in declared["user.fraud-check"]
        assert "consumer_byte_rate" not in declared["user.fraud-check-scaler"]

    def test_a_user_of_the_file(self) -> None:
        tenants = {"payments": {"namespace": "payments", "users": {"api": {"reads": ["orders"], "groups": ["team-*"]}}}}
        worker = {"image": "a:1", "tenant": "payments", "reads": ["orders"], "user": "api", "group": "team-a"}
        found, _ = build({**WORKERS, "tenants": tenants, "workers": {"reports": worker}})
        declared = found["ConfigMap kafka-declarations"].inputs["data"]
        assert {each for each in declared if each.startswith("user.")} == {"user.api"}
        assert {"name": "credentials", "secret": {"secretName": "api-kafka"}} in found[
            "Deployment reports-pods"
        ].inputs["spec"]["template"]["spec"]["volumes"]


class TestWhoseItIs:
    @pytest.mark.parametrize("settings", [EMBEDDED, STRIMZI, WORKERS], ids=["embedded", "strimzi", "workers"])
    def test_every_object_has_the_mark_of_its_stack(self, settings: dict[str, Any]) -> None:
        everything = {**settings, "gateway": {}, "probe": {"gate": True}, "prometheus": {"namespace": "monitoring"}}
        found, _ = build(everything)
        objects = {name: each.inputs for name, each in found.items() if each.inputs.get("apiVersion")}
        assert len(objects) > 20
        marks = {name: each["metadata"]["annotations"].get(MARK) for name, each in objects.items()}
        assert set(marks.values()) == {"organization/project/stack"}, marks

    def test_a_namespace_that_is_adopted_is_kept(self) -> None:
        found, _ = build({**EMBEDDED, "adopt": ["Namespace/payments"]})
        assert found["Namespace namespace-payments"].retained
        assert found["Namespace namespace-payments"].inputs["metadata"]["annotations"][ADOPTED] == "true"
        assert not build(EMBEDDED)[0]["Namespace namespace-payments"].retained

    def test_no_pod_is_restarted_for_the_mark(self) -> None:
        found, _ = build({**WORKERS, "gateway": {}, "probe": {}})
        templates = [
            each.inputs["spec"]["template"] for each in found.values() if "template" in (each.inputs.get("spec") or {})
        ]
        assert len(templates) >= 5
        assert MARK not in str(templates)
