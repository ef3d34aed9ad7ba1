"""What `pulumi up` runs: reads the stack's configuration once, builds the platform, exports what people ask for."""

import asyncio
import os

import pulumi

from infra.platform import Platform
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse


async def program() -> None:
    """`run`, for `pulumi.run`.

    The SDK waits for registrations that have begun one after the other, and then for outputs by looking at all of them
    each time that one of them has come (pulumi#22411). When a program returns none has begun, and there are thousands of
    outputs: with 1,000 topics that is a sixth of a preview. The pause lets the registrations begin.
    """
    run(deploys=True)
    await asyncio.sleep(0)


def run(*, deploys: bool = False) -> None:
    """Build the stack that the engine asks for; faults of its file end it with one line each.

    Where something is deployed the Kubernetes cluster has to be there; a rendering of the program talks to none.
    """
    try:
        settings = parse(pulumi.Config().require_object("platform"))
        platform = Platform(settings, os.environ, deploys=deploys)
    except SettingsError as error:
        raise pulumi.RunError("\n".join(["the stack's file cannot be deployed:", *str(error).splitlines()])) from None
    except ValueError as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in platform.outputs().items():
        pulumi.export(name, value)
