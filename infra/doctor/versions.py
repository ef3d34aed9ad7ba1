"""Versions that their projects no longer care for, or not for long: known from a table of this release, without asking anybody."""

import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

from kafka_platform.kafka.protocols import Engine
from kafka_platform.streams.config import FLINK

from infra.doctor.findings import Finding, warning
from infra.live.cluster import Manifest
from infra.settings.model import Settings
from infra.versions.parts import Part
from infra.versions.table import FLINK_JOBS, KAFKA, KUBERNETES, LOOKED_UP, PARTS, PYTHON

SOON = timedelta(days=60)
"""How long before a version ends the doctor says so: an upgrade of Kubernetes is planned for weeks."""
OLD = timedelta(days=365)
"""How old the table may be: after that, even the newest Kubernetes in it is near its end."""


def running(
    settings: Settings, kubernetes: tuple[int, int], operators: Mapping[str, Collection[str]], pods: Sequence[Manifest]
) -> dict[str, set[str]]:
    """Versions that were seen, or follow from the stack file, by the keys of the table."""
    found: dict[str, set[str]] = defaultdict(set)
    found[KUBERNETES].add(".".join(map(str, kubernetes)))
    found[PYTHON].add(".".join(map(str, sys.version_info[:2])))
    kafka = settings.kafka
    if kafka.engine is not Engine.EXTERNAL:
        found[KAFKA].add(kafka.version)
    for key, versions in operators.items():
        found[key] |= set(versions)
    images = [str(container.get("image") or "") for pod in pods for container in pod["spec"].get("containers") or []]
    if any(_name(each) == _FLINK_IMAGE for each in images):
        found[FLINK_JOBS].add(FLINK)
    for key, part in PARTS.items():
        if part.image is not None:
            found[key] |= {_version(each) for each in images if _name(each) == part.image} - {""}
    return dict(found)


_FLINK_IMAGE = "flink"


def _name(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _version(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2].removeprefix("v")


def ends(running: Mapping[str, Collection[str]], today: date) -> Iterator[Finding]:
    """Versions that have ended, or end soon."""
    for key, versions in sorted(running.items()):
        part = PARTS.get(key)
        if part is not None:
            for version in sorted(versions):
                yield from _judged(part, version, today)


def _judged(part: Part, version: str, today: date) -> Iterator[Finding]:
    fix = f"upgrade to {part.newest} or newer: docs/versions.md, and docs/operations.md, Upgrade"
    subject = f"Version/{part.name}"
    series = part.series(version)
    end = None if series is None else part.ends[series]
    if part.is_older(version):
        yield warning("version-ended", subject, f"{version} is no longer cared for by its project", fix)
    elif end is not None and end < today:
        yield warning("version-ended", subject, f"{version} has had no corrections since {end}", fix)
    elif end is not None and end - today <= SOON:
        days = (end - today).days
        text = f"{version} gets its last corrections on {end}, {'today' if not days else 'in 1 day' if days == 1 else f'in {days} days'}"
        yield warning("version-ends", subject, text, fix)


def old_table(today: date) -> Iterator[Finding]:
    """A release of this program that is too old to know which versions have ended."""
    if today - LOOKED_UP > OLD:
        text = f"when versions end was looked up on {LOOKED_UP}: what has ended since is not known"
        yield warning(
            "versions-unknown", "Version/kafka-platform", text, "upgrade the platform, or look it up yourself"
        )
