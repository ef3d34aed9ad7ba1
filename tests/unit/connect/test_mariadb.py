"""A real MariaDB, and a real worker that reads its binary log."""

from collections import Counter
from collections.abc import Iterator

import pytest
from kafka_platform import Connector, DatabaseTls, MariadbSource
from kafka_platform_runtime.jobs import DONE

from tests.connect_process import LocalConnect, needed_plugins, wait_for
from tests.harness import PATIENCE
from tests.kafka_process import LocalKafka, needed_jars
from tests.mariadb_process import LocalMariadb, needed_mariadb

TOPIC = "orders.shop.orders"
PASSWORD = "password-of-the-source"


@pytest.fixture(scope="module")
def mariadb() -> Iterator[LocalMariadb]:
    with LocalMariadb(needed_mariadb()) as started:
        started.sql(
            "create database shop; use shop;"
            "create table orders (id int auto_increment primary key, amount decimal(12,2), at timestamp default current_timestamp);"
            "insert into orders (amount) select seq * 1.25 from seq_1_to_500;"
            f"create user debezium@'%' identified by '{PASSWORD}'; create user debezium@localhost identified by '{PASSWORD}';"
            "grant select, reload, show databases, replication slave, replication client on *.* to debezium@'%', debezium@localhost;"
        )
        yield started


@pytest.mark.long
def test_rows_and_changes_arrive_once_although_the_worker_is_killed(mariadb: LocalMariadb) -> None:
    source = MariadbSource(
        host="127.0.0.1",
        port=mariadb.port,
        secret="shop-db",
        tables=["shop.orders"],
        heartbeat="1s",
        tls=DatabaseTls.OFF,
    )
    secrets = {"orders": {"username": "debezium", "password": PASSWORD}}
    with (
        LocalKafka(jars=needed_jars()) as kafka,
        LocalConnect(
            plugins=needed_plugins(), kafka=kafka, connectors={"orders": Connector(mariadb=source)}, secrets=secrets
        ) as connect,
    ):
        assert connect.apply() == (DONE, "done: 1 applied, 0 unchanged, 0 deleted")
        # It runs before it has read the rows that are there.
        wait_for(kafka, TOPIC, Counter(r=500), 60 * PATIENCE)
        mariadb.sql(
            "use shop; update orders set amount = amount + 1 where id <= 100; delete from orders where id > 450;"
        )
        [worker] = connect.members
        worker.kill()
        mariadb.sql(
            "use shop; alter table orders add column note text; insert into orders (amount, note) select seq, 'late' from seq_1_to_200;"
        )
        connect.start(worker)
        expected = Counter(r=500, u=100, d=50, c=200)
        found = wait_for(kafka, TOPIC, expected, 60 * PATIENCE)
        last = {key["payload"]["id"]: value for key, value in found}
        left = {key: f"{value['payload']['after']['amount']:.2f}" for key, value in last.items() if value is not None}
        assert left == {
            int(row.split("\t")[0]): row.split("\t")[1] for row in mariadb.sql("select id, amount from shop.orders")
        }
        assert PASSWORD not in worker.log
