"""Versions that have ended, or end soon: what the doctor says of them, and the table that it knows them from."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.check import VERSIONS_FILE, write_schema
from infra.doctor.findings import Severity
from infra.doctor.versions import OLD, SOON, ends, old_table, running
from infra.settings.model import Settings
from infra.settings.parsing import parse
from infra.versions.parts import NoVersionError, Part, Written, numbers
from infra.versions.table import FLINK_JOBS, KAFKA, KUBERNETES, LOOKED_UP, PARTS, PYTHON
from sandbox import pins
from tests.many import for_each

ROOT = Path(__file__).parents[3]
END = date(2026, 10, 27)
"""Of Kubernetes 1.34."""


def settings(**kafka: Any) -> Settings:
    return parse({"namespace": "streaming", "kafka": {"engine": "embedded", "nodes": 1, **kafka}}, Path())


def said(version: str, today: date, key: str = KUBERNETES) -> list[tuple[str, str]]:
    found = list(ends({key: [version]}, today))
    assert {each.severity for each in found} <= {Severity.WARNING}
    return [(each.check, each.message) for each in found]


def used(part: Part) -> str:
    return part.used.read(ROOT) if isinstance(part.used, Written) else part.used


DAY = timedelta(days=1)
HAD = "has had no corrections since 2026-10-27"


@for_each(
    "version, today, expected",
    [
        ("1.34", END - SOON - DAY, []),
        ("1.34", END - SOON, [("version-ends", "1.34 gets its last corrections on 2026-10-27, in 60 days")]),
        ("1.34", END - DAY, [("version-ends", "1.34 gets its last corrections on 2026-10-27, in 1 day")]),
        ("1.34", END, [("version-ends", "1.34 gets its last corrections on 2026-10-27, today")]),
        ("1.34", END + DAY, [("version-ended", f"1.34 {HAD}")]),
        ("v1.34.2+k3s1", END + DAY, [("version-ended", f"v1.34.2+k3s1 {HAD}")]),
        ("1.27", date(2020, 1, 1), [("version-ended", "1.27 is no longer cared for by its project")]),
        # Newer than what is known.
        ("1.99", date(2030, 1, 1), []),
        ("2.0", date(2030, 1, 1), []),
        ("odd", END, []),
    ],
)
def test_a_version_is_told_of_before_and_after_it_ends(
    version: str, today: date, expected: list[tuple[str, str]]
) -> None:
    assert said(version, today) == expected


def test_a_version_without_a_day_is_not_judged() -> None:
    assert said("4.3.1", date(2040, 1, 1), KAFKA) == []
    assert said("1.20.3", date(2040, 1, 1), "cert_manager") == []
    assert said("2.18.3", date(2040, 1, 1), "keda") == [
        ("version-ended", "2.18.3 has had no corrections since 2026-06-01")
    ]
    assert said("anything", date(2040, 1, 1), "unheard-of") == []


def test_the_fix_names_what_to_upgrade_to() -> None:
    [found] = ends({KUBERNETES: ["1.34"]}, END)
    assert (found.subject, found.fix) == (
        "Version/Kubernetes",
        "upgrade to 1.36 or newer: docs/versions.md, and docs/operations.md, Upgrade",
    )


def test_what_runs_is_known_from_the_cluster_the_file_and_the_images_of_pods() -> None:
    images = [
        "docker.io/prom/prometheus:v3.12.0",
        "mirror.example.com:5000/trinodb/trino:476@sha256:00",
        "ghcr.io/kafka-platform/flink:0.1.0",
        "docker.io/apicurio/apicurio-registry",
        "docker.io/apache/kafka:4.2.0",
    ]
    pods: list[dict[str, Any]] = [{"spec": {"containers": [{"image": each} for each in images]}}, {"spec": {}}]
    found = running(settings(version="4.2.0"), (1, 33), {"keda": {"2.18.3"}}, pods)
    assert found.pop(PYTHON)
    assert {key: versions for key, versions in found.items() if versions} == {
        KUBERNETES: {"1.33"},
        KAFKA: {"4.2.0"},
        "keda": {"2.18.3"},
        "prometheus_server": {"3.12.0"},
        "trino": {"476"},
        FLINK_JOBS: {"2.2"},
    }
    external = parse(
        {"kafka": {"engine": "external", "bootstrapServers": "kafka:9092", "securityProtocol": "PLAINTEXT"}}, Path()
    )
    assert set(running(external, (1, 33), {}, [])) - {each.image for each in PARTS.values()} >= {KUBERNETES, PYTHON}
    assert KAFKA not in running(external, (1, 33), {}, [])


def test_an_old_table_says_that_it_is_old() -> None:
    assert not list(old_table(LOOKED_UP + OLD))
    [found] = old_table(LOOKED_UP + OLD + timedelta(days=1))
    assert (found.check, found.severity) == ("versions-unknown", Severity.WARNING)


def test_the_page_is_what_the_table_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_schema(only_check=True) == 0, capsys.readouterr().out
    text = VERSIONS_FILE.read_text(encoding="utf-8")
    assert not [part.name for part in PARTS.values() if f"| {part.name} |" not in text]


def test_the_sandbox_runs_what_the_table_says_is_tested() -> None:
    sandbox = {
        "apicurio": pins.REGISTRY_IMAGE.rpartition(":")[2],
        "trino": pins.TRINO_IMAGE.rpartition(":")[2],
        KUBERNETES: pins.KUBERNETES,
        KAFKA: pins.KAFKA,
        "keda": pins.KEDA,
        "cert_manager": pins.CERT_MANAGER,
        "prometheus_server": pins.PROMETHEUS,
        "collector": pins.COLLECTOR,
        "pulumi": pins.PULUMI,
    }
    assert {key: used(PARTS[key]) for key in sandbox} == sandbox


@for_each("part", PARTS.values())
def test_what_is_used_had_not_ended_when_the_table_was_made(part: Part) -> None:
    for version in used(part).split(", "):
        end = part.ends.get(part.series(version) or "")
        assert not part.is_older(version)
        assert end is None or end >= LOOKED_UP
    series = list(part.ends)
    assert series == sorted(series, key=numbers)
    assert part.source.startswith("https://")


def test_a_file_that_has_lost_its_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "pins.py").write_text("nothing\n")
    with pytest.raises(NoVersionError, match=r"pins\.py: nothing is like .*: correct infra/versions/table\.py"):
        Written(file="pins.py", pattern="^KAFKA = (.+)$").read(tmp_path)
