"""Volumes of the sandbox that are small, fill up and can grow: file systems in memory that a pod mounts on a node."""

import json
from typing import Any

from sandbox.pins import RUNTIME_IMAGE
from tests.harness import in_pod, kubectl


class Volumes:
    """The node's file systems in memory, by name, and a storage class of theirs."""

    def __init__(self, called: str, *, measured: bool = False) -> None:
        """`measured`: whether the kubelet tells how full they are, which it does of volumes of the type `local`."""
        self.storage_class, self.host, self.folder = called, f"{called}-host", f"/var/{called}"
        self.measured = measured
        self.node = json.loads(kubectl("get", "nodes", "-o", "json"))["items"][0]["metadata"]["name"]
        folder = {"name": "host", "hostPath": {"path": self.folder, "type": "DirectoryOrCreate"}}
        container = {
            "name": "mount",
            "image": RUNTIME_IMAGE,
            "command": ["sleep", "7200"],
            "securityContext": {"privileged": True, "runAsUser": 0, "runAsNonRoot": False},
            "volumeMounts": [{"name": "host", "mountPath": "/host", "mountPropagation": "Bidirectional"}],
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "mount", "namespace": self.host},
            "spec": {
                "nodeName": self.node,
                "terminationGracePeriodSeconds": 1,
                "containers": [container],
                "volumes": [folder],
            },
        }
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.host}}
        storage_class = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": self.storage_class},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": True,
        }
        self._apply(namespace, storage_class, pod)
        kubectl("-n", self.host, "wait", "--for=condition=Ready", "--timeout=300s", "pod/mount")
        self.names: list[str] = []

    def _apply(self, *objects: dict[str, Any]) -> None:
        kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def make(self, name: str, size: str, capacity: str) -> None:
        """A file system, and the volume of Kubernetes that is said to have that capacity."""
        self.names.append(name)
        in_pod(self.host, "mount", "mkdir", "-p", f"/host/{name}")
        in_pod(self.host, "mount", "mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", f"/host/{name}")
        term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self.node]}
        self._apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": name},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "capacity": {"storage": capacity},
                    "storageClassName": self.storage_class,
                    "persistentVolumeReclaimPolicy": "Retain",
                    "local" if self.measured else "hostPath": {"path": f"{self.folder}/{name}"},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
                },
            }
        )

    def grow(self, name: str, size: str) -> None:
        """Gives a file system more room, as a cloud does with a volume."""
        in_pod(self.host, "mount", "mount", "-o", f"remount,size={size}", f"/host/{name}")

    def fill(self, name: str, share: float) -> None:
        """Writes a file of somebody else's into a file system, until that share of it is used."""
        program = (
            "import os, sys; path, share = sys.argv[1], float(sys.argv[2]); s = os.statvfs(path); "
            "size = int((share - 1 + s.f_bavail / s.f_blocks) * s.f_blocks * s.f_frsize); "
            "open(path + '/filler', 'wb').write(bytes(size))"
        )
        in_pod(self.host, "mount", "python3", "-c", program, f"/host/{name}", str(share))

    def clear(self, name: str) -> None:
        """Removes that file."""
        in_pod(self.host, "mount", "rm", f"/host/{name}/filler")

    def remove(self) -> None:
        """Gives the memory back."""
        for name in self.names:
            kubectl("delete", "pv", name, "--ignore-not-found", "--wait=false", check=False)
            in_pod(self.host, "mount", "umount", "-l", f"/host/{name}", check=False)
        kubectl("delete", "storageclass", self.storage_class, "--ignore-not-found")
        kubectl("delete", "namespace", self.host, "--ignore-not-found", "--wait=false")
