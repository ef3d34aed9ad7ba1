"""The Kubernetes objects of a latency probe: one pure function renders each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    kafka_ports,
    login_files,
    login_values,
    login_volume,
)
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    collectors,
    labels,
    metadata,
    network_policy_of,
    selector,
    service_of,
    service_port,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import (
    METRICS_PORT,
    configured,
    container_security,
    http_check,
    pod_spec,
    ports_of,
    resources_of,
    run_once,
    secret_volume,
)
from kafka_platform.probe.spec import ProbeSpec
from kafka_platform.values.units import seconds

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "latency-probe"
GATE = "latency-gate"
VERSION_ANNOTATION = "kafka-platform/gate-version"

# What the gate's deadline does not count: pulling the image, and ending.
_START_SECONDS = 180
# The program flushes for 5 s and closes its connections.
_TERMINATION_SECONDS = 20

_CREDENTIALS = "/etc/kafka-platform/credentials"
_GATEWAY_CA = "/etc/kafka-platform/gateway-ca"


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Inputs of the objects of a probe."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    topic: str
    secret: "Input[str]"
    """Name of the Secret with the probe's login."""
    gateway_url: "Input[str] | None" = None
    gateway_ca_secret: "Input[str] | None" = None
    gate_version: str = ""
    spec: ProbeSpec = field(default_factory=ProbeSpec)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pod."""
        return selector(self.name, COMPONENT)


def objects(settings: ProbeSettings) -> list[Object]:
    """The probe's objects, in the order in which they are needed."""
    url = settings.gateway_url
    through = None if url is None else derived(ports_of, url)
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection), through))
    found = [
        policy,
        Object(role="service", manifest=service(settings), awaited=False),
        # It is ready while all paths are well. It observes, and never holds up a deployment: the gate does.
        Object(role="pod", manifest=deployment(settings), after=[policy], awaited=False),
    ]
    if settings.spec.gate:
        found.append(Object(role="gate", manifest=gate_job(settings), after=[policy], runs_again=True))
    return found


def deployment(settings: ProbeSettings) -> Manifest:
    """The pod that sends probes all the time."""
    container = _container(settings) | {
        "livenessProbe": http_check("/healthz", METRICS_PORT, failures=3, period_seconds=20),
        "ports": [{"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME}],
        "readinessProbe": http_check("/readyz", METRICS_PORT, failures=1, period_seconds=5),
        "startupProbe": http_check("/healthz", METRICS_PORT, failures=60, period_seconds=2),
        # A variable that the program refuses is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": settings.own},
            "template": configured(
                {"metadata": {"labels": labels(settings.name, COMPONENT)}, "spec": _pod(settings, container)},
                settings.spec.pod_settings,
            ),
        },
    }


def service(settings: ProbeSettings) -> Manifest:
    """A Service for scrapers, also while the probe is not ready."""
    return service_of(
        metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        [service_port(METRICS_PORT_NAME, METRICS_PORT)],
        settings.own,
        unready=True,
    )


def gate_job(settings: ProbeSettings) -> Manifest:
    """Sends a fixed number of probes, and fails unless all of them come; another version makes another Job."""
    own = labels(settings.name, GATE)
    deadline = math.ceil(seconds(settings.spec.gate_deadline))
    container = _container(
        settings, "--once", PROBE_COUNT=str(settings.spec.gate_probes), PROBE_DEADLINE_SECONDS=str(deadline)
    )
    template: Manifest = {"labels": own}
    if settings.gate_version:
        template["annotations"] = {VERSION_ANNOTATION: settings.gate_version}
    return run_once(
        {"metadata": template, "spec": _pod(settings, container)},
        settings.spec.pod_settings,
        namespace=settings.namespace,
        own=own,
        deadline_seconds=deadline + _START_SECONDS,
    )


def network_policy(
    settings: ProbeSettings,
    kafka_ports: "Input[Sequence[Manifest]]",
    gateway_ports: "Input[Sequence[Manifest]] | None",
) -> Manifest:
    """Whoever collects metrics reaches the pod; it and the gate reach Kafka and the gateway, where there is one."""
    both = {"key": "app.kubernetes.io/component", "operator": "In", "values": sorted([COMPONENT, GATE])}
    instance = {key: value for key, value in settings.own.items() if key != both["key"]}
    egress: list[Manifest] = [*to_names(), {"ports": kafka_ports}]
    if gateway_ports is not None:
        egress.append({"ports": gateway_ports})
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchExpressions": [both], "matchLabels": instance},
        ingress=[collectors(METRICS_PORT, settings.spec.metrics_namespaces)],
        egress=egress,
    )


def _pod(settings: ProbeSettings, container: Manifest) -> Manifest:
    return pod_spec([container], _volumes(settings), terminationGracePeriodSeconds=_TERMINATION_SECONDS)


def _container(settings: ProbeSettings, *arguments: str, **more: str) -> Manifest:
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.probe", *arguments],
        "env": _environment(settings, more),
        "image": settings.image,
        "name": "probe",
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        "volumeMounts": _mounts(settings),
    }


def _environment(settings: ProbeSettings, more: dict[str, str]) -> list[Manifest]:
    variables = {
        "PROBE_INTERVAL_SECONDS": str(seconds(settings.spec.interval)),
        "PROBE_LOST_AFTER_SECONDS": str(seconds(settings.spec.lost_after)),
        "PROBE_PORT": str(METRICS_PORT),
        "PROBE_TOPIC": settings.topic,
        **login_files(settings.connection, _CREDENTIALS),
        **more,
    }
    if settings.gateway_ca_secret is not None:
        variables["PROBE_GATEWAY_CA_FILE"] = f"{_GATEWAY_CA}/ca.crt"
    rendered = connection_environment(settings.connection, variables)
    rendered += login_values(settings.connection, settings.secret)
    if settings.gateway_url is not None:
        rendered.append({"name": "PROBE_GATEWAY_URL", "value": settings.gateway_url})
    return rendered


def _mounts(settings: ProbeSettings) -> list[Manifest]:
    mounts: list[Manifest] = []
    if settings.connection.logs_in:
        mounts.append({"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True})
    if settings.gateway_ca_secret is not None:
        mounts.append({"mountPath": _GATEWAY_CA, "name": "gateway-ca", "readOnly": True})
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: ProbeSettings) -> list[Manifest]:
    volumes: list[Manifest] = []
    if settings.connection.logs_in:
        volumes.append(login_volume(settings.connection, settings.secret))
    if settings.gateway_ca_secret is not None:
        volumes.append(secret_volume("gateway-ca", settings.gateway_ca_secret, "ca.crt"))
    return [*volumes, *ca_volumes(settings.connection)]
