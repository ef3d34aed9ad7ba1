"""The command line: `python -m sandbox up | down | status | env | logs | image | languages | edge`."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sandbox import choice, edge, environment, kind, packages
from sandbox.choice import Mode
from sandbox.host import SandboxError, lock
from sandbox.instance import load, state_folder
from sandbox.pins import COLLECTOR_IMAGE, CONNECT_IMAGE, FLINK_IMAGE, OBJECT_STORE_IMAGE, REGISTRY_IMAGE, TRINO_IMAGE
from sandbox.progress import say

DESCRIPTION = """A local Kubernetes and Pulumi engine.

SANDBOX=kind|packages|off chooses how (default: by what this machine has), SANDBOX_NODES how many nodes (3),
SANDBOX_STATE where it keeps its files (.sandbox in the repository)."""
WAITING = "waiting for another `up` or `down` of this sandbox"


def _up(mode: Mode, state: Path, *, keda: bool) -> int:
    if mode is Mode.OFF:
        say("off: the cluster of your kubeconfig and the pulumi on your PATH")
        return 0
    with lock(state / "lock", WAITING):
        choice.remember(state, mode)
        if mode is Mode.KIND:
            kind.up(state, keda=keda)
        else:
            packages.up(state, keda=keda)
    return 0


def _down(mode: Mode, state: Path) -> int:
    if mode is Mode.OFF:
        say("off: nothing of yours is removed")
        return 0
    if not state.exists():
        say("nothing to remove")
        return 0
    with lock(state / "lock", WAITING):
        if mode is Mode.KIND:
            kind.down(state)
        else:
            packages.down(state)
    return 0


def _env(mode: Mode, state: Path) -> int:
    kubeconfig: Path | None = None
    if mode is Mode.PACKAGES:
        instance = load(state)
        kubeconfig = instance.kubeconfig if instance else None
        if kubeconfig is None or not kubeconfig.exists():
            raise SandboxError("no sandbox is up: `python -m sandbox up` first")
    elif mode is Mode.KIND:
        kubeconfig = kind.kubeconfig(state)
    wanted = environment.variables(state, kubeconfig, official=mode is not Mode.PACKAGES)
    if mode is Mode.OFF:
        # A user's own tools have their own settings; whatever is unset gets the default of a local backend.
        environment.prepare_backend(state)
        wanted = {name: value for name, value in wanted.items() if name == "PATH" or name not in os.environ}
    for name, value in wanted.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _logs(mode: Mode, state: Path, component: str | None, follow: bool) -> int:
    if mode is not Mode.PACKAGES:
        raise SandboxError(f"SANDBOX={mode.value} keeps no logs here: use kubectl logs")
    folder = state / "logs"
    names = sorted(path.stem for path in folder.glob("*.log")) if folder.exists() else []
    if component is None:
        print("\n".join(names) if names else "no logs: no sandbox was started here")
        return 0
    if component not in names:
        raise SandboxError(f"{component}: no such component: use one of {', '.join(names) or '(none was started)'}")
    with (folder / f"{component}.log").open(errors="replace") as file:
        while True:
            text = file.read()
            sys.stdout.write(text)
            sys.stdout.flush()
            if not follow:
                return 0
            if not text:
                time.sleep(0.3)


def _image(mode: Mode, state: Path, tag: str, folder: Path | None) -> int:
    if folder is None:
        return _official(mode, state, tag)
    if mode is Mode.OFF:
        raise SandboxError(
            f"SANDBOX=off: your cluster pulls its images: docker build --tag {tag} {folder}, then docker push"
        )
    with lock(state / "lock", WAITING):
        (kind if mode is Mode.KIND else packages).add_image(state, tag, folder)
    return 0


def _official(mode: Mode, state: Path, tag: str) -> int:
    """An image of somebody else's, which nodes that are made from packages cannot pull."""
    known = {
        COLLECTOR_IMAGE: packages.add_collector,
        CONNECT_IMAGE: packages.add_connect,
        FLINK_IMAGE: packages.add_flink,
        OBJECT_STORE_IMAGE: packages.add_object_store,
        REGISTRY_IMAGE: packages.add_registry,
        TRINO_IMAGE: packages.add_trino,
    }
    added = known.get(tag)
    if added is None:
        raise SandboxError(
            f"{tag}: name the folder of its application; without one only {', '.join(sorted(known))} can be made"
        )
    if mode is not Mode.PACKAGES:
        say(f"{tag}: the nodes pull it")
        return 0
    with lock(state / "lock", WAITING):
        added(state)
    return 0


def _languages(mode: Mode, state: Path) -> int:
    if mode is not Mode.PACKAGES:
        say(f"{mode.value}: the Pulumi CLI on the PATH has its own language hosts")
        return 0
    with lock(state / "lock", WAITING):
        packages.add_languages(state)
    return 0


def _edge(mode: Mode, state: Path, parts: Sequence[str]) -> int:
    unknown = [part for part in parts if part not in edge.PARTS]
    if unknown:
        raise SandboxError(f"{unknown[0]}: no part of the edge: use {', '.join(edge.PARTS)}")
    if mode is not Mode.PACKAGES:
        raise SandboxError(
            f"SANDBOX={mode.value}: install the official ones: Traefik and cert-manager by their charts, and cloud-provider-kind or MetalLB for load "
            "balancers"
        )
    with lock(state / "lock", WAITING):
        packages.add_edge(state, parts or list(edge.PARTS))
    return 0


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="python -m sandbox", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = made.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it, or whatever is missing or has changed")
    up.add_argument(
        "--without-keda", action="store_true", help="skip compiling KEDA and Prometheus if nothing needs them"
    )
    commands.add_parser("down", help="remove it, and the Pulumi stacks that describe it")
    commands.add_parser("status", help="show what runs; exit code 0 if everything does")
    commands.add_parser("env", help="print the environment in which pulumi and kubectl use this sandbox")
    logs = commands.add_parser("logs", help="list the components, or print what one wrote")
    logs.add_argument("component", nargs="?")
    logs.add_argument("-f", "--follow", action="store_true", help="keep printing its output")
    image = commands.add_parser("image", help="build an application's image and load it into the nodes")
    image.add_argument("-t", "--tag", required=True, help="its name, such as alerts:1")
    image.add_argument("folder", type=Path, nargs="?", help="the folder with the application and its Dockerfile")
    commands.add_parser("languages", help="compile Pulumi's language host for YAML, which only tests need")
    outside = commands.add_parser(
        "edge", help="add what a platform needs to be used from outside; compiled once, in minutes"
    )
    outside.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(edge.PARTS)}; default: all")
    return made


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code: 0, 1 for a failure whose reason it printed, 130 when interrupted."""
    chosen = parser().parse_args(arguments)
    state = state_folder()
    try:
        mode = choice.choose(state)
        if chosen.command == "up":
            return _up(mode, state, keda=not chosen.without_keda)
        if chosen.command == "down":
            return _down(mode, state)
        if chosen.command == "env":
            return _env(mode, state)
        if chosen.command == "logs":
            return _logs(mode, state, chosen.component, chosen.follow)
        if chosen.command == "languages":
            return _languages(mode, state)
        if chosen.command == "edge":
            return _edge(mode, state, chosen.parts)
        if chosen.command == "image":
            return _image(mode, state, chosen.tag, chosen.folder)
        return kind.status(state) if mode is Mode.KIND else packages.status(state)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsandbox: interrupted: `up` continues from here, `down` removes everything", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
