"""LatencyProbe: what it renders, the graph that it makes, what it refuses."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from kafka_platform import (
    KafkaConnection,
    LatencyProbe,
    LatencyProbeArgs,
    LatencyProbeResources,
    latency_probe_topic,
    latency_probe_user,
)
from kafka_platform.kube.pods import ports_of
from kafka_platform.probe.objects import (
    ProbeSettings,
    deployment,
    gate_job,
    network_policy,
    objects,
    service,
)
from kafka_platform.probe.spec import ProbeSpec
from kafka_platform_runtime.probe.settings import MOST_PROBES_A_SECOND, Settings

from tests.specs import taken
from tests.unit.components.graph import Registered, run, value

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)
URL = "http://gateway.streaming.svc"


def settings(**changes: Any) -> ProbeSettings:
    given: dict[str, Any] = {
        "name": "canary",
        "namespace": "streaming",
        "connection": CONNECTION,
        "image": "runtime:1",
        "topic": "latency-probe",
        "secret": "latency-probe-kafka",
    }
    return ProbeSettings(spec=taken(ProbeSpec, changes), **(given | changes))


def pod(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = deployment(settings(**changes))["spec"]["template"]["spec"]
    return spec


def container(**changes: Any) -> dict[str, Any]:
    only: dict[str, Any]
    [only] = pod(**changes)["containers"]
    return only


def variables(of: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "from a Secret") for each in of["env"]}


class TestPod:
    def test_one_that_never_holds_up_a_deployment(self) -> None:
        rendered = deployment(settings())
        assert rendered["spec"]["replicas"] == 1
        assert {each.role: each.awaited for each in objects(settings(gate=True))} == {
            "network": True,
            "service": False,
            "pod": False,
            "gate": True,
        }
        assert (
            rendered["spec"]["selector"]["matchLabels"].items()
            <= rendered["spec"]["template"]["metadata"]["labels"].items()
        )

    def test_it_has_no_rights(self) -> None:
        assert container()["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert pod()["securityContext"]["runAsNonRoot"] is True
        assert pod()["automountServiceAccountToken"] is False

    def test_the_program_takes_its_variables(self) -> None:
        told = Settings.from_environment(
            variables(container(gateway_url=URL, interval="250ms", lost_after="1m", topic="own"))
        )
        assert told == Settings(topic="own", gateway=URL, interval=0.25, lost_after=60.0, port=9404)

    def test_the_password_is_a_file(self) -> None:
        assert variables(container())["KAFKA_SASL_PASSWORD_FILE"] == "/etc/kafka-platform/credentials/password"
        assert container()["volumeMounts"] == [
            {"mountPath": "/etc/kafka-platform/credentials", "name": "credentials", "readOnly": True}
        ]
        items = [{"key": "password", "path": "password"}]
        assert pod(secret="own-kafka")["volumes"] == [
            {"name": "credentials", "secret": {"items": items, "secretName": "own-kafka"}}
        ]
        # Who it is, and nothing else, is in a variable.
        assert json.dumps(pod()).count("secretKeyRef") == 1

    def test_a_kafka_without_a_login(self) -> None:
        plain = replace(CONNECTION, security_protocol="PLAINTEXT", sasl_mechanism=None)
        assert pod(connection=plain)["volumes"] == []
        assert "KAFKA_SASL_USERNAME" not in variables(container(connection=plain))

    def test_authorities(self) -> None:
        changes: dict[str, Any] = {
            "connection": replace(CONNECTION, ca_secret="kafka-tls"),
            "gateway_url": "https://gateway.streaming.svc",
            "gateway_ca_secret": "data-ca",
        }
        secrets = {each["name"]: each["secret"]["secretName"] for each in pod(**changes)["volumes"]}
        assert secrets == {"credentials": "latency-probe-kafka", "gateway-ca": "data-ca", "ca": "kafka-tls"}
        told = variables(container(**changes))
        for name, volume in (("PROBE_GATEWAY_CA_FILE", "gateway-ca"), ("KAFKA_SSL_CA_FILE", "ca")):
            folder = told[name].removesuffix("/ca.crt")
            assert {"mountPath": folder, "name": volume, "readOnly": True} in container(**changes)["volumeMounts"]

    def test_resources(self) -> None:
        assert container()["resources"] == {
            "limits": {"memory": "192Mi"},
            "requests": {"cpu": "50m", "memory": "192Mi"},
        }
        assert container(resources=LatencyProbeResources(cpu_limit="1"))["resources"]["limits"]["cpu"] == "1"


class TestGate:
    def test_it_runs_once(self) -> None:
        job = gate_job(settings(gate_probes=5, gate_deadline="90s", gate_version="v2"))
        assert "name" not in job["metadata"]
        spec = job["spec"]
        [only] = spec["template"]["spec"]["containers"]
        assert only["command"] == ["python3", "-m", "kafka_platform_runtime.probe", "--once"]
        told = Settings.from_environment(variables(only))
        assert (told.count, told.deadline) == (5, 90)
        assert spec["activeDeadlineSeconds"] > told.deadline
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["template"]["metadata"]["annotations"]["kafka-platform/gate-version"] == "v2"
        assert spec["backoffLimit"] == 0
        assert "kafka-platform/gate-version" not in gate_job(settings())["spec"]["template"]["metadata"]["annotations"]

    def test_it_is_not_behind_the_service(self) -> None:
        labels = gate_job(settings())["spec"]["template"]["metadata"]["labels"]
        assert not service(settings())["spec"]["selector"].items() <= labels.items()


class TestNetwork:
    def test_metrics_are_read_while_it_is_not_ready(self) -> None:
        spec = service(settings())["spec"]
        assert spec["publishNotReadyAddresses"] is True
        assert spec["ports"] == [{"name": "metrics", "port": 9404, "protocol": "TCP", "targetPort": 9404}]

    def test_who_may_talk_with_whom(self) -> None:
        spec = network_policy(settings(metrics_namespaces=["monitoring"]), [], [])["spec"]
        assert "monitoring" in str(spec["ingress"][0]["from"])
        expression = spec["podSelector"]["matchExpressions"][0]
        for rendered in (deployment(settings()), gate_job(settings())):
            labels = rendered["spec"]["template"]["metadata"]["labels"]
            assert labels[expression["key"]] in expression["values"]
            assert spec["podSelector"]["matchLabels"].items() <= labels.items()

    @pytest.mark.parametrize(
        ("url", "ports"),
        [
            (URL, [80, 8080]),
            ("https://data.example.com", [443, 8080]),
            ("http://gateway:8443/", [8080, 8443]),
        ],
    )
    def test_ports(self, url: str, ports: list[int]) -> None:
        found = ports_of(url)
        assert [each["port"] for each in found] == ports


def make(**changes: Any) -> tuple[dict[str, Registered], LatencyProbe]:
    made: list[LatencyProbe] = []
    args = LatencyProbeArgs(connection=CONNECTION, **changes)
    found = run(lambda: made.append(LatencyProbe("canary", args)))
    return found, made[0]


CHILDREN = ["Deployment canary-pod", "LatencyProbe canary", "NetworkPolicy canary-network", "Service canary-service"]


class TestGraph:
    def test_children(self) -> None:
        found, made = make()
        assert sorted(found) == CHILDREN
        assert all("kafka-platform:index:LatencyProbe$" in each.urn for each in found.values() if each.name != "canary")
        assert value(made.metrics_url) == "http://canary.streaming.svc:9404/metrics"

    def test_with_a_gate_and_a_gateway(self) -> None:
        found, made = make(gate=True, gateway_url=URL, namespace="watch")
        assert sorted(found) == sorted([*CHILDREN, "Job canary-gate"])
        namespaces = {each.inputs["metadata"]["namespace"] for each in found.values() if "metadata" in each.inputs}
        assert namespaces == {"watch"}
        egress = found["NetworkPolicy canary-network"].inputs["spec"]["egress"]
        assert [[each["port"] for each in rule["ports"]] for rule in egress[2:]] == [[9092], [80, 8080]]
        assert value(made.metrics_url) == "http://canary.watch.svc:9404/metrics"


class TestInKafka:
    def test_its_user_may_write_and_read_its_topic_and_nothing_else(self) -> None:
        acls = latency_probe_user("own").all_acls()
        assert [(each.resource.value, each.name) for each in acls] == [("topic", "own")]
        assert [each.value for each in acls[0].operations] == ["DESCRIBE", "READ", "WRITE"]

    def test_its_records_are_kept_for_longer_than_the_program_remembers(self) -> None:
        from kafka_platform_runtime.probe.program import REMEMBERED_SECONDS

        kept = int(latency_probe_topic(3).kafka_config()["retention.ms"]) / 1000
        assert kept > 2 * REMEMBERED_SECONDS

    def test_program_and_component_agree_on_the_highest_rate(self) -> None:
        ProbeSpec().check_rate(int(MOST_PROBES_A_SECOND / 2), 2)
        Settings(topic="own", gateway=URL).check_rate(int(MOST_PROBES_A_SECOND / 2))
        with pytest.raises(ValueError, match="is more than 200 probes a second: use at least 1010ms"):
            ProbeSpec().check_rate(int(MOST_PROBES_A_SECOND / 2) + 1, 2)


def args(**changes: Any) -> LatencyProbeArgs:
    return LatencyProbeArgs(connection=CONNECTION, **changes)


MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: args(topic="__share_group_state"), "topic: '__share_group_state' is an internal topic"),
    (lambda: args(user="admin"), "user: 'admin' is a user of the platform itself"),
    (lambda: args(namespace="Own"), "namespace: 'Own' is not a Kubernetes namespace"),
    (lambda: args(gateway_url="gateway"), "gateway_url: 'gateway' is not a URL: write one such as http://"),
    (lambda: args(gateway_ca_secret="ca"), "gateway_ca_secret: there is no gateway: write gateway_url too"),
    (lambda: args(interval="1"), "interval: '1' is not a duration"),
    (lambda: args(interval="5ms"), "interval: '5ms' is too short: write a duration of at least 10ms, such as 1s"),
    (lambda: args(interval="20s"), "interval: 20s is more than half of lost_after (30s)"),
    (lambda: args(lost_after="10m"), "lost_after: '10m' is out of range: use 1s to 5m"),
    (lambda: args(gate_probes=0), "gate_probes: 0 is out of range: use 1 to 1000"),
    (lambda: args(gate_deadline="2d"), "gate_deadline: '2d' is out of range: use 1s to 1h"),
    (lambda: args(metrics_namespaces=["No"]), "metrics_namespaces: 'No' is not a Kubernetes namespace"),
    (lambda: LatencyProbeResources(memory="64Mi"), "memory: 64Mi is too little for a probe: use at least 128Mi"),
    (lambda: LatencyProbeResources(cpu="2", cpu_limit="1"), "cpu_limit: 1 is less than cpu (2)"),
    (lambda: run(lambda: LatencyProbe("1st", args())), "'1st' is not a Service's name: begin it with a letter"),
    (lambda: run(lambda: LatencyProbe("p" * 51, args())), "is too long for a probe's name: use up to 50 characters"),
]


@pytest.mark.parametrize(("misuse", "message"), MISUSES, ids=[message[:50] for _, message in MISUSES])
def test_misuse(misuse: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        misuse()
    assert "\n" not in str(raised.value)


def test_an_output_may_be_given_for_what_is_known_later() -> None:
    made: list[LatencyProbe] = []
    found = run(
        lambda: made.append(
            LatencyProbe("canary", LatencyProbeArgs(connection=CONNECTION, gateway_url=pulumi.Output.from_input(URL)))
        )
    )
    [only] = found["Deployment canary-pod"].inputs["spec"]["template"]["spec"]["containers"]
    assert {"name": "PROBE_GATEWAY_URL", "value": URL} in only["env"]
