"""Images of applications, made without Docker from a folder with a Dockerfile.

A Dockerfile is not run: the files, variables, user and command of its last stage are applied, and the four
things that a small service needs are done here: `pip install --requirement FILE` for the image's Python, `go build` of
the module in the folder for a program that is copied from another stage, for what is copied from a stage with Maven
the classes (`target/classes`) and the libraries (`target/lib`) of the project in the folder, and, on the image of stream jobs,
a jar of the Java files in the folder, compiled with that image's jars. Anything else is refused.
"""

import fnmatch
import io
import json
import os
import re
import shlex
import shutil
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.build import BuildFolders, cached, digest_of, from_maven, go
from sandbox.flink import HOME as FLINK_HOME, flink_layer
from sandbox.host import Command, SandboxError, logged
from sandbox.images import (
    PATH,
    RECIPE,
    SITE_PACKAGES,
    USER,
    Archive,
    Image,
    LayerWriter,
    architecture,
    base_layer,
    install_packages,
    seal,
    write_archive,
)
from sandbox.pins import FLINK_IMAGE, PYTHON

PYTHON_BASES = f"python:{PYTHON}*"
JAVA = "17"
JAVA_BASES = f"eclipse-temurin:{JAVA}-jre*"
CLASSES, LIBRARIES = "target/classes", "target/lib"
"""Where Maven compiles to, and where `dependency:copy-dependencies` copies to, in a Dockerfile."""
EMPTY_BASES = ("scratch", "gcr.io/distroless/static*")
FLINK_BASES = f"{FLINK_IMAGE.rpartition(':')[0]}:*"
_COMPILES = ("golang:", "maven:", "eclipse-temurin:17-jdk")
"""Base images of stages that compile."""
SKIPPED = {"__pycache__", ".git", ".venv", "build", "dist"}
_TAG = re.compile(r"(?P<name>[a-z0-9][a-z0-9._/:-]*?):(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})")


@dataclass(kw_only=True)
class Recipe:
    """The last stage of a Dockerfile."""

    base: str = ""
    folder: str = "/"
    env: list[str] = field(default_factory=list)
    user: str = "0:0"
    command: list[str] = field(default_factory=list)
    copies: list[tuple[str, str]] = field(default_factory=list)
    """Pattern of files in the folder, and where they go."""
    requirements: str | None = None
    """File that names the Python packages."""
    program: str | None = None
    """Where the compiled Go program goes, or the jar of a stream job."""
    compiled: dict[str, str] = field(default_factory=dict)
    """Where the classes and the libraries of a Java program go."""

    @property
    def is_python(self) -> bool:
        """Whether it is based on a Python image."""
        return fnmatch.fnmatch(self.base, PYTHON_BASES)

    @property
    def is_java(self) -> bool:
        """Whether it is based on a Java image."""
        return fnmatch.fnmatch(self.base, JAVA_BASES)

    @property
    def is_flink(self) -> bool:
        """Whether it is based on the image of stream jobs."""
        return fnmatch.fnmatch(self.base, FLINK_BASES)


def full_name(tag: str) -> str:
    """An image's name as a node knows it: with its registry.

    Raises:
        SandboxError: it is not a name, or has no tag.
    """
    found = _TAG.fullmatch(tag)
    if found is None or found["tag"] == "latest":
        raise SandboxError(
            f"{tag}: a node pulls what has no tag of its own: write name:tag, such as {Path(tag).name.partition(':')[0] or 'app'}:1"
        )
    registry, slash, _ = tag.partition("/")
    if slash and ("." in registry or ":" in registry or registry == "localhost"):
        return tag
    return f"docker.io/{tag}" if slash else f"docker.io/library/{tag}"


def read(dockerfile: str) -> Recipe:
    """Parses a Dockerfile.

    Raises:
        SandboxError: it uses something that only Docker can do; names the line.
    """
    recipe = Recipe()
    text = re.sub(r"^\s*#.*\n?", "", dockerfile, flags=re.MULTILINE)
    for line in re.sub(r"\\\s*\n", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        match word.upper():
            case "":
                pass
            case "FROM":
                recipe = Recipe(base=rest.split()[0])
            case "WORKDIR":
                recipe.folder = rest.strip()
            case "ENV" if all("=" in each for each in shlex.split(rest)):
                recipe.env += shlex.split(rest)
            case "USER" if re.fullmatch(r"\d+(:\d+)?", rest.strip()):
                recipe.user = rest.strip()
            case "CMD" | "ENTRYPOINT" if rest.lstrip().startswith("["):
                words = json.loads(rest)
                recipe.command = words if word.upper() == "ENTRYPOINT" else [*recipe.command, *words]
            case "COPY":
                _copy(recipe, rest.split(), line)
            case "RUN" if found := re.search(r"pip install .*(?:-r|--requirement)[ =](\S+)\s*$", rest):
                recipe.requirements = found[1]
            case "RUN" if recipe.base.startswith(_COMPILES):
                pass  # the stage that compiles
            case "EXPOSE" | "LABEL" | "STOPSIGNAL":
                pass
            case _:
                raise _cannot(line)
    if recipe.is_flink:
        return recipe  # the platform says what runs
    stands = recipe.is_python or recipe.is_java
    if not stands and not any(fnmatch.fnmatch(recipe.base, each) for each in EMPTY_BASES):
        known = f"{PYTHON_BASES}, {JAVA_BASES}, {FLINK_BASES}, or for Go {' or '.join(EMPTY_BASES)}"
        raise SandboxError(
            f"Dockerfile: FROM {recipe.base}: without Docker only {known} work: use one, or SANDBOX=kind"
        )
    if not recipe.command:
        raise SandboxError('Dockerfile: no command: write one as a list, such as CMD ["python3", "app.py"]')
    return recipe


def _copy(recipe: Recipe, words: list[str], line: str) -> None:
    if words[0].startswith("--from=") and len(words) == 3:
        made = next((each for each in (CLASSES, LIBRARIES) if recipe.is_java and words[1].endswith(f"/{each}")), None)
        if recipe.is_java and made is None:
            raise _cannot(line)
        if made is None:
            recipe.program = words[2]
        else:
            recipe.compiled[made] = words[2]
    elif words[0].startswith("--") or len(words) < 2:
        raise _cannot(line)
    else:
        target = words[-1] if words[-1].startswith("/") else f"{recipe.folder}/{words[-1]}"
        recipe.copies += [(source, target) for source in words[:-1]]


def _cannot(line: str) -> SandboxError:
    return SandboxError(f"Dockerfile: {line.strip()}: cannot be done without Docker: leave it out, or use SANDBOX=kind")


def _files(folder: Path) -> dict[str, Path]:
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {str(name): path for name, path in found.items() if not SKIPPED.intersection(name.parts)}


def archive(folders: BuildFolders, folder: Path, tag: str) -> Archive:
    """The image of the application in a folder, ready for import into nodes.

    Raises:
        SandboxError: the folder has no Dockerfile that can be parsed, or its program does not compile.
    """
    name = full_name(tag)
    files = _files(folder)
    if "Dockerfile" not in files:
        raise SandboxError(f"{folder}: has no Dockerfile: name the folder of an application")
    recipe = read(files["Dockerfile"].read_text())
    base = [base_layer(folders)] if recipe.is_python or recipe.is_java or recipe.is_flink else []
    if recipe.is_flink:
        base.append(flink_layer(folders))
    contents = [f"{path}\n{file.read_bytes()!r}" for path, file in files.items()]
    key = digest_of(RECIPE, "1", name, architecture(), *(each.digest for each in base), *contents)

    def make(target: Path) -> None:
        log = folders.logs / "applications.log"
        layer = LayerWriter(target / "layer.tar")
        layer.folder(recipe.folder)
        if recipe.requirements:
            packages = target / "packages"
            install_packages(folders, packages, log, "--requirement", folder / recipe.requirements)
            layer.tree(SITE_PACKAGES, packages)
        if recipe.program and recipe.is_flink:
            layer.file(recipe.program.lstrip("/"), _jar(folders, folder, files, target))
        elif recipe.program:
            _compile_go(folders, folder, target / "program", log)
            layer.file(recipe.program.lstrip("/"), (target / "program").read_bytes(), mode=0o755)
        if recipe.compiled:
            _compile_java(folder, target / CLASSES, target / LIBRARIES, log)
            for made, where in sorted(recipe.compiled.items()):
                layer.tree(where.strip("/"), target / made)
        for source, where in recipe.copies:
            copied = _copied(files, source, where)
            if not copied:
                raise SandboxError(f"Dockerfile: COPY {source}: no such file in {folder}: correct the name")
            for path, file in copied.items():
                layer.file(path, file.read_bytes())
        layer.finish()
        image = Image(
            name=name,
            layers=[*base, seal(target / "layer.tar")],
            command=recipe.command,
            user=f"{USER}:{USER}" if recipe.is_flink else recipe.user,
            env=[PATH, *recipe.env],
            folder=recipe.folder,
        )
        write_archive(target / "images.tar", [image], without=base)

    made = cached(folders, f"application-{key}", make, doing=f"making image {tag}")
    return Archive(name=name, digest=key, file=made / "images.tar")


def _compile_go(folders: BuildFolders, folder: Path, program: Path, log: Path) -> None:
    flags = {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOWORK": "off",
    }
    command: Command = [go(folders, folder), "build", "-trimpath", "-ldflags=-s -w", "-o", program, "."]
    logged(command, log, env=flags, cwd=folder)


def is_flink(folder: Path) -> bool:
    """Whether the image of the application in a folder is based on that of stream jobs, which the nodes then need before."""
    file = folder / "Dockerfile"
    return file.is_file() and read(file.read_text()).is_flink


def _jar(folders: BuildFolders, folder: Path, files: Mapping[str, Path], target: Path) -> bytes:
    """The Java files of the folder, compiled with the jars of Flink's image."""
    sources = [path.resolve() for name, path in files.items() if name.endswith(".java")]
    with tarfile.open(flink_layer(folders).file) as layer:
        jars = [each for each in layer if each.name.startswith(f"{FLINK_HOME}/lib/")]
        layer.extractall(target / "flink", members=jars, filter="data")
    classes = target / "classes"
    _javac(folder, f"{target}/flink/{FLINK_HOME}/lib/*", classes, sources, folders.logs / "applications.log")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as jar:
        for path in sorted(classes.rglob("*.class")):
            jar.writestr(zipfile.ZipInfo(str(path.relative_to(classes))), path.read_bytes())
    shutil.rmtree(target / "flink")
    shutil.rmtree(classes)
    return made.getvalue()


def _compile_java(folder: Path, classes: Path, libraries: Path, log: Path) -> None:
    """What a pom.xml names, and the classes of src/main/java: Maven's own compiler would have to be fetched first."""
    from_maven(folder / "pom.xml", libraries, log, "-DincludeScope=runtime")
    sources = sorted((folder / "src" / "main" / "java").rglob("*.java"))
    _javac(folder, f"{libraries}/*", classes, sources, log)


def _javac(folder: Path, libraries: str, classes: Path, sources: Sequence[Path], log: Path) -> None:
    if shutil.which("javac") is None:
        raise SandboxError(f"{folder}: no Java compiler: install one, such as openjdk-17-jdk-headless")
    logged(["javac", "--release", JAVA, "-cp", libraries, "-d", classes, *sources], log)


def _copied(files: Mapping[str, Path], source: str, target: str) -> dict[str, Path]:
    """Where COPY puts which files: a folder's contents go into the target, a file goes into a folder under its name."""
    source = source.removeprefix("./").rstrip("/")
    copied = {}
    for name, file in files.items():
        if source in ("", ".") or name.startswith(f"{source}/"):
            inner = name if source in ("", ".") else name.removeprefix(f"{source}/")
            copied[f"{target}/{inner}"] = file
        elif fnmatch.fnmatch(name, source) and name.count("/") == source.count("/"):
            copied[f"{target}/{file.name}" if target.endswith(("/", ".")) else target] = file
    return {os.path.normpath(name).lstrip("/"): file for name, file in copied.items()}
