"""Renders one checkout's stack without an engine or a cluster: `python rendering.py CHECKOUT STACK_FILE < nothing`.

It prints the resources that the program registers as JSON, with made-up values for what only a deployment knows. It runs
by its path, with the modules of the checkout that it is told, so that it serves those of earlier commits too: it uses
nothing of this package.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any


def main(checkout: Path, stack: str, settings: str) -> list[dict[str, Any]]:
    """The registered resources of the program in the checkout, for the settings given as JSON."""
    sys.path[:0] = [str(checkout), str(checkout / "components")]
    os.chdir(checkout)
    # The program wants to be told which cluster is meant; nothing talks to it.
    os.environ["KUBECONFIG"] = os.devnull

    import pulumi
    from pulumi.runtime import mocks, rpc
    from pulumi.runtime.config import set_all_config
    from pulumi.runtime.stack import run_pulumi_func
    from pulumi.runtime.sync_await import _sync_await

    class Mocks(pulumi.runtime.Mocks):
        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
            outputs = dict(args.inputs)
            if args.typ == "random:index/randomPassword:RandomPassword":
                outputs["result"] = rpc.UNKNOWN
            if args.typ == "random:index/randomId:RandomId":
                outputs["b64Url"] = "A" * 22
            return f"{args.name}-id", outputs

        def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
            return {}, None

    class Monitor(mocks.MockMonitor):
        def __init__(self) -> None:
            super().__init__(Mocks())
            self.options: dict[str, tuple[bool, bool]] = {}

        def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
            urn = self.make_urn(request.parent, request.type, request.name)
            self.options[urn] = (request.retainOnDelete, request.protect)
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    monitor = Monitor()
    mocks.set_mocks(Mocks(), project="kafka-platform", stack=stack, preview=False, monitor=monitor)
    set_all_config({"kafka-platform:platform": settings})

    from infra.program import run

    async def program() -> None:
        run()
        # As infra.program.program, which earlier commits do not have.
        await asyncio.sleep(0)

    _sync_await(run_pulumi_func(program))
    made = []
    for resource in monitor.get_registered_resources().values():
        if resource.urn not in monitor.options:
            continue  # only read
        retain, protect = monitor.options[resource.urn]
        made.append({"urn": resource.urn, "inputs": resource.state, "retain": retain, "protect": protect})
    return made


if __name__ == "__main__":
    rendered = main(Path(sys.argv[1]), sys.argv[2], sys.stdin.read())
    # What the program prints goes before it.
    print("\n" + json.dumps(rendered, default=str))
