"""Operators by their official Helm charts: what the components that install them have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.yaml.v2 import ConfigFile

from kafka_platform.args import Args
from kafka_platform.chart_sources import ChartSource, check_source
from kafka_platform.checks import checked
from kafka_platform.kubernetes import after, hooks_work, namespace, place
from kafka_platform.names import check_label
from kafka_platform.stored_form import as_stored


@dataclass(frozen=True, kw_only=True)
class OperatorArgs(Args):
    """What all operators are told."""

    namespace: str
    """Namespace of the operator."""
    create_namespace: bool = True
    """Whether the namespace is made (and removed) with it. Default true."""
    replicas: int = 2
    """Pods of each of its parts: one works, the others take over when its machine goes. Default 2."""
    registry: str | None = None
    """Registry that has the operator's images under their usual names. Default: the official one."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Further values of the Helm chart, on top of those that follow from the fields above. Default: none."""
    chart: str | None = None
    """The Helm chart: an address such as `oci://registry.example.com/charts/keda` or `https://files.example.com/keda.tgz`,
    the path of a `.tgz` or a folder, or its name in `repository`. Default: the official one."""
    repository: str | None = None
    """Address of a Helm repository that has the chart, under its usual name unless `chart` says another. Default: none."""
    chart_version: str | None = None
    """Version of the chart, if yours is numbered otherwise than the official one. Default: the same number."""
    definitions: str | None = None
    """File or URL with the definitions of the operator's kinds, of the same version. Default: those of the official release."""

    def __post_init__(self) -> None:
        checked("namespace", check_label, self.namespace, "namespace")
        check_source(
            chart=self.chart,
            repository=self.repository,
            chart_version=self.chart_version,
            definitions=self.definitions,
        )


@dataclass(frozen=True, kw_only=True)
class OperatorChart:
    """The Helm chart of an operator."""

    release: str
    """Name of the release, which the names of its objects begin with."""
    values: Mapping[str, Any]
    official: ChartSource
    """Where it is unless the args say otherwise."""


def installed(
    parent: pulumi.ComponentResource,
    name: str,
    args: OperatorArgs,
    chart: OperatorChart,
    needed: Sequence[pulumi.Resource] = (),
) -> pulumi.Output[str]:
    """Install an operator, with the definitions of its kinds apart, as children of `parent`: its namespace, once it is ready.

    The definitions stay when the component goes: with a definition Kubernetes deletes all objects of its kind. They are
    also upgraded before the chart, whose folder `crds` Helm itself never upgrades.

    Everything is sent in the form in which the API server stores it, so that a second preview shows no change.
    """
    child = pulumi.ResourceOptions(parent=parent)
    # Of what the provider's process registers.
    transforms: list[pulumi.ResourceTransform] | None = [send_as_stored] if hooks_work() else None
    before = list(needed)
    source = chart.official.replaced(
        chart=args.chart,
        repository=args.repository,
        chart_version=args.chart_version,
        definitions=args.definitions,
    )
    if source.definitions is not None:
        kept = pulumi.ResourceOptions(parent=parent, retain_on_delete=True, transforms=transforms)
        before.append(ConfigFile(f"{name}-definitions", file=source.definitions, opts=kept))
    if args.create_namespace:
        before.append(place(f"{name}-namespace", namespace(args.namespace), child))
    release = Chart(
        f"{name}-chart",
        name=chart.release,
        chart=source.chart,
        version=source.version,
        namespace=args.namespace,
        repository_opts=None if source.repository is None else RepositoryOptsArgs(repo=source.repository),
        skip_crds=True,
        values=dict(chart.values),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=before, transforms=transforms),
    )
    return after(args.namespace, release)


def send_as_stored(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """An object of a chart or of a file with definitions, as the API server stores it."""
    if not args.custom:
        return None  # the chart or the file itself
    stored = as_stored(args.props)
    # What comes back is written anew, a twentieth of a second for a large definition: most are stored as they are.
    return None if stored == args.props else pulumi.ResourceTransformResult(stored, args.opts)
