"""The nodes: each has its own network, mounts, processes and host name, a containerd, a kubelet and a kube-proxy.

A node lives as long as its process 1. When that ends the kernel ends everything in the node, undoes its mounts and
removes its end of the network: nothing of a node can stay behind except its folder and its cgroups.
"""

import json
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox import api, cgroups, network
from sandbox.host import SandboxError, run, tail
from sandbox.images import Archive
from sandbox.instance import Instance, Node, write
from sandbox.pins import PAUSE_IMAGE
from sandbox.processes import Service, Supervisor, end, recorded

READY_SECONDS = 120
NAMESPACES = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child=SIGKILL"]
CNI_PLUGINS = "/usr/lib/cni"
SOCKET = "/run/containerd/containerd.sock"

POLICY_QUEUE = "100"
"""Queue of packets that wait for the network policies' verdict."""

KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What the kubelet would set on the whole machine. A node's files show the wanted value; the machine keeps its own."""

CONTAINERD = """version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Not every machine lets a process lower its score for the out-of-memory killer.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{folder}/cni"
"""


def _cni(node: Node) -> str:
    # ptp routes each pod directly: without a bridge it does not matter how the firewall treats bridged packets.
    plugin = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": node.pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return json.dumps({"cniVersion": "0.3.1", "name": "pods", "plugins": [plugin]}, indent=1)


def _kubelet(instance: Instance, node: Node) -> str:
    keys = instance.keys
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(keys / f"{node.name}.crt"),
        "tlsPrivateKeyFile": str(keys / f"{node.name}.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups.path(instance, node),
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "clusterDNS": [instance.dns],
        "clusterDomain": "cluster.local",
        "resolvConf": str(instance.folder(node.name) / "resolv.conf"),
        # The nodes share one disk with everything else on the machine: when it fills up, they must not evict their
        # pods.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
                         "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
    }  # fmt: skip
    return json.dumps(configuration, indent=1)


# After kube-proxy has chosen a pod and before it hides the source. Each connection is judged once, on the node of
# either end. Packets from the node's own programs pass, as kubelet's probes must. A queue that nobody reads lets
# nothing through.
_POLICIES = (
    ("-N", "POLICIES"),
    ("-A", "POLICIES", "-m", "conntrack", "!", "--ctstate", "NEW", "-j", "RETURN"),
    ("-A", "POLICIES", "-m", "owner", "--socket-exists", "-j", "RETURN"),
    ("-A", "POLICIES", "-j", "NFQUEUE", "--queue-num", POLICY_QUEUE),
    ("-A", "POSTROUTING", "-j", "POLICIES"),
)


def _setup(instance: Instance, node: Node, *, policies: bool) -> list[list[str]]:
    """What a node's process 1 does first, in the node's own namespaces."""
    folder = instance.folder(node.name)
    return [
        ["mount", "-t", "proc", "proc", "/proc"],
        ["sh", "-c", f"echo {node.name} > /proc/sys/kernel/hostname"],
        *(
            ["mount", "--bind", str(folder / "kernel" / name.replace("/", ".")), f"/proc/sys/{name}"]
            for name in KERNEL_SETTINGS
        ),
        ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
        ["mount", "--bind", str(folder / "var"), "/var"],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["mkdir", "-p", "/run/lock", "/run/containerd"],
        # A packet that still has a service's address here was not translated, because kube-proxy has not made its rules
        # yet: refused at once and retried, rather than sent on and remembered by the kernel as a connection to nowhere.
        *(
            ["iptables", "-w", "-A", chain, "-d", served, "-j", "REJECT"]
            for chain in ("FORWARD", "OUTPUT")
            for served in (instance.services, instance.balancers)
        ),
        *(["iptables", "-w", "-t", "mangle", *rule] for rule in (_POLICIES if policies else ())),
        ["mount", "--make-rshared", "/"],
    ]


def _services(instance: Instance, node: Node, binaries: Path, policies: Path | None) -> list[Service]:
    folder, keys = instance.folder(node.name), instance.keys
    services = [
        Service(f"{node.name}-containerd", ["containerd", "--config", folder / "containerd.toml", "--log-level=warn"]),
        Service(
            f"{node.name}-kube-proxy",
            [
                binaries / "kube-proxy",
                f"--kubeconfig={keys}/kube-proxy.kubeconfig",
                f"--hostname-override={node.name}",
                "--proxy-mode=iptables",
                f"--cluster-cidr={instance.pods}",
                "--iptables-min-sync-period=200ms",
                # Limits of the whole machine, which are none of a node's business.
                "--conntrack-max-per-core=0",
                "--conntrack-tcp-timeout-established=0",
                "--conntrack-tcp-timeout-close-wait=0",
                "--oom-score-adj=0",
            ],
        ),
        Service(
            f"{node.name}-kubelet",
            [
                binaries / "kubelet",
                f"--config={folder}/kubelet.json",
                f"--kubeconfig={keys}/{node.name}.kubeconfig",
                f"--hostname-override={node.name}",
                f"--node-ip={node.address}",
                f"--node-labels=topology.kubernetes.io/region=sandbox,topology.kubernetes.io/zone={node.zone}",
                "--root-dir=/var/lib/kubelet",
                "--cert-dir=/var/lib/kubelet/pki",
            ],
        ),
    ]
    if policies is not None:
        enforcer: list[str | Path] = [
            policies / "network-policies",
            f"--kubeconfig={keys}/network-policies.kubeconfig",
            f"--hostname-override={node.name}",
            f"--nfqueue-id={POLICY_QUEUE}",
        ]
        services.append(Service(f"{node.name}-network-policies", enforcer))
    return services


def prepare(instance: Instance, node: Node, template: Path) -> None:
    """Makes a node's folder: its configuration and a containerd root that already has the images."""
    folder = instance.folder(node.name)
    for part in ("var/lib/kubelet", "var/lib/cni", "var/log", "var/tmp", "var/cache", "volumes", "cni", "kernel"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    run_link = folder / "var" / "run"
    if not run_link.is_symlink():
        run_link.symlink_to("/run")
    (folder / "var" / "tmp").chmod(0o1777)
    for name, value in KERNEL_SETTINGS.items():
        write(folder / "kernel" / name.replace("/", "."), f"{value}\n")
    # Pods resolve names inside the cluster; the machine's own servers may be unreachable for nodes.
    write(folder / "resolv.conf", "options ndots:1\n")
    write(folder / "cni" / "10-pods.conflist", _cni(node))
    write(folder / "kubelet.json", _kubelet(instance, node))
    root = folder / "containerd"
    configuration = CONTAINERD.format(root=root, socket=SOCKET, pause=PAUSE_IMAGE, cni=CNI_PLUGINS, folder=folder)
    write(folder / "containerd.toml", configuration)
    if not root.exists():
        copy_template(template, root)
        shutil.copyfile(template / "images.json", folder / "images.json")


def copy_template(template: Path, target: Path) -> None:
    """Copies a containerd root: layers as links, since nothing ever writes into a layer, and databases as files."""
    temporary = target.with_name(f"{target.name}~")
    shutil.rmtree(temporary, ignore_errors=True)
    source = template / "containerd"
    same = source.stat().st_dev == target.parent.stat().st_dev
    run(["cp", "--archive", *(["--link"] if same else ["--reflink=auto"]), source, temporary])
    if same:
        for database in [*temporary.rglob("*.db")]:
            if "/snapshots/" in str(database):
                continue
            copy = database.with_name(f"{database.name}~")
            shutil.copyfile(database, copy)
            copy.rename(database)
    temporary.rename(target)


def start(instance: Instance, node: Node, hub: int, binaries: Path, policies: Path | None) -> bool:
    """Starts a stopped node, without waiting for it, and connects one that lost its hub.

    Args:
        instance: the sandbox.
        node: which of its nodes.
        hub: the pid of the hub.
        binaries: the folder of Kubernetes' programs.
        policies: the folder of the program that enforces network policies; None for no enforcement.

    Returns:
        Whether it was started.
    """
    pid = recorded(instance, node.name)
    if pid is not None:
        if not network.joined(pid):
            network.join(instance, hub, node, pid)
        return False
    supervisor = Supervisor(
        instance,
        node.name,
        setup=_setup(instance, node, policies=policies is not None),
        services=_services(instance, node, binaries, policies),
        unshare=NAMESPACES,
        env={"GOGC": "200"},
    )
    network.join(instance, hub, node, supervisor.pid)
    cgroups.enter(instance, supervisor.pid, node.name, cgroups.SYSTEM)
    supervisor.go()
    return True


def wait(instance: Instance, since: Mapping[str, float]) -> None:
    """Waits until all nodes are Ready, and those in `since` have reported it after that time.

    Raises:
        SandboxError: one is not, within READY_SECONDS; with the end of its logs.
    """
    deadline = time.monotonic() + READY_SECONDS
    wanted = {node.name for node in instance.nodes}
    while missing := wanted - api.ready_nodes(instance, since):
        gone = {name for name in missing if recorded(instance, name) is None}
        if gone or time.monotonic() > deadline:
            name = min(gone or missing)
            logs = [instance.logs / f"{name}{part}.log" for part in ("", "-containerd", "-kubelet")]
            ends = "\n".join(f"{log}:\n{tail(log.read_text(errors='replace'))}" for log in logs if log.exists())
            what = "ended" if gone else f"is not Ready after {READY_SECONDS} s"
            raise SandboxError(f"{name} {what}:\n{ends}")
        time.sleep(0.2)


def images(instance: Instance, node: Node) -> dict[str, str]:
    """Name and digest of the images imported into a node."""
    try:
        found: dict[str, str] = json.loads((instance.folder(node.name) / "images.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def import_images(instance: Instance, node: Node, archives: Sequence[Archive]) -> bool:
    """Imports into a running node the images that it lacks or has in another version. Returns whether any were."""
    have = images(instance, node)
    wanted = [archive for archive in archives if have.get(archive.name) != archive.digest]
    pid = recorded(instance, node.name)
    for archive in wanted:
        ctr = [
            "nsenter",
            "--target",
            str(pid),
            "--mount",
            "--root",
            "--",
            "ctr",
            "--address",
            SOCKET,
            "--namespace",
            "k8s.io",
        ]
        run([*ctr, "images", "import", archive.file])
        have[archive.name] = archive.digest
        write(instance.folder(node.name) / "images.json", json.dumps(have, indent=1))
    return bool(wanted)


def wait_for_containerd(instance: Instance, node: Node, seconds: float = 30) -> None:
    """Waits until a node's containerd answers.

    Raises:
        SandboxError: it does not; with the end of its log.
    """
    deadline = time.monotonic() + seconds
    while True:
        pid = recorded(instance, node.name)
        if pid is not None and Path(f"/proc/{pid}/root{SOCKET}").exists():
            return
        if pid is None or time.monotonic() > deadline:
            logs = [instance.logs / f"{node.name}{part}.log" for part in ("", "-containerd")]
            ends = "\n".join(f"{log}:\n{tail(log.read_text(errors='replace'))}" for log in logs if log.exists())
            raise SandboxError(f"containerd of {node.name} does not answer:\n{ends}")
        time.sleep(0.05)


def stop(instance: Instance, node: Node) -> None:
    """Ends a node and everything in it."""
    end(instance, node.name, signals=((signal.SIGKILL, 20),))
