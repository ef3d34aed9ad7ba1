"""The image of Kafka Connect, as runtime/connect/Dockerfile makes it: Kafka with the plugins of connectors, from Maven Central.

It is made when somebody asks for it (`python -m sandbox image --tag ghcr.io/kafka-platform/connect:0.1.0`): most sandboxes have
no use for its 330 MB.
"""

import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from sandbox import pins
from sandbox.build import BuildFolders, cached, digest_of, from_maven
from sandbox.host import logged
from sandbox.images import (
    RECIPE,
    Archive,
    Image,
    Layer,
    LayerWriter,
    agent_layer,
    base_layer,
    fetched,
    image_archive,
    kafka_layer,
    seal,
)
from sandbox.instance import REPOSITORY

POM = REPOSITORY / "runtime" / "connect" / "pom.xml"
ICEBERG = POM.parent / "iceberg" / "pom.xml"
SCHEMAS = POM.parent / "schemas" / "pom.xml"
"""Of the converters, whose sources are beside it."""
JAVA = "17"
"""The oldest Java that workers have."""
PLUGINS = "opt/kafka/plugins"
LIBS = "opt/kafka/libs"
LEFT_OUT = "ojdbc"
"""Oracle's driver may not be passed on under its licence."""


def plugins_layer(folders: BuildFolders, kafka: Layer) -> Layer:
    """/opt/kafka/plugins, with the manifests by which workers find plugins without a look into each class."""
    sources = [path.read_text() for path in converters()]
    key = digest_of(RECIPE, POM.read_text(), ICEBERG.read_text(), SCHEMAS.read_text(), *sources, kafka.digest, LEFT_OUT)

    def make(folder: Path) -> None:
        fetched, plugins, libs = folder / "fetched", folder / "plugins", folder / "libs"
        for each in (plugins, libs):
            each.mkdir()
        from_maven(POM, fetched, folders.logs / "connect-image.log")
        for archive in sorted(fetched.glob("*.tar.gz")):
            with tarfile.open(archive) as content:
                content.extractall(plugins, filter="data")
        from_maven(ICEBERG, plugins / "iceberg", folders.logs / "connect-image.log", "-DincludeScope=runtime")
        from_maven(SCHEMAS, plugins / "schemas", folders.logs / "connect-image.log", "-DincludeScope=runtime")
        for jar in plugins.glob(f"*/{LEFT_OUT}*.jar"):
            jar.unlink()
        with tarfile.open(kafka.file) as content:
            members = [each for each in content.getmembers() if each.name.startswith(f"{LIBS}/") and each.isfile()]
            content.extractall(libs, members, filter="data")
        _compile(plugins / "schemas", libs / LIBS, folders.logs / "connect-image.log")
        command = ["java", "-Xmx640m", "-cp", f"{libs / LIBS}/*", "org.apache.kafka.tools.ConnectPluginPath"]
        logged([*command, "sync-manifests", "--plugin-path", plugins], folders.logs / "connect-image.log")
        layer = LayerWriter(folder / "layer.tar")
        layer.tree(PLUGINS, plugins)
        layer.finish()
        for each in (fetched, plugins, libs):
            shutil.rmtree(each)
        seal(folder / "layer.tar")

    folder = cached(folders, f"connect-{key}", make, doing="fetching the plugins of Kafka Connect")
    return Layer(file=folder / "layer.tar")


def converters() -> list[Path]:
    """The sources of the converters, and what tells workers of them."""
    return sorted(path for path in (SCHEMAS.parent / "src").rglob("*") if path.is_file())


def _compile(plugin: Path, libs: Path, log: Path) -> None:
    """The converters, as a jar beside those that they use."""
    classes = plugin.with_name("classes")
    sources = [path for path in converters() if path.suffix == ".java"]
    shutil.copytree(SCHEMAS.parent / "src" / "main" / "resources", classes)
    logged(["javac", "--release", JAVA, "-cp", f"{plugin}/*:{libs}/*", "-d", classes, *sources], log)
    with zipfile.ZipFile(plugin / "kafka-platform-converters.jar", "w") as jar:
        for path in sorted(each for each in classes.rglob("*") if each.is_file()):
            jar.writestr(zipfile.ZipInfo(str(path.relative_to(classes))), path.read_bytes())
    shutil.rmtree(classes)


def connect_archive(folders: BuildFolders) -> Archive:
    """The image, without the base layer that every node has."""
    kafka = kafka_layer(folders)
    layers = [base_layer(folders), kafka, agent_layer(folders), plugins_layer(folders, kafka)]
    image = Image(name=pins.CONNECT_IMAGE, layers=layers)
    doing = "wrapping the image of Kafka Connect"
    return image_archive(folders, image, name=pins.CONNECT_IMAGE, cache="connect-image", doing=doing)


def main() -> int:
    """Fetches the plugins, for tests that run a worker without a cluster."""
    return fetched(lambda folders: plugins_layer(folders, kafka_layer(folders)))


if __name__ == "__main__":
    sys.exit(main())
