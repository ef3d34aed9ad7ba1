import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sandbox import images
from sandbox.host import SandboxError
from sandbox.images import HERE, Image, Layer, LayerWriter, script, seal, tools, write_archive


def layer(folder: Path, name: str = "layer", data: bytes = b"x") -> Layer:
    folder.mkdir(parents=True, exist_ok=True)
    writer = LayerWriter(folder / f"{name}.tar")
    writer.file("opt/thing/file", data, mode=0o755)
    writer.folder("opt/mine", user=1000)
    writer.finish()
    return seal(folder / f"{name}.tar")


def blobs(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: content.read() for member in tar if (content := tar.extractfile(member))}


def test_a_layer_depends_on_its_content_alone(tmp_path: Path) -> None:
    first, again = layer(tmp_path / "a"), layer(tmp_path / "b")
    os.utime(again.file, (1, 1))
    assert first.digest == again.digest == hashlib.sha256(first.file.read_bytes()).hexdigest()
    assert layer(tmp_path / "c", data=b"y").digest != first.digest
    with tarfile.open(first.file) as tar:
        owners = {member.name: (member.uid, member.mode) for member in tar}
    assert owners["opt/thing/file"] == (0, 0o755)
    assert owners["opt/mine"][0] == 1000


def test_an_archive_is_an_oci_layout_whose_digests_hold(tmp_path: Path) -> None:
    base, top = layer(tmp_path / "a"), layer(tmp_path / "b", data=b"y")
    write_archive(
        tmp_path / "images.tar",
        [
            Image(name="registry.k8s.io/one:1", layers=[base], entrypoint=["/one"], user="65534:65534"),
            Image(name="docker.io/library/two:2", layers=[base, top], command=["/two"]),
        ],
    )
    content = blobs(tmp_path / "images.tar")
    for name, data in content.items():
        if name.startswith("blobs/"):
            assert name.rpartition("/")[2] == hashlib.sha256(data).hexdigest()
    index: dict[str, Any] = json.loads(content["index.json"])
    names = [each["annotations"]["io.containerd.image.name"] for each in index["manifests"]]
    assert names == ["registry.k8s.io/one:1", "docker.io/library/two:2"]
    first = json.loads(content[f"blobs/sha256/{index['manifests'][0]['digest'].removeprefix('sha256:')}"])
    runs = json.loads(content[f"blobs/sha256/{first['config']['digest'].removeprefix('sha256:')}"])["config"]
    assert (runs["Entrypoint"], runs["Cmd"]) == (["/one"], [])  # a pod may give arguments alone
    manifest = json.loads(content[f"blobs/sha256/{index['manifests'][1]['digest'].removeprefix('sha256:')}"])
    config = json.loads(content[f"blobs/sha256/{manifest['config']['digest'].removeprefix('sha256:')}"])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{base.digest}", f"sha256:{top.digest}"]
    assert config["config"]["User"] == "1000:1000"  # numeric, or runAsNonRoot refuses the image


def test_a_layer_that_the_importer_has_is_named_and_not_contained(tmp_path: Path) -> None:
    base, top = layer(tmp_path / "a"), layer(tmp_path / "b", data=b"y")
    write_archive(tmp_path / "t.tar", [Image(name="a/b:1", layers=[base, top], command=["c"])], without=[base])
    content = blobs(tmp_path / "t.tar")
    assert f"blobs/sha256/{base.digest}" not in content
    assert f"blobs/sha256/{top.digest}" in content


def test_the_table_of_scripts_has_the_distributions_names() -> None:
    table = tools((HERE / "kafka" / "tools.txt").read_text())
    wanted = {"kafka-topics.sh", "kafka-storage.sh", "kafka-configs.sh", "kafka-acls.sh", "kafka-console-producer.sh"}
    wanted |= {"kafka-console-consumer.sh", "kafka-producer-perf-test.sh", "connect-distributed.sh"}
    assert wanted <= table.keys()
    assert table["kafka-topics.sh"] == ("org.apache.kafka.tools.TopicCommand", "")
    assert table["kafka-console-consumer.sh"][1] == "-Xmx512M"


def run_class(tmp_path: Path, name: str, *arguments: str, **env: str) -> list[str]:
    """What a script of the image hands to java."""
    home = tmp_path / "kafka"
    for folder in ("bin", "libs", "config", "logs"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    for jar in "bca":
        (home / "libs" / f"{jar}.jar").touch()
    scripts = {each.name: each.read_text() for each in (HERE / "kafka" / "bin").iterdir()}
    scripts |= {key: script(*row) for key, row in tools((HERE / "kafka" / "tools.txt").read_text()).items()}
    for key, text in scripts.items():
        (home / "bin" / key).write_text(text)
        (home / "bin" / key).chmod(0o755)
    java = tmp_path / "jvm" / "bin" / "java"
    java.parent.mkdir(parents=True, exist_ok=True)
    java.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    java.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "JAVA_HOME": str(tmp_path / "jvm"), **env}
    done = subprocess.run(
        [home / "bin" / name, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_script_runs_its_class_with_the_callers_options(tmp_path: Path) -> None:
    words = run_class(tmp_path, "kafka-topics.sh", "--list", "a b", KAFKA_OPTS="-Dx=1 -Dy=2")
    assert words[-3:] == ["org.apache.kafka.tools.TopicCommand", "--list", "a b"]
    assert {"-Xmx256M", "-Dx=1", "-Dy=2"} <= set(words)
    # An archive of classes is good for one order of the jars only, and that of a folder is none.
    assert words[words.index("-cp") + 1] == ":".join(f"{tmp_path}/kafka/libs/{name}.jar" for name in "abc")


def test_the_server_script_honours_what_the_official_one_does(tmp_path: Path) -> None:
    logs = tmp_path / "elsewhere"
    words = run_class(
        tmp_path, "kafka-server-start.sh", "server.properties", KAFKA_HEAP_OPTS="-Xmx300m", LOG_DIR=str(logs),
        KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC", KAFKA_LOG4J_OPTS="-Dlog4j2.configurationFile=/x.yaml",
    )  # fmt: skip
    assert words[-2:] == ["kafka.Kafka", "server.properties"]
    assert {"-Xmx300m", "-XX:+UseSerialGC", "-Dlog4j2.configurationFile=/x.yaml", f"-Dkafka.logs.dir={logs}"} <= set(
        words
    )
    assert any(word.startswith(f"-Xlog:gc*:file={logs}/kafkaServer-gc.log") for word in words)
    assert "-Xmx1G" not in words
    assert not any("-Xlog" in word for word in run_class(tmp_path, "kafka-server-start.sh", "s", EXTRA_ARGS=""))


def test_a_script_for_a_class_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"org\.example\.Gone"):
        images._check_classes([], ["org.example.Gone"])


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            [
                "deb http://mirror.example.com/debian/ bookworm main",
                "deb http://mirror.example.com/debian/ bookworm contrib",
                "deb http://mirror.example.com/debian-security/ bookworm-security main",
                "deb http://mirror.example.com/debian/ bookworm-backports main",
                "deb http://mirror.example.com/debian/ bookworm main",
            ],
            [
                "deb http://mirror.example.com/debian-security/ bookworm-security main",
                "deb http://mirror.example.com/debian/ bookworm main",
            ],
        ),
        (["deb http://mirror.example.com/debian/ trixie main"], []),
        ([], []),
    ],
)
def test_images_come_from_where_this_machines_apt_has_their_release(
    monkeypatch: pytest.MonkeyPatch, listed: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr(images, "run", lambda *_, **__: "\n".join(listed))
    assert images.debian_archives() == expected
