"""Sources of an operator's Helm chart and CRDs. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import Spec, formed
from kafka_platform.values.free_maps import check_text, shown

_ARCHIVES = (".tgz", ".tar.gz")
_MANIFESTS = (".yaml", ".yml", ".json")
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?")
_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]{1,100})?")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
LONGEST_ADDRESS = 2_048
"""Characters: what HTTP servers are sure to take, and half of the longest path of a file."""


@dataclass(frozen=True, kw_only=True)
class ChartSource:
    """A chart and CRDs, as the Kubernetes plugin takes them."""

    chart: str
    """An address, a path, or a name in `repository`."""
    version: str | None
    """None for files: these have one of their own."""
    repository: str | None = None
    definitions: str | None = None
    """File or URL; none if the operator has no kinds of its own."""

    def replaced(self, source: "Source") -> "ChartSource":
        """The source, with declared values in place of the defaults."""
        chart, repository = source.chart, source.repository
        usual = self.chart.rpartition("/")[2]
        if chart is None and repository is None:
            chart, repository = self.chart, self.repository
        of_file = chart is not None and is_file(chart)
        return ChartSource(
            chart=chart or usual,
            version=None if of_file or (chart or "").endswith(_ARCHIVES) else source.chart_version or self.version,
            repository=repository,
            definitions=source.definitions or self.definitions,
        )


def is_file(place: str) -> bool:
    """Whether it is a path: no URL, and no plain name."""
    return not _URL.match(place) and (not _NAME.fullmatch(place) or place.endswith((*_ARCHIVES, *_MANIFESTS)))


def files(source: Mapping[str, object]) -> dict[str, str]:
    """The files and folders that a source names, by key."""
    named = {key: source.get(key) for key in ("chart", "definitions")}
    return {key: place for key, place in named.items() if isinstance(place, str) and place and is_file(place)}


def _check_chart(chart: str, repository: str | None) -> None:
    if not chart.strip():
        raise ValueError("is empty: write an address or a file, or remove the key")
    check_text(chart, "a chart", LONGEST_ADDRESS)
    if repository is not None:
        if not _NAME.fullmatch(chart) or is_file(chart):
            raise ValueError(
                f"{shown(chart)} is not the name of a chart in the repository: write one, or remove repository"
            )
    elif _URL.match(chart):
        _check_url(chart, ("oci", "https"), "oci://registry.example.com/charts/keda")
        if chart.lower().startswith("https:") and not chart.endswith(_ARCHIVES):
            raise ValueError(
                f"{shown(chart)} is not a packed chart (.tgz): write the repository's address as repository"
            )
    elif not is_file(chart):
        raise ValueError(
            f"{shown(chart)} is neither an address nor a file: write oci://registry.example.com/charts/{chart}, "
            f"./{chart} for a folder, or a repository"
        )


def _check_version(version: str, chart: str | None) -> None:
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{shown(version)} is not the version of a chart: write three numbers, such as 1.2.3")
    if chart is not None and (is_file(chart) or chart.endswith(_ARCHIVES)):
        raise ValueError(f"{version} has no effect, as the chart is a file or folder: remove the key")


def _check_definitions(definitions: str) -> None:
    check_text(definitions, "the place of definitions", LONGEST_ADDRESS)
    if _URL.match(definitions):
        _check_url(definitions, ("https",), "https://files.example.com/crds.yaml")
    elif not definitions.endswith(_MANIFESTS):
        raise ValueError(f"{shown(definitions)} is neither a file of YAML nor a URL: write one such as crds/keda.yaml")


def _check_url(url: str, schemes: Sequence[str], example: str) -> None:
    check_text(url, "an address", LONGEST_ADDRESS)
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
    except ValueError:
        host, user, parts = None, None, urlsplit("")
    # Not shown: it may be a password.
    if user is not None:
        raise ValueError(
            "contains credentials, which would be readable in the state: remove them, and log in with helm registry"
        )
    if not host or any(each.isspace() for each in url) or parts.scheme not in schemes:
        raise ValueError(f"{shown(url)} is not an address with {' or '.join(schemes)}: write one such as {example}")


def _check_repository(repository: str) -> None:
    _check_url(repository, ("https",), "https://charts.example.com")


@dataclass(frozen=True, kw_only=True)
class Source(Spec):
    """Where an operator's chart and CRDs come from, for clusters that cannot reach the official ones."""

    chart: str | None = None
    """The Helm chart: an address such as `oci://registry.example.com/charts/keda` or `https://files.example.com/keda.tgz`,
    the path of a `.tgz` or a folder (in a stack file: relative to that file), or its name in `repository`. Default: the
    official one."""
    repository: str | None = formed(None, _check_repository)
    """Address of a Helm repository that has the chart, under its usual name unless `chart` names another. Default:
    none."""
    chart_version: str | None = None
    """Version of the chart, if yours is numbered differently from the official one. Default: the same number."""
    definitions: str | None = formed(None, _check_definitions)
    """URL or file (in a stack file: relative to that file) of the operator's CRDs, matching its version. Default: those
    of the official release."""

    def check(self) -> None:
        """The chart is in the repository, if there is one, and has no other version than its own."""
        super().check()
        if self.chart is not None:
            check_field("chart", _check_chart, self.chart, self.repository)
        if self.chart_version is not None:
            check_field("chart_version", _check_version, self.chart_version, self.chart)
