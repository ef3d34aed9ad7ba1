"""One sandbox: its folder, its name on this machine and its addresses."""

import hashlib
import ipaddress
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.host import SandboxError, run

REPOSITORY = Path(__file__).resolve().parent.parent

SUBNETS = range(64, 128)
"""Second octets of 10.x.0.0/16 to choose from: offices and clouds number their networks in the upper half of 10/8."""


def state_folder() -> Path:
    """SANDBOX_STATE, or `.sandbox` in the repository."""
    return Path(os.environ.get("SANDBOX_STATE") or REPOSITORY / ".sandbox").absolute()


def cache_folder() -> Path:
    """Where compiled and assembled parts are kept for every clone."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "kafka-platform"


def short_name(state: Path) -> str:
    """Distinguishes the sandbox in this folder from others on the machine."""
    return hashlib.sha256(str(state).encode()).hexdigest()[:8]


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    """Writes a file so that after an interruption either the old or the new text is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.chmod(mode)
    temporary.rename(path)
    return path


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node's name and addresses."""

    name: str
    number: int
    address: str
    pods: str
    """The range of its pods' addresses."""

    @property
    def zone(self) -> str:
        """The zone it claims to be in."""
        return f"zone-{self.number}"


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A sandbox as described in its folder."""

    state: Path
    subnet: int
    """The x of 10.x.0.0/16."""
    count: int
    """Number of nodes; 0 means only a control plane, which needs no root."""
    port: int
    """Of the API server."""

    @property
    def id(self) -> str:
        """Short name that distinguishes this sandbox from others on the machine."""
        return short_name(self.state)

    @property
    def link(self) -> str:
        """The one network interface on the machine's side."""
        return f"kp{self.id}"

    @property
    def host(self) -> str:
        """The address at which nodes and pods reach this machine, and so the API server."""
        return f"10.{self.subnet}.0.1" if self.count else "127.0.0.1"

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.host}:{self.port}"

    @property
    def pods(self) -> str:
        """The range of all pods' addresses. It leaves out the nodes' own, so that services masquerade for those."""
        return f"10.{self.subnet}.64.0/18"

    @property
    def services(self) -> str:
        """The range of the services' addresses."""
        return f"10.{self.subnet}.240.0/20"

    @property
    def balancers(self) -> str:
        """The range of the load balancers' addresses."""
        return f"10.{self.subnet}.224.0/24"

    @property
    def api_service(self) -> str:
        """The service address of the API server: the range's first."""
        return f"10.{self.subnet}.240.1"

    @property
    def dns(self) -> str:
        """The service address of the cluster's DNS."""
        return f"10.{self.subnet}.240.10"

    @property
    def nodes(self) -> list[Node]:
        """Its nodes, from node-1."""
        return [
            Node(
                name=f"node-{n}",
                number=n,
                address=f"10.{self.subnet}.0.{10 + n}",
                pods=f"10.{self.subnet}.{64 + n}.0/24",
            )
            for n in range(1, self.count + 1)
        ]

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def keys(self) -> Path:
        """Certificates and private keys."""
        return self.state / "keys"

    @property
    def logs(self) -> Path:
        """One log file per component."""
        return self.state / "logs"

    def folder(self, node: str) -> Path:
        """One node's files."""
        return self.state / "nodes" / node


def used_networks() -> list[ipaddress.IPv4Network]:
    """The networks that this machine has routes to."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    destinations = [route["dst"] for route in routes if route["dst"] != "default" and route.get("type") != "broadcast"]
    return [ipaddress.IPv4Network(each, strict=False) for each in destinations]


def choose_subnet(preferred: int, used: list[ipaddress.IPv4Network]) -> int:
    """The first x from `preferred` on (wrapping around) whose 10.x.0.0/16 touches no route of this machine.

    Raises:
        SandboxError: all are in use.
    """
    for offset in range(len(SUBNETS)):
        x = SUBNETS[(preferred + offset) % len(SUBNETS)]
        network = ipaddress.IPv4Network(f"10.{x}.0.0/16")
        if not any(network.overlaps(each) for each in used):
            return x
    raise SandboxError(
        "every network of 10.64.0.0 to 10.127.0.0 is in use on this machine: remove a route or a sandbox"
    )


def load(state: Path) -> Instance | None:
    """The sandbox in a folder, or None."""
    try:
        return Instance(state=state, **json.loads((state / "instance.json").read_text()))
    except FileNotFoundError:
        return None


def create(state: Path, count: int, port: int) -> Instance:
    """Chooses the addresses of a new sandbox and records them."""
    preferred = int(hashlib.sha256(str(state).encode()).hexdigest(), 16)
    subnet = choose_subnet(preferred % len(SUBNETS), used_networks() if count else [])
    instance = Instance(state=state, subnet=subnet, count=count, port=port)
    fields = {name: value for name, value in asdict(instance).items() if name != "state"}
    write(state / "instance.json", json.dumps(fields))
    return instance
