"""The spec of Strimzi's operator, and the values of its Helm chart. No Pulumi."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafka_platform.kube.derived import derived
from kafka_platform.kube.operated import STRIMZI_VERSION
from kafka_platform.operators.charts import (
    OperatorChart,
    OperatorSpec,
    merged,
    namespace_of_its_own,
    registry_of_images,
)
from kafka_platform.operators.sources import ChartSource
from kafka_platform.values.forms import namespaces
from kafka_platform.values.later import Input

CHART = "oci://quay.io/strimzi-helm/strimzi-kafka-operator"
DEFINITIONS = (
    "https://github.com/strimzi/strimzi-kafka-operator/releases/download/{version}/strimzi-crds-{version}.yaml"
)
"""Where each release has the definitions of its kinds."""


@dataclass(frozen=True, kw_only=True)
class StrimziOperatorSpec(OperatorSpec):
    """Settings of Strimzi's operator, shared by programs and stack files."""

    namespace: Input[str] = namespace_of_its_own("strimzi")
    """Namespace of the operator. Default strimzi."""
    watch_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose Kafka clusters it manages, besides its own; they have to exist. Default: all namespaces."""
    registry: str | None = registry_of_images()
    """Registry that has the images `strimzi/operator`, `strimzi/kafka` and their companions. Default: quay.io."""


def strimzi_chart_values(spec: StrimziOperatorSpec) -> dict[str, Any]:
    """The chart's values: ours, and on top of them the spec's."""
    ours: dict[str, Any] = {"replicas": spec.replicas}
    # The operator watches its own namespace in any case, and the chart fails when that is named too.
    if spec.watch_namespaces:
        ours["watchNamespaces"] = derived(
            lambda own, *others: sorted(set(others) - {own}), spec.namespace, *spec.watch_namespaces
        )
    else:
        ours["watchAnyNamespace"] = True
    if spec.replicas > 1:
        ours["podDisruptionBudget"] = {"enabled": True, "maxUnavailable": 1, "minAvailable": None}
    if spec.registry is not None:
        ours["defaultImageRegistry"] = spec.registry
    return merged(ours, spec.values)


def strimzi_chart(spec: StrimziOperatorSpec) -> OperatorChart:
    """Its chart, and where it is."""
    return OperatorChart(
        release="strimzi",
        values=strimzi_chart_values(spec),
        official=ChartSource(
            chart=CHART, version=STRIMZI_VERSION, definitions=DEFINITIONS.format(version=STRIMZI_VERSION)
        ),
    )
