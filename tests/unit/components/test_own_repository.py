"""Programs of other repositories: README's own, one with types, and tests by the mocks that are published."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from kafka_platform import HttpGateway, HttpGatewayArgs, KafkaCluster, KafkaClusterArgs, Pool, Role, StrimziKafka
from kafka_platform.testing import CLUSTER_ID, Mocks

from tests.unit.components.graph import Registered, run, value

ROOT = Path(__file__).resolve().parents[3]
PROGRAM, TEST = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own repository")[2],
    re.DOTALL | re.MULTILINE,
)
"""The program, and its test, as README has them."""

TYPED = """
from typing import assert_type

import pulumi
from kafka_platform import HttpGatewayArgs, KafkaCluster, KafkaClusterArgs, KafkaConnection, StreamWorkerArgs, User
from pulumi_kubernetes.core.v1 import Namespace, Secret


def serve(connection: KafkaConnection) -> HttpGatewayArgs:
    return HttpGatewayArgs(connection=connection)


shop = Namespace("shop")
login = Secret("registry")
kafka = KafkaCluster("events", KafkaClusterArgs(namespace=shop.metadata.name))
assert_type(kafka.connection.bootstrap_servers, pulumi.Output[str])
assert_type(kafka.connection.namespace, pulumi.Output[str])
address: pulumi.Output[str] = kafka.connection.bootstrap_servers.apply(lambda servers: f"kafka://{servers}")
outside = kafka.connection.external_bootstrap_servers
if outside is not None:
    outside.apply(str.upper)
serve(kafka.connection)
User(writes=["orders"], namespace=shop.metadata.name)
StreamWorkerArgs(
    connection=kafka.connection,
    image=pulumi.Output.concat("registry.example.com/", "worker:1"),
    reads=["orders"],
    pull_secrets=[login.metadata.name],
    client_namespaces=["gateway", shop.metadata.name],
)
"""


@pytest.fixture(scope="module")
def deployed() -> dict[str, Registered]:
    # It is the program of a user.
    return run(lambda: exec(compile(PROGRAM, "README.md", "exec"), {}))


def namespaced(deployed: dict[str, Registered]) -> Iterator[tuple[str, str]]:
    for name, each in deployed.items():
        namespace = each.inputs.get("metadata", {}).get("namespace")
        if namespace is not None:
            yield name, namespace


def test_readmes_program_makes_every_namespace_that_it_uses(deployed: dict[str, Registered]) -> None:
    made = {each.inputs["metadata"]["name"] for name, each in deployed.items() if name.startswith("Namespace ")}
    assert made == {"streaming", "payments"} == {namespace for _, namespace in namespaced(deployed)}


def test_readmes_program_delivers_the_users_secret_to_its_team(deployed: dict[str, Registered]) -> None:
    assert dict(namespaced(deployed))["Secret events-payment-api-kafka"] == "payments"


@pytest.mark.parametrize("program", [PROGRAM, TYPED], ids=["readme", "typed"])
def test_a_program_type_checks(program: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", ROOT / ".mypy_cache" / "program", file],
        cwd=tmp_path, env={"MYPYPATH": str(ROOT / "components")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout


def test_readmes_test_of_a_program_passes(tmp_path: Path) -> None:
    (tmp_path / "my_program.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "test_my_program.py").write_text(TEST, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
    assert "1 passed" in found.stdout


def test_the_mocks_answer_for_every_engine() -> None:
    pools = {"all": Pool(roles=[Role.CONTROLLER, Role.BROKER], nodes=3, storage="10Gi")}
    made: list[KafkaCluster] = []

    def program() -> None:
        made.append(KafkaCluster("one", KafkaClusterArgs(namespace="streaming")))
        args = KafkaClusterArgs.of(
            {"namespace": "streaming", "engine": "strimzi", "strimzi": StrimziKafka(pools=pools)}
        )
        made.append(KafkaCluster("two", args))
        HttpGateway("gateway", HttpGatewayArgs(connection=made[0].connection))

    run(program)
    assert [value(each.cluster_id) for each in made] == [CLUSTER_ID, CLUSTER_ID]


def test_the_mocks_can_answer_for_more() -> None:
    class Own(Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
            return ("own", {"a": 1}) if args.typ == "own:index:Own" else super().new_resource(args)

    def answer(kind: str) -> tuple[str | None, dict[Any, Any]]:
        given = pulumi.runtime.MockResourceArgs(
            typ=kind, name="x", inputs={"b": 2}, provider="", resource_id="", custom=True
        )
        return Own().new_resource(given)

    assert answer("own:index:Own") == ("own", {"a": 1})
    assert answer("other:index:Other") == ("x-id", {"b": 2})
