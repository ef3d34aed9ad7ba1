"""A stream job that is a program of an image: what it renders, what it gets, what it refuses."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka_platform import RegistryConnection, StreamJob, StreamJobArgs, stream_user
from kafka_platform.kube.images import FLINK_IMAGE
from kafka_platform.streams.config import FLINK
from kafka_platform.streams.objects import objects, refuse_other_kind
from kafka_platform.streams.program import CHECK
from kafka_platform.streams.settings import StreamJobSettings
from kafka_platform.streams.spec import StreamJobSpec

from sandbox import pins
from tests.unit.components.graph import run
from tests.unit.streams.test_objects import CONNECTION, STORE, rendered as rendered_sql

PROGRAM: dict[str, Any] = {
    "jar": "/opt/flink/usrlib/totals.jar",
    "entry_class": "com.example.Totals",
    "arguments": ["--least", "10"],
    "reads": ["orders", "returns"],
    "writes": ["totals"],
}
IMAGE = "ghcr.io/acme/totals:1"
ARGS: dict[str, Any] = PROGRAM | {"connection": CONNECTION, "store": STORE, "image": IMAGE}
REGISTRY = RegistryConnection(url="http://registry:8080/apis/ccompat/v7", secret="stream-totals-registry")


def settings(**changes: Any) -> StreamJobSettings:
    own = {"connection": CONNECTION, "image": IMAGE, "registry": None}
    given = {key: changes.pop(key, value) for key, value in own.items()}
    return StreamJobSettings(
        job="totals",
        namespace="streaming",
        store=STORE,
        runtime_image="runtime:1",
        sql=None,
        spec=StreamJobSpec(**(PROGRAM | changes)),
        **given,
    )


def rendered(role: str, **changes: Any) -> dict[str, Any]:
    return next(each.manifest for each in objects(settings(**changes)) if each.role == role)


def container(role: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = rendered(role, **changes)["spec"]["template"]["spec"]["containers"][0]
    return found


def variables(role: str, **changes: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(role, **changes)["env"] if "value" in each}


def plan(**changes: Any) -> str:
    return str(rendered("config", **changes)["metadata"]["annotations"]["kafka-platform/plan"])


def pods(**changes: Any) -> str:
    return str(rendered("config", **changes)["metadata"]["annotations"]["kafka-platform/pods"])


class TestWhatItGets:
    @pytest.mark.parametrize("role", ["manager", "tasks"])
    def test_its_pods_run_its_image_and_tell_it_where_things_are(self, role: str) -> None:
        found = variables(role)
        assert container(role)["image"] == IMAGE
        assert {key: value for key, value in found.items() if key.startswith(("KAFKA_", "STREAM_"))} == {
            "KAFKA_CONSUMER_PROPERTIES": "/etc/kafka-platform/config/consumer.properties",
            "KAFKA_GROUP_ID": "stream-totals",
            "KAFKA_PRODUCER_PROPERTIES": "/etc/kafka-platform/config/producer.properties",
            "KAFKA_READ_TOPICS": "orders,returns",
            "KAFKA_TRANSACTIONAL_ID_PREFIX": "stream-totals.",
            "KAFKA_WRITE_TOPICS": "totals",
            "STREAM_START": "earliest",
        }

    def test_the_options_of_its_clients_name_the_file_of_the_password(self) -> None:
        data = rendered("config")["data"]
        assert set(data) == {
            "config.yaml",
            "consumer.properties",
            "job.args",
            "log4j.properties",
            "producer.properties",
        }
        assert "isolation.level=read_committed\n" in data["consumer.properties"]
        assert "transaction.timeout.ms=900000\n" in data["producer.properties"]
        for file in ("consumer.properties", "producer.properties"):
            assert 'password="${directory:/etc/kafka-platform/credentials:password}"' in data[file]
        text = json.dumps([each.manifest for each in objects(settings())])
        assert (
            re.findall(r'password=\\+"([^"\\]*)', text) == ["${directory:/etc/kafka-platform/credentials:password}"] * 2
        )

    def test_one_that_only_writes_has_no_group(self) -> None:
        assert "consumer.properties" not in rendered("config", reads=[])["data"]
        assert "KAFKA_GROUP_ID" not in variables("tasks", reads=[])
        user = stream_user("totals", None, StreamJobSpec(**(PROGRAM | {"reads": []})))
        assert (user.reads, user.writes, user.groups) == ([], ["totals"], [])

    def test_its_user_may_do_what_is_declared(self) -> None:
        user = stream_user("totals", None, StreamJobSpec(**PROGRAM))
        assert (user.reads, user.writes) == (["orders", "returns"], ["totals"])
        assert (user.groups, user.transactions) == (["stream-totals"], ["stream-totals.*"])

    def test_schemas_come_from_a_program_beside_it_that_has_the_login(self) -> None:
        names = [
            each["name"] for each in rendered("tasks", registry=REGISTRY)["spec"]["template"]["spec"]["containers"]
        ]
        assert names == ["taskmanager", "schemas"]
        assert variables("tasks", registry=REGISTRY)["SCHEMA_REGISTRY_URL"] == "http://127.0.0.1:8085"
        assert "registry" not in {each["name"] for each in container("tasks", registry=REGISTRY)["volumeMounts"]}

    def test_its_arguments_follow_those_of_flink(self, tmp_path: Path) -> None:
        """As the shell of its pod starts it."""
        lines = rendered("config", arguments=["--jars", "", "$HOME `id` 'x'", "-D"])["data"]["job.args"]
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf" / "job.args").write_text(lines)
        command = container("manager")["command"]
        waits = command[2].replace("/turn", str(tmp_path)).replace("rm -f", "true").replace("until [ -f", "true [ -f")
        starts = next(line for line in waits.splitlines() if "exec" in line).removesuffix("&")
        said = subprocess.run(
            ["/bin/sh", "-c", starts, "flink", "printf", "%s|", "a b"], capture_output=True, text=True, check=True
        ).stdout
        assert said.split("|")[:-1] == [
            "a b",
            "-D",
            "execution.checkpointing.interval=10000 ms",
            "-D",
            "parallelism.default=1",
            "--jars",
            "local:///opt/flink/usrlib/totals.jar",
            "--job-classname",
            "com.example.Totals",
            "--",
            "--jars",
            "",
            "$HOME `id` 'x'",
            "-D",
        ]


class TestChanges:
    @pytest.mark.parametrize(
        "changes",
        [
            {"arguments": []},
            {"entry_class": "com.example.Sums"},
            {"jar": "/opt/flink/usrlib/sums.jar"},
            {"slots": 2},
            {"checkpoints": "1m"},
        ],
    )
    def test_other_arguments_are_another_job_in_the_same_pods(self, changes: dict[str, Any]) -> None:
        assert plan() != plan(**changes)
        assert pods() == pods(**changes)
        assert rendered("stop") == rendered("stop", **changes)
        if "slots" not in changes:
            assert rendered("manager") == rendered("manager", **changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"image": "ghcr.io/acme/totals:2"},
            {"reads": ["orders"]},
            {"writes": ["sums"]},
            {"start": "latest"},
            {"registry": REGISTRY},
            {"connection": replace(CONNECTION, bootstrap_servers="other:9092")},
        ],
    )
    def test_what_its_pods_give_it_is_changed_once_it_has_stopped(self, changes: dict[str, Any]) -> None:
        assert plan() != plan(**changes)
        assert pods() != pods(**changes)
        assert rendered("stop") != rendered("stop", **changes)

    def test_a_higher_version_is_another_job(self) -> None:
        assert plan() != plan(version=2)
        assert pods() == pods(version=2)

    def test_its_keeper_and_both_jobs_know_the_same(self) -> None:
        keeper = rendered("manager")["spec"]["template"]["spec"]["containers"][1]
        assert {each["name"]: each.get("value") for each in keeper["env"]}["STREAM_PODS"] == pods()
        assert variables("stop")["STREAM_PODS"] == pods()
        assert variables("change")["STREAM_PLAN"] == plan()

    def test_its_image_is_looked_at_first_and_its_pods_change_last(self) -> None:
        found = {each.role: each for each in objects(settings())}
        after = {role: {other.role for other in each.after} for role, each in found.items()}
        assert "look" in after["config"]
        assert "config" in after["stop"]
        assert "stop" in after["tasks"]
        assert "stop" in after["manager"]

    def test_it_takes_no_place_of_sql_with_its_state(self) -> None:
        program, sql = rendered("config"), rendered_sql("config")
        for old, new in ((sql, program), (program, sql)):
            with pytest.raises(ValueError, match="cannot start from its state: raise version to 2"):
                refuse_other_kind(old, new)
            refuse_other_kind(old, old)
        refuse_other_kind(sql, rendered("config", version=2))
        refuse_other_kind(program, rendered_sql("config", version=2))


class TestTheImage:
    """The look at it, in a folder that stands for the image."""

    @pytest.fixture
    def image(self, tmp_path: Path) -> Path:
        for name in (
            f"lib/flink-dist-{pins.FLINK}.jar",
            "lib/flink-sql-connector-kafka-5.jar",
            "plugins/s3-fs-presto/a",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / "totals.jar").touch()
        return tmp_path

    def look(self, image: Path) -> tuple[int, str]:
        script = CHECK.replace("/opt/flink", str(image))
        command = ["/bin/sh", "-c", script, "look", str(image / "totals.jar"), "com.example.Totals"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def test_of_another_flink(self, image: Path) -> None:
        (image / f"lib/flink-dist-{pins.FLINK}.jar").rename(image / "lib/flink-dist-1.20.0.jar")
        code, said = self.look(image)
        assert code == 3
        assert f"jobs run on Flink {FLINK}: base the image on {FLINK_IMAGE}" in said

    def test_without_the_jar(self, image: Path) -> None:
        (image / "totals.jar").unlink()
        assert f"jar: the image has no file {image}/totals.jar" in self.look(image)[1]

    def test_without_the_class(self, image: Path) -> None:
        code, said = self.look(image)
        assert code == 3
        assert "entryClass: com.example.Totals of" in said
        assert "cannot be loaded" in said


def test_the_graph() -> None:
    found = run(lambda: StreamJob("totals", StreamJobArgs(**ARGS)) and None)
    assert {"Job stream-totals-look", "Job stream-totals-stop", "Job stream-totals-change"} <= set(found)
    assert found["Deployment stream-totals-tasks"].inputs["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"jar": "totals.jar"}, "jar: 'totals.jar' is not a jar: write its path in the image"),
        ({"jar": "/opt/../etc/x.jar"}, "jar: '/opt/../etc/x.jar' is not a jar"),
        ({"entry_class": None}, "entry_class: missing: write the class of the jar whose main makes the job"),
        ({"entry_class": "Totals; rm"}, "entry_class: 'Totals; rm' is not a Java class"),
        ({"arguments": ["a\nb"]}, "arguments: "),
        ({"reads": [], "writes": []}, "reads: missing, as is writes: name the topics"),
        ({"reads": ["orders", "orders"]}, "reads: 'orders' is listed twice: keep one"),
        ({"image": FLINK_IMAGE}, f"image: missing: write the image that has the jar, based on {FLINK_IMAGE}"),
        ({"sql": "SELECT 1"}, "sql: jar is given too: keep one of them"),
        ({"tables": {"orders": {"columns": ["id STRING"]}}}, "tables: are those of SQL, and jar is given"),
        ({"jar": None}, "entry_class: belongs to a jar, and there is none"),
    ],
)
def test_a_misuse_names_the_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        StreamJobArgs(**(ARGS | given))
