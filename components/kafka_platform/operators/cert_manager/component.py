"""cert-manager, which issues and renews certificates."""

from dataclasses import dataclass

import pulumi

from kafka_platform.operators.cert_manager.spec import CertManagerSpec, cert_manager_chart
from kafka_platform.operators.component import OperatorArgs, install_chart


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs(CertManagerSpec, OperatorArgs):
    """Arguments of a `CertManager`. A Kubernetes cluster needs only one."""


class CertManager(pulumi.ComponentResource):
    """cert-manager from its official Helm chart, with its CRDs as separate resources.

    The CRDs are kept when the component is removed, and with them every Certificate and Issuer of the Kubernetes
    cluster.
    """

    namespace: pulumi.Output[str]
    """Namespace of cert-manager, once it is ready."""

    def __init__(self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:CertManager", name, {}, opts)
        given = CertManagerArgs.of(args)
        self.namespace = install_chart(self, name, given, cert_manager_chart(given))
        self.register_outputs({"namespace": self.namespace})
