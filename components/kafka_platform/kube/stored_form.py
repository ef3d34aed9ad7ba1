"""Third-party objects in the form in which the API server stores them. No Pulumi.

The Kubernetes plugin compares what it is given with what the API server stored, so whatever the API server drops would show
as a change in every preview. The plugin brings the kinds of Kubernetes' core into the stored form by itself; what is left
are the kinds whose types it does not know: CustomResourceDefinitions (where it knows of `status` and
`preserveUnknownFields`), APIServices, and everybody's metadata.

A key is dropped where its type in Go is a plain value marked `omitempty` and the value is empty: k8s.io/apiextensions-apiserver
and k8s.io/kube-aggregator, 1.34. Pointers keep what they point at: `subresources: {status: {}}` is stored.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

_Change = Callable[[Any], Any]

_ASSIGNED = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""What the API server itself writes into the metadata: `kubectl get -o yaml` shows them, and sent back they conflict."""
_METADATA = frozenset({"annotations", "finalizers", "generateName", "labels", "namespace", "ownerReferences"})
_SCHEMA = frozenset(
    {
        "$schema",
        "allOf",
        "anyOf",
        "definitions",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "id",
        "nullable",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "required",
        "title",
        "type",
        "uniqueItems",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-validations",
    }
)


def as_stored(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without what the API server drops; values that are no plain data, such as Outputs, stay as they are."""
    spec = _SPECS.get((str(manifest.get("apiVersion")).partition("/")[0], str(manifest.get("kind"))))
    inner = {"metadata": _metadata} if spec is None else {"metadata": _metadata, "spec": spec}
    stored: dict[str, Any] = _fields(inner=inner)(manifest)
    # An object's owner does not write its status.
    return {key: value for key, value in stored.items() if key != "status"}


def _fields(omitted: Collection[str] = (), inner: Mapping[str, _Change] = MappingProxyType({})) -> _Change:
    """Drops nulls, and those of `omitted` that are empty; `inner` says what becomes of the values of other keys."""

    def changed(fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        return {
            key: inner[key](value) if key in inner else value
            for key, value in fields.items()
            if value is not None and not (key in omitted and _is_empty(value))
        }

    return changed


def _each(change: _Change) -> _Change:
    """The change, made to every element of a list, or every value of a mapping with free keys."""

    def changed(values: Any) -> Any:
        if isinstance(values, Mapping):
            return {key: change(each) for key, each in values.items()}
        return [change(each) for each in values] if isinstance(values, list) else values

    return changed


def _is_empty(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | Sequence | Mapping) and not value


def _metadata(metadata: Any) -> Any:
    kept = _fields(_METADATA)(metadata)
    return {key: kept[key] for key in kept if key not in _ASSIGNED} if isinstance(kept, Mapping) else kept


def _schema(schema: Any) -> Any:
    return _of_schema(schema)


_of_schema = _fields(
    _SCHEMA,
    {
        **dict.fromkeys(("additionalProperties", "items", "not"), _schema),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "properties"), _each(_schema)),
        "externalDocs": _fields(("description", "url")),
        "x-kubernetes-validations": _each(_fields(("fieldPath", "message", "messageExpression"))),
    },
)
_version = _fields(
    ("additionalPrinterColumns", "deprecated", "selectableFields"),
    {
        "additionalPrinterColumns": _each(_fields(("description", "format", "priority"))),
        "schema": _fields(inner={"openAPIV3Schema": _schema}),
    },
)
_SPECS: Mapping[tuple[str, str], _Change] = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _fields(
        ("preserveUnknownFields",),
        {
            "conversion": _fields(inner={"webhook": _fields(inner={"clientConfig": _fields(("caBundle",))})}),
            "names": _fields(("categories", "listKind", "shortNames", "singular")),
            "versions": _each(_version),
        },
    ),
    ("apiregistration.k8s.io", "APIService"): _fields(("caBundle", "group", "insecureSkipTLSVerify", "version")),
}
