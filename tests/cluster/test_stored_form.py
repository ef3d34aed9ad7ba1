"""What operators bring, as a real API server stores it: their own definitions of their kinds, under names of this test."""

import copy
import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.kube.stored_form import as_stored

from sandbox import autoscaling, strimzi
from sandbox.build import BuildFolders
from sandbox.host import SandboxError
from sandbox.instance import cache_folder, state_folder
from tests.cert_manager_api import CERT_MANAGER_API
from tests.cluster.ownership.stack import Stack
from tests.prometheus_api import ALL_KINDS
from tests.tiers import IS_LONG

Manifest = dict[str, Any]
MOST_BYTES = 200_000 if IS_LONG else 40_000
"""Of a definition that is previewed: an engine and a plugin take minutes for a dozen of the largest."""
DEFAULTED = "storedkafkas"
"""The one of which the API server adds to what is sent."""
GROUP = f"stored-form-{uuid.uuid4().hex[:8]}.example.com"
"""Instead of the operator's: its kinds may be there, and in use. Another one each time: those of the last time may still be going."""


def folders() -> BuildFolders:
    return BuildFolders(cache=cache_folder(), logs=state_folder() / "logs")


def _strimzi(_: Path) -> Sequence[Path]:
    return strimzi.definitions(folders())


def _keda(_: Path) -> Sequence[Path]:
    kubectl = shutil.which("kubectl")
    assert kubectl
    return [autoscaling.manifests(folders(), Path(kubectl)) / autoscaling.KINDS]


DEFINITIONS: Mapping[str, Callable[[Path], Sequence[Path]]] = {
    "Strimzi": _strimzi,
    "KEDA": _keda,
    "Prometheus": ALL_KINDS.definitions,
    "cert-manager": CERT_MANAGER_API.definitions,
}


class ApiServer:
    """Takes definitions by server-side apply, as the Kubernetes plugin does."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._made: list[str] = []

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["kubectl", *arguments], env=self._environment, input=stdin, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read(self, file: Path) -> list[Manifest]:
        """The definitions of a file as kubectl, and so Go, reads YAML."""
        found = self._kubectl("create", "--dry-run=client", "--validate=false", "--output=json", f"--filename={file}")
        decoder, rest = json.JSONDecoder(), found.lstrip()
        objects: list[Manifest] = []
        while rest:
            each, end = decoder.raw_decode(rest)
            objects += each["items"] if each["kind"] == "List" else [each]
            rest = rest[end:].lstrip()
        return [of_this_test(each) for each in objects if each["kind"] == "CustomResourceDefinition"]

    def apply(self, manifest: Manifest) -> Manifest:
        """What is stored."""
        self._made.append(manifest["metadata"]["name"])
        answer = self._kubectl("apply", "--server-side", "--output=json", "--filename=-", stdin=json.dumps(manifest))
        stored: Manifest = json.loads(answer)
        return stored

    def close(self) -> None:
        """Removes what was made, without waiting: it takes the API server seconds, and kubectl's wait five for each definition."""
        if self._made:
            names = dict.fromkeys(self._made)
            self._kubectl("delete", "--ignore-not-found", "--wait=false", "customresourcedefinition", *names)


def of_this_test(definition: Manifest) -> Manifest:
    return apart(definition, "stored", f"{definition['spec']['group'].split('.')[0]}.{GROUP}")


def apart(definition: Manifest, prefix: str, group: str) -> Manifest:
    """The definition in another group and by other names.

    kubectl remembers for minutes which groups have a kind: it would ask the group of this test for `kafkas`, and nobody else.
    """
    made = copy.deepcopy(definition)
    names = made["spec"]["names"]
    for name in ("plural", "singular", "kind", "listKind"):
        if names.get(name):
            names[name] = f"{prefix.capitalize() if name.endswith('ind') else prefix}{names[name]}"
    for name in ("shortNames", "categories"):
        if name in names:
            names[name] = [f"{prefix}{each}" for each in names[name]]
    made["spec"]["group"] = group
    made["metadata"]["name"] = f"{names['plural']}.{group}"
    return made


@pytest.fixture(scope="module")
def api_server(environment: Mapping[str, str]) -> Iterator[ApiServer]:
    made = ApiServer(environment)
    yield made
    made.close()


@pytest.fixture(scope="module", params=DEFINITIONS)
def definitions(
    request: pytest.FixtureRequest, api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Manifest]]:
    try:
        files = DEFINITIONS[request.param](tmp_path_factory.mktemp("definitions"))
    except (SandboxError, RuntimeError) as error:
        pytest.skip(str(error))
    found = [each for file in files for each in api_server.read(file)]
    assert found
    return request.param, found


def differences(sent: Any, stored: Any, path: str = "") -> list[str]:
    """Where what is stored does not have what was sent: what a preview shows as a change."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        return [
            line
            for key, value in sent.items()
            for line in (differences(value, stored[key], f"{path}.{key}") if key in stored else [f"{path}.{key}"])
        ]
    if isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        return [
            line
            for index, (one, other) in enumerate(zip(sent, stored, strict=True))
            for line in differences(one, other, f"{path}[{index}]")
        ]
    return [] if sent == stored else [path]


def test_what_is_stored_has_all_that_was_sent(definitions: tuple[str, list[Manifest]], api_server: ApiServer) -> None:
    _, found = definitions
    for definition in found:
        sent = as_stored(definition)
        first = api_server.apply(sent)
        second = api_server.apply(sent)
        assert differences(sent, first) == [], definition["metadata"]["name"]
        assert second["metadata"]["generation"] == first["metadata"]["generation"]


def test_only_one_definition_would_differ_as_it_is(
    definitions: tuple[str, list[Manifest]], api_server: ApiServer
) -> None:
    operator, found = definitions
    differing = {
        each["metadata"]["name"].split(".")[0]: lines
        for each in found
        if (lines := differences(each, api_server.apply(each)))
    }
    assert differing.keys() == ({"storedkafkas"} if operator == "Strimzi" else set())
    for [line] in differing.values():
        assert line.endswith(".properties.status.properties.clusterSecurity.properties")


def test_a_second_preview_shows_no_change(
    definitions: tuple[str, list[Manifest]],
    api_server: ApiServer,
    environment: Mapping[str, str],
    tmp_path: Path,
) -> None:
    operator, found = definitions
    # Those of this stack, which must not meet those of the tests above.
    chart = {}
    for each in (
        one for one in found if len(json.dumps(one)) <= MOST_BYTES or one["spec"]["names"]["plural"] == DEFAULTED
    ):
        own = apart(each, "stack", f"stack-{each['spec']['group']}")
        chart[own["metadata"]["name"].split(".")[0]] = own
    stack = Stack("stored", tmp_path / "stack", environment)
    stack.declare({}, chart=chart, as_stored=True)
    try:
        stack.up().assert_succeeded()
        steps = stack.preview().assert_succeeded().steps
        assert {name for name, step in steps.items() if step.operation != "same"} == set()
        if operator == "Strimzi":
            stack.declare({}, chart=chart)
            steps = stack.preview().assert_succeeded().steps
            assert {name for name, step in steps.items() if step.operation != "same"} == {"chart-stackstoredkafkas"}
    finally:
        stack.destroy().assert_succeeded()


EMPTY: Manifest = {
    "$schema": "",
    "allOf": [],
    "anyOf": [],
    "definitions": {},
    "description": "",
    "enum": [],
    "exclusiveMaximum": False,
    "exclusiveMinimum": False,
    "format": "",
    "id": "",
    "nullable": False,
    "oneOf": [],
    "pattern": "",
    "patternProperties": {},
    "properties": {},
    "required": [],
    "title": "",
    "type": "",
    "uniqueItems": False,
    "x-kubernetes-embedded-resource": False,
    "x-kubernetes-int-or-string": False,
    "x-kubernetes-list-map-keys": [],
    "x-kubernetes-validations": [],
}
KEPT: Manifest = {"default": {}, "example": {"a": []}, "maxProperties": 0, "externalDocs": {}}
"""Pointers keep what they point at, however empty."""


def empty_definition() -> Manifest:
    """A definition in which everything that may be empty is."""
    anything = {"x-kubernetes-preserve-unknown-fields": True}
    rule = {"rule": "true", "message": "", "messageExpression": "", "fieldPath": ""}
    schema = {
        "type": "object",
        "properties": {
            "empty": {**anything, **EMPTY},
            "kept": {"type": "object", **anything, **KEPT},
            "list": {"type": "array", "items": {**anything, **EMPTY}},
            "map": {"type": "object", "additionalProperties": {**anything, **EMPTY}},
            "either": {**anything, "anyOf": [{"required": []}, {"not": {"required": []}}]},
            "documented": {"type": "string", "externalDocs": {"description": "", "url": ""}},
            "ruled": {"type": "string", "x-kubernetes-validations": [rule]},
            "required": {"type": "string"},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "deprecated": False,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "selectableFields": [],
        "additionalPrinterColumns": [
            {"name": "Age", "type": "date", "jsonPath": ".a", "priority": 0, "description": "", "format": ""}
        ],
    }
    names = {"kind": "Empty", "plural": "empties", "singular": "", "listKind": "", "shortNames": [], "categories": []}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"empties.{GROUP}", "annotations": {}, "labels": {}, "finalizers": [], "namespace": ""},
        "spec": {
            "group": GROUP,
            "names": names,
            "preserveUnknownFields": False,
            "scope": "Namespaced",
            "versions": [version, {**version, "name": "v2", "storage": False, "additionalPrinterColumns": []}],
            "conversion": {"strategy": "None"},
        },
        "status": {},
    }


def test_what_is_dropped_is_exactly_what_the_api_server_drops(api_server: ApiServer) -> None:
    definition = empty_definition()
    stored = api_server.apply(definition)
    expected = as_stored(definition)
    assert differences(expected, stored) == []
    kept_all_the_same = [path for path in dropped(definition, expected) if path not in dropped(definition, stored)]
    # It writes these itself where they are empty.
    assert kept_all_the_same == [".spec.names.singular", ".spec.names.listKind", ".status"]


def dropped(sent: Any, found: Any, path: str = "") -> list[str]:
    """The paths of what was sent that are not there at all."""
    if isinstance(sent, dict):
        return [
            line
            for key, value in sent.items()
            for line in (dropped(value, found[key], f"{path}.{key}") if key in found else [f"{path}.{key}"])
        ]
    if isinstance(sent, list) and len(sent) == len(found):
        return [line for index, each in enumerate(sent) for line in dropped(each, found[index], f"{path}[{index}]")]
    return []
