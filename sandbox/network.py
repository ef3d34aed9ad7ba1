"""The sandbox's network: one interface on this machine, a bridge in a separate namespace, and the nodes on it.

The bridge (the hub) is not on the machine itself, so that the machine's firewall rules never see packets between nodes
and nothing of the network outlives the hub's process.
"""

import ipaddress
import os
import time
from pathlib import Path

from sandbox.host import SandboxError, run
from sandbox.instance import Instance, Node, used_networks
from sandbox.processes import Supervisor, recorded

HUB = "hub"


def inside(pid: int, *command: str | Path) -> list[str | Path]:
    """The command, wrapped to run in a process's network namespace."""
    return ["nsenter", "--target", str(pid), "--net", "--", *command]


def _batch(pid: int | None, lines: list[str]) -> None:
    command: list[str | Path] = ["ip", "-batch", "-"]
    run(inside(pid, *command) if pid else command, stdin="\n".join(lines) + "\n")


def up(instance: Instance) -> int:
    """Makes the hub and the machine's link to it, if missing, and returns the hub's pid."""
    pid = recorded(instance, HUB)
    if pid is not None:
        return pid
    remove_link(instance)
    mine = ipaddress.IPv4Network(f"10.{instance.subnet}.0.0/16")
    if any(mine.overlaps(each) for each in used_networks()):
        raise SandboxError(f"network {mine}: in use on this machine by now: `down`, then `up` chooses another")
    hub = Supervisor(instance, HUB, unshare=["--net"])
    _batch(hub.pid, ["link add pods type bridge", "link set lo up", "link set pods up"])
    _batch(
        None,
        [
            f"link add {instance.link} type veth peer name machine netns {hub.pid}",
            f"address add {instance.host}/24 dev {instance.link}",
            f"link set {instance.link} up",
            *(f"route replace {node.pods} via {node.address} dev {instance.link}" for node in instance.nodes),
            # Any node translates addresses of services and load balancers; the first does it for this machine.
            *(
                f"route replace {served} via {instance.nodes[0].address} dev {instance.link}"
                for served in (instance.services, instance.balancers)
            ),
        ],
    )
    _batch(hub.pid, ["link set machine master pods up"])
    hub.go()
    return hub.pid


def joined(pid: int) -> bool:
    """Whether a running node is still connected, which it is not after its hub was lost."""
    return "eth0:" in Path(f"/proc/{pid}/net/dev").read_text()


def join(instance: Instance, hub: int, node: Node, pid: int) -> None:
    """Connects a node's network namespace to the hub and sets its addresses and routes."""
    _batch(
        hub,
        [
            f"link add {node.name} type veth peer name eth0 netns {pid}",
            f"link set {node.name} master pods up",
        ],
    )
    _batch(
        pid,
        [
            "link set lo up",
            f"address add {node.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {instance.host}",
            *(f"route add {other.pods} via {other.address}" for other in instance.nodes if other != node),
        ],
    )


def remove_link(instance: Instance) -> None:
    """Removes the machine's link, and with it every route over it.

    Raises:
        SandboxError: the kernel keeps it.
    """
    link = Path("/sys/class/net") / instance.link
    deadline = time.monotonic() + 10
    while link.exists() and os.geteuid() == 0:
        run(["ip", "link", "delete", instance.link], check=False)
        if time.monotonic() > deadline:
            raise SandboxError(f"network interface {instance.link} does not go away: `ip link delete {instance.link}`")
        time.sleep(0.05)
