"""The image of stream jobs, as runtime/flink/Dockerfile makes it: Flink from PyPI, and what it lacks from Maven Central.

It is made when somebody asks for it (`python -m sandbox image --tag ghcr.io/kafka-platform/flink:0.1.0`): most sandboxes have no use
for its 400 MB.
"""

import shutil
import sys
import zipfile
from pathlib import Path

from sandbox import pins
from sandbox.build import BuildFolders, cached, digest_of, from_maven, pip
from sandbox.host import Command, logged
from sandbox.images import RECIPE, Archive, Image, Layer, LayerWriter, base_layer, fetched, image_archive, seal
from sandbox.instance import REPOSITORY

POM = REPOSITORY / "runtime" / "flink" / "pom.xml"
HOME = "opt/flink"
S3 = "flink-s3-fs-presto"
USED = ("lib/", "plugins/metrics-prometheus/")
"""Of the distribution; the rest are programs for Python, and plugins for systems that no stack has."""


def flink_layer(folders: BuildFolders) -> Layer:
    """/opt/flink as in the image."""
    key = digest_of(RECIPE, pins.FLINK, POM.read_text(), *USED)

    def make(folder: Path) -> None:
        wheels, jars, home = folder / "wheels", folder / "jars", folder / "home"
        command: Command = [*pip(folders), "download", "--no-deps", "--dest", wheels]
        logged([*command, f"apache-flink-libraries=={pins.FLINK}"], folders.logs / "flink-image.log")
        from_maven(POM, jars, folders.logs / "flink-image.log")
        (wheel,) = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as content:
            for entry in content.infolist():
                path = entry.filename.removeprefix("pyflink/")
                if path.startswith(USED) and not entry.is_dir():
                    (home / path).parent.mkdir(parents=True, exist_ok=True)
                    with content.open(entry) as source, (home / path).open("wb") as target:
                        shutil.copyfileobj(source, target)
        for jar in jars.glob("*.jar"):
            place = home / "plugins" / "s3-fs-presto" if jar.name.startswith(S3) else home / "lib"
            place.mkdir(parents=True, exist_ok=True)
            jar.rename(place / jar.name)
        layer = LayerWriter(folder / "layer.tar")
        layer.tree(HOME, home)
        layer.finish()
        for each in (wheels, jars, home):
            shutil.rmtree(each)
        seal(folder / "layer.tar")

    folder = cached(folders, f"flink-{key}", make, doing="fetching Flink")
    return Layer(file=folder / "layer.tar")


def flink_archive(folders: BuildFolders) -> Archive:
    """The image, without the base layer that every node has."""
    image = Image(name=pins.FLINK_IMAGE, layers=[base_layer(folders), flink_layer(folders)])
    doing = "wrapping the image of Flink"
    return image_archive(folders, image, name=pins.FLINK_IMAGE, cache="flink-image", doing=doing)


def main() -> int:
    """Fetches it, for tests that run a job without a cluster."""
    return fetched(flink_layer)


if __name__ == "__main__":
    sys.exit(main())
