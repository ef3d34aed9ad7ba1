"""Operators from official Helm charts: what the components that install them have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.yaml.v2 import ConfigFile

from kafka_platform.args import Args
from kafka_platform.kube.manifests import namespace
from kafka_platform.kube.place import hooks_work, once_ready, place, place_all, resolved
from kafka_platform.kube.stored_form import as_stored
from kafka_platform.operators.charts import OperatorChart, OperatorSpec
from kafka_platform.operators.sources import Source


@dataclass(frozen=True, kw_only=True)
class OperatorArgs(OperatorSpec, Source, Args):
    """Arguments that all operators share."""


def install_chart(
    parent: pulumi.ComponentResource,
    name: str,
    args: OperatorArgs,
    chart: OperatorChart,
    needed: Sequence[pulumi.Resource] = (),
) -> pulumi.Output[str]:
    """Installs an operator, with its CRDs apart, as children of `parent`. Returns its namespace, known once it is ready.

    The CRDs are kept when the component is removed: deleting a CRD deletes all objects of its kind. They are also
    upgraded before the chart, whose folder `crds` Helm itself never upgrades.

    Everything is sent in the form in which the API server stores it, so that a second preview shows no change.
    """
    child = pulumi.ResourceOptions(parent=parent)
    # Of what the provider's process registers.
    transforms: list[pulumi.ResourceTransform] | None = [send_as_stored] if hooks_work() else None
    before = list(needed)
    source = chart.official.replaced(args)
    if source.definitions is not None:
        kept = pulumi.ResourceOptions(parent=parent, retain_on_delete=True, transforms=transforms)
        before.append(ConfigFile(f"{name}-definitions", file=source.definitions, opts=kept))
    if args.create_namespace:
        before.append(place(f"{name}-namespace", namespace(args.namespace), child))
    before += place_all(parent, name, chart.needed, depends_on=before).values()
    release = Chart(
        f"{name}-chart",
        name=chart.release,
        chart=source.chart,
        version=source.version,
        namespace=args.namespace,
        repository_opts=None if source.repository is None else RepositoryOptsArgs(repo=source.repository),
        skip_crds=True,
        values=resolved(chart.values),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=before, transforms=transforms),
    )
    return once_ready(args.namespace, release)


def send_as_stored(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """An object of a chart or of a file with definitions, as the API server stores it."""
    if not args.custom:
        return None  # the chart or the file itself
    stored = as_stored(args.props)
    # The result is serialised again, a twentieth of a second for a large CRD; most are stored unchanged.
    return None if stored == args.props else pulumi.ResourceTransformResult(stored, args.opts)
