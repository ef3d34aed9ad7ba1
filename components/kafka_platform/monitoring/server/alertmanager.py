"""The Kubernetes objects of the Alertmanager beside a Prometheus: one pure function renders each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kafka_platform.kube.manifests import (
    Manifest,
    allowed_port,
    labels,
    metadata,
    network_policy_of,
    of_namespaces,
    selector,
    service_of,
    service_port,
    text_hash,
    to_names,
)
from kafka_platform.kube.objects import Object
from kafka_platform.monitoring.receivers.routing import alertmanager_config, credentials
from kafka_platform.monitoring.receivers.spec import Receivers, ReceiversSpec
from kafka_platform.monitoring.server.pods import MonitoringPod, claim, data_volume, stateful_set
from kafka_platform.monitoring.server.scraping import as_yaml
from kafka_platform.monitoring.server.spec import PrometheusSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi import Input

COMPONENT = "alertmanager"
PORT = 9093
_HTTP, _HTTPS = 80, 443

_CONFIG = "/etc/alertmanager"
_CREDENTIALS = "/etc/alertmanager-credentials"
_DATA = "/alertmanager"
_STORAGE = "1Gi"
"""Silences and the notification log: some kilobytes, and storage classes have no smaller volumes."""
_MOST_REQUESTS = 16
"""Queries at once; the alerts of Prometheus are no queries."""
_TERMINATION_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class AlertmanagerSettings:
    """Inputs of the objects of an Alertmanager."""

    name: str
    """Of its Prometheus."""
    namespace: "Input[str]"
    spec: PrometheusSpec
    receivers: Receivers
    image: "Input[str]"
    prometheus: "Mapping[str, str]"
    """The labels that find the pod of Prometheus."""

    @property
    def own(self) -> dict[str, str]:
        """The labels that find its pod."""
        return selector(called(self.name), COMPONENT)


def called(name: str) -> str:
    """Name of that Prometheus' Alertmanager."""
    return f"{name}-alertmanager"


def objects(settings: AlertmanagerSettings) -> list[Object]:
    """Its objects, in the order in which they are needed."""
    config = as_yaml(alertmanager_config(settings.receivers, _CREDENTIALS))
    name = called(settings.name)
    own = labels(name, COMPONENT)
    meta = metadata(name, settings.namespace, own)
    files = Object(
        role="alertmanager-config",
        manifest={"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"alertmanager.yml": config}},
    )
    policy = Object(role="alertmanager-network", manifest=network_policy(settings, meta))
    entry = Object(
        role="alertmanager-service",
        manifest=service_of(meta, [service_port("http", PORT)], settings.own),
        awaited=False,
    )
    pod = Object(
        role="alertmanager-pod",
        manifest=stateful_set(_pod(settings, text_hash(config))),
        after=[files, policy, entry],
    )
    volume = claim(settings.spec, name, COMPONENT, settings.namespace, _STORAGE)
    claims = [Object(role="alertmanager-data", manifest=volume, awaited=False)] if settings.spec.persistent else []
    return [files, policy, entry, *claims, pod]


def network_policy(settings: AlertmanagerSettings, meta: Manifest) -> Manifest:
    """Only Prometheus may connect, since any client can silence alerts. It may connect to web services and mail servers."""
    everybody = [settings.receivers, *settings.receivers.tenants.values()]
    ways = [way for each in everybody for way in _ways(each)]
    inside = sorted({way for way in ways if isinstance(way, str)})
    ports = sorted({_HTTPS} | {way for way in ways if isinstance(way, int)})
    egress: list[Manifest] = [*to_names(), {"ports": [allowed_port(port) for port in ports]}]
    if inside:
        egress.append({"to": [of_namespaces(inside)]})
    return network_policy_of(
        meta,
        pods={"matchLabels": settings.own},
        ingress=[
            {
                "from": [{"podSelector": {"matchLabels": dict(settings.prometheus)}}],
                "ports": [allowed_port(PORT)],
            }
        ],
        egress=egress,
    )


def _ways(receivers: ReceiversSpec) -> Iterator[str | int]:
    """Destinations of its messages besides HTTPS: external ports, or namespaces of Services, whose pods may have other ports."""
    found: list[tuple[str, int]] = []
    if receivers.email is not None:
        host, _, number = receivers.email.smarthost.rpartition(":")
        found.append((host, int(number)))
    if receivers.webhook is not None:
        parts = urlsplit(receivers.webhook.url)
        found.append((parts.hostname or "", parts.port or (_HTTPS if parts.scheme == "https" else _HTTP)))
    for host, port in found:
        service = re.fullmatch(r"[^.]+\.([^.]+)\.svc(\..+)?", host)
        yield service[1] if service else port


def arguments(data: str) -> list[str]:
    """The command line: it runs alone, so the cluster port is closed."""
    return [
        f"--config.file={_CONFIG}/alertmanager.yml",
        f"--storage.path={data}",
        "--cluster.listen-address=",
        f"--web.get-concurrency={_MOST_REQUESTS}",
    ]


def _pod(settings: AlertmanagerSettings, changed: str) -> MonitoringPod:
    name = called(settings.name)
    mounts = {_CONFIG: "config", _DATA: "data"}
    volumes: list[Manifest] = [
        {"configMap": {"name": name}, "name": "config"},
        data_volume(settings.spec, name, _STORAGE),
    ]
    files = [
        {"secret": {"items": [{"key": key, "path": path}], "name": secret}}
        for secret, key, path in credentials(settings.receivers)
    ]
    if files:
        mounts[_CREDENTIALS] = "credentials"
        volumes.append({"name": "credentials", "projected": {"sources": files}})
    return MonitoringPod(
        name=name,
        component=COMPONENT,
        namespace=settings.namespace,
        image=settings.image,
        arguments=arguments(_DATA),
        port=PORT,
        resources=settings.spec.alertmanager_resources,
        termination_seconds=_TERMINATION_SECONDS,
        mounts=mounts,
        volumes=volumes,
        changed=changed,
        pod_settings=settings.spec.pod_settings,
    )
