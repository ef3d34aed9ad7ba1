"""Declarations by which a connector would read what is not its own: workers are shared, and so are the files in their pods."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from kafka_platform import (
    Connector,
    IcebergCatalog,
    IcebergSink,
    IcebergStore,
    JdbcSink,
    MariadbSource,
    MongodbSource,
    Plugin,
    PostgresSource,
    connect_users,
)

SOURCE: dict[str, Any] = {"host": "db", "database": "shop", "secret": "s", "tables": ["public.orders"]}


def lake(config: dict[str, str] | None = None, **changes: Any) -> IcebergSink:
    given: dict[str, Any] = {
        "catalog": IcebergCatalog(url="jdbc:postgresql://db/lake", secret="c"),
        "warehouse": "s3://lake/w",
        "s3": IcebergStore(secret="s"),
        "table": "shop.orders",
    }
    return IcebergSink(**given | changes, config=config or {})


def mongodb(**changes: Any) -> MongodbSource:
    given: dict[str, Any] = {"hosts": ["m1"], "secret": "s", "collections": ["shop.orders"]}
    return MongodbSource(**given | changes)


def plugin(**config: str) -> Connector:
    return Connector(plugin=Plugin(connector_class="com.example.Source", config=config, secret="s"))


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        # MySQL's driver sends any file that the server asks for: another connector's password.
        (lambda: JdbcSink(url="jdbc:mysql://db/w?allowLoadLocalInfile=true", secret="s"), "url: parameter 'allowLoad"),
        (
            lambda: JdbcSink(url="jdbc:mysql://db/w?ssl=true&allowUrlInLocalInfile=1", secret="s"),
            "url: parameter 'allowU",
        ),
        (
            lambda: JdbcSink(url="jdbc:mysql://db/w?allowLoadLocal%49nfile=true", secret="s"),
            "url: parameter 'allowLoad",
        ),
        (lambda: JdbcSink(url="jdbc:mysql://(host=db,allowLoadLocalInfile=true)/w", secret="s"), "url: "),
        (
            lambda: JdbcSink(url="jdbc:mariadb://db/w?serverRsaPublicKeyFile=/mnt", secret="s"),
            "url: parameter 'serverR",
        ),
        # Others load classes.
        (
            lambda: JdbcSink(url="jdbc:postgresql://db/w?socketFactory=a.B", secret="s"),
            "url: parameter 'socketFactory'",
        ),
        (lambda: JdbcSink(url="jdbc:postgresql://db/w?loggerFile=/tmp/x", secret="s"), "url: parameter 'loggerFile'"),
        (
            lambda: JdbcSink(url="jdbc:sqlserver://db;socketFactoryClass=a.B", secret="s"),
            "url: parameter 'socketFactoryC",
        ),
        (lambda: PostgresSource(**SOURCE, config={"driver.socketFactory": "a.B"}), "config: 'driver.socketFactory' "),
        (
            lambda: MariadbSource(
                host="db", secret="s", tables=["shop.orders"], config={"driver.allowLoadLocalInfile": "true"}
            ),
            "config: 'driver.allowLoadLocalInfile' ",
        ),
        (
            lambda: JdbcSink(
                url="jdbc:mysql://db/w", secret="s", config={"hibernate.connection.url": "jdbc:mysql://x"}
            ),
            "config: 'hibernate.connection.url' ",
        ),
        (lambda: plugin(url="jdbc:mysql://db/w?autoDeserialize=true"), "config: 'url': parameter 'autoDeserialize'"),
        # Iceberg's sink logs in as the workers do unless it is told otherwise, and loads classes that it is told of.
        (
            lambda: Plugin(connector_class="org.apache.iceberg.connect.IcebergSinkConnector"),
            "connector_class: 'org.apache.iceberg.connect.IcebergSinkConnector' would log in to Kafka as the workers",
        ),
        (lambda: lake({"iceberg.kafka.security.protocol": "PLAINTEXT"}), "config: 'iceberg.kafka.security.protocol' "),
        (lambda: lake({"iceberg.kafka.max.poll.records": "5"}), "config: 'iceberg.kafka.max.poll.records' "),
        (lambda: lake({"iceberg.hadoop-conf-dir": "/mnt/connectors"}), "config: 'iceberg.hadoop-conf-dir' "),
        (lambda: lake({"iceberg.hadoop.fs.defaultFS": "file:///"}), "config: 'iceberg.hadoop.fs.defaultFS' "),
        (lambda: lake({"iceberg.catalog.catalog-impl": "a.B"}), "config: 'iceberg.catalog.catalog-impl' "),
        (lambda: lake({"iceberg.catalog.io-impl": "a.B"}), "config: 'iceberg.catalog.io-impl' "),
        (
            lambda: lake({"iceberg.catalog.client.credentials-provider": "a.B"}),
            "config: 'iceberg.catalog.client.credentials-provider'",
        ),
        (lambda: lake({"iceberg.catalog.uri": "https://elsewhere"}), "config: 'iceberg.catalog.uri' "),
        (lambda: lake({"iceberg.connect.group-id": "connect-other"}), "config: 'iceberg.connect.group-id' "),
        (lambda: lake({"iceberg.control.topic": "orders"}), "config: 'iceberg.control.topic' "),
        (lambda: lake(warehouse="file:///mnt/connectors"), "warehouse: 'file:///mnt/connectors' is not"),
        (lambda: lake(warehouse="s3://lake/../../x"), "warehouse: "),
        # Debezium reads signals from any file, and says in the log what it cannot read of them.
        (
            lambda: PostgresSource(
                **SOURCE, config={"signal.enabled.channels": "file", "signal.file": "/mnt/connectors/b/secret/password"}
            ),
            "config: 'signal.file' ",
        ),
        (
            lambda: mongodb(config={"openlineage.integration.config.file.path": "/mnt/connectors/b/secret/password"}),
            "config: 'openlineage.integration.config.file.path' ",
        ),
        # Parameters of a connection string turn off verification, or send the login elsewhere.
        (lambda: mongodb(hosts=["m1/?tlsInsecure=true"]), "hosts: 'm1/?tlsInsecure=true' is not a host"),
        (lambda: mongodb(hosts=["user:a-password@m1"]), "hosts: has a login"),
        (lambda: mongodb(replica_set="rs0&tls=false"), "replica_set: 'rs0&tls=false' is not"),
        (lambda: mongodb(collections=["shop.orders|.*"]), "collections: 'shop.orders|.*' is not"),
        (lambda: mongodb(collections=["shop.system.users"]), "collections: 'shop.system.users' is not"),
        # Kafka's own examples read and write any file.
        (
            lambda: Plugin(connector_class="org.apache.kafka.connect.file.FileStreamSourceConnector"),
            "connector_class: 'org.apache.kafka.connect.file.FileStreamSourceConnector' reads and writes files",
        ),
        (lambda: plugin(x="${file:/mnt/connectors/other/secret/password:a}"), "config: 'x': reads files"),
        (lambda: plugin(x="${directory:/mnt/connectors/other/secret:password}"), "config: 'x': reads files"),
        (lambda: plugin(x="${secret:a}${env:HOME}"), "config: 'x': reads files"),
    ],
)
def test_a_way_to_another_connectors_secrets_is_refused(declare: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        declare()


@pytest.mark.parametrize(
    "config",
    [
        {"source.cluster.sasl.jaas.config": "x required password=a;"},
        {"connection.uri": "mongodb://writer:a-password@db/w"},
        {"basic.auth.user.info": "a:b"},
        {"aws.secret.access.key": "a"},
        {"gcs.credentials.json": "{}"},
    ],
)
def test_a_secret_in_plain_text_is_refused_without_being_shown(config: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a secret does not belong here") as caught:
        plugin(**config)
    assert "password" not in str(caught.value)


def test_harmless_settings_of_a_lake_are_taken() -> None:
    given = {
        "iceberg.catalog.s3.sse.type": "kms",
        "iceberg.table.shop.orders.id-columns": "id",
        "iceberg.tables.write-props.write.parquet.compression-codec": "gzip",
        "value.converter.schemas.enable": "false",
    }
    assert lake(given).config == given


@pytest.mark.parametrize("name", ["a", "a-b", "a-b-c"])
def test_no_sink_may_use_what_another_makes_up_names_of(name: str) -> None:
    """Groups and transactions of each begin with its name, and no other name may continue it."""
    patterns = {
        each: connect_users({each: Connector(iceberg=lake(), reads=["orders"])})[f"connector-{each}"]
        for each in ("a", "a-b", "a-b-c")
    }
    own = f"connect-control.{name}.1f0e"
    allowed = [
        each
        for each, user in patterns.items()
        if any(
            own.startswith(pattern.removesuffix("*"))
            for pattern in (*user.transactions, *user.groups)
            if "*" in pattern
        )
    ]
    assert allowed == [name]


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:postgresql://db:5432/w?sslmode=verify-full&currentSchema=sales",
        "jdbc:mysql://db/w?rewriteBatchedStatements=true",
        "jdbc:sqlserver://db:1433;databaseName=w;encrypt=true",
        "jdbc:mariadb://[fd00::1]:3306/w",
    ],
)
def test_what_is_harmless_is_taken(url: str) -> None:
    assert JdbcSink(url=url, secret="s").places()
    assert plugin(**{"connection.uri": "mongodb://${secret:user}:${secret:password}@db/w"})
