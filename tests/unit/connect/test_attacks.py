"""Declarations by which a connector would read what is not its own: workers are shared, and so are the files in their pods."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from kafka_platform import Connector, JdbcSink, MariadbSource, Plugin, PostgresSource

SOURCE: dict[str, Any] = {"host": "db", "database": "shop", "secret": "s", "tables": ["public.orders"]}


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
