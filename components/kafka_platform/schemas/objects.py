"""The Kubernetes objects that register schemas: one pure function renders each."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka_platform.kube import declared
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    environment,
    labels,
    metadata,
    network_policy_of,
    selector,
    to_names,
)
from kafka_platform.kube.objects import Guard, Object
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.kube.pods import container_security, helper_resources, ports_of, secret_volume
from kafka_platform.schemas.compatibility import check_schema_update
from kafka_platform.schemas.spec import Compatibility, Subject

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = "registrar"

_FOLDER = "/etc/kafka-platform"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, kw_only=True)
class SchemaSettings:
    """Inputs of the objects that declare schemas."""

    name: str
    namespace: "Input[str]"
    url: "Input[str]"
    runtime_image: "Input[str]"
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    compatibility: Compatibility = Compatibility.BACKWARD
    removed: Sequence[str] = ()
    secret: "Input[str] | None" = None
    ca_secret: "Input[str] | None" = None
    pod_settings: PodSettings = UNDECIDED


def objects(settings: SchemaSettings) -> list[Object]:
    """The objects of a Job that registers the declared schemas; it runs when any of them changes.

    Raises:
        ValueError: there is more than a ConfigMap takes.
    """
    rendered = declarations(settings.subjects, settings.compatibility)
    guard = Guard(name=f"{settings.name}-compatible", check=_refuse_incompatible)
    before = [
        Object(role="schemas", manifest=config_map(settings, rendered), guard=guard),
        Object(role="registrar-network", manifest=network_policy(settings)),
    ]
    return [*before, Object(role="register", manifest=job(settings, rendered), after=before, runs_again=True)]


def _refuse_incompatible(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    check_schema_update(old.get("data") or {}, new.get("data") or {})


def declarations(subjects: Mapping[str, Subject], default: Compatibility) -> dict[str, str]:
    """All subjects by key, in a stable order.

    Raises:
        ValueError: they do not fit into one ConfigMap.
    """
    rendered = {_key(name): _declaration(name, subjects[name], default) for name in sorted(subjects)}
    size = declared.size_of(rendered)
    if size > declared.MAX_BYTES:
        raise ValueError(
            f"subjects: {len(subjects)} schemas are {size:,} bytes, and a ConfigMap takes {declared.MAX_BYTES:,}: declare fewer, or "
            "divide them among several SchemaSubjects"
        )
    return rendered


def _key(subject: str) -> str:
    if len(subject) <= 200 and not _UNFIT.search(subject):
        return f"subject.{subject}"
    digest = hashlib.sha256(subject.encode()).hexdigest()[:10]
    return f"subject.{_UNFIT.sub('-', subject)[:200]}-{digest}"


def _declaration(name: str, subject: Subject, default: Compatibility) -> str:
    content: dict[str, Any] = {
        "subject": name,
        "type": subject.type.value.upper(),
        "compatibility": (subject.compatibility or default).level,
        "schema": subject.schema,
    }
    if subject.references:
        content["references"] = [{"name": each.name, "subject": each.subject} for each in subject.references]
    return json.dumps(content, separators=(",", ":"))


def config_map(settings: SchemaSettings, rendered: Mapping[str, str]) -> Manifest:
    """One key for each subject, so that a preview names what changes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(f"{settings.name}-schemas", settings.namespace, labels(settings.name, COMPONENT)),
        "data": {**rendered, **declared.removed(settings.removed)},
    }


def network_policy(settings: SchemaSettings) -> Manifest:
    """The Job's pods may connect to DNS and the registry; nothing may connect to them."""
    return network_policy_of(
        metadata(f"{settings.name}-{COMPONENT}", settings.namespace, labels(settings.name, COMPONENT)),
        pods={"matchLabels": selector(settings.name, COMPONENT)},
        ingress=[],
        egress=[*to_names(), {"ports": derived(ports_of, settings.url)}],
    )


def job(settings: SchemaSettings, rendered: Mapping[str, str]) -> Manifest:
    """Registers the schemas; other declarations make another Job."""
    volumes = _volumes(settings)
    container: Manifest = {
        "command": ["python3", "-m", "kafka_platform_runtime.registrar"],
        "env": _environment(settings),
        "image": settings.runtime_image,
        "name": COMPONENT,
        "resources": helper_resources("256Mi", cpu="50m", reserved="64Mi"),
        "securityContext": container_security(),
        "volumeMounts": [{"mountPath": f"{_FOLDER}/{name}", "name": name, "readOnly": True} for name in volumes],
    }
    return declared.job(
        container,
        list(volumes.values()),
        version=declared.version_of([dict(rendered), settings.compatibility.level, sorted(settings.removed)]),
        own=labels(settings.name, COMPONENT),
        namespace=settings.namespace,
        pods=settings.pod_settings,
    )


def _environment(settings: SchemaSettings) -> list[Manifest]:
    variables = {
        "DEADLINE_SECONDS": str(declared.RETRY_SECONDS),
        "DECLARATIONS_DIR": f"{_FOLDER}/schemas",
        "REGISTRY_COMPATIBILITY": settings.compatibility.level,
    }
    if settings.secret is not None:
        variables["REGISTRY_LOGIN_DIR"] = f"{_FOLDER}/login"
    if settings.ca_secret is not None:
        variables["REGISTRY_CA_FILE"] = f"{_FOLDER}/registry-ca/ca.crt"
    return [*environment(variables), {"name": "REGISTRY_URL", "value": settings.url}]


def _volumes(settings: SchemaSettings) -> dict[str, Manifest]:
    found: dict[str, Manifest] = {
        "schemas": {"configMap": {"name": f"{settings.name}-schemas"}, "name": "schemas"},
    }
    if settings.secret is not None:
        found["login"] = secret_volume("login", settings.secret, "username", "password")
    if settings.ca_secret is not None:
        found["registry-ca"] = secret_volume("registry-ca", settings.ca_secret, "ca.crt")
    return found
