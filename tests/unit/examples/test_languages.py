"""The examples in other languages say what the components take: those that the engine would only read when they run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka_platform.host import Host

from tests.unit.components.test_arrivals import SENT

ROOT = Path(__file__).resolve().parents[3]
CONNECTION = "${events.connection}"


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


def resources() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "examples/yaml/Pulumi.yaml").read_text())["resources"]
    return found


@pytest.mark.parametrize("name", resources())
def test_the_example_in_yaml_has_args_that_components_take(host: Host, name: str) -> None:
    declared = resources()[name]
    component = declared["type"].rpartition(":")[2]
    given = {key: SENT if each == CONNECTION else each for key, each in declared["properties"].items()}
    args = host.map_inputs(given, host._component_defs[component])
    host._args[component](**args)


def words(of: Any) -> Iterator[str]:
    """The keys and values of what is declared."""
    if isinstance(of, dict):
        for key, each in of.items():
            yield key
            yield from words(each)
    elif isinstance(of, list):
        for each in of:
            yield from words(each)
    elif of != CONNECTION:
        yield str(of)


@pytest.mark.parametrize("other", ["typescript/index.ts", "go/main.go"])
def test_the_examples_declare_the_same(other: str) -> None:
    program = (ROOT / "examples" / other).read_text().lower()
    declared = resources()
    found = {*declared, *(word for each in declared.values() for word in words(each["properties"]))}
    assert {"streaming", "sensors-alerts:1", "readings", "30d", "64Mi", "operator*"} <= found
    assert [word for word in found if word.lower() not in program] == []
    assert [each["type"] for each in declared.values() if each["type"].partition(":")[2].lower() not in program] == []
