"""Runs a program against Pulumi's mocks and shows the resources that it registered."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
from kafka_platform.testing import Mocks
from pulumi.runtime import mocks
from pulumi.runtime.proto import callback_pb2
from pulumi.runtime.settings import ROOT, SETTINGS
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await


@dataclass(frozen=True)
class Registered:
    """A resource as the engine gets it."""

    urn: str
    name: str
    inputs: dict[str, Any]
    ignored: list[str]
    """Properties whose changes are ignored."""
    retained: bool
    """Whether it stays in the cluster when it is taken out of the program."""
    protected: bool
    """Whether the engine refuses to delete it."""
    transforms: list[pulumi.ResourceTransform]
    """What the engine lets the program change about it and its children."""


class _Monitor(mocks.MockMonitor):
    """Remembers what the mocks of Pulumi do not."""

    def __init__(self) -> None:
        super().__init__(Mocks())
        self.ignored: dict[str, list[str]] = {}
        self.retained: dict[str, bool] = {}
        self.protected: dict[str, bool] = {}
        self.transforms: dict[str, list[str]] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        urn = self.make_urn(request.parent, request.type, request.name)
        self.ignored[urn], self.retained[urn] = list(request.ignoreChanges), request.retainOnDelete
        self.protected[urn] = request.protect
        self.transforms[urn] = [each.token for each in request.transforms]
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


class _Callbacks:
    """Takes the place of the server by which the engine calls functions of the program."""

    def __init__(self) -> None:
        self.functions: dict[str, pulumi.ResourceTransform] = {}

    def register_transform(self, transform: pulumi.ResourceTransform) -> Any:
        token = str(len(self.functions))
        self.functions[token] = transform
        return callback_pb2.Callback(token=token, target="none")


class _Loops(asyncio.DefaultEventLoopPolicy):
    """Closes the loops of the program before: Pulumi makes one in each of its threads, with three open files, and closes none."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[asyncio.AbstractEventLoop] = []

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        self._made.append(loop := super().new_event_loop())
        return loop

    def close(self) -> None:
        while self._made:
            loop = self._made.pop()
            if not loop.is_running():
                loop.close()


_LOOPS = _Loops()


def run(program: Callable[[], Any]) -> dict[str, Registered]:
    """The resources that the program registers, by `<kind> <name>`. Raises what the program raises."""
    usual = asyncio.get_event_loop_policy()
    _LOOPS.close()
    asyncio.set_event_loop_policy(_LOOPS)
    try:
        return _run(program)
    finally:
        loop = _LOOPS.get_event_loop()
        asyncio.set_event_loop_policy(usual)
        asyncio.set_event_loop(loop)  # for `value`


def _run(program: Callable[[], Any]) -> dict[str, Registered]:
    # Pulumi takes the thread's loop, and a test that ran one of its own has left none.
    asyncio.set_event_loop(asyncio.new_event_loop())
    ROOT.set(None)  # with what earlier programs registered for all resources
    monitor = _Monitor()
    mocks.set_mocks(Mocks(), project="project", stack="stack", preview=False, monitor=monitor)
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()
    SETTINGS.callbacks = callbacks = _Callbacks()
    SETTINGS.feature_support["transforms"] = True
    _sync_await(run_pulumi_func(lambda: program() and None))
    found: dict[str, Registered] = {}
    for resource in monitor.get_registered_resources().values():
        _, _, types, name = resource.urn.removeprefix("urn:pulumi:").split("::")
        kind = types.split("$")[-1].split(":")[-1]
        found[f"{kind} {name}"] = Registered(
            urn=resource.urn,
            name=name,
            inputs=resource.state,
            # What is only read has none of these.
            ignored=monitor.ignored.get(resource.urn, []),
            retained=monitor.retained.get(resource.urn, False),
            protected=monitor.protected.get(resource.urn, False),
            transforms=[callbacks.functions[token] for token in monitor.transforms.get(resource.urn, [])],
        )
    return found


def value(output: Any) -> Any:
    """The value of an Output."""
    return _sync_await(pulumi.Output.from_input(output).future())
