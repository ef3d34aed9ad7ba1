"""docs/versions.md, written from the table by `python -m infra schema`."""

from collections.abc import Iterator
from pathlib import Path

from infra.versions.parts import Part, Written
from infra.versions.table import LOOKED_UP, PARTS


def page(root: Path) -> str:
    """The page's text. `root` is the repository's folder, of which some files pin versions."""
    return "\n".join(_lines(root)) + "\n"


def _lines(root: Path) -> Iterator[str]:
    yield "# Supported versions"
    yield "`python -m infra schema` writes this page from [infra/versions/table.py](../infra/versions/table.py), which takes each version from where it is decided on."
    yield ""
    yield "| Part | Tested with, and used by default | What works | How long its project cares for a version |"
    yield "|---|---|---|---|"
    for part in PARTS.values():
        used = part.used.read(root) if isinstance(part.used, Written) else part.used
        yield f"| {part.name} | {used} | {part.works} | [{part.policy}]({part.source}) |"
    yield ""
    yield "## Ends of life"
    yield f"The last days with corrections, as known on {LOOKED_UP} ([endoflife.date](https://endoflife.date), from the projects' pages above). Where there is no day, the project names none in advance."
    yield ""
    yield "| Part | Series and their last days |"
    yield "|---|---|"
    for part in PARTS.values():
        if part.ends:
            yield f"| {part.name} | {_ends(part)} |"
    yield ""
    yield "`python -m infra doctor STACK` compares with it what runs: the cluster's Kubernetes, operators, Kafka, Prometheus and Flink of the stack, and the Python that it runs in itself. It warns 60 days before a last day"
    yield "(`version-ends`) and after it (`version-ended`), and asks nobody on the internet. Versions that are newer than the table are not judged, and once the table is a year old, the doctor says so (`versions-unknown`)."
    yield "A provider may care for a version longer than its project does: AKS, EKS and GKE sell more time for Kubernetes. The warning stays, as the platform's other parts stop being tested with it."


def _ends(part: Part) -> str:
    return ", ".join(f"{series}: {'no day yet' if end is None else end}" for series, end in part.ends.items())
