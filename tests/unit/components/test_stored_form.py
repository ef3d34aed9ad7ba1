"""What the API server drops from objects that others wrote; tests/cluster asks a real one whether it does."""

from typing import Any

import pulumi
import pytest
from kafka_platform.kube.stored_form import as_stored

OBJECT_SCHEMA: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definition(schema: dict[str, Any], **changes: Any) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": False,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "examples.example.com"},
        "spec": {"group": "example.com", "names": {"kind": "Example", "plural": "examples"}, "versions": [version]}
        | changes,
    }


def test_properties_that_are_empty_are_dropped_at_every_depth() -> None:
    empty = {**OBJECT_SCHEMA, "properties": {}}
    deep = {
        "type": "object",
        "properties": {
            "properties": empty,
            "list": {"type": "array", "items": empty},
            "map": {"type": "object", "additionalProperties": empty},
            "either": {"anyOf": [empty, {"not": empty}]},
        },
    }
    assert as_stored(definition(deep)) == definition(
        {
            "type": "object",
            "properties": {
                "properties": OBJECT_SCHEMA,
                "list": {"type": "array", "items": OBJECT_SCHEMA},
                "map": {"type": "object", "additionalProperties": OBJECT_SCHEMA},
                "either": {"anyOf": [OBJECT_SCHEMA, {"not": OBJECT_SCHEMA}]},
            },
        }
    )


def test_a_property_keeps_its_name_whatever_it_is() -> None:
    schema = {"type": "object", "properties": {key: {} for key in ("required", "nullable", "description", "status")}}
    assert as_stored(definition(schema)) == definition(schema)


def test_values_of_any_json_stay_as_they_are() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "default": {},
        "example": {"required": []},
        "enum": [None, "", {"properties": {}}],
    }
    assert as_stored(definition(schema)) == definition(schema)


@pytest.mark.parametrize("ignored", [{"preserveUnknownFields": False}, {"conversion": None}])
def test_what_says_nothing_is_dropped(ignored: dict[str, Any]) -> None:
    assert as_stored(definition(OBJECT_SCHEMA, **ignored)) == definition(OBJECT_SCHEMA)


def test_what_only_the_api_server_writes_is_dropped_from_every_kind() -> None:
    taken_from_a_cluster = {
        "apiVersion": "example.com/v1",
        "kind": "Example",
        "metadata": {
            "name": "a",
            "annotations": {},
            "creationTimestamp": None,
            "generation": 3,
            "labels": {"app": "a"},
            "managedFields": [{"manager": "kubectl"}],
            "resourceVersion": "7",
            "uid": "f00",
        },
        "spec": {"properties": {}, "required": []},
        "status": {"ready": True},
    }
    assert as_stored(taken_from_a_cluster) == {
        "apiVersion": "example.com/v1",
        "kind": "Example",
        "metadata": {"name": "a", "labels": {"app": "a"}},
        # Of a kind that somebody else defines, empty fields are stored.
        "spec": {"properties": {}, "required": []},
    }


def test_an_api_service_says_only_what_differs_from_nothing() -> None:
    service = {"name": "keda-metrics", "namespace": "keda"}
    spec = {"group": "external.metrics.k8s.io", "version": "v1beta1", "versionPriority": 0, "service": service}
    manifest = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "a"}}
    empty = {"insecureSkipTLSVerify": False, "caBundle": ""}
    assert as_stored({**manifest, "spec": {**spec, **empty}}) == {**manifest, "spec": spec}


def test_what_is_not_known_yet_is_left_alone() -> None:
    unknown: pulumi.Output[Any] = pulumi.Output.from_input({})
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": unknown, "data": unknown, "spec": unknown}
    found = as_stored(manifest)
    assert all(found[key] is unknown for key in ("metadata", "data", "spec"))


def test_a_definition_of_another_shape_than_the_api_server_takes_is_left_to_its_verdict() -> None:
    manifest = definition({"items": [{}], "properties": ["a"], "allOf": "b"}, versions="c", names=["d"])
    assert as_stored(manifest) == manifest
