"""Removing a sandbox so that nothing of it stays on the machine."""

import shutil
import signal
from pathlib import Path

from sandbox import cgroups, control_plane, network, nodes
from sandbox.host import SandboxError
from sandbox.instance import Instance
from sandbox.processes import end


def everything(instance: Instance | None, state: Path) -> None:
    """Ends the sandbox's processes and removes its mounts, network, cgroups and folder; missing parts are fine.

    Raises:
        SandboxError: something cannot be removed; what was removed until then stays removed, and `down` can be
            repeated.
    """
    if instance is not None:
        # The control plane first: otherwise it watches its nodes vanish.
        control_plane.stop(instance, keep=False)
        for node in instance.nodes:
            nodes.stop(instance, node)
        if instance.count:
            cgroups.remove(instance)
            network.remove_link(instance)
            end(instance, network.HUB, signals=((signal.SIGKILL, 10),))
    _remove_folder(state)


def _remove_folder(state: Path) -> None:
    if not state.exists():
        return
    if not (state / "instance.json").exists() and not (state / "lock").exists() and any(state.iterdir()):
        raise SandboxError(f"{state}: does not look like a sandbox's folder: nothing in it was removed")
    # Its description goes last, so that an interrupted removal can be repeated.
    for path in sorted(state.iterdir(), key=lambda each: each.name in ("instance.json", "lock")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    try:
        state.rmdir()
    except OSError:
        left = ", ".join(sorted(each.name for each in state.iterdir()))
        raise SandboxError(
            f"{state}: something still writes there ({left}), such as `pulumi up`: wait for its end, then `make down` again"
        ) from None
