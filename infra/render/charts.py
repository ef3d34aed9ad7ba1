"""Operators that a stack installs, as what Argo CD and Flux make of Helm charts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka_platform.kube.manifests import Manifest, namespace
from kafka_platform.operators.charts import OperatorChart
from kafka_platform.operators.sources import ChartSource, is_file
from kafka_platform.values.later import plain

from infra.capabilities.operators import INSTALLED, Installable, Installed
from infra.render.tools import RenderError, Tool
from infra.settings.model import Settings

PART = "operators"
ARGOCD_NAMESPACE = "argocd"
"""Where Argo CD looks for Applications unless it is told otherwise."""
_OCI = "oci://"


@dataclass(frozen=True, kw_only=True)
class Charts:
    """What installs the operators."""

    manifests: Sequence[Manifest] = ()
    definitions: Sequence[str] = ()
    """URLs of their CRDs, which are never pruned: deleting a CRD deletes every object of its kind."""


@dataclass(frozen=True, kw_only=True)
class _Release:
    key: str
    chart: OperatorChart
    source: ChartSource
    namespace: str
    creates_namespace: bool
    after: Sequence[str] = field(default_factory=list)

    @property
    def repository(self) -> str:
        return self.source.repository or self.source.chart.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.source.chart.rpartition("/")[2]


def charts(settings: Settings, tool: Tool) -> Charts:
    """Those of the stack. Raises `RenderError` for one that the tool cannot install."""
    releases = list(_releases(settings, tool))
    made = {each.key: each.chart.release for each in releases}
    # Not by the charts: what else is in them has to be applied before those are installed.
    created = sorted({each.namespace for each in releases if each.creates_namespace})
    found: list[Manifest] = [namespace(name) for name in created]
    for each in releases:
        found += [_application(each)] if tool is Tool.ARGOCD else _flux(each, settings.namespace, made)
    return Charts(
        manifests=found, definitions=[each.source.definitions for each in releases if each.source.definitions]
    )


def _releases(settings: Settings, tool: Tool) -> Iterator[_Release]:
    for each in INSTALLED:
        section: Any = each.section(settings)
        if not isinstance(section, Installable) or not section.install:
            continue
        if tool is Tool.KUBECTL:
            raise RenderError(
                f"{each.key}.install: kubectl installs no Helm charts: write the folder --for argocd or flux, or install it as you "
                f"install charts, and write {each.key}: {{}}"
            )
        yield _release(each, section)


def _release(operator: Installed[Any], section: Any) -> _Release:
    chart = type(operator).chart(section)
    source = chart.official.replaced(section.source)
    for place in filter(None, (source.chart, source.definitions)):
        if is_file(place) and not (place == source.chart and source.repository):
            raise RenderError(
                f"{operator.key}.source: {place!r} is a file, which nobody in the cluster has: write its address"
            )
    if source.version is None:
        raise RenderError(
            f"{operator.key}.source.chart: {source.chart!r} is a packed chart: write the repository or registry that has it"
        )
    return _Release(
        key=operator.key,
        chart=chart,
        source=source,
        namespace=str(plain(section.namespace)),
        creates_namespace=section.create_namespace,
        after=operator.after,
    )


def _application(release: _Release) -> Manifest:
    """For Argo CD; CRDs are apart. It takes OCI registries without their scheme."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": release.chart.release, "namespace": ARGOCD_NAMESPACE},
        "spec": {
            "destination": {"namespace": release.namespace, "server": "https://kubernetes.default.svc"},
            "project": "default",
            "source": {
                "chart": release.name,
                "helm": {
                    "releaseName": release.chart.release,
                    "skipCrds": True,
                    "valuesObject": dict(release.chart.values),
                },
                "repoURL": release.repository.removeprefix(_OCI),
                "targetRevision": release.source.version,
            },
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["ServerSideApply=true"],
            },
        },
    }


def _flux(release: _Release, where: str, made: dict[str, str]) -> list[Manifest]:
    about = {"name": release.chart.release, "namespace": where}
    repository = {"interval": "1h", "url": release.repository}
    if release.repository.startswith(_OCI):
        repository["type"] = "oci"
    reference = {"kind": "HelmRepository", "name": release.chart.release}
    spec: Manifest = {
        "chart": {"spec": {"chart": release.name, "sourceRef": reference, "version": release.source.version}},
        "install": {"crds": "Skip", "remediation": {"retries": 3}},
        "interval": "1h",
        "releaseName": release.chart.release,
        "storageNamespace": release.namespace,
        "targetNamespace": release.namespace,
        "upgrade": {"crds": "Skip", "remediation": {"retries": 3}},
        "values": dict(release.chart.values),
    }
    after = [{"name": made[key]} for key in release.after if key in made]
    if after:
        spec["dependsOn"] = after
    return [
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": about, "spec": repository},
        {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": about,
            "spec": dict(sorted(spec.items())),
        },
    ]
