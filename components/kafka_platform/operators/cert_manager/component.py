"""cert-manager, which makes and renews certificates."""

from dataclasses import dataclass

import pulumi

from kafka_platform.operators.cert_manager.spec import CHART, DEFINITIONS, CertManagerSpec, cert_manager_values
from kafka_platform.operators.component import OperatorArgs, OperatorChart, install_chart
from kafka_platform.operators.sources import ChartSource


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs(CertManagerSpec, OperatorArgs):
    """How cert-manager shall be installed. A Kubernetes cluster takes one cert-manager."""


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
        chart = OperatorChart(
            release="cert-manager",
            values=cert_manager_values(given),
            official=ChartSource(
                chart=CHART, version=f"v{given.version}", definitions=DEFINITIONS.format(version=given.version)
            ),
        )
        self.namespace = install_chart(self, name, given, chart)
        self.register_outputs({"namespace": self.namespace})
