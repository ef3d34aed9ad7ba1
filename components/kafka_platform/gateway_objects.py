"""The Kubernetes objects of an HTTP gateway: one pure function renders each."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka_platform.client_pods import ca_mounts, ca_volumes, connection_environment, kafka_ports
from kafka_platform.gateway_model import (
    GatewayApiExposure,
    GatewaySpec,
    HttpGatewayLimits,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
    seconds,
)
from kafka_platform.manifests import (
    Manifest,
    allowed_port,
    callers,
    collectors,
    labels,
    metadata,
    selector,
    service_port,
    to_names,
)
from kafka_platform.names import user_secret
from kafka_platform.objects import Object, Wait, derived
from kafka_platform.pods import container_security, pod_security, prefer_other_machines, spread_over

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.connection import KafkaConnection

COMPONENT = "gateway"
HTTP_PORT = 8080
METRICS_PORT = 9404
GATEWAY_API = "gateway.networking.k8s.io/v1"
REQUESTS_IN_FLIGHT = "gateway_requests_in_flight"
"""The metric by which pods are added, if asked for."""

# After draining, every request has its time to be answered, and what is written its time to be flushed.
_FLUSH_SECONDS = 10
# A pod that goes takes its consumer instances and streams with it, so pods go one at a time and not for a short lull.
_SCALE_DOWN_SECONDS = 300
_SCALE_DOWN_PERIOD_SECONDS = 60

_CONFIG = "/etc/kafka-platform/config"
_TLS = "/etc/kafka-platform/tls"
_CLIENT_AUTHORITY = "/etc/kafka-platform/client-authority"
_ANONYMOUS = "/etc/kafka-platform/anonymous"


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """What the objects of a gateway follow from."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: str
    spread: str = "topology.kubernetes.io/zone"
    spec: GatewaySpec = field(default_factory=GatewaySpec)

    @property
    def scheme(self) -> str:
        """How callers speak with the pods."""
        return "https" if self.spec.tls is not None else "http"

    @property
    def port(self) -> int:
        """The usual port of the scheme, which the Service has."""
        return 443 if self.spec.tls is not None else 80

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, COMPONENT)


def objects(settings: GatewaySettings) -> list[Object]:
    """The gateway's objects, in the order in which they are needed."""
    content = derived(lambda namespace: gateway_json(settings, namespace), settings.namespace)
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
        *_ways_in(settings, entry),
    ]
    if scales:
        found.append(Object(role="autoscaler", manifest=autoscaler(settings), after=[pods]))
    return found


def _ways_in(settings: GatewaySettings, entry: Object) -> list[Object]:
    """The way in from outside, if there is one."""
    expose = settings.spec.exposure()
    if expose.node_port is not None:
        return [Object(role="external", manifest=node_port_service(settings, expose.node_port), after=[entry])]
    if expose.load_balancer is not None:
        return [Object(role="external", manifest=load_balancer_service(settings, expose.load_balancer), after=[entry])]
    if expose.ingress is not None:
        return [Object(role="ingress", manifest=ingress(settings, expose.ingress), after=[entry])]
    if expose.gateway_api is None:
        return []
    found = [Object(role="route", manifest=http_route(settings, expose.gateway_api), after=[entry])]
    if expose.gateway_api.gateway_class is not None:
        own = gateway(settings, expose.gateway_api)
        # Without it a Gateway whose class nobody serves, or whose certificate is missing, would look deployed.
        found.append(Object(role="gateway", manifest=own, after=[entry], wait=Wait(condition="Programmed")))
    return found


def url(settings: GatewaySettings, namespace: str) -> str:
    """Where callers inside Kubernetes reach the gateway."""
    return f"{settings.scheme}://{settings.name}.{namespace}.svc"


def gateway_json(settings: GatewaySettings, namespace: str) -> str:
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
    if settings.spec.tls is not None:
        content["tls"] = {
            "certificate": f"{_TLS}/tls.crt",
            "key": f"{_TLS}/tls.key",
            "clientAuthority": f"{_CLIENT_AUTHORITY}/ca.crt" if settings.spec.tls.client_authority else None,
        }
    if settings.spec.anonymous is not None:
        content["anonymous"] = {"username": settings.spec.anonymous, "passwordFile": f"{_ANONYMOUS}/password"}
    return json.dumps(content, indent=2) + "\n"


def text_hash(text: str) -> str:
    """Changes whenever the text does."""
    return hashlib.sha256(text.encode()).hexdigest()


def config_map(settings: GatewaySettings, content: "Input[str]") -> Manifest:
    """The file that the program starts from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-config", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {"gateway.json": content},
    }


def service(settings: GatewaySettings) -> Manifest:
    """Where callers inside Kubernetes reach the gateway, and what routes and Ingresses lead to."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {
            "ports": [service_port(settings.scheme, settings.port, HTTP_PORT)],
            "selector": settings.own,
            "type": "ClusterIP",
        },
    }


def pods_service(settings: GatewaySettings) -> Manifest:
    """Gives each pod its name: a request that belongs to another pod is forwarded there."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            f"{settings.name}-pods",
            settings.namespace,
            labels(settings.name, COMPONENT),
        ),
        "spec": {
            "clusterIP": "None",
            "ports": [service_port(settings.scheme, HTTP_PORT), service_port("metrics", METRICS_PORT)],
            # A pod that is about to end, or cannot reach Kafka for a moment, still has its consumer instances.
            "publishNotReadyAddresses": True,
            "selector": settings.own,
        },
    }


def pod_disruption_budget(settings: GatewaySettings) -> Manifest:
    """One pod at a time may be drained."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": settings.own}},
    }


def network_policy(settings: GatewaySettings, kafka_ports: "Input[Sequence[Manifest]]") -> Manifest:
    """Callers and peers reach the program, whoever collects metrics reaches those, and the program reaches Kafka."""
    peers = {"podSelector": {"matchLabels": settings.own}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {
            "egress": [
                *to_names(),
                {"ports": kafka_ports},
                {"ports": [allowed_port(HTTP_PORT)], "to": [peers]},
            ],
            "ingress": [
                callers([HTTP_PORT], settings.spec.client_namespaces),
                collectors(METRICS_PORT, settings.spec.metrics_namespaces),
            ],
            "podSelector": {"matchLabels": settings.own},
            "policyTypes": ["Ingress", "Egress"],
        },
    }


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
        "template": {
            "metadata": {
                "annotations": {"kafka-platform/config": config_hash},
                "labels": labels(settings.name, COMPONENT),
            },
            "spec": {
                "affinity": prefer_other_machines(settings.own),
                "automountServiceAccountToken": False,
                "containers": [_container(settings)],
                "enableServiceLinks": False,
                "securityContext": pod_security(),
                "terminationGracePeriodSeconds": termination_seconds(settings.spec.limits),
                "topologySpreadConstraints": spread_over(settings.spread, settings.own),
                "volumes": _volumes(settings),
            },
        },
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


def termination_seconds(limits: HttpGatewayLimits) -> int:
    """How long a pod may take to end: it drains, answers what it accepted and flushes what it wrote."""
    return math.ceil(seconds(limits.drain) + seconds(limits.timeout)) + _FLUSH_SECONDS


def node_port_service(settings: GatewaySettings, exposure: NodePortExposure) -> Manifest:
    """Where callers outside reach the gateway on every machine."""
    entry = service_port(settings.scheme, settings.port, HTTP_PORT) | {"nodePort": exposure.port}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(f"{settings.name}-external", settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {"ports": [entry], "selector": settings.own, "type": "NodePort"},
    }


def load_balancer_service(settings: GatewaySettings, exposure: LoadBalancerExposure) -> Manifest:
    """Where callers outside reach the gateway through a load balancer."""
    annotations = dict(exposure.annotations)
    if exposure.host is not None:
        annotations = {"external-dns.alpha.kubernetes.io/hostname": exposure.host, **annotations}
    spec: Manifest = {
        "ports": [service_port(settings.scheme, exposure.port or settings.port, HTTP_PORT)],
        "selector": settings.own,
        "type": "LoadBalancer",
    }
    if exposure.source_ranges:
        spec["loadBalancerSourceRanges"] = list(exposure.source_ranges)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            f"{settings.name}-external",
            settings.namespace,
            labels(settings.name, COMPONENT),
            dict(sorted(annotations.items())),
        ),
        "spec": dict(sorted(spec.items())),
    }


def gateway(settings: GatewaySettings, exposure: GatewayApiExposure) -> Manifest:
    """A Gateway of its own, which ends TLS for the one host."""
    return {
        "apiVersion": GATEWAY_API,
        "kind": "Gateway",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
            dict(sorted(exposure.annotations.items())),
        ),
        "spec": {
            "gatewayClassName": exposure.gateway_class,
            "listeners": [
                {
                    "allowedRoutes": {"namespaces": {"from": "Same"}},
                    "hostname": exposure.host,
                    "name": "https",
                    "port": 443,
                    "protocol": "HTTPS",
                    "tls": {
                        "certificateRefs": [{"group": "", "kind": "Secret", "name": exposure.certificate}],
                        "mode": "Terminate",
                    },
                }
            ],
        },
    }


def http_route(settings: GatewaySettings, exposure: GatewayApiExposure) -> Manifest:
    """Leads the host's requests to the Service."""
    namespace, name = exposure.gateway_name
    parent: Manifest = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name or settings.name}
    if namespace is not None:
        parent["namespace"] = namespace
    if exposure.listener is not None:
        parent["sectionName"] = exposure.listener
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": metadata(settings.name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {
            "hostnames": [exposure.host],
            "parentRefs": [parent],
            "rules": [
                {
                    "backendRefs": [
                        {"group": "", "kind": "Service", "name": settings.name, "port": settings.port, "weight": 1}
                    ],
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    # Streams are open for hours; some implementations end every answer after 15 s unless told not to.
                    "timeouts": {"request": "0s"},
                }
            ],
        },
    }


def ingress(settings: GatewaySettings, exposure: IngressExposure) -> Manifest:
    """Leads the host's requests to the Service."""
    tls: Manifest = {"hosts": [exposure.host]}
    if exposure.certificate is not None:
        tls["secretName"] = exposure.certificate
    backend = {"service": {"name": settings.name, "port": {"number": settings.port}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(
            settings.name,
            settings.namespace,
            labels(settings.name, COMPONENT),
            dict(sorted(exposure.annotations.items())),
        ),
        "spec": {
            "ingressClassName": exposure.ingress_class,
            "rules": [
                {
                    "host": exposure.host,
                    "http": {"paths": [{"backend": backend, "path": "/", "pathType": "Prefix"}]},
                }
            ],
            "tls": [tls],
        },
    }


def _container(settings: GatewaySettings) -> Manifest:
    limits = {"memory": settings.spec.resources.memory}
    if settings.spec.resources.cpu_limit is not None:
        limits["cpu"] = settings.spec.resources.cpu_limit
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    healthy = _probe(settings, "/healthz")
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.gateway"],
        "env": [
            *connection_environment(settings.connection, {"GATEWAY_SETTINGS": f"{_CONFIG}/gateway.json"}),
            pod_name,
        ],
        "image": settings.image,
        "livenessProbe": {**healthy, "failureThreshold": 3, "periodSeconds": 10},
        "name": "gateway",
        "ports": [
            {"containerPort": HTTP_PORT, "name": settings.scheme},
            {"containerPort": METRICS_PORT, "name": "metrics"},
        ],
        "readinessProbe": {**_probe(settings, "/readyz"), "failureThreshold": 3, "periodSeconds": 5},
        "resources": {
            "limits": limits,
            "requests": {"cpu": settings.spec.resources.cpu, "memory": settings.spec.resources.memory},
        },
        "securityContext": container_security(),
        "startupProbe": {**healthy, "failureThreshold": 60, "periodSeconds": 1},
        # A setting that the program refuses is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }


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
    if settings.spec.anonymous is not None:
        mounts.append({"mountPath": _ANONYMOUS, "name": "anonymous", "readOnly": True})
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: GatewaySettings) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{settings.name}-config"}, "name": "config"},
        {"emptyDir": {"sizeLimit": "64Mi"}, "name": "tmp"},
    ]
    if settings.spec.tls is not None:
        volumes.append(_secret_volume("tls", settings.spec.tls.certificate, "tls.crt", "tls.key"))
        if settings.spec.tls.client_authority is not None:
            volumes.append(_secret_volume("client-authority", settings.spec.tls.client_authority, "ca.crt"))
    if settings.spec.anonymous is not None:
        volumes.append(_secret_volume("anonymous", user_secret(settings.spec.anonymous), "password"))
    return [*volumes, *ca_volumes(settings.connection)]


def _secret_volume(name: str, secret: str, *keys: str) -> Manifest:
    items = [{"key": key, "path": key} for key in keys]
    return {"name": name, "secret": {"items": items, "secretName": secret}}
