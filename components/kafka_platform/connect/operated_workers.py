"""Workers of Kafka Connect that Strimzi's operator runs, for connectors or for a mirror: what both have in common. No Pulumi."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kafka_platform.connect.objects import MEMORY, REST_PORT, RULES, TERMINATION_SECONDS
from kafka_platform.connect.spec import ConnectResources
from kafka_platform.kafka.client_pods import kafka_ports
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    collectors,
    labels,
    metadata,
    network_policy_of,
    to_names,
)
from kafka_platform.kube.operated import STRIMZI_CLUSTER_LABEL, STRIMZI_KIND_LABEL, STRIMZI_OPERATOR
from kafka_platform.kube.pod_settings import PodSettings
from kafka_platform.kube.pods import METRICS_PORT, resources_of, spread_over
from kafka_platform.kube.strimzi_pods import pod_fields

if TYPE_CHECKING:
    from pulumi import Input

RESTARTS = 7
"""After which the operator leaves a failed connector alone. Its pauses grow from 2 minutes to 30, so that takes about an hour and a
half, in which most databases are back; the alert about a failed task does not wait for it."""
_VERBOSE = "org.apache.kafka.clients"
"""They log every setting of every client at each start."""


@dataclass(frozen=True, kw_only=True)
class OperatedWorkers:
    """The workers of one object."""

    kind: str
    """Of the object, such as `KafkaConnect`."""
    component: str
    """What they are a part of: a label, by which commands find them, whoever runs them."""
    name: str
    namespace: "Input[str]"

    @property
    def labels(self) -> dict[str, str]:
        """The labels that find their pods."""
        return {STRIMZI_CLUSTER_LABEL: self.name, STRIMZI_KIND_LABEL: self.kind}

    def metrics_rules(self) -> Manifest:
        """What they show of themselves and of what they run."""
        rules = (files("kafka_platform.connect") / RULES).read_text(encoding="utf-8")
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(f"{self.name}-config", self.namespace, labels(self.name, self.component)),
            "data": {RULES: rules},
        }

    def network_policy(
        self, connection: KafkaConnection, metrics_namespaces: Any, egress: Sequence[Manifest]
    ) -> Manifest:
        """They reach each other, Kafka and what `egress` says; the operator reaches them, and nobody else.

        Strimzi makes a policy of its own, which lets everybody read the metrics.
        """
        workers = {"podSelector": {"matchLabels": self.labels}}
        operator = {"namespaceSelector": {}, "podSelector": {"matchLabels": dict(STRIMZI_OPERATOR)}}
        return network_policy_of(
            metadata(self.name, self.namespace, labels(self.name, self.component)),
            pods={"matchLabels": self.labels},
            ingress=[
                {"from": [workers, operator], "ports": [allowed_port(REST_PORT)]},
                collectors(METRICS_PORT, metrics_namespaces),
            ],
            egress=[
                *to_names(),
                {"ports": kafka_ports(connection)},
                {"ports": [allowed_port(REST_PORT)], "to": [workers]},
                *egress,
            ],
        )

    def spec(self, image: Any, pods: int, resources: ConnectResources) -> Manifest:
        """Image, number and JVM of the workers, what they log and what they show."""
        return {
            "image": image,
            "jvmOptions": jvm_options(resources.memory),
            "logging": {
                "loggers": {
                    "logger.clients.level": "WARN",
                    "logger.clients.name": _VERBOSE,
                    "rootLogger.level": "INFO",
                },
                "type": "inline",
            },
            "metricsConfig": {
                "type": "jmxPrometheusExporter",
                "valueFrom": {"configMapKeyRef": {"key": RULES, "name": f"{self.name}-config"}},
            },
            "replicas": pods,
            "resources": resources_of(resources),
        }

    def pod(self, spread: Any, settings: PodSettings, annotations: dict[str, str], **more: Any) -> Manifest:
        """What their pods carry."""
        pod: Manifest = {
            "terminationGracePeriodSeconds": TERMINATION_SECONDS,
            "topologySpreadConstraints": spread_over(spread, self.labels),
            **more,
            **pod_fields(settings),
        }
        about = pod.get("metadata", {})
        known = {**about.get("labels", {}), "app.kubernetes.io/component": self.component}
        pod["metadata"] = {"annotations": {**about.get("annotations", {}), **annotations}, "labels": known}
        return dict(sorted(pod.items()))


def jvm_options(memory: str) -> Manifest:
    """Options of the JVM: every part of its memory has a bound, and together they fit into the pod."""
    heap, *bounds = MEMORY.options(memory)
    more = {}
    for each in bounds:
        name, _, value = each.removeprefix("-XX:").lstrip("+").partition("=")
        more[name] = value or "true"
    return {"-XX": dict(sorted(more.items())), "-Xmx": heap.removeprefix("-Xmx")}


def login_of(mechanism: "Input[str]", username: str, secret: "Input[str]") -> Manifest:
    """How a client of theirs logs in: by the password in a Secret."""
    found: Any = {
        "passwordSecret": {"password": "password", "secretName": secret},
        "type": derived(lambda word: word.lower(), mechanism),
        "username": username,
    }
    return found  # type: ignore[no-any-return]


def trusting(secret: "Input[str]") -> Manifest:
    """The authority whose certificate a client of theirs expects."""
    return {"trustedCertificates": [{"certificate": "ca.crt", "secretName": secret}]}
