"""The Kubernetes objects of an HTTP gateway: one pure function renders each."""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kafka_platform.gateway.settings import COMPONENT, GatewaySettings
from kafka_platform.gateway.spec import HttpGatewayLimits, HttpGatewayTls
from kafka_platform.gateway.ways_in import ways_in
from kafka_platform.kafka import registry
from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    kafka_ports,
    login_files,
    login_volume,
    token_extensions,
)
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    callers,
    collectors,
    disruption_budget_of,
    labels,
    metadata,
    network_policy_of,
    service_of,
    service_port,
    text_hash,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    HTTP_PORT,
    METRICS_PORT,
    configured,
    container_security,
    pod_spec,
    prefer_other_machines,
    resources_of,
    secret_volume,
    spread_over,
)
from kafka_platform.values.names import object_user
from kafka_platform.values.units import seconds

if TYPE_CHECKING:
    from pulumi import Input

REQUESTS_IN_FLIGHT = "gateway_requests_in_flight"
"""The metric by which pods are added, if asked for."""

# After draining, every request has its time to be answered, and what is written its time to be flushed.
_FLUSH_SECONDS = 10
# A removed pod takes its consumer instances and streams with it, so pods are removed one at a time, and not for a short
# lull.
_SCALE_DOWN_SECONDS = 300
_SCALE_DOWN_PERIOD_SECONDS = 60

_CONFIG = "/etc/kafka-platform/config"
_TLS = "/etc/kafka-platform/tls"
_CLIENT_AUTHORITY = "/etc/kafka-platform/client-authority"
_USERS = "/etc/kafka-platform/users"
_ANONYMOUS = "/etc/kafka-platform/anonymous"


def objects(settings: GatewaySettings) -> list[Object]:
    """The gateway's objects, in the order in which they are needed."""
    url = None if settings.registry is None else settings.registry.url
    content = derived(lambda namespace, url: gateway_json(settings, namespace, url), settings.namespace, url)
    config = Object(role="config", manifest=config_map(settings, content))
    # The StatefulSet needs this Service first; waiting for its pods here would never end.
    peers = Object(role="pods", manifest=pods_service(settings), awaited=False)
    policy = Object(role="network", manifest=network_policy(settings, kafka_ports(settings.connection)))
    scales = settings.spec.pods.scales
    pods = Object(
        role="pods",
        manifest=stateful_set(settings, derived(text_hash, content)),
        after=[config, peers, policy],
        # A fixed number is taken back from the autoscaler that there was before.
        forced=not scales,
        # The autoscaler's, from the first time that it decides on.
        ignored=["spec.replicas"] if scales else [],
    )
    entry = Object(role="service", manifest=service(settings))
    found = [
        config,
        peers,
        policy,
        Object(role="disruption", manifest=pod_disruption_budget(settings)),
        pods,
        entry,
        *ways_in(settings, entry),
    ]
    if scales:
        found.append(Object(role="autoscaler", manifest=autoscaler(settings), after=[pods]))
    return found


def gateway_json(settings: GatewaySettings, namespace: str, registry_url: str | None = None) -> str:
    """The program's settings."""
    content: dict[str, Any] = {
        "port": HTTP_PORT,
        "metricsPort": METRICS_PORT,
        "tls": None,
        "bearer": settings.spec.bearer,
        "anonymous": None,
        "recheckSeconds": seconds(settings.spec.recheck),
        "limits": settings.spec.limits.settings(settings.spec.resources.memory),
        "cors": list(settings.spec.cors),
        "peers": f"{settings.name}-pods.{namespace}.svc",
    }
    if settings.spec.trusted_proxies:
        content["trustedProxies"] = list(settings.spec.trusted_proxies)
    if settings.spec.tls is not None:
        content["tls"] = {
            "certificate": f"{_TLS}/tls.crt",
            "key": f"{_TLS}/tls.key",
            "clientAuthority": f"{_CLIENT_AUTHORITY}/ca.crt" if settings.spec.tls.client_authority else None,
        }
        if settings.spec.tls.users:
            content["tls"]["users"] = {
                user: f"{_USERS}/{object_user(user)}" for user in sorted(settings.spec.tls.users)
            }
    if settings.spec.anonymous is not None and not settings.connection.client_certificates:
        content["anonymous"] = {"username": settings.spec.anonymous, "passwordFile": f"{_ANONYMOUS}/password"}
    if settings.registry is not None:
        content["registry"] = {
            "url": registry_url,
            "login": None if settings.registry.secret is None else registry.LOGIN,
            "caFile": None if settings.registry.ca_secret is None else registry.CA_FILE,
            "enforced": sorted(settings.spec.enforced_topics),
        }
    return json.dumps(content, indent=2) + "\n"


def config_map(settings: GatewaySettings, content: "Input[str]") -> Manifest:
    """The file that the program starts from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {"gateway.json": content},
    }


def service(settings: GatewaySettings) -> Manifest:
    """The Service for callers inside Kubernetes, and the backend of routes and Ingresses."""
    return service_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        [service_port(settings.scheme, settings.port, HTTP_PORT)],
        settings.own,
    )


def pods_service(settings: GatewaySettings) -> Manifest:
    """Gives each pod its name: a request that belongs to another pod is forwarded there."""
    return service_of(
        metadata(
            f"{settings.name}-pods",
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        [service_port(settings.scheme, HTTP_PORT), service_port(METRICS_PORT_NAME, METRICS_PORT)],
        settings.own,
        headless=True,
        # A pod that is about to end, or cannot reach Kafka for a moment, still has its consumer instances.
        unready=True,
    )


def pod_disruption_budget(settings: GatewaySettings) -> Manifest:
    """One pod at a time may be drained."""
    return disruption_budget_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)), settings.own
    )


def network_policy(settings: GatewaySettings, kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """Callers and peers may connect to the program, scrapers to its metrics, and the program to Kafka."""
    peers = {"podSelector": {"matchLabels": settings.own}}
    return network_policy_of(
        metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": settings.own},
        ingress=[
            callers([HTTP_PORT], settings.spec.client_namespaces),
            collectors(METRICS_PORT, settings.spec.metrics_namespaces),
        ],
        egress=[
            *to_names(),
            {"ports": kafka_ports},
            {"ports": [allowed_port(HTTP_PORT)], "to": [peers]},
            *([] if settings.registry is None else [registry.egress(settings.registry)]),
        ],
    )


def autoscaler(settings: GatewaySettings) -> Manifest:
    """Decides on the number of pods."""
    pods = settings.spec.pods
    cpu = {"name": "cpu", "target": {"averageUtilization": pods.cpu_percent, "type": "Utilization"}}
    metrics: list[Manifest] = [{"resource": cpu, "type": "Resource"}]
    if pods.requests_in_flight is not None:
        target = {"averageValue": str(pods.requests_in_flight), "type": "AverageValue"}
        metrics.append({"pods": {"metric": {"name": REQUESTS_IN_FLIGHT}, "target": target}, "type": "Pods"})
    one = {"periodSeconds": _SCALE_DOWN_PERIOD_SECONDS, "type": "Pods", "value": 1}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {
            "behavior": {"scaleDown": {"policies": [one], "stabilizationWindowSeconds": _SCALE_DOWN_SECONDS}},
            "maxReplicas": pods.max,
            "metrics": metrics,
            "minReplicas": pods.min,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": settings.name},
        },
    }


def stateful_set(settings: GatewaySettings, config_hash: "Input[str]") -> Manifest:
    """The pods. None of them keeps anything; the set gives them names by which they find each other."""
    spec = {
        "podManagementPolicy": "Parallel",
        # Where an autoscaler decides, what is begun with: without it the API server begins with one pod, and goes back
        # to one when a fixed number is taken away, until the autoscaler has looked.
        "replicas": settings.spec.pods.min,
        "selector": {"matchLabels": settings.own},
        "serviceName": f"{settings.name}-pods",
        "template": configured(_template(settings, config_hash), settings.spec.pod_settings),
        "updateStrategy": {"type": "RollingUpdate"},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        "spec": spec,
    }


def _template(settings: GatewaySettings, config_hash: "Input[str]") -> Manifest:
    return {
        "metadata": {
            "annotations": {CONFIG_ANNOTATION: config_hash},
            "labels": labels(settings.name, COMPONENT),
        },
        "spec": pod_spec(
            [_container(settings)],
            _volumes(settings),
            affinity=prefer_other_machines(settings.own),
            terminationGracePeriodSeconds=termination_seconds(settings.spec.limits),
            topologySpreadConstraints=spread_over(settings.spread, settings.own),
        ),
    }


def termination_seconds(limits: HttpGatewayLimits) -> int:
    """How long a pod may take to end: it drains, answers what it accepted and flushes what it wrote."""
    return math.ceil(seconds(limits.drain) + seconds(limits.timeout)) + _FLUSH_SECONDS


def _container(settings: GatewaySettings) -> Manifest:
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    healthy = _probe(settings, "/healthz")
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.gateway"],
        "env": [
            *connection_environment(
                settings.connection, {"GATEWAY_SETTINGS": f"{_CONFIG}/gateway.json"} | _shown(settings)
            ),
            *token_extensions(settings.connection),
            pod_name,
        ],
        "image": settings.image,
        "livenessProbe": {**healthy, "failureThreshold": 3, "periodSeconds": 10},
        "name": "gateway",
        "ports": [
            {"containerPort": HTTP_PORT, "name": settings.scheme},
            {"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME},
        ],
        "readinessProbe": {**_probe(settings, "/readyz"), "failureThreshold": 3, "periodSeconds": 5},
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        "startupProbe": {**healthy, "failureThreshold": 60, "periodSeconds": 1},
        # A setting that the program refuses is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }


def _shown(settings: GatewaySettings) -> dict[str, str]:
    """The certificate that the gateway shows to Kafka for all callers, if it takes nothing else."""
    return login_files(settings.connection, _ANONYMOUS) if settings.connection.client_certificates else {}


def _probe(settings: GatewaySettings, path: str) -> Manifest:
    request: Manifest = {"path": path, "port": HTTP_PORT}
    if settings.spec.tls is not None:
        request["scheme"] = "HTTPS"
        if settings.spec.tls.client_authority is not None:
            # The kubelet has no certificate to show.
            request = {"path": path, "port": METRICS_PORT}
    return {"httpGet": request, "timeoutSeconds": 5}


def _mounts(settings: GatewaySettings) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"mountPath": _CONFIG, "name": "config", "readOnly": True},
        {"mountPath": "/tmp", "name": "tmp"},  # noqa: S108
    ]
    if settings.spec.tls is not None:
        mounts.append({"mountPath": _TLS, "name": "tls", "readOnly": True})
        if settings.spec.tls.client_authority is not None:
            mounts.append({"mountPath": _CLIENT_AUTHORITY, "name": "client-authority", "readOnly": True})
        if settings.spec.tls.users:
            mounts.append({"mountPath": _USERS, "name": "users", "readOnly": True})
    if settings.spec.anonymous is not None:
        mounts.append({"mountPath": _ANONYMOUS, "name": "anonymous", "readOnly": True})
    if settings.registry is not None:
        mounts += registry.mounts(settings.registry)
    return [*mounts, *ca_mounts(settings.connection)]


def _passwords(tls: HttpGatewayTls) -> Manifest:
    """The passwords of the users who are known by their certificates, each in a file."""
    sources = [
        {"secret": {"items": [{"key": "password", "path": object_user(user)}], "name": tls.secret_of(user)}}
        for user in sorted(tls.users)
    ]
    return {"name": "users", "projected": {"sources": sources}}


def _volumes(settings: GatewaySettings) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{settings.name}-config"}, "name": "config"},
        {"emptyDir": {"sizeLimit": "64Mi"}, "name": "tmp"},
    ]
    if settings.spec.tls is not None:
        volumes.append(secret_volume("tls", settings.spec.tls.certificate, "tls.crt", "tls.key"))
        if settings.spec.tls.client_authority is not None:
            volumes.append(secret_volume("client-authority", settings.spec.tls.client_authority, "ca.crt"))
        if settings.spec.tls.users:
            volumes.append(_passwords(settings.spec.tls))
    if settings.anonymous_secret is not None:
        volumes.append(login_volume(settings.connection, settings.anonymous_secret, "anonymous"))
    if settings.registry is not None:
        volumes += registry.volumes(settings.registry)
    return [*volumes, *ca_volumes(settings.connection)]
