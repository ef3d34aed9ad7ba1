"""Short ways to write the resources of the conformance table."""

from typing import Any

from tests.cluster.conformance.model import Options, Properties, Provider, Resource

IMAGE = "docker.io/apache/kafka:4.3.1"


def resource(
    token: str, properties: Properties, provider: Provider = Provider.PLAIN, options: Options | None = None
) -> Resource:
    """A Kubernetes object; apiVersion and kind follow from the token."""
    module, kind = token.split(":")
    return Resource(
        token=f"kubernetes:{token}",
        properties={"apiVersion": module.removeprefix("core/"), "kind": kind.removesuffix("Patch"), **properties},
        provider=provider,
        options=options or Options(),
    )


def config_map(
    data: Properties,
    provider: Provider = Provider.PLAIN,
    options: Options | None = None,
    *,
    metadata: Properties | None = None,
    **rest: Any,
) -> Resource:
    return resource("core/v1:ConfigMap", {"metadata": metadata or {}, "data": data, **rest}, provider, options)


def secret(provider: Provider = Provider.PLAIN, **properties: Any) -> Resource:
    return resource("core/v1:Secret", properties, provider)


NEVER_READY: Properties = {"readinessProbe": {"exec": {"command": ["false"]}}}
"""For a container that ends soon: without a probe it is ready until then, and may be seen so."""


def template(
    labels: Properties, command: str = "sleep 1000", *, image: str = IMAGE, **container: Any
) -> dict[str, Any]:
    """A pod template of one container that runs a shell command."""
    return {
        "metadata": {"labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "command": ["/bin/sh", "-c", command],
                    "imagePullPolicy": "IfNotPresent",
                }
                | container
            ],
        },
    }


def deployment(labels: Properties, options: Options | None = None, *, replicas: int = 0, **container: Any) -> Resource:
    annotations = container.pop("annotations", {})
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template(labels, **container)}
    return resource("apps/v1:Deployment", {"metadata": {"annotations": annotations}, "spec": spec}, options=options)


def stateful_set(labels: Properties, *, replicas: int = 0, version: str = "1", **spec: Any) -> Resource:
    pods = template(labels)
    pods["metadata"]["annotations"] = {"version": version}
    return resource(
        "apps/v1:StatefulSet",
        {
            "spec": {
                "replicas": replicas,
                "serviceName": "none",
                "selector": {"matchLabels": labels},
                "template": pods,
                **spec,
            }
        },
    )


def job(
    command: str, options: Options | None = None, *, annotations: Properties | None = None, **spec: Any
) -> Resource:
    pods = template({}, command)
    pods["spec"]["restartPolicy"] = "Never"
    return resource(
        "batch/v1:Job",
        {"metadata": {"annotations": annotations or {}}, "spec": {"backoffLimit": 0, "template": pods, **spec}},
        options=options,
    )


def pod(
    command: str, options: Options | None = None, *, annotations: Properties | None = None, **spec: Any
) -> Resource:
    image = spec.pop("image", IMAGE)
    container = spec.pop("container", {})
    made = template({}, command, image=image, **container)
    return resource(
        "core/v1:Pod", {"metadata": {"annotations": annotations or {}}, "spec": made["spec"] | spec}, options=options
    )


def service(**spec: Any) -> Resource:
    return resource("core/v1:Service", {"spec": {"ports": [{"port": 80}], **spec}})


def widget(size: int, *, annotations: Properties | None = None, options: Options | None = None) -> Resource:
    """A custom resource of the kind that the table defines, in an API group of the run's own."""
    return resource(
        "{namespace}.kafka-platform.dev/v1:Widget",
        {"metadata": {"annotations": annotations or {}}, "spec": {"size": size}},
        options=options,
    )


def widget_definition(*, column: str = "") -> Resource:
    """The CustomResourceDefinition of Widget, whose status is free."""
    columns = [{"name": column, "type": "integer", "jsonPath": ".spec.size"}] if column else []
    free = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}},
    }
    if columns:
        version["additionalPrinterColumns"] = columns
    return resource(
        "apiextensions.k8s.io/v1:CustomResourceDefinition",
        {
            "metadata": {"name": "widgets.{namespace}.kafka-platform.dev"},
            "spec": {
                "group": "{namespace}.kafka-platform.dev",
                "scope": "Namespaced",
                "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
                "versions": [version],
            },
        },
    )
