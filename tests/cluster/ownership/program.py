"""Declares the objects that the file named by OWNERSHIP_PROGRAM lists, as a stack of this platform does."""

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes
from kafka_platform.kube.ownership import own
from kafka_platform.kube.place import patch, place
from kafka_platform.operators.component import send_as_stored
from pulumi_kubernetes import _utilities

from infra.api_server import ApiServer
from infra.platform import stack_mark

program = json.loads(Path(os.environ["OWNERSHIP_PROGRAM"]).read_text())
if program["owns"]:
    own(stack_mark(), ApiServer(os.environ.get("OWNERSHIP_KUBECONFIG"), None), program["adopt"])
provider = pulumi_kubernetes.Provider("cluster", upsert_existing_objects=True, enable_config_map_mutable=True)


class Chart(pulumi.ComponentResource):
    """What the provider's process makes of a Helm chart: objects that are not registered by `place`."""

    def __init__(self, name: str, objects: dict[str, Any]) -> None:
        transforms: list[pulumi.ResourceTransform] = [send_as_stored] if program["as_stored"] else []
        own_options = pulumi.ResourceOptions(provider=provider, transforms=transforms)
        super().__init__("kubernetes:helm.sh/v4:Chart", name, {}, own_options)
        for child, manifest in objects.items():
            group = "core/v1" if manifest["apiVersion"] == "v1" else manifest["apiVersion"]
            token = f"kubernetes:{group}:{manifest['kind']}"
            opts = pulumi.ResourceOptions(parent=self, version=provider_version())
            pulumi.CustomResource(token, f"{name}-{child}", manifest, opts)


def provider_version() -> str:
    return str(_utilities.get_version())  # type: ignore[no-untyped-call]


for name, manifest in program["objects"].items():
    ignored = ["spec.volumeClaimTemplates"] if manifest["kind"] == "StatefulSet" else []
    place(name, manifest, pulumi.ResourceOptions(provider=provider, ignore_changes=ignored))
for name, manifest in program["patches"].items():
    patch(name, manifest, pulumi.ResourceOptions(provider=provider, retain_on_delete=True))
if program["chart"]:
    Chart("chart", program["chart"])
