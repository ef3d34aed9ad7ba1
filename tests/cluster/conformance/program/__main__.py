"""Declares the resources that the file named by CONFORMANCE_PROGRAM lists."""

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random

KUBERNETES = {
    "plain": {},
    "mutable": {"enable_config_map_mutable": True, "enable_secret_mutable": True},
    "upsert": {"upsert_existing_objects": True},
}


class Declared(pulumi.CustomResource):
    """A resource of any type, with the properties as they are written."""

    def __init__(self, token: str, name: str, properties: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(token, name, properties, opts)


def revive(value: Any) -> Any:
    """Turns marks into secrets."""
    if isinstance(value, dict):
        if set(value) == {"$secret"}:
            return pulumi.Output.secret(value["$secret"])
        return {key: revive(element) for key, element in value.items()}
    if isinstance(value, list):
        return [revive(element) for element in value]
    return value


program = json.loads(Path(os.environ["CONFORMANCE_PROGRAM"]).read_text())
providers: dict[str, pulumi.ProviderResource] = {}
resources: dict[str, pulumi.Resource] = {}


def provider(kind: str) -> pulumi.ProviderResource:
    """The provider of a kind, made when first asked for."""
    if kind not in providers:
        if kind == "random":
            providers[kind] = pulumi_random.Provider(kind)
        else:
            settings = {"namespace": program["namespace"], **KUBERNETES[kind], **program["provider"]}
            providers[kind] = k8s.Provider(kind, **settings)
    return providers[kind]


for name, resource in program["resources"].items():
    options = resource["options"]
    timeout = options["timeout"] or None
    resources[name] = Declared(
        resource["token"],
        name,
        revive(resource["properties"]),
        pulumi.ResourceOptions(
            provider=provider(resource["provider"]),
            ignore_changes=options["ignore_changes"] or None,
            depends_on=[resources[other] for other in options["depends_on"]],
            retain_on_delete=options["retain_on_delete"],
            import_=options["import_id"] or None,
            custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout, delete="60s"),
        ),
    )
