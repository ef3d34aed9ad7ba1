"""Where charts and definitions are taken from, and what is refused as a place for them."""

from typing import Any

import pytest
from kafka_platform.operators.sources import LONGEST_ADDRESS, ChartSource, Source, files

OFFICIAL = ChartSource(
    chart="oci://quay.io/acme/operator", version="1.2.0", definitions="https://example.com/crds.yaml"
)


def replaced(official: ChartSource = OFFICIAL, /, **given: str) -> ChartSource:
    return official.replaced(Source(**given))


def test_nothing_said_means_the_official_place() -> None:
    assert replaced() == OFFICIAL


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"chart": "oci://here.example.com/operator"}, {"chart": "oci://here.example.com/operator"}),
        (
            {"chart": "oci://here.example.com/operator", "chart_version": "v1.2.0-acme.3"},
            {"chart": "oci://here.example.com/operator", "version": "v1.2.0-acme.3"},
        ),
        ({"chart_version": "1.2.1"}, {"version": "1.2.1"}),
        (
            {"repository": "https://charts.example.com"},
            {"repository": "https://charts.example.com", "chart": "operator"},
        ),
        (
            {"repository": "https://charts.example.com", "chart": "ours"},
            {"repository": "https://charts.example.com", "chart": "ours"},
        ),
        # A file has a version of its own.
        (
            {"chart": "https://files.example.com/operator.tgz"},
            {"chart": "https://files.example.com/operator.tgz", "version": None},
        ),
        ({"chart": "charts/operator"}, {"chart": "charts/operator", "version": None}),
        ({"chart": "operator-1.2.0.tgz"}, {"chart": "operator-1.2.0.tgz", "version": None}),
        ({"definitions": "crds.yaml"}, {"definitions": "crds.yaml"}),
    ],
)
def test_what_is_said_takes_the_place_of_the_official_one(given: dict[str, str], taken: dict[str, Any]) -> None:
    expected: dict[str, Any] = {
        "chart": OFFICIAL.chart,
        "version": "1.2.0",
        "definitions": OFFICIAL.definitions,
    } | taken
    assert replaced(OFFICIAL, **given) == ChartSource(**expected)


def test_an_address_replaces_an_official_repository_too() -> None:
    official = ChartSource(chart="keda", repository="https://kedacore.github.io/charts", version="2.20.2")
    address = "oci://here.example.com/keda"
    assert replaced(official, chart=address) == ChartSource(chart=address, version="2.20.2")


def test_only_paths_are_files() -> None:
    places = {"chart": "./keda", "definitions": "https://files.example.com/crds.yaml", "repository": "./keda"}
    assert files(places) == {"chart": "./keda"}
    assert files({"chart": "keda", "definitions": 3}) == {}
    assert files({"chart": "keda.tgz", "definitions": "crds.yaml"}) == {"chart": "keda.tgz", "definitions": "crds.yaml"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"chart": " "}, "chart: is empty: write an address or a file"),
        ({"chart": "operator"}, "chart: 'operator' is neither an address nor a file"),
        ({"chart": "a\nb"}, "chart: 'a\\nb' is not one line"),
        ({"chart": "./" + "x" * LONGEST_ADDRESS}, "chart: .* has 2,050 characters: use up to 2,048"),
        ({"chart": "http://example.com/c.tgz"}, "chart: .* is not an address with oci or https"),
        ({"chart": "file:///tmp/c.tgz"}, "chart: .* is not an address with oci or https"),
        ({"chart": "https://example.com/c"}, "chart: .* is not a packed chart"),
        ({"chart": "https://[/c.tgz"}, "chart: .* is not an address"),
        ({"chart": "oci:///operator"}, "chart: .* is not an address"),
        (
            {"chart": "oci://a/b", "repository": "https://charts.example.com"},
            "chart: 'oci://a/b' is not the name of a chart in the repository",
        ),
        ({"repository": "charts.example.com"}, "repository: .* is not an address with https"),
        ({"repository": "https://a b"}, "repository: .* is not an address with https"),
        ({"chart_version": "1.2"}, "chart_version: '1.2' is not the version of a chart"),
        ({"chart": "./c", "chart_version": "1.2.3"}, "chart_version: 1.2.3 has no effect"),
        ({"definitions": "crds"}, "definitions: 'crds' is neither a file of YAML nor a URL"),
        ({"definitions": "http://example.com/crds.yaml"}, "definitions: .* is not an address with https"),
    ],
)
def test_what_nothing_can_be_taken_from_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}".replace("\\n", r"\\n")):
        Source(**given)


@pytest.mark.parametrize("key", ["chart", "repository", "definitions"])
def test_a_password_in_an_address_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="contains credentials") as refused:
        Source(**{key: "https://me:hunter2@example.com/c.tgz"})
    assert "hunter2" not in str(refused.value)
