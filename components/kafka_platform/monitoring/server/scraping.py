"""Prometheus' scrape configuration, rendered from the same monitors that the operator's Prometheus uses.

Both renderings give a series the same labels, so that one set of rules and dashboards serves both.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka_platform.monitoring.objects import BY_TOPIC, BY_TOPIC_LABELS, PodMonitor
from kafka_platform.monitoring.server.spec import PrometheusSpec
from kafka_platform.values.units import milliseconds

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
RULES_FILE = "rules.yml"
MOST_SAMPLES = 100_000
"""Series that one pod may show in one answer; of more nothing is read (`up` is 0). A broker with 1,000 topics shows a tenth."""
MOST_BYTES = "64MB"
"""Size of one such answer."""
_TIMEOUT_MILLISECONDS = 10_000
"""How long an answer may take."""
_VOLUMES = "kubelet_volume_stats_(available|capacity|used)_bytes|kubelet_volume_stats_inodes(_free)?"

Config = dict[str, Any]


def prometheus_yml(
    spec: PrometheusSpec, monitors: Iterable[PodMonitor], *, volumes_in: str | None, alertmanager: str | None
) -> str:
    """The configuration.

    Args:
        spec: how often is read.
        monitors: what is read.
        volumes_in: the namespace whose volumes the kubelets are asked about; None: they are not asked.
        alertmanager: the address of one, if there is one.
    """
    interval = milliseconds(spec.interval)
    scrapes = [_of_pods(each) for each in monitors]
    if volumes_in is not None:
        scrapes.append(_of_kubelets(volumes_in))
    content: Config = {
        "global": {
            "evaluation_interval": f"{interval}ms",
            "scrape_interval": f"{interval}ms",
            # No longer than the interval, or Prometheus does not start.
            "scrape_timeout": f"{min(interval, _TIMEOUT_MILLISECONDS)}ms",
        },
        "rule_files": [RULES_FILE],
        # Limits of older releases are per job only.
        "scrape_configs": [{"body_size_limit": MOST_BYTES, "sample_limit": MOST_SAMPLES, **each} for each in scrapes],
    }
    if alertmanager is not None:
        content["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return as_yaml(content)


def as_yaml(content: Any) -> str:
    """A file that Prometheus and Alertmanager read: JSON is YAML."""
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _of_pods(monitor: PodMonitor) -> Config:
    selected = ",".join(f"{label}={value}" for label, value in sorted(monitor.pods.items()))
    discovery: Config = {
        "namespaces": {"names": [monitor.found_in]},
        "role": "pod",
        "selectors": [{"label": selected, "role": "pod"}],
    }
    found: Config = {
        "job_name": f"{monitor.namespace}/{monitor.name}",
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": [
            _keep("__meta_kubernetes_pod_container_port_name", monitor.port),
            _drop("__meta_kubernetes_pod_container_init", "true"),
            _drop("__meta_kubernetes_pod_phase", "Failed|Succeeded"),
            *_copied(
                {
                    "container": "__meta_kubernetes_pod_container_name",
                    "namespace": "__meta_kubernetes_namespace",
                    "pod": "__meta_kubernetes_pod_name",
                }
            ),
            *({"replacement": value, "target_label": label} for label, value in sorted(monitor.of.items())),
            *_copied({label: f"__meta_kubernetes_pod_label_{name}" for label, name in monitor.copied.items()}),
        ],
    }
    if monitor.trusted:
        found["honor_labels"] = True
    if not monitor.by_topic:
        found["metric_relabel_configs"] = [_drop(BY_TOPIC_LABELS, BY_TOPIC)]
    return found


def _of_kubelets(namespace: str) -> Config:
    """Usage of the namespace's volumes.

    The token is sent to whatever answers at a machine's address, as kubelets use self-signed certificates; it allows no
    more than this configuration needs.
    """
    return {
        "authorization": {"credentials_file": f"{SERVICE_ACCOUNT}/token"},
        "job_name": "kubelet",
        "kubernetes_sd_configs": [{"role": "node"}],
        "metric_relabel_configs": [_keep("__name__", _VOLUMES), _keep("namespace", namespace)],
        "relabel_configs": _copied({"node": "__meta_kubernetes_node_name"}),
        # They have the namespace of the volume claim.
        "honor_labels": True,
        "scheme": "https",
        "tls_config": {"insecure_skip_verify": True},
    }


def _keep(label: str, pattern: str) -> Config:
    return {"action": "keep", "regex": pattern, "source_labels": [label]}


def _drop(labels: str | Sequence[str], pattern: str) -> Config:
    return {"action": "drop", "regex": pattern, "source_labels": [labels] if isinstance(labels, str) else list(labels)}


def _copied(labels: Mapping[str, str]) -> Sequence[Config]:
    return [{"source_labels": [source], "target_label": label} for label, source in sorted(labels.items())]
