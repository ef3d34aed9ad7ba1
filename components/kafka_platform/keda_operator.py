"""KEDA, which scales workloads by measured load."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.yaml.v2 import ConfigFile

from kafka_platform.args import Args
from kafka_platform.keda_model import DEFINITIONS, REPOSITORY, VERSION, chart_values, check_keda
from kafka_platform.kubernetes import after, place
from kafka_platform.names import check_label


@dataclass(frozen=True, kw_only=True)
class KedaOperatorArgs(Args):
    """How KEDA shall be installed. A Kubernetes cluster takes one KEDA: its metrics API has one place."""

    namespace: str = "keda"
    """Namespace of KEDA. Default keda."""
    create_namespace: bool = True
    """Whether the namespace is made (and removed) with it. Default true."""
    version: str = VERSION
    """Version of KEDA and of its Helm chart, 2.17.0 or newer. Default: the one that this release is tested with."""
    replicas: int = 2
    """Pods of each of its three parts: one works, the others take over when its machine goes. Default 2."""
    registry: str | None = None
    """Registry that has `kedacore/keda`, `kedacore/keda-metrics-apiserver` and `kedacore/keda-admission-webhooks`.
    Default: ghcr.io."""
    repository: str = REPOSITORY
    """Helm repository with the chart `keda`. Default: the official one."""
    definitions: str | None = None
    """File or URL with the definitions of KEDA's kinds, of the same version. Default: those of the official release."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Further values of the Helm chart, on top of those that follow from the fields above. Default: none."""

    def __post_init__(self) -> None:
        try:
            check_label(self.namespace, "namespace")
        except ValueError as error:
            raise ValueError(f"namespace: {error}") from None
        check_keda(version=self.version, replicas=self.replicas, registry=self.registry, values=self.values)


class KedaOperator(pulumi.ComponentResource):
    """KEDA by its official Helm chart, with the definitions of its kinds as resources of their own.

    The definitions stay when the component goes, and with them every ScaledObject: as a part of the chart they, and so
    every ScaledObject of the cluster, would be deleted with it. What is scaled by KEDA depends on this component, so
    that it is removed while KEDA is still there to take its finalizers away.
    """

    namespace: pulumi.Output[str]
    """Namespace of KEDA, once it is ready."""

    def __init__(self, name: str, args: KedaOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:KedaOperator", name, {}, opts)
        given = KedaOperatorArgs.of(args)
        needed: list[pulumi.Resource] = [
            ConfigFile(
                f"{name}-definitions",
                file=given.definitions or DEFINITIONS.format(version=given.version),
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            )
        ]
        if given.create_namespace:
            manifest = {"metadata": {"name": given.namespace}}
            needed.append(place(Namespace, f"{name}-namespace", manifest, pulumi.ResourceOptions(parent=self)))
        chart = Chart(
            f"{name}-chart",
            name="keda",
            chart="keda",
            version=given.version,
            namespace=given.namespace,
            repository_opts=RepositoryOptsArgs(repo=given.repository),
            values=chart_values(replicas=given.replicas, registry=given.registry, values=given.values),
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        self.namespace = after(given.namespace, chart)
        self.register_outputs({"namespace": self.namespace})
