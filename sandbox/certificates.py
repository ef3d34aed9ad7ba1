"""The cluster's certificates and kubeconfigs, made once per sandbox by openssl."""

import base64
import json
from pathlib import Path

from sandbox.host import run
from sandbox.instance import Instance, write

DAYS = "3650"
NAME = "kafka-platform-sandbox"
"""Of the cluster, the user and the context in every kubeconfig."""
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]


def _authority(folder: Path, name: str) -> None:
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    if certificate.exists():
        return
    run(
        ["openssl", "req", "-x509", *CURVE, "-days", DAYS, "-subj", f"/CN={NAME}-{name}", "-keyout", key, "-out", f"{certificate}~",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"]
    )  # fmt: skip
    Path(f"{certificate}~").rename(certificate)


def _sign(folder: Path, name: str, subject: str, *, authority: str = "ca", hosts: tuple[str, ...] = ()) -> None:
    """A key and certificate; the certificate's file appears last, so that an interruption leaves no half."""
    certificate = folder / f"{name}.crt"
    if certificate.exists():
        return
    extensions = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
    extensions.append(f"extendedKeyUsage={'serverAuth,clientAuth' if hosts else 'clientAuth'}")
    if hosts:
        names = ",".join(f"{'IP' if host.replace('.', '').isdigit() else 'DNS'}:{host}" for host in hosts)
        extensions.append(f"subjectAltName={names}")
    run(
        ["openssl", "req", "-x509", *CURVE, "-days", DAYS, "-subj", subject, "-keyout", folder / f"{name}.key",
         "-CA", folder / f"{authority}.crt", "-CAkey", folder / f"{authority}.key", "-out", f"{certificate}~",
         *(part for each in extensions for part in ("-addext", each))]
    )  # fmt: skip
    Path(f"{certificate}~").rename(certificate)


def _kubeconfig(instance: Instance, name: str, file: Path, server: str | None = None) -> None:
    def data(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    keys = instance.keys
    cluster = {"server": server or instance.server, "certificate-authority-data": data(keys / "ca.crt")}
    user = {"client-certificate-data": data(keys / f"{name}.crt"), "client-key-data": data(keys / f"{name}.key")}
    # JSON is YAML.
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": cluster}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "users": [{"name": NAME, "user": user}],
    }
    write(file, json.dumps(content, indent=1) + "\n", mode=0o600)


def make(instance: Instance) -> None:
    """Makes what is missing of the sandbox's keys, certificates and kubeconfigs."""
    keys = instance.keys
    keys.mkdir(parents=True, exist_ok=True)
    keys.chmod(0o700)
    _authority(keys, "ca")
    _authority(keys, "front-proxy-ca")
    if not (keys / "service-account.key").exists():
        run(["openssl", "genrsa", "-out", keys / "service-account.key~", "2048"])
        (keys / "service-account.key~").rename(keys / "service-account.key")
    api_names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    addresses = {instance.host: None, "127.0.0.1": None, instance.api_service: None}
    _sign(keys, "apiserver", "/CN=kube-apiserver", hosts=(*addresses, "localhost", *api_names))
    _sign(keys, "apiserver-kubelet", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    _sign(keys, "front-proxy", "/CN=front-proxy-client", authority="front-proxy-ca")
    _sign(keys, "admin", "/O=system:masters/CN=kubernetes-admin")
    _kubeconfig(instance, "admin", instance.kubeconfig)
    for component in ("kube-controller-manager", "kube-scheduler", "kube-proxy", "network-policies"):
        _sign(keys, component, f"/CN=system:{component}")
        _kubeconfig(instance, component, keys / f"{component}.kubeconfig")
    for node in instance.nodes:
        _sign(
            keys, node.name, f"/O=system:nodes/CN=system:node:{node.name}", hosts=(node.name, node.address, "127.0.0.1")
        )
        _kubeconfig(instance, node.name, keys / f"{node.name}.kubeconfig")
