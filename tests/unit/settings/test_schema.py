"""The schema for editors: current, complete, and never of another opinion than the settings about right files."""

import textwrap
from typing import Any

import jsonschema
import pytest
import yaml

from infra.check import DOCS_FILE, STACKS, write_schema
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from infra.settings.schema import schema
from infra.settings.stackfile import KEY, PULUMI_KEYS, parse_yaml
from tests.many import for_each
from tests.unit.settings.broken import PLATFORM

SHIPPED = [STACKS / f"Pulumi.{stack}.yaml" for stack in ("dev", "ci", "staging", "prod")]


@pytest.fixture(scope="module")
def validator() -> Any:
    content = schema()
    jsonschema.Draft7Validator.check_schema(content)
    return jsonschema.Draft7Validator(content)


def test_the_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_schema(only_check=True) == 0, capsys.readouterr().out


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
class TestShippedStacks:
    def test_the_schema_accepts_it(self, file: Any, validator: Any) -> None:
        assert [error.message for error in validator.iter_errors(yaml.safe_load(file.read_text()))] == []

    def test_editors_find_the_schema(self, file: Any) -> None:
        assert file.read_text().splitlines()[0] == "# yaml-language-server: $schema=schema.json"

    def test_it_holds_nothing_of_one_machine(self, file: Any) -> None:
        """No salt and no secrets; and nothing that the engine would write in another form when it saves the file."""
        lines = file.read_text().splitlines()
        # `pulumi up` adds a salt to the working copy.
        assert set(yaml.safe_load(file.read_text())) - {"encryptionsalt"} == {"config"}
        assert "" not in lines
        assert not any("  #" in line.lstrip() for line in lines)


def examples() -> list[str]:
    parts = DOCS_FILE.read_text().split("```yaml\n")[1:]
    return [part.partition("```")[0] for part in parts]


@for_each("text", examples())
def test_the_schema_accepts_the_examples_of_the_documentation(text: str, validator: Any) -> None:
    # test_documented_stacks.py runs `check` on them.
    validator.validate(parse_yaml(text))


RIGHT = [
    "{}",
    "topics:\ntenants:\nkafka:\n",
    "topics: {a: , b: {config: {segment.bytes: 2000000, preallocate: true}}}",
    "tenants: {t: {users: {u: , v: {acls: [{resource: cluster, name: kafka-cluster, operations: [ALL]}]}}}}",
    "kafka: {nodes: 3, storage: 1.5Ti, defaults: {retention: forever}, config: {num.io.threads: 8}}",
    "topics: {a: {retention: 1d12h, retentionSize: unlimited, maxMessageSize: 2MiB}}",
    "gateway:",
    "topics: {__debezium-heartbeat.inventory: }",
    "{keda: , topics: {a: {partitions: 4}}, tenants: {t: }, workers: {w: {image: i:1, tenant: t, reads: [a], "
    "environment: {N: 1}, resources: , scale: {recordsPerSecondPerPod: 0.5, acceptableDelay: 1m, min: 0, cpu: }}}}",
    "workers:",
    "probe:",
    "probe: {interval: 250ms, lostAfter: 1m, partitions: 6, gate: true, gateway: false, resources: }",
    "gateway: {pods: , resources: , limits: , expose: {loadBalancer: }}",
    "gateway: {pods: {min: 2, max: 20, requestsInFlight: 64}, expose: {gateway: infra/public, listener: https, host: a.example.com}}",
]


@pytest.mark.parametrize("text", RIGHT)
def test_both_accept(text: str, validator: Any) -> None:
    content = yaml.safe_load(text)
    parse(content)
    validator.validate({"config": {KEY: content}})


@for_each("text", [text for text, _ in PLATFORM])
def test_what_the_schema_refuses_is_refused(text: str, validator: Any) -> None:
    """The schema may know less than the settings (they see relations), never more; it finds wrong keys and types."""
    content = parse_yaml(textwrap.dedent(text))
    found = list(validator.iter_errors({"config": {KEY: content}}))
    with pytest.raises(SettingsError) as caught:
        parse(content)
    if any(
        ": unknown key: did you mean" in str(fault) or "is not a mapping" in str(fault) for fault in caught.value.faults
    ):
        assert found


DEFINITIONS = schema()["$defs"]
EXAMPLES = [
    (f"{name}.{key}", node, example)
    for name, definition in DEFINITIONS.items()
    for key, node in definition.get("properties", {}).items()
    for example in node.get("examples", [])
]


@for_each("name, node, example", EXAMPLES)
def test_an_example_fits_its_own_key(name: str, node: Any, example: Any) -> None:
    jsonschema.Draft7Validator(node | {"$defs": DEFINITIONS}).validate(example)


def test_every_key_is_described() -> None:
    for name, definition in schema()["$defs"].items():
        for key, content in definition.get("properties", {}).items():
            assert len(content.get("description", "")) > 10, f"{name}.{key}"


def test_other_keys_of_the_file(validator: Any) -> None:
    content: dict[str, Any] = dict.fromkeys(PULUMI_KEYS, "x") | {"config": {KEY: {}, "aws:region": "eu-west-1"}}
    assert validator.is_valid(content)
    assert not validator.is_valid({"config": {"kafka-platform:platfrom": {}, KEY: {}}})
    assert not validator.is_valid({"config": {}})
    assert not validator.is_valid({})
