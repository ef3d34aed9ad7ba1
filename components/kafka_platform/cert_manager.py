"""cert-manager, which makes and renews certificates."""

from dataclasses import dataclass

import pulumi

from kafka_platform.cert_manager_chart import (
    CERT_MANAGER_VERSION,
    CHART,
    DEFINITIONS,
    cert_manager_values,
    check_cert_manager,
)
from kafka_platform.chart_sources import ChartSource
from kafka_platform.operators import OperatorArgs, OperatorChart, installed


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs(OperatorArgs):
    """How cert-manager shall be installed. A Kubernetes cluster takes one cert-manager."""

    namespace: str = "cert-manager"
    """Namespace of cert-manager. Default cert-manager."""
    version: str = CERT_MANAGER_VERSION
    """Version of cert-manager and of its Helm chart, 1.20.0 or newer. Default: the one of this release."""
    registry: str | None = None
    """Registry that has `jetstack/cert-manager-controller` and its companions. Default: quay.io."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_cert_manager(version=self.version, replicas=self.replicas, registry=self.registry, values=self.values)


class CertManager(pulumi.ComponentResource):
    """cert-manager by its official Helm chart, with the definitions of its kinds as resources of their own.

    The definitions stay when the component goes, and with them every Certificate and Issuer of the Kubernetes cluster.
    """

    namespace: pulumi.Output[str]
    """Namespace of cert-manager, once it is ready."""

    def __init__(self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:CertManager", name, {}, opts)
        given = CertManagerArgs.of(args)
        values = cert_manager_values(
            namespace=given.namespace, replicas=given.replicas, registry=given.registry, values=given.values
        )
        chart = OperatorChart(
            release="cert-manager",
            values=values,
            official=ChartSource(
                chart=CHART, version=f"v{given.version}", definitions=DEFINITIONS.format(version=given.version)
            ),
        )
        self.namespace = installed(self, name, given, chart)
        self.register_outputs({"namespace": self.namespace})
