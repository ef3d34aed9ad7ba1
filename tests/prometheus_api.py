"""The Prometheus operator's own definitions of its kinds, of the version that PrometheusStack installs."""

from kafka_platform.operators.prometheus.spec import PROMETHEUS_OPERATOR_VERSION

from tests.go_kinds import Kinds

_GROUP = "monitoring.coreos.com"


def _kinds(*kinds: str) -> Kinds:
    return Kinds(
        module=f"github.com/prometheus-operator/prometheus-operator@v{PROMETHEUS_OPERATOR_VERSION}",
        checksum="h1:4Juk8v93RdG1DSGD/mGp+SeQKPmnlLIj2iq3blLZgFY=",
        files={f"{kind}.{_GROUP}": f"example/prometheus-operator-crd/{_GROUP}_{kind}.yaml" for kind in kinds},
    )


PROMETHEUS_API = _kinds("alertmanagerconfigs", "podmonitors", "prometheusrules")
"""The kinds that this platform writes."""
ALL_KINDS = _kinds(
    "alertmanagerconfigs",
    "alertmanagers",
    "podmonitors",
    "probes",
    "prometheusagents",
    "prometheuses",
    "prometheusrules",
    "scrapeconfigs",
    "servicemonitors",
    "thanosrulers",
)
