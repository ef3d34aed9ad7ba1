"""Where an operator's Helm chart and the definitions of its kinds are taken from. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kafka_platform.checks import checked
from kafka_platform.free_maps import check_text, shown

_ARCHIVES = (".tgz", ".tar.gz")
_MANIFESTS = (".yaml", ".yml", ".json")
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?")
_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]{1,100})?")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
LONGEST_ADDRESS = 2_048
"""Characters: what HTTP servers are sure to take, and half of the longest path of a file."""


@dataclass(frozen=True, kw_only=True)
class ChartSource:
    """A chart and definitions, as the Kubernetes plugin takes them."""

    chart: str
    """An address, a path, or a name in `repository`."""
    version: str | None
    """None for files: these have one of their own."""
    repository: str | None = None
    definitions: str | None = None
    """File or URL; none if the operator has no kinds of its own."""

    def replaced(
        self, *, chart: str | None, repository: str | None, chart_version: str | None, definitions: str | None
    ) -> "ChartSource":
        """The source where these, which `check_source` has seen, take the place of what is meant otherwise."""
        usual = self.chart.rpartition("/")[2]
        if chart is None and repository is None:
            chart, repository = self.chart, self.repository
        of_file = chart is not None and is_file(chart)
        return ChartSource(
            chart=chart or usual,
            version=None if of_file or (chart or "").endswith(_ARCHIVES) else chart_version or self.version,
            repository=repository,
            definitions=definitions or self.definitions,
        )


def check_source(
    *, chart: str | None, repository: str | None, chart_version: str | None, definitions: str | None
) -> None:
    """Raises ValueError, which names the field, the value and the fix, for a place that nothing can be taken from."""
    if repository is not None:
        checked("repository", _check_url, repository, ("https",), "https://charts.example.com")
    if chart is not None:
        checked("chart", _check_chart, chart, repository)
    if chart_version is not None:
        checked("chart_version", _check_version, chart_version, chart)
    if definitions is not None:
        checked("definitions", _check_definitions, definitions)


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
        raise ValueError(f"{version} is not asked for, as the chart is one file or folder: remove the key")


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
            "has a login in it, which would be readable in the state: remove it, and log in by helm registry"
        )
    if not host or any(each.isspace() for each in url) or parts.scheme not in schemes:
        raise ValueError(f"{shown(url)} is not an address with {' or '.join(schemes)}: write one such as {example}")
