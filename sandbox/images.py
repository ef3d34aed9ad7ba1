"""The container images, assembled without a registry: layers as tar files, wrapped by hand as OCI images.

Kafka comes from Maven Central, Java and Python from Debian, our own programs from runtime/, and the cluster's programs
from Go's build. The images share one base layer.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import pins
from sandbox.build import BuildFolders, cached, digest_of, from_maven, pip
from sandbox.host import Command, SandboxError, end_with_parent, environment, logged, run, tail
from sandbox.instance import REPOSITORY, cache_folder, state_folder, write

HERE = Path(__file__).resolve().parent / "images"
RECIPE = "1"
"""Incremented whenever this module makes different images from the same files."""

USER = 1000
"""Numeric, so that a pod with runAsNonRoot may use the image."""
BASE_PACKAGES = ["openjdk-17-jre-headless", "python3", "ca-certificates"]
PATH = "PATH=/opt/kafka/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SITE_PACKAGES = f"usr/local/lib/python{pins.PYTHON}/dist-packages"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A file of one or more images, ready for import."""

    name: str
    digest: str
    """Changes whenever the images change."""
    file: Path


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of an image: an uncompressed tar file."""

    file: Path

    @property
    def digest(self) -> str:
        """Its sha256, kept beside it."""
        return self.file.with_suffix(".sha256").read_text()


@dataclass(frozen=True, kw_only=True)
class Image:
    """Layers under a name, with the default command of its containers."""

    name: str
    layers: Sequence[Layer]
    command: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    user: str = f"{USER}:{USER}"
    env: Sequence[str] = (PATH,)
    folder: str = "/"


def architecture() -> str:
    """This machine's architecture in image notation."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise SandboxError(
            f"architecture {machine}: no images can be made for it: use one of {', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[machine]


# Layers


class LayerWriter:
    """Writes a layer that depends only on its content: sorted, without times."""

    def __init__(self, file: Path) -> None:
        self._tar = tarfile.open(file, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed in finish
        self._folders: set[str] = set()

    def _add(self, name: str, kind: bytes, *, mode: int, user: int, data: bytes = b"", link: str = "") -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.uid, entry.gid, entry.linkname, entry.size = (
            kind,
            mode,
            user,
            user,
            link,
            len(data),
        )
        self._tar.addfile(entry, io.BytesIO(data))

    def folder(self, name: str, *, user: int = 0) -> None:
        """A folder and, owned by root, those above it."""
        parts = Path(name).parts
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            if part not in self._folders:
                self._folders.add(part)
                self._add(part, tarfile.DIRTYPE, mode=0o755, user=user if depth == len(parts) else 0)

    def file(self, name: str, data: bytes, *, mode: int = 0o644, user: int = 0) -> None:
        """A file and the folders above it."""
        self.folder(str(Path(name).parent))
        self._add(name, tarfile.REGTYPE, mode=mode, user=user, data=data)

    def tree(self, name: str, source: Path) -> None:
        """A folder with everything in it, links included."""
        for path in sorted(source.rglob("*")):
            target = f"{name}/{path.relative_to(source)}"
            if path.is_symlink():
                self._add(target, tarfile.SYMTYPE, mode=0o777, user=0, link=str(path.readlink()))
            elif path.is_dir():
                self.folder(target)
            else:
                self.file(target, path.read_bytes(), mode=0o755 if os.access(path, os.X_OK) else 0o644)

    def finish(self) -> None:
        """Ends the layer."""
        self._tar.close()


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def seal(file: Path) -> Layer:
    """A finished layer, with its digest beside it."""
    file.with_suffix(".sha256").write_text(_sha256(file))
    return Layer(file=file)


def debian_archives() -> list[str]:
    """The archives of the images' Debian release, as lines of a sources.list, as configured in this machine's apt.

    Empty on a machine with another release: mmdebstrap then uses Debian's own archives.
    """
    fields = "deb $(REPO_URI) $(CODENAME) $(COMPONENT)"
    releases = {f"{pins.DEBIAN}{suffix}" for suffix in ("", "-updates", "-security")}
    origin = ["Created-By: Packages", "Origin: Debian"]
    listed = run(["apt-get", "indextargets", "--format", fields, *origin], check=False).splitlines()
    found = sorted({line for line in listed if line.split()[2] in releases and line.split()[3] == "main"})
    return found if any(line.split()[2] == pins.DEBIAN for line in found) else []


def base_layer(folders: BuildFolders) -> Layer:
    """Debian with Java and Python, and the user that everything runs as."""
    key = digest_of(RECIPE, architecture(), pins.DEBIAN, *BASE_PACKAGES)

    def make(folder: Path) -> None:
        user = f'echo "appuser:x:{USER}:{USER}::/home/appuser:/bin/bash" >> "$1/etc/passwd"'
        group = f'echo "appuser:x:{USER}:" >> "$1/etc/group"'
        home = f'install -d -o {USER} -g {USER} "$1/home/appuser"'
        exclude = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "locale")]
        hooks = [f"--customize-hook={each}" for each in (user, group, home, 'rm -rf "$1"/var/log/* "$1"/var/cache/*')]
        command: Command = ["mmdebstrap", "--variant=minbase", f"--architectures={architecture()}", *exclude, *hooks]
        command += [f"--include={','.join(BASE_PACKAGES)}", pins.DEBIAN, folder / "layer.tar", *debian_archives()]
        logged(command, folders.logs / "base-image.log", env={"SOURCE_DATE_EPOCH": "0"})
        seal(folder / "layer.tar")

    folder = cached(folders, f"base-{key}", make, doing=f"assembling Debian {pins.DEBIAN} with Java and Python")
    return Layer(file=folder / "layer.tar")


def tools(table: str) -> dict[str, tuple[str, str]]:
    """The scripts in a table: name to class and default heap (empty if kafka-run-class.sh decides)."""
    rows = [line.split(maxsplit=2) for line in table.splitlines() if line.strip() and not line.startswith("#")]
    return {row[0]: (row[1], row[2].strip() if len(row) > 2 else "") for row in rows}


def script(main_class: str, heap: str) -> str:
    """A script that runs a Kafka class."""
    lines = ["#!/bin/bash"]
    if heap:
        lines.append(f'export KAFKA_HEAP_OPTS="${{KAFKA_HEAP_OPTS:-{heap}}}"')
    if main_class.startswith("org.apache.kafka.connect."):
        default = '-Dlog4j2.configurationFile=$(dirname "$0")/../config/connect-log4j2.yaml'
        lines.append(f'export KAFKA_LOG4J_OPTS="${{KAFKA_LOG4J_OPTS:-{default}}}"')
    lines.append(f'exec "$(dirname "$0")/kafka-run-class.sh" {main_class} "$@"')
    return "\n".join(lines) + "\n"


def _check_classes(jars: Iterable[Path], classes: Iterable[str]) -> None:
    known = {
        name for jar in jars if "kafka" in jar.name or "connect" in jar.name for name in zipfile.ZipFile(jar).namelist()
    }
    missing = [each for each in classes if f"{each.replace('.', '/')}.class" not in known]
    if missing:
        raise SandboxError(
            f"images/kafka/tools.txt: {', '.join(missing)}: not in Kafka {pins.KAFKA}'s jars: correct the class"
        )


def kafka_layer(folders: BuildFolders) -> Layer:
    """/opt/kafka as in the official image: scripts, jars, default settings."""
    sources = sorted(path for path in (HERE / "kafka").rglob("*") if path.is_file())
    key = digest_of(RECIPE, *(f"{path.relative_to(HERE)}\n{path.read_text()}" for path in sources))

    def make(folder: Path) -> None:
        jars = folder / "libs"
        from_maven(HERE / "kafka" / "pom.xml", jars, folders.logs / "kafka-image.log", "-DincludeScope=runtime")
        table = tools((HERE / "kafka" / "tools.txt").read_text())
        found = sorted(jars.glob("*.jar"))
        _check_classes(found, [main_class for main_class, _ in table.values()])
        layer = LayerWriter(folder / "layer.tar")
        for part in (
            "opt/kafka",
            "opt/kafka/logs",
            "var/lib/kafka",
            "var/lib/kafka/data",
            "mnt/shared/config",
            "etc/kafka/secrets",
        ):
            layer.folder(part, user=USER)
        for path in sorted((HERE / "kafka" / "config").iterdir()):
            layer.file(f"opt/kafka/config/{path.name}", path.read_bytes(), user=USER)
        scripts = {name: script(*row) for name, row in table.items()}
        scripts |= {path.name: path.read_text() for path in (HERE / "kafka" / "bin").iterdir()}
        layer.file("etc/kafka/docker/run", scripts.pop("docker-run.sh").encode(), mode=0o755)
        for name, text in sorted(scripts.items()):
            layer.file(f"opt/kafka/bin/{name}", text.encode(), mode=0o755)
        for jar in found:
            layer.file(f"opt/kafka/libs/{jar.name}", jar.read_bytes())
        layer.finish()
        shutil.rmtree(jars)
        seal(folder / "layer.tar")

    folder = cached(folders, f"kafka-{key}", make, doing=f"fetching Kafka {pins.KAFKA}")
    return Layer(file=folder / "layer.tar")


def classes_layer(folders: BuildFolders, base: Layer, kafka: Layer) -> Layer:
    """Archives of the classes that Kafka loads at startup, made by the Java and from the jars of these layers."""
    program = HERE / "share-classes.sh"
    key = digest_of(RECIPE, base.digest, kafka.digest, program.read_text())

    def make(folder: Path) -> None:
        root = folder / "root"
        root.mkdir()
        for each in (base, kafka):
            with tarfile.open(each.file) as content:
                content.extractall(root, filter="fully_trusted")  # noqa: S202 - our own layers
        shutil.copy(program, root)
        # Isolated from this machine's network and processes: its ports may be taken, and nothing stays behind.
        command: Command = ["unshare", "--net", "--pid", "--fork", f"--mount-proc={root / 'proc'}", "sh", "-c"]
        command += [f'ip link set lo up && exec chroot "$0" bash /{program.name}', root]
        logged(command, folders.logs / "kafka-image.log")
        layer = LayerWriter(folder / "layer.tar")
        for archive in sorted((root / "opt/kafka").glob("*.jsa")):
            layer.file(f"opt/kafka/{archive.name}", archive.read_bytes())
        layer.finish()
        shutil.rmtree(root)
        seal(folder / "layer.tar")

    folder = cached(folders, f"classes-{key}", make, doing="archiving the classes that Kafka loads")
    return Layer(file=folder / "layer.tar")


def install_packages(folders: BuildFolders, target: Path, log: Path, *what: str | Path) -> None:
    """Installs Python packages, given as pip arguments, for the base layer's Python into a folder."""
    machine = platform.machine()
    # The last one is our own program's name for itself, as it was compiled here.
    names = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34", "linux")
    platforms = [f"--platform={name}_{machine}" for name in names]
    logged(
        [*pip(folders), "install", "--no-compile", "--only-binary=:all:", f"--python-version={pins.PYTHON}",
         "--implementation=cp", *platforms, "--target", target, *what],
        log,
    )  # fmt: skip
    if _is_python_of_images():
        # The image's file system is read-only in a pod, so anything not compiled here is compiled at every start.
        compiler: Command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"]
        run([*compiler, "-s", target, "-p", f"/{SITE_PACKAGES}", target], check=False)


def _is_python_of_images() -> bool:
    return sys.version_info[:2] == tuple(map(int, pins.PYTHON.split(".")))


def _runtime_sources() -> list[Path]:
    root = REPOSITORY / "runtime"
    skipped = {"__pycache__", "build", "dist", "tests"}
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and path.suffix != ".so"
        and not any(part in skipped or part.endswith(".egg-info") for part in path.relative_to(root).parts)
    )


def agent_layer(folders: BuildFolders) -> Layer:
    """The JMX agent, which the runtime image carries for the brokers; runtime/agent/pom.xml pins it."""
    pom = REPOSITORY / "runtime" / "agent" / "pom.xml"
    key = digest_of(RECIPE, pom.read_text())

    def make(folder: Path) -> None:
        jars = folder / "libs"
        from_maven(pom, jars, folders.logs / "runtime-image.log", "-Dmdep.stripVersion=true")
        layer = LayerWriter(folder / "layer.tar")
        layer.tree("opt/kafka-platform/agent", jars)
        layer.finish()
        shutil.rmtree(jars)
        seal(folder / "layer.tar")

    folder = cached(folders, f"agent-{key}", make, doing="fetching the JMX agent")
    return Layer(file=folder / "layer.tar")


def runtime_layer(folders: BuildFolders) -> Layer:
    """Our own programs and the packages they need, where the base layer's Python finds them."""
    root = REPOSITORY / "runtime"
    sources = _runtime_sources()
    contents = (f"{path.relative_to(root)}\n{path.read_bytes()!r}" for path in sources)
    key = digest_of(RECIPE, str(_is_python_of_images()), *contents)

    def make(folder: Path) -> None:
        log = folders.logs / "runtime-image.log"
        # A copy, since a build leaves files beside the sources.
        source, wheels, target = folder / "source", folder / "wheels", folder / "packages"
        for path in sources:
            copy = source / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        # What another Python compiled is of no use to this one.
        how = {} if _is_python_of_images() else {"KAFKA_PLATFORM_NO_EXTENSIONS": "1"}
        logged([*pip(folders), "wheel", "--no-deps", "--wheel-dir", wheels, source], log, env=how)
        (wheel,) = wheels.glob("*.whl")
        install_packages(folders, target, log, f"{wheel}[connectors]")
        layer = LayerWriter(folder / "layer.tar")
        layer.tree(SITE_PACKAGES, target)
        layer.finish()
        for each in (source, wheels, target):
            shutil.rmtree(each)
        seal(folder / "layer.tar")

    folder = cached(folders, f"runtime-{key}", make, doing="assembling the runtime image")
    return Layer(file=folder / "layer.tar")


def _program_layer(folder: Path, binary: Path) -> Layer:
    file = folder / f"{binary.name}.tar"
    layer = LayerWriter(file)
    layer.file(binary.name, binary.read_bytes(), mode=0o755)
    layer.finish()
    return seal(file)


ALERTMANAGER_FILES = {
    "usr/bin/prometheus-alertmanager": "alertmanager",
    "usr/share/prometheus/alertmanager/default.tmpl": "default.tmpl",
    "usr/share/prometheus/alertmanager/email.tmpl": "email.tmpl",
}
"""What an Alertmanager needs of Debian's package, and what it is called beside it."""


def alertmanager_files(folders: BuildFolders) -> Path:
    """A folder with Alertmanager and its templates from Debian's package, which is unpacked and not installed."""
    package = "prometheus-alertmanager"
    key = digest_of(RECIPE, architecture(), pins.DEBIAN, package, *ALERTMANAGER_FILES)

    def make(folder: Path) -> None:
        archive = folder / "packages.tar"
        command: Command = ["mmdebstrap", "--variant=extract", f"--architectures={architecture()}"]
        command += [f"--include={package}", pins.DEBIAN, archive, *debian_archives()]
        logged(command, folders.logs / "alertmanager-image.log", env={"SOURCE_DATE_EPOCH": "0"})
        with tarfile.open(archive) as content:
            for path, name in ALERTMANAGER_FILES.items():
                found = content.extractfile(f"./{path}")
                assert found is not None  # noqa: S101 - they are regular files
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(found, file)
        archive.unlink()

    return cached(folders, f"alertmanager-{key}", make, doing="fetching Alertmanager")


# Images


def _blob(tar: tarfile.TarFile, content: bytes, written: set[str]) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    if digest not in written:
        written.add(digest)
        entry = tarfile.TarInfo(f"blobs/sha256/{digest}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return {"digest": f"sha256:{digest}", "size": len(content)}


def write_archive(file: Path, images: Sequence[Image], without: Sequence[Layer] = ()) -> None:
    """Writes images as one OCI archive. Layers in `without` are named but not contained: the importer has them."""
    written = {layer.digest for layer in without}
    manifests = []
    with tarfile.open(file, "w") as tar:
        layout = b'{"imageLayoutVersion":"1.0.0"}'
        entry = tarfile.TarInfo("oci-layout")
        entry.size = len(layout)
        tar.addfile(entry, io.BytesIO(layout))
        for image in images:
            layers = []
            for layer in image.layers:
                size = layer.file.stat().st_size
                if layer.digest not in written:
                    written.add(layer.digest)
                    entry = tarfile.TarInfo(f"blobs/sha256/{layer.digest}")
                    entry.size = size
                    with layer.file.open("rb") as content:
                        tar.addfile(entry, content)
                kind = "application/vnd.oci.image.layer.v1.tar"
                layers.append({"mediaType": kind, "digest": f"sha256:{layer.digest}", "size": size})
            runs = {
                "User": image.user,
                "Env": list(image.env),
                "Entrypoint": list(image.entrypoint),
                "Cmd": list(image.command),
                "WorkingDir": image.folder,
            }
            rootfs = {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in image.layers]}
            config = {"architecture": architecture(), "os": "linux", "config": runs, "rootfs": rootfs}
            kind = "application/vnd.oci.image.config.v1+json"
            described = {"mediaType": kind, **_blob(tar, _json(config), written)}
            kind = "application/vnd.oci.image.manifest.v1+json"
            manifest = {"schemaVersion": 2, "mediaType": kind, "config": described, "layers": layers}
            names = {
                "io.containerd.image.name": image.name,
                "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
            }
            system = {"architecture": architecture(), "os": "linux"}
            manifests.append(
                {"mediaType": kind, **_blob(tar, _json(manifest), written), "annotations": names, "platform": system}
            )
        index = _json({"schemaVersion": 2, "manifests": manifests})
        entry = tarfile.TarInfo("index.json")
        entry.size = len(index)
        tar.addfile(entry, io.BytesIO(index))


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def program_layer_of(folders: BuildFolders, compiled: Path, program: str, *, name: str, doing: str) -> Layer:
    """The layer with one compiled program, `compiled`, in the root folder as `program`; `name` is its name in the cache."""

    def make(folder: Path) -> None:
        file = folder / "layer.tar"
        layer = LayerWriter(file)
        layer.file(program, compiled.read_bytes(), mode=0o755)
        layer.finish()
        seal(file)

    key = digest_of(RECIPE, compiled.parent.parent.name)
    return Layer(file=cached(folders, f"{name}-{key}", make, doing=doing) / "layer.tar")


def image_archive(folders: BuildFolders, image: Image, *, name: str, cache: str, doing: str) -> Archive:
    """An archive of one image, without its first layer, which is the base layer that every node has.

    Args:
        folders: of the build.
        image: the image.
        name: of the archive.
        cache: beginning of its folder's name in the cache.
        doing: what is said while it is made.
    """
    key = digest_of(RECIPE, *(layer.digest for layer in image.layers))

    def make(folder: Path) -> None:
        write_archive(folder / "images.tar", [image], without=image.layers[:1])

    folder = cached(folders, f"{cache}-{key}", make, doing=doing)
    return Archive(name=name, digest=key, file=folder / "images.tar")


def fetched(layer: Callable[[BuildFolders], Layer]) -> int:
    """Makes a layer that sandboxes need only when somebody asks for its image; the exit code of the program that does so."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        layer(BuildFolders(cache=cache, logs=state_folder() / "logs"))
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


def platform_archive(folders: BuildFolders, programs: Path) -> Archive:
    """The images that every sandbox has: Kafka and the cluster's own; `programs` is the folder of Go's build."""
    base, kafka = base_layer(folders), kafka_layer(folders)
    classes = classes_layer(folders, base, kafka)
    key = digest_of(RECIPE, base.digest, kafka.digest, classes.digest, programs.parent.name)

    def make(folder: Path) -> None:
        root = ("/",)
        nobody = "65534:65534"
        images = [
            Image(name=pins.PAUSE_IMAGE, layers=[_program_layer(folder, programs / "pause")], command=["/pause"], user=nobody, env=root[:0]),
            Image(name=pins.COREDNS_IMAGE, layers=[_program_layer(folder, programs / "coredns")], command=["/coredns"], user=nobody, env=root[:0]),
            Image(name=pins.KAFKA_IMAGE, layers=[base, kafka, classes], command=["/etc/kafka/docker/run"]),
        ]  # fmt: skip
        write_archive(folder / "images.tar", images)
        for program in ("pause", "coredns"):
            (folder / f"{program}.tar").unlink()

    folder = cached(folders, f"platform-image-{key}", make, doing="wrapping the images")
    return Archive(name="platform", digest=key, file=folder / "images.tar")


def monitoring_archive(folders: BuildFolders, prometheus: Path) -> Archive:
    """The images of Prometheus, from the folder of Go's build, and of Alertmanager; without the base layer."""
    base, alertmanager = base_layer(folders), alertmanager_files(folders)
    key = digest_of(
        RECIPE, base.digest, prometheus.parent.name, alertmanager.name, pins.PROMETHEUS_IMAGE, pins.ALERTMANAGER_IMAGE
    )
    programs = {
        "prometheus": (pins.PROMETHEUS_IMAGE, {"usr/bin/prometheus": prometheus / "prometheus"}),
        "alertmanager": (
            pins.ALERTMANAGER_IMAGE,
            {
                path.replace("prometheus-alertmanager", "alertmanager"): alertmanager / name
                for path, name in ALERTMANAGER_FILES.items()
            },
        ),
    }

    def make(folder: Path) -> None:
        images = []
        for program, (name, files) in programs.items():
            layer = LayerWriter(folder / f"{program}.tar")
            for path, file in files.items():
                layer.file(path, file.read_bytes(), mode=0o755 if path.startswith("usr/bin/") else 0o644)
            layer.finish()
            layers = [base, seal(folder / f"{program}.tar")]
            images.append(Image(name=name, layers=layers, entrypoint=[f"/bin/{program}"], user="65534:65534"))
        write_archive(folder / "images.tar", images, without=[base])
        for program in programs:
            (folder / f"{program}.tar").unlink()

    folder = cached(folders, f"monitoring-image-{key}", make, doing="wrapping the images of Prometheus")
    return Archive(name="monitoring", digest=key, file=folder / "images.tar")


def autoscaling_archive(folders: BuildFolders, keda: Path, metrics_server: Path) -> Archive:
    """The images of KEDA and metrics-server, from the folders of Go's build; without the base layer.

    They use the base layer for its time zones and certificate authorities, which the official images have too.
    """
    base = base_layer(folders)
    key = digest_of(RECIPE, base.digest, keda.parent.name, metrics_server.parent.name)
    names = {
        keda / "keda": pins.KEDA_IMAGE,
        keda / "keda-adapter": pins.KEDA_ADAPTER_IMAGE,
        keda / "keda-admission-webhooks": pins.KEDA_WEBHOOKS_IMAGE,
        metrics_server / "metrics-server": pins.METRICS_SERVER_IMAGE,
    }

    def make(folder: Path) -> None:
        images = [
            Image(
                name=name,
                layers=[base, _program_layer(folder, program)],
                entrypoint=[f"/{program.name}"],
                user="65532:65532",
            )
            for program, name in names.items()
        ]
        write_archive(folder / "images.tar", images, without=[base])
        for program in names:
            (folder / f"{program.name}.tar").unlink()

    folder = cached(folders, f"autoscaling-image-{key}", make, doing="wrapping the images of KEDA")
    return Archive(name="autoscaling", digest=key, file=folder / "images.tar")


def containerd_template(folders: BuildFolders, archives: Sequence[Archive]) -> Path:
    """A folder with a containerd root that has the archives' images: nodes copy it, so each is unpacked once."""
    key = digest_of(RECIPE, *(archive.digest for archive in archives))

    def make(folder: Path) -> None:
        unpack(folder / "containerd", [archive.file for archive in archives], folders.logs / "template.log")
        write(folder / "images.json", json.dumps({archive.name: archive.digest for archive in archives}))

    return cached(folders, f"images-{key}", make, doing="unpacking the images")


def runtime_archive(folders: BuildFolders) -> Archive | None:
    """The image of our own programs, without the base layer that every node has; None if there is no runtime/."""
    if not (REPOSITORY / "runtime" / "pyproject.toml").exists():
        return None
    image = Image(
        name=pins.RUNTIME_IMAGE,
        layers=[base_layer(folders), agent_layer(folders), runtime_layer(folders)],
        # As in runtime/Dockerfile.
        command=["python3", "-m", "kafka_platform_runtime.provisioner"],
        env=(PATH, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"),
    )
    return image_archive(folders, image, name="runtime", cache="runtime-image", doing="wrapping the runtime image")


def unpack(root: Path, archives: Sequence[Path], log: Path) -> None:
    """Makes a containerd root with the archives' images, unpacked, using a containerd that runs just for that."""
    with tempfile.TemporaryDirectory() as scratch:
        socket = Path(scratch) / "containerd.sock"
        settings = Path(scratch) / "containerd.toml"
        settings.write_text(
            f'version = 2\nroot = "{root}"\nstate = "{scratch}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
            f'[grpc]\n  address = "{socket}"\n'
        )
        # In a separate mount namespace, so that nothing stays mounted whatever happens.
        command = ["unshare", "--mount", "containerd", "--config", str(settings), "--log-level=warn"]
        with log.open("w") as output:
            containerd = subprocess.Popen(
                command, stdout=output, stderr=output, env=environment(), preexec_fn=end_with_parent
            )
            try:
                deadline = time.monotonic() + 30
                while not socket.exists():
                    if containerd.poll() is not None or time.monotonic() > deadline:
                        raise SandboxError(f"containerd does not start:\n{tail(log.read_text())}")
                    time.sleep(0.05)
                for archive in archives:
                    run(["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import", str(archive)])
            finally:
                containerd.terminate()
                containerd.wait()
