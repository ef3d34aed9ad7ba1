"""The description of the interface is valid, complete, and its examples are what its schemas say."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kafka_platform_runtime import gateway
from kafka_platform_runtime.connection import SaslMechanism, SecurityProtocol
from kafka_platform_runtime.gateway.application import Gateway
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.openapi.document import document
from kafka_platform_runtime.gateway.openapi.failures import ERRORS
from kafka_platform_runtime.gateway.settings import Kafka, Settings
from openapi_spec_validator import validate

DOCUMENT = document()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method.upper(), path, operation


async def _routes() -> set[tuple[str, str]]:
    kafka = Kafka(
        bootstrap_servers="localhost:1",
        security_protocol=SecurityProtocol.SASL_PLAINTEXT,
        mechanism=SaslMechanism.SCRAM_SHA_512,
    )
    return {(route.method, route.path) for route in Gateway(Core(kafka, Settings(), "pod")).routes}


def test_it_is_valid() -> None:
    validate(DOCUMENT)


def test_it_has_every_route_and_no_other() -> None:
    # OpenAPI has no word for a WebSocket: it is said at the GET of the same path.
    routes = {("GET" if method == "WEBSOCKET" else method, path) for method, path in asyncio.run(_routes())}
    assert {(method, re.sub(r"\{(\w+)\}", "{}", path)) for method, path, _ in operations()} == {
        (method, re.sub(r"\{(\w+)\}", "{}", path)) for method, path in routes
    }


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


def _contents(found: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any], Any]]:
    if isinstance(found, dict):
        for name, example in found.get("examples", {}).items():
            yield f"{place}/{name}", found["schema"], example["value"]
        for key, each in found.items():
            if key != "examples":
                yield from _contents(each, f"{place}/{key}")
    elif isinstance(found, list):
        for number, each in enumerate(found):
            yield from _contents(each, f"{place}/{number}")


EXAMPLES = list(_contents({"paths": DOCUMENT["paths"], "responses": DOCUMENT["components"]["responses"]}))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 40


@pytest.mark.parametrize(("place", "schema", "example"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_examples_are_what_the_schemas_say(place: str, schema: dict[str, Any], example: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example)


def test_it_has_every_code_that_is_given() -> None:
    folder = Path(gateway.__file__).parent
    sources = [file.read_text() for file in sorted(folder.rglob("*.py")) if file.parent.name != "openapi"]
    given = {int(code) for source in sources for code in re.findall(r"\b[45]\d\d0\d\b", source)}
    assert given == {code for codes in ERRORS.values() for code in codes}


def test_every_error_begins_with_its_status() -> None:
    for status, codes in ERRORS.items():
        assert codes
        for code, message in codes.items():
            # As in Confluent's dialect, 50003 is a failure of Kafka that may pass, whatever its status.
            assert code // 100 == status or code == 50003
            assert message.endswith(".")
