"""How much of its log a database keeps for a source: what is asked of a real PostgreSQL, and what is said of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kafka_platform import Connector, DatabaseTls, JdbcSink, PostgresSource
from kafka_platform.connect import slots
from kafka_platform.connect.objects import objects
from kafka_platform.kube.manifests import to_names
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.slot_watcher.__main__ import Looking, Settings
from kafka_platform_runtime.slot_watcher.databases import Found, Slot, look
from kafka_platform_runtime.slot_watcher.page import Page, advice

from tests.dashboards import asked
from tests.ports import free_ports
from tests.postgres_process import LocalPostgres, needed_postgres
from tests.unit.connect.test_objects import settings

PASSWORD = "password-of-the-source"


@pytest.fixture(scope="module")
def postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres(needed_postgres()) as started:
        started.sql(f"create role debezium login replication password '{PASSWORD}'")
        started.sql("create database shop owner debezium")
        yield started


def slot(folder: Path, port: int, **changes: Any) -> Slot:
    folder = folder / "shop"
    folder.mkdir(exist_ok=True)
    (folder / "username").write_text("debezium")
    (folder / "password").write_text(PASSWORD + "\n")
    given = {"host": "127.0.0.1", "database": "shop", "slot": "shop", "tls": "preferred"}
    return Slot(connector="shop", port=port, folder=folder, **given | changes)


def test_a_slot_is_watched_from_its_beginning_to_its_loss(
    postgres: LocalPostgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = slot(tmp_path, postgres.port)
    before = look(own)
    assert (before.is_logical, before.limit, before.exists, before.kept) == (True, None, False, 0)

    page = Page()
    looking = Looking([own], page)
    looking.once()
    assert "max_slot_wal_keep_size is -1, so slot shop can fill the database's disk" in capsys.readouterr().out
    assert b'connect_slots_limit_bytes{connector="shop"} -1.0' in page.text
    assert asked("connect_slots_") <= {line.partition("{")[0] for line in page.text.decode().splitlines()}

    postgres.sql("alter system set max_slot_wal_keep_size = '32MB'")
    postgres.sql("select pg_reload_conf(); select pg_create_logical_replication_slot('shop', 'pgoutput')", "shop")
    postgres.sql("create table filler as select n, repeat('x', 500) from generate_series(1, 20000) n", "shop")
    looking.once()
    assert capsys.readouterr().out == "connector shop: well\n"
    found = look(own)
    assert (found.limit, found.exists, found.is_active, found.is_lost) == (32 * 2**20, True, False, False)
    assert found.kept > 10 * 2**20

    for _ in range(6):
        postgres.sql("insert into filler select * from filler limit 40000; select pg_switch_wal()", "shop")
    postgres.sql("checkpoint")
    assert look(own).is_lost
    looking.once()
    assert "slot shop is lost, its changes were removed" in capsys.readouterr().out
    assert b'connect_slots_lost{connector="shop"} 1.0' in page.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        # The server has no TLS, and neither login nor question is sent in the clear then.
        ({"tls": "required"}, "Server refuses SSL"),
        ({"host": "127.0.0.1", "slot": "x'; drop table t; --"}, None),
    ],
)
def test_what_a_database_answers_is_one_line(
    postgres: LocalPostgres, tmp_path: Path, changes: dict[str, Any], message: str | None
) -> None:
    own = slot(tmp_path, postgres.port, **changes)
    if message is None:
        assert look(own).exists is False
        return
    with pytest.raises(Transient, match=message) as caught:
        look(own)
    assert PASSWORD not in str(caught.value)


def test_a_wrong_password_is_told_without_it_and_nothing_ends(
    postgres: LocalPostgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = slot(tmp_path, postgres.port)
    away = replace(own, port=free_ports(1)[0])
    (own.folder / "password").write_text("guessed")
    page = Page()
    Looking([own, away], page).once()
    told = capsys.readouterr().out
    assert "password authentication failed" in told
    assert "guessed" not in told
    assert b'connect_slots_last_success_timestamp_seconds{connector="shop"} 0.0' in page.text


def test_what_is_not_logical_is_said() -> None:
    found = Found(is_logical=False, limit=1, exists=False, is_active=False, is_lost=False, kept=0)
    assert advice("shop", found) == [
        "wal_level is not logical: alter system set wal_level = 'logical', then restart the server"
    ]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"connector": "a"}]', "[{}]"])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"SLOTS|is no list"):
        Settings.from_environment({"SLOTS": text or "x"})


class TestObjects:
    CONNECTORS: ClassVar = {
        "shop": Connector(
            postgres=PostgresSource(
                host="10.1.2.3",
                database="shop",
                secret="shop-db",
                tables=["public.orders"],
                tls=DatabaseTls.VERIFIED,
            )
        ),
        "warehouse": Connector(jdbc=JdbcSink(url="jdbc:postgresql://w/w", secret="warehouse"), reads=["orders"]),
    }

    def rendered(self, role: str) -> dict[str, Any]:
        return next(each.manifest for each in objects(settings(connectors=self.CONNECTORS)) if each.role == role)

    def test_it_has_the_logins_of_these_sources_alone_and_reaches_nothing_else(self) -> None:
        spec = self.rendered("slots")["spec"]["template"]["spec"]
        assert [each["secret"]["secretName"] for each in spec["volumes"]] == ["shop-db"]
        assert [each["key"] for each in spec["volumes"][0]["secret"]["items"]] == ["username", "password", "ca.crt"]
        [container] = spec["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        egress = self.rendered("slots-network")["spec"]["egress"]
        assert egress[-1] == {
            "ports": [{"port": 5432, "protocol": "TCP"}],
            "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}],
        }
        assert egress[:-1] == to_names()

    def test_the_program_reads_what_is_rendered(self) -> None:
        container = self.rendered("slots")["spec"]["template"]["spec"]["containers"][0]
        environment = {each["name"]: each["value"] for each in container["env"]}
        [own] = Settings.from_environment(environment).slots
        assert (own.connector, own.host, own.slot, own.tls) == ("shop", "10.1.2.3", "shop", "verified")
        assert [str(own.folder)] == [each["mountPath"] for each in container["volumeMounts"]]
        assert json.loads(environment["SLOTS"])

    def test_there_is_none_without_a_slot(self) -> None:
        assert slots.objects(settings(connectors={"warehouse": self.CONNECTORS["warehouse"]}).slots) == []
