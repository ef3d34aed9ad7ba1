"""`python -m infra dashboards`: a stack's Grafana dashboards as files, for a Grafana without the sidecar."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kafka_platform.kube.boards import DASHBOARD_LABEL

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Placed, Stack
from infra.capabilities.operators import Prometheus
from infra.check import STACKS, file_of
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack


def write(stack: str, to: Path, folder: Path = STACKS) -> int:
    """Writes each dashboard of the stack to a file, and prints its name.

    Returns:
        1 if the stack's file is wrong or says nothing of Prometheus, otherwise 0.
    """
    file = file_of(stack, folder)
    try:
        settings = read_stack(file)
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}")
        return 1
    if settings.prometheus is None:
        print(f"{file.name}: prometheus: missing, so nothing is watched: write prometheus: {{}}")
        return 1
    to.mkdir(parents=True, exist_ok=True)
    for name, text in dashboards(settings):
        (to / name).write_text(text, encoding="utf-8")
        print(to / name)
    return 0


def dashboards(settings: Settings) -> Iterator[tuple[str, str]]:
    """The dashboards' files, by name, whether or not the stack delivers them as ConfigMaps."""
    placed = Placed(Stack(settings, CAPABILITIES))
    for each, section in placed.stack.present:
        shown = replace(section, dashboards=True) if isinstance(section, Prometheus) else section
        for one in each.rendered(shown, placed):
            manifest = one.object.manifest
            labels: Mapping[str, str] = manifest["metadata"].get("labels", {})
            if DASHBOARD_LABEL in labels:
                yield from manifest["data"].items()
