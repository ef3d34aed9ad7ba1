"""Mocks of Pulumi for unit tests of programs that use these components: no engine and no Kubernetes.

    import pulumi
    from kafka_platform.testing import Mocks

    pulumi.runtime.set_mocks(Mocks())

Resources that a program creates afterwards are registered with the mocks, which answer as a deployment would.
"""

from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs

CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""What the mocks give a Kafka as its identity."""


class Mocks(pulumi.runtime.Mocks):
    """Answers every resource with its inputs, and generated values with recognisable ones.

    A subclass can answer for further resources: override `new_resource` and leave the rest to `super()`.
    """

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """The id `<name>-id`, and the inputs; generated passwords are `password-of-<name>`."""
        outputs = dict(args.inputs)
        if args.typ == "random:index/randomPassword:RandomPassword":
            outputs["result"] = f"password-of-{args.name}"
        if args.typ == "random:index/randomId:RandomId":
            outputs["b64Url"] = CLUSTER_ID
        if args.typ == "kubernetes:kafka.strimzi.io/v1:Kafka":
            outputs["status"] = {"clusterId": CLUSTER_ID}
        return f"{args.name}-id", outputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """Nothing: the components call no functions of providers."""
        return {}, None
