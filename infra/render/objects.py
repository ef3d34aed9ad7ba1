"""The objects of a stack as files have them: with names, in the order in which they are needed, and without passwords."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka_platform.kube.declared import version_of
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.marks import MARK as OWNER

from infra.capabilities import CAPABILITIES, rendered_by_capability
from infra.capabilities.capability import CLUSTER, Rendered, Stack
from infra.reading.kinds import KINDS
from infra.render.charts import PART, charts
from infra.render.generated import NAME, job_objects, template_of
from infra.render.passwords import MARK, Files, decoded
from infra.render.tools import GENERATED, RenderError, Source, Tool
from infra.settings.model import Settings


@dataclass(frozen=True, kw_only=True)
class Made:
    """A Secret that the Job makes."""

    key: str
    """What it has once it is as it should be."""
    keys: Sequence[str]
    """All others."""
    is_changed: bool
    """Whether one of its passwords is not the first one."""


_Secrets = Mapping[tuple[str, str], Made]


@dataclass(frozen=True, kw_only=True)
class Part:
    """The objects of one capability."""

    name: str
    manifests: Sequence[Manifest] = field(default_factory=list)
    definitions: Sequence[str] = ()
    """URLs of files with CRDs."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Annotations by which those are never pruned."""


_NAMES = {"created_namespaces": "namespaces"}
_NEVER_PRUNED = {
    Tool.ARGOCD: {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"},
    Tool.FLUX: {"kustomize.toolkit.fluxcd.io/prune": "disabled"},
    Tool.KUBECTL: {},
}
JOB_SECONDS, JOB_RETRIES = 3600, 12
"""How long, and how often, Kubernetes tries again what waits for brokers: images may take minutes to be pulled."""
REFUSED = 3
"""Exit code of our programs by which another attempt cannot help."""
JOBS_LATER = 1
"""Waves from the objects of a part to its Jobs."""
_SECRETS = "secrets"
WAVE = "argocd.argoproj.io/sync-wave"


def parts(settings: Settings, owner: str, tool: Tool, source: Source = GENERATED) -> list[Part]:
    """All objects of a stack, by capability, each after those that it needs.

    Args:
        settings: the stack's.
        owner: identifies the stack: every object has it as the annotation `kafka-platform/stack`, as with Pulumi.
        tool: what applies the files.
        source: where passwords come from.

    Raises `RenderError` for what only a deployment by Pulumi can do.
    """
    operators = charts(settings, tool)
    stack = Stack(settings, CAPABILITIES)
    placed = Files(stack, owner)
    found = list(rendered_by_capability(placed))
    _check_passwords(found, list(rendered_by_capability(Files(stack, owner, "another"))))
    templates, known = [], dict[tuple[str, str], Made]()
    for each in (one.object.manifest for _, rendered in found for one in rendered if has_marks(one.object.manifest)):
        data, about = decoded(each.get("data")), each["metadata"]
        # What pods wait for: the Secret has it once its content is what this rendering says.
        key = f"generated-{version_of(data)[:16]}"
        templates.append(template_of(_owned(each, owner), {**data, key: ""}))
        is_changed = any(mark in text for mark in placed.changed for text in data.values())
        known[about["namespace"], about["name"]] = Made(key=key, keys=sorted(data), is_changed=is_changed)
    made: dict[str, list[Manifest]] = {}
    for key, rendered in found:
        part = made.setdefault(_NAMES.get(key, key.replace("_", "-")), [])
        part += [_written(each, known, tool, owner) for each in rendered if _is_written(each)]
    # Namespaces first, then operators, then what makes the Secrets, then everything else.
    first = {key: made.pop(key) for key in list(made) if key == "namespaces"}
    if operators.manifests:
        first[PART] = [_owned(each, owner) for each in operators.manifests]
    if templates:
        image, pods = settings.runtime_image, settings.pod_settings
        jobs = job_objects(settings.namespace, image, templates, placed, pods, source)
        for each in jobs:
            if each["kind"] == "Job":
                _patient(each["spec"])
        first[_SECRETS] = [_owned(_named(_without_empty_rules(each), NAME), owner) for each in jobs]
    found_parts = {each: manifests for each, manifests in {**first, **made}.items() if manifests}
    waves = {each: 2 * number for number, each in enumerate(found_parts)}
    if placed.operated:
        # An operator and the Job of the passwords wait for each other, the one for passwords and the other for an authority:
        # both are applied in one wave.
        waves[CLUSTER] = waves[_SECRETS] + JOBS_LATER
    crds: dict[str, Any] = {"definitions": operators.definitions, "kept": _NEVER_PRUNED[tool]}
    return [
        Part(name=each, manifests=_in_waves(waves[each], manifests, tool), **(crds if each == PART else {}))
        for each, manifests in found_parts.items()
    ]


def has_marks(manifest: Manifest) -> bool:
    """Whether it is a Secret with a generated password in it."""
    return manifest["kind"] == "Secret" and any(map(MARK.search, decoded(manifest.get("data")).values()))


def _check_passwords(one: Sequence[tuple[str, list[Rendered]]], other: Sequence[tuple[str, list[Rendered]]]) -> None:
    """Raises unless passwords are only copied: what is computed from one, as a hash, cannot be filled in later."""
    for (_, first), (_, second) in zip(one, other, strict=True):
        for each, again in zip(first, second, strict=True):
            texts = [
                json.dumps(manifest | ({"data": decoded(manifest.get("data"))} if manifest["kind"] == "Secret" else {}))
                for manifest in (each.object.manifest, again.object.manifest)
            ]
            if len({MARK.sub("", text) for text in texts}) > 1 or (
                MARK.search(texts[0]) and not has_marks(each.object.manifest)
            ):
                kind, called = each.object.kind, each.object.manifest["metadata"].get("name", each.name)
                raise RenderError(
                    f"{kind} {called}: is computed from a generated password, which files do not know: deploy it with pulumi up"
                )


def _is_written(each: Rendered) -> bool:
    # Fields of claims that the StatefulSet's controller makes: nobody else may create those.
    return not each.object.partial and not has_marks(each.object.manifest)


def _written(each: Rendered, secrets: _Secrets, tool: Tool, owner: str) -> Manifest:
    manifest = copy.deepcopy(dict(each.object.manifest))
    if "spec.replicas" in each.object.ignored:
        manifest["spec"].pop("replicas", None)  # somebody else's, once it is created
    kind = KINDS.get(each.object.kind)
    if kind is not None and kind.pods:
        _wait_for_secrets(manifest, kind.pods, secrets)
    if each.object.kind == "Job":
        _patient(manifest["spec"])
    if each.object.kept or (kind is not None and kind.stateful):
        manifest = _annotated(manifest, _NEVER_PRUNED[tool])
    if "spec.volumeClaimTemplates" in each.object.ignored:
        # As ownership.py has it: nothing about them can be changed afterwards.
        templates = [_owned(claim, owner) for claim in manifest["spec"]["volumeClaimTemplates"]]
        manifest["spec"]["volumeClaimTemplates"] = templates
    return _owned(_named(_without_empty_rules(manifest), each.name), owner)


def _owned(manifest: Manifest, owner: str) -> Manifest:
    return _annotated(manifest, {OWNER: owner})


def _annotated(manifest: Manifest, annotations: Mapping[str, str]) -> Manifest:
    about = manifest["metadata"]
    if not annotations:
        return manifest
    return {**manifest, "metadata": about | {"annotations": {**about.get("annotations", {}), **annotations}}}


def _patient(job: dict[str, Any]) -> None:
    """Nobody waits for the brokers before the Job begins: it is tried again, unless its program says that it is refused."""
    job |= {"activeDeadlineSeconds": JOB_SECONDS, "backoffLimit": JOB_RETRIES}
    refused = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [REFUSED]}}
    job["podFailurePolicy"] = {"rules": [refused, *job["podFailurePolicy"]["rules"]]}


def _without_empty_rules(manifest: Manifest) -> Manifest:
    """The API server drops empty lists of rules, and would find a change in each that it gets again.

    Without them the policy still says of which direction it is (`policyTypes`), and lets nothing in or out.
    """
    if manifest["kind"] != "NetworkPolicy":
        return manifest
    rules = {key: each for key, each in manifest["spec"].items() if key not in ("ingress", "egress") or each}
    return {**manifest, "spec": rules}


def _named(manifest: Manifest, name: str) -> Manifest:
    """With a name by its content, if it has none, as Jobs: other content is another Job, and the same is the same."""
    if "name" in manifest["metadata"]:
        return manifest
    return manifest | {"metadata": {"name": f"{name}-{version_of(manifest)[:8]}", **manifest["metadata"]}}


def _wait_for_secrets(manifest: dict[str, Any], path: Sequence[str], secrets: _Secrets) -> None:
    """Pods begin when the Secrets that they read are as this rendering says, and not as they were before.

    All is applied at once, and a program that reads its password when it begins would have the former one. For first
    passwords only Jobs need to wait, since other pods cannot begin without the Secret: so files may take over from a
    deployment by Pulumi without a restart.
    """
    pod: Any = manifest
    for key in path:
        pod = pod.get(key, {})
    found: dict[str, Made] = {}
    _look_for_secrets(pod, manifest["metadata"].get("namespace", ""), secrets, found)
    is_job = manifest["kind"] == "Job"
    awaited = {name: made for name, made in sorted(found.items()) if is_job or made.is_changed}
    mounted = set()
    for volume in pod.get("volumes", []):
        name = volume.get("secret", {}).get("secretName")
        if name in awaited:
            # In the same volume: each is filled by itself, and an earlier one would keep the former content.
            made, secret = awaited[name], volume["secret"]
            usual = [{"key": key, "path": key} for key in made.keys]
            secret["items"] = [*secret.get("items", usual), {"key": made.key, "path": made.key}]
            mounted.add(name)
    others = [
        {"name": f"generated-{number}", "secret": {"items": [{"key": made.key, "path": made.key}], "secretName": name}}
        for number, (name, made) in enumerate(awaited.items())
        if name not in mounted
    ]
    if others:
        pod["volumes"] = [*pod.get("volumes", []), *others]


def _look_for_secrets(value: Any, namespace: str, secrets: _Secrets, found: dict[str, Made]) -> None:
    if isinstance(value, dict):
        name = value.get("secretName") or value.get("name")
        made = secrets.get((namespace, name)) if isinstance(name, str) else None
        if made is not None and ("secretName" in value or "key" in value):
            value.pop("optional", None)  # it is about to be made
            found[str(name)] = made
        for each in value.values():
            _look_for_secrets(each, namespace, secrets, found)
    elif isinstance(value, list):
        for each in value:
            _look_for_secrets(each, namespace, secrets, found)


def _in_waves(first: int, manifests: Sequence[Manifest], tool: Tool) -> list[Manifest]:
    """Argo CD applies a part when those before are healthy, and a Job when what it needs of its own part is."""
    if tool is not Tool.ARGOCD:
        return list(manifests)
    return [_annotated(each, {WAVE: str(first + JOBS_LATER * (each["kind"] == "Job"))}) for each in manifests]


def all_manifests(found: Sequence[Part]) -> Iterator[Manifest]:
    """The objects of all parts."""
    return (each for part in found for each in part.manifests)
