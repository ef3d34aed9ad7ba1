"""`packages`: the sandbox made from packages, on a machine without a container registry."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sandbox import (
    addons,
    api,
    applications,
    autoscaling,
    build,
    certificates,
    cgroups,
    collector,
    connect,
    control_plane,
    edge,
    environment,
    flink,
    host,
    images,
    network,
    nodes,
    object_store,
    registry,
    remove,
    trino,
)
from sandbox.host import SandboxError
from sandbox.instance import Instance, Node, cache_folder, create, load
from sandbox.pins import KEDA, KUBERNETES
from sandbox.processes import recorded
from sandbox.progress import say, step

DEFAULT_NODES = 3
MOST_NODES = 32
API_PORT = 6443
CONTROL_PLANE_WATCHERS = 11
"""inotify instances of the API server (6) and the controller manager (5), as counted in /proc/*/fd."""
NODE_WATCHERS = 7
"""Of a kubelet (6) and a containerd (1). Without its own a containerd accepts no pods."""
LONGEST_PATH = 90
"""Of the state folder: a socket's path has at most 107 characters, and etcd's is below it."""


def wanted_nodes() -> int | None:
    """SANDBOX_NODES as a number, None if it is not set.

    Raises:
        SandboxError: it is not a valid number.
    """
    text = os.environ.get("SANDBOX_NODES", "")
    if not text:
        return None
    if not text.isdecimal() or int(text) > MOST_NODES:
        raise SandboxError(f"SANDBOX_NODES: {text}: use a number from 0 (control plane alone) to {MOST_NODES}")
    return int(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cannot_run_nodes(state: Path) -> str | None:
    return host.cannot_run_nodes(state) or cgroups.cannot_delegate()


def _instance(state: Path) -> Instance:
    wanted = wanted_nodes()
    found = load(state)
    if found is None:
        if len(str(state)) > LONGEST_PATH:
            raise SandboxError(
                f"SANDBOX_STATE: {state} has {len(str(state))} characters, and sockets in it must stay short:"
                f" use a folder of at most {LONGEST_PATH}"
            )
        count = DEFAULT_NODES if wanted is None else wanted
        reason = _cannot_run_nodes(state) if count else None
        if reason:
            say(f"only the control plane: pods cannot run here: {reason}")
            count = 0
        _install(state, count)
        return create(state, count, API_PORT if count else _free_port())
    count = DEFAULT_NODES if wanted is None else wanted
    reason = _cannot_run_nodes(state) if count or found.count else None
    if reason and found.count:
        raise SandboxError(f"{found.count} nodes were made here before, and now {reason}")
    if reason:
        say(f"only the control plane: pods cannot run here: {reason}")
    elif count != found.count and (wanted is not None or not found.count):
        raise SandboxError(
            f"this sandbox has {found.count} nodes, not {count}: `down` it first, or SANDBOX_NODES={found.count}"
        )
    _install(state, found.count)
    return found


def _install(state: Path, count: int) -> None:
    wanted = host.CONTROL_PLANE_PACKAGES | (host.NODE_PACKAGES | host.IMAGE_PACKAGES if count else {})
    host.install(wanted, state / "logs" / "packages.log")


def _chosen() -> str:
    names = environment.standins()
    with_standins = f", with stand-ins for {', '.join(names)}" if names else ""
    return f"made from packages{with_standins}"


def up(state: Path, *, keda: bool = True) -> Instance:
    """Starts the sandbox, or whatever is missing; without `keda` an existing KEDA stays."""
    say(_chosen())
    instance = _instance(state)
    folders = build.BuildFolders(cache=cache_folder(), logs=instance.logs)
    instance.logs.mkdir(parents=True, exist_ok=True)
    kube = build.binaries(folders, build.KUBERNETES)
    pulumi = None if environment.official_cli() else build.binaries(folders, build.PULUMI)
    plugins = (
        build.binaries(folders, build.PLUGINS) if build.available(build.PLUGINS) and environment.standins() else None
    )
    environment.prepare(state, kube, pulumi, plugins)
    yaml = build.compiled(folders.cache, build.YAML)
    if yaml and pulumi:
        environment.add_yaml(state, yaml)
    manifests = autoscaling.manifests(folders, kube / "kubectl")
    keda = instance.count > 0 and (keda or autoscaling.installed(state))
    archives: list[images.Archive] = []
    if instance.count:
        archives = [images.platform_archive(folders, kube)]
        if keda:
            compiled = [build.binaries(folders, group) for group in (build.KEDA, build.METRICS_SERVER)]
            archives.append(images.autoscaling_archive(folders, *compiled))
            archives.append(images.monitoring_archive(folders, build.binaries(folders, build.PROMETHEUS)))
        template = images.containerd_template(folders, archives)
        archives += [each for each in [images.runtime_archive(folders)] if each]
    policies = None
    if instance.count and not _says_unenforced():
        policies = build.binaries(folders, build.NETWORK_POLICIES)
    running = [node for node in instance.nodes if recorded(instance, node.name) is not None]
    if instance.count and not running:
        host.check_watchers(CONTROL_PLANE_WATCHERS + NODE_WATCHERS * instance.count)
    with step(f"starting Kubernetes {KUBERNETES}") as current:
        hub = network.up(instance) if instance.count else 0
        certificates.make(instance)
        control_plane.start(instance, kube)
        if instance.count:
            with ThreadPoolExecutor(max_workers=instance.count) as pool:
                list(pool.map(lambda node: nodes.prepare(instance, node, template), instance.nodes))
        control_plane.wait(instance)
        began = time.time()
        started = {node.name: began for node in instance.nodes if nodes.start(instance, node, hub, kube, policies)}
        others = manifests / (autoscaling.EVERYTHING if keda else autoscaling.KINDS)
        addons.apply(instance, kube / "kubectl", [others])
        if keda:
            autoscaling.remember(state)
        if instance.count:
            with ThreadPoolExecutor(max_workers=instance.count) as pool:
                refreshed = list(pool.map(lambda node: _images(instance, node, archives), instance.nodes))
            nodes.wait(instance, started)
            if running and any(refreshed):
                say("images changed: new pods use the new ones")
        addons.wait(instance, kube / "kubectl")
        count = f", {instance.count} nodes ready" if instance.count else ", control plane only"
        current.done = f"Kubernetes {KUBERNETES}{count}"
    return instance


def _says_unenforced() -> bool:
    reason = host.cannot_enforce_policies()
    if reason:
        say(f"network policies are accepted but not enforced: {reason}")
    return reason is not None


def _images(instance: Instance, node: Node, archives: list[images.Archive]) -> bool:
    nodes.wait_for_containerd(instance, node)
    return nodes.import_images(instance, node, archives)


def add_languages(state: Path) -> None:
    """Compiles Pulumi's language host for YAML, which only tests need, and puts it beside the engine.

    Raises:
        SandboxError: it cannot be compiled.
    """
    if environment.official_cli():
        say("the Pulumi CLI on the PATH has its own language hosts")
        return
    folders = build.BuildFolders(cache=cache_folder(), logs=state / "logs")
    environment.add_yaml(state, build.binaries(folders, build.YAML))


def add_image(state: Path, tag: str, folder: Path) -> None:
    """Makes the image of the application in a folder and loads it into every node.

    Raises:
        SandboxError: no node runs, or the image cannot be made.
    """
    if applications.is_flink(folder):
        add_flink(state)  # it is contained in the other
    _load(state, lambda folders: applications.archive(folders, folder, tag))


def add_registry(state: Path) -> None:
    """Makes the image of Apicurio Registry and loads it into every node.

    Raises:
        SandboxError: no node runs, or the image cannot be made.
    """
    _load(state, registry.registry_archive)


def add_connect(state: Path) -> None:
    """Makes the image of Kafka Connect and loads it into every node.

    Raises:
        SandboxError: no node runs, or the image cannot be made.
    """
    _load(state, connect.connect_archive)


def add_flink(state: Path) -> None:
    """Makes the image of stream jobs and loads it into every node.

    Raises:
        SandboxError: no node runs, or the image cannot be made.
    """
    _load(state, flink.flink_archive)


def add_trino(state: Path) -> None:
    """Makes the image of Trino and loads it into every node.

    Raises:
        SandboxError: no node runs, or the image cannot be made.
    """
    _load(state, trino.trino_archive)


def add_object_store(state: Path) -> None:
    """Makes the image of versitygw and loads it into every node.

    Raises:
        SandboxError: no node runs, or the image cannot be made.
    """
    _load(state, object_store.object_store_archive)


def add_collector(state: Path) -> None:
    """Makes the image of the log collector and loads it into every node.

    Raises:
        SandboxError: no node runs, or the image cannot be made.
    """
    _load(state, collector.collector_archive)


def add_edge(state: Path, names: Sequence[str]) -> None:
    """Brings parts of the edge into the running sandbox.

    Raises:
        SandboxError: no node runs, one cannot be compiled, or it does not become ready.
    """
    parts = [part for name, part in edge.PARTS.items() if name in names]
    for part in parts:
        instance = _load(state, partial(edge.archive_of, part=part))
    folders = build.BuildFolders(cache=cache_folder(), logs=instance.logs)
    with step("starting the edge", f"the edge runs: {', '.join(part.name for part in parts)}"):
        edge.apply(instance, folders, state / "bin" / "kubectl", parts)


def _load(state: Path, make: Callable[[build.BuildFolders], images.Archive]) -> Instance:
    instance = load(state)
    running = [node for node in instance.nodes if recorded(instance, node.name)] if instance else []
    if instance is None or not running:
        raise SandboxError("no node runs that could use an image: `python -m sandbox up` first")
    archive = make(build.BuildFolders(cache=cache_folder(), logs=instance.logs))
    with ThreadPoolExecutor(max_workers=len(running)) as pool:
        changed = list(pool.map(lambda node: _images(instance, node, [archive]), running))
    say(f"{archive.name}: {'imported: new pods use it' if any(changed) else 'the nodes have it already'}")
    return instance


def status(state: Path) -> int:
    """Reports what runs. Returns 0 if everything does."""
    instance = load(state)
    if instance is None:
        say("nothing runs: `up` starts it")
        return 1
    ready = api.ready(instance)
    running = {node.name for node in instance.nodes if recorded(instance, node.name) is not None}
    good = api.ready_nodes(instance) & running if ready else set()
    say(f"API server {instance.server}: {'ready' if ready else 'not ready'}")
    for node in instance.nodes:
        pid = recorded(instance, node.name)
        condition = "not running" if pid is None else "Ready" if node.name in good else "not Ready"
        say(f"{node.name} {node.address} {node.zone}: {condition}" + (f", process {pid}" if pid else ""))
    if not instance.count:
        say("no nodes: pods cannot run")
    elif not _says_unenforced():
        say("network policies: enforced")
    if instance.count and autoscaling.installed(state):
        say(f"KEDA {KEDA}: {'ready' if ready and autoscaling.ready(instance) else 'not ready yet'}")
    say(f"logs in {instance.logs}")
    return 0 if ready and len(good) == instance.count else 1


def down(state: Path) -> None:
    """Removes the sandbox: processes, network, cgroups, and its folder."""
    instance = load(state)
    with step("removing the sandbox", "removed, with the folder that held its Pulumi stacks") as current:
        if instance is None and not state.exists():
            current.done = "nothing to remove"
        remove.everything(instance, state)
