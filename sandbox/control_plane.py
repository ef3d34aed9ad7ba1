"""etcd, API server, controller manager, scheduler and the volume provisioner, as plain processes of this machine."""

import signal
import time
from pathlib import Path

from sandbox import api, cgroups
from sandbox.host import SandboxError, tail
from sandbox.instance import Instance
from sandbox.processes import Service, Supervisor, changed, end, recorded

NAME = "control-plane"
READY_SECONDS = 120


def _services(instance: Instance, binaries: Path) -> list[Service]:
    keys = instance.keys
    # A socket in a folder that only this user may enter: no port that could collide, no certificates.
    etcd = instance.state / "etcd"
    clients = f"unix://{etcd}/client"
    services = [
        Service(
            "etcd",
            [
                binaries / "etcd",
                "--name=etcd",
                f"--data-dir={etcd}/data",
                f"--listen-client-urls={clients}",
                f"--listen-peer-urls=unix://{etcd}/peer",
                # It has no peers and its one client knows the socket; these are never dialled but must have the form
                # host:port.
                "--advertise-client-urls=http://localhost:1",
                "--initial-advertise-peer-urls=http://localhost:1",
                "--initial-cluster=etcd=http://localhost:1",
                # A sandbox's objects outlive its processes, and need not outlive a power cut: writes do not wait for
                # the disk.
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
        ),
        Service(
            "kube-apiserver",
            [
                binaries / "kube-apiserver",
                f"--etcd-servers={clients}",
                f"--bind-address={instance.host}",
                f"--secure-port={instance.port}",
                *([f"--advertise-address={instance.host}"] if instance.count else ["--endpoint-reconciler-type=none"]),
                f"--service-cluster-ip-range={instance.services}",
                f"--client-ca-file={keys}/ca.crt",
                f"--tls-cert-file={keys}/apiserver.crt",
                f"--tls-private-key-file={keys}/apiserver.key",
                f"--cert-dir={keys}",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                "--allow-privileged=true",
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                f"--service-account-key-file={keys}/service-account.key",
                f"--service-account-signing-key-file={keys}/service-account.key",
                f"--kubelet-certificate-authority={keys}/ca.crt",
                f"--kubelet-client-certificate={keys}/apiserver-kubelet.crt",
                f"--kubelet-client-key={keys}/apiserver-kubelet.key",
                # kubectl logs, exec and port-forward reach a node by its address: its name is in no DNS.
                "--kubelet-preferred-address-types=InternalIP",
                # Extension API servers, such as KEDA's metrics: trusted through their own authority, reached at their
                # pods.
                f"--requestheader-client-ca-file={keys}/front-proxy-ca.crt",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-username-headers=X-Remote-User",
                f"--proxy-client-cert-file={keys}/front-proxy.crt",
                f"--proxy-client-key-file={keys}/front-proxy.key",
                "--enable-aggregator-routing=true",
                "--profiling=false",
            ],
        ),
        Service(
            "kube-controller-manager",
            [
                binaries / "kube-controller-manager",
                f"--kubeconfig={keys}/kube-controller-manager.kubeconfig",
                "--secure-port=0",
                "--leader-elect=false",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={keys}/service-account.key",
                f"--root-ca-file={keys}/ca.crt",
                f"--cluster-signing-cert-file={keys}/ca.crt",
                f"--cluster-signing-key-file={keys}/ca.key",
                f"--service-cluster-ip-range={instance.services}",
                "--kube-api-qps=200",
                "--kube-api-burst=400",
            ],
        ),
        Service(
            "kube-scheduler",
            [
                binaries / "kube-scheduler",
                f"--kubeconfig={keys}/kube-scheduler.kubeconfig",
                "--secure-port=0",
                "--leader-elect=false",
            ],
        ),
    ]
    if instance.count:
        nodes = instance.state / "nodes"
        services.append(
            Service("storage", [binaries / "storage", f"--kubeconfig={instance.kubeconfig}", f"--root={nodes}"])
        )
    return services


def start(instance: Instance, binaries: Path) -> None:
    """Starts the control plane unless it already runs as it would be started now; does not wait for it."""
    services = _services(instance, binaries)
    if recorded(instance, NAME) is not None:
        if not changed(instance, NAME, services):
            return
        stop(instance, keep=True)
    etcd = instance.state / "etcd"
    etcd.mkdir(mode=0o700, parents=True, exist_ok=True)
    for socket in ("client", "peer"):
        (etcd / socket).unlink(missing_ok=True)
    # Both are one program of 140 MB: less frequent garbage collection is worth a few megabytes.
    supervisor = Supervisor(instance, NAME, services=services, env={"GOGC": "200"})
    if instance.count:
        cgroups.enter(instance, supervisor.pid, NAME)
    supervisor.go()


def wait(instance: Instance) -> None:
    """Waits until the API server is ready.

    Raises:
        SandboxError: not within READY_SECONDS; with the end of its log.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not api.ready(instance):
        if time.monotonic() > deadline or recorded(instance, NAME) is None:
            names = (NAME, "etcd", "kube-apiserver")
            logs = [instance.logs / f"{name}.log" for name in names]
            ends = "\n".join(f"{log}:\n{tail(log.read_text(errors='replace'))}" for log in logs if log.exists())
            raise SandboxError(f"API server at {instance.server} is not ready after {READY_SECONDS} s:\n{ends}")
        time.sleep(0.2)


def stop(instance: Instance, *, keep: bool) -> None:
    """Ends the control plane; in order if its contents are to be kept."""
    gently = ((signal.SIGTERM, 45.0),) if keep else ()
    end(instance, NAME, signals=(*gently, (signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)))
