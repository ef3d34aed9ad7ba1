"""What is found in the SQL of a job, and what is refused with its place."""

import re

import pytest
from kafka_platform import StreamTable
from kafka_platform.streams.reading import MOST_BYTES, read
from kafka_platform.streams.tokens import SqlFault, tokens, without_comments
from kafka_platform.streams.types import check_column, check_type

TABLES = {
    "orders": StreamTable(columns=["id STRING", "amount DOUBLE", "at BIGINT"], time="at"),
    "customers": StreamTable(columns=["id STRING", "name STRING"]),
    "sums": StreamTable(columns=["id STRING", "n BIGINT"], key="id"),
    "sums.v1": StreamTable(columns=["id STRING"]),
    "views": StreamTable(columns=["page STRING"]),
}


@pytest.mark.parametrize(
    ("sql", "sources", "sinks"),
    [
        ("INSERT INTO sums SELECT id, 1 FROM orders", ["orders"], ["sums"]),
        ("insert into sums select id, 1 from orders;", ["orders"], ["sums"]),
        ("INSERT INTO `sums.v1` SELECT page FROM `views`", ["views"], ["sums.v1"]),
        ("INSERT INTO sums (n, id) SELECT 1, o.id FROM orders AS o", ["orders"], ["sums"]),
        (
            "INSERT INTO sums SELECT o.id, 1 FROM orders o LEFT JOIN customers AS c ON o.id = c.id",
            ["customers", "orders"],
            ["sums"],
        ),
        (
            "INSERT INTO sums SELECT o.id, 1 FROM orders o, customers c WHERE o.id = c.id",
            ["customers", "orders"],
            ["sums"],
        ),
        (
            "INSERT INTO sums SELECT id, COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(event_time), INTERVAL '1' MINUTE)) "
            "GROUP BY id, window_start, window_end",
            ["orders"],
            ["sums"],
        ),
        (
            "INSERT INTO sums SELECT id, 1 FROM TABLE(HOP(DATA => TABLE orders, TIMECOL => DESCRIPTOR(event_time), "
            "SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '2' MINUTE))",
            ["orders"],
            ["sums"],
        ),
        ("INSERT INTO sums WITH few AS (SELECT id FROM orders) SELECT id, 1 FROM few", ["orders"], ["sums"]),
        (
            "CREATE TEMPORARY VIEW big_ones AS SELECT * FROM orders WHERE amount > 9; INSERT INTO sums SELECT id, 1 FROM big_ones",
            ["orders"],
            ["sums"],
        ),
        ("INSERT INTO sums SELECT id, EXTRACT(DAY FROM event_time) FROM orders", ["orders"], ["sums"]),
        ("INSERT INTO sums SELECT id, 1 FROM orders WHERE id IS DISTINCT FROM name", ["orders"], ["sums"]),
        ("INSERT INTO sums SELECT TRIM(LEADING 'x' FROM id), 1 FROM orders", ["orders"], ["sums"]),
        ("INSERT INTO sums SELECT id, 1 FROM (SELECT * FROM orders) AS o", ["orders"], ["sums"]),
        (
            "INSERT INTO sums SELECT o.id, 1 FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.event_time AS c ON o.id = c.id",
            ["customers", "orders"],
            ["sums"],
        ),
        (
            "INSERT INTO sums SELECT id, 1 FROM orders UNION ALL SELECT id, 2 FROM customers",
            ["customers", "orders"],
            ["sums"],
        ),
        ("INSERT INTO sums VALUES ('a', 1)", [], ["sums"]),
        ("-- it's; one\n/* INSERT INTO x; */ INSERT INTO sums SELECT ';', 1 FROM orders", ["orders"], ["sums"]),
        (
            "INSERT INTO sums SELECT id, 1 FROM orders; INSERT INTO `sums.v1` SELECT id FROM customers",
            ["customers", "orders"],
            ["sums", "sums.v1"],
        ),
        ("INSERT INTO sums SELECT id, 1 FROM orders, LATERAL TABLE(split(id)) AS t(word)", ["orders"], ["sums"]),
        ("INSERT INTO sums SELECT id, 1 FROM orders CROSS JOIN UNNEST(parts) AS p", ["orders"], ["sums"]),
    ],
)
def test_what_it_reads_and_writes(sql: str, sources: list[str], sinks: list[str]) -> None:
    found = read(sql, TABLES)
    assert (list(found.sources), list(found.sinks)) == (sources, sinks)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "there is no statement"),
        (" ; ;", "there is no statement"),
        ("INSERT INTO sumz SELECT 1", "line 1, column 13: 'sumz' is not a topic under tables: did you mean 'sums'?"),
        ("INSERT INTO sums\nSELECT id\n  FROM order", "line 3, column 8: 'order' is a word of SQL"),
        (
            "INSERT INTO sums\nSELECT id\n  FROM ordrs",
            "line 3, column 8: 'ordrs' is not a topic under tables: did you mean 'orders'?",
        ),
        (
            "INSERT INTO sums SELECT page FROM views",
            "column 35: 'views' is a word of SQL: write the name of the topic in `backticks`",
        ),
        (
            "INSERT INTO sums SELECT o.amout FROM orders o",
            "column 27: 'amout' is not a column of 'orders': did you mean 'amount'?",
        ),
        ("INSERT INTO sums SELECT orders.nam FROM orders", "column 32: 'nam' is not a column of 'orders'"),
        (
            "INSERT INTO sums (id, nn) SELECT id, 1 FROM orders",
            "column 23: 'nn' is not a column of 'sums' that is written: did you mean 'n'?",
        ),
        ("INSERT INTO sums SELECT id FROM orders JOIN customrs c ON TRUE", "'customrs' is not a topic under tables"),
        ("INSERT INTO sums SELECT id FROM secret.orders", "column 33: write the name of a topic alone"),
        (
            "SELECT * FROM orders",
            "column 1: 'SELECT' is no statement of a job: use INSERT INTO and CREATE TEMPORARY VIEW",
        ),
        (
            "SET 'table.dynamic-table-options.enabled' = 'true'; INSERT INTO sums SELECT 1",
            "'SET' is no statement of a job",
        ),
        (
            "SET 'execution.state-recovery.path' = 's3://platform/streams/other/savepoints/1-1'; INSERT INTO sums SELECT 1",
            "'SET' is no statement of a job",
        ),
        ("STOP JOB 'other' WITH SAVEPOINT; INSERT INTO sums SELECT 1", "'STOP' is no statement of a job"),
        ("EXECUTE PLAN 's3://platform/streams/other/plan'; INSERT INTO sums SELECT 1", "'EXECUTE' is no statement"),
        ("ADD JAR 's3://evil/a.jar'; INSERT INTO sums SELECT 1", "'ADD' is no statement of a job"),
        ("CREATE TABLE x (a STRING) WITH ('connector' = 'filesystem')", "'CREATE' is no statement of a job"),
        ("CREATE FUNCTION f AS 'evil.Class'", "'CREATE' is no statement of a job"),
        (
            "CREATE TEMPORARY VIEW orders AS SELECT 1; INSERT INTO sums SELECT 1",
            "'orders' is a topic or a view already",
        ),
        ("CREATE TEMPORARY VIEW v AS SELECT id FROM orders", "nothing is written"),
        ("CREATE TEMPORARY VIEW large AS SELECT 1; INSERT INTO sums SELECT 1", "'large' is a word of SQL"),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO sums SELECT 1; END", "'EXECUTE' is no statement of a job"),
        ("INSERT INTO sums SELECT (1 FROM orders", "a bracket is not closed"),
        ("INSERT INTO sums SELECT 1) FROM orders", "a bracket is closed that was not opened"),
        ("INSERT INTO sums SELECT 'a FROM orders", "column 25: a text that is not ended"),
        ("INSERT INTO sums SELECT `a FROM orders", "column 25: a name that is not ended"),
        ("INSERT INTO sums SELECT 1 /* FROM orders", "column 27: a comment that is not ended"),
        ('INSERT INTO sums SELECT "id" FROM orders', "column 25: '\"' has no meaning here"),
        ("INSERT INTO sums SELECT 1 FROM orders \\", "'\\\\' has no meaning here"),
        ("INSERT", "column 1: write INSERT INTO, the name of a topic, and SELECT"),
        ("INSERT OVERWRITE sums SELECT 1", "write INSERT INTO"),
        (";".join(["INSERT INTO sums SELECT 1 FROM orders"] * 51), "there are more than 50 statements"),
        ("-" * (MOST_BYTES + 1), "it has 100,001 bytes: use up to 100,000"),
    ],
)
def test_what_is_refused(sql: str, message: str) -> None:
    with pytest.raises(SqlFault, match=re.escape(message)):
        read(sql, TABLES)


def test_comments_are_taken_out_and_texts_stay() -> None:
    sql = "INSERT INTO sums -- ADD JAR 'x';\nSELECT '-- no comment; /* none */', 1 /* ; ADD JAR */ FROM orders"
    [statement] = read(sql, TABLES).inserts
    assert "ADD JAR" not in statement
    assert "'-- no comment; /* none */'" in statement
    assert len(without_comments(sql)) == len(sql)
    assert [each.line for each in tokens(sql) if each.says("SELECT")] == [2]


def test_long_and_deep_sql_is_read_in_no_time() -> None:
    many = ", ".join(f"CASE WHEN id = '{number}' THEN {number} END" for number in range(2000))
    assert read(f"INSERT INTO sums SELECT {many} FROM orders", TABLES).sources == ["orders"]
    assert read(f"INSERT INTO sums SELECT {'(' * 5000}1{')' * 5000} FROM orders", TABLES).sources == ["orders"]


@pytest.mark.parametrize(
    "kind",
    [
        "STRING",
        "BIGINT",
        "DECIMAL(10, 2)",
        "TIMESTAMP(3)",
        "ARRAY<STRING>",
        "MAP<STRING, ARRAY<INT>>",
        "ROW<a STRING, b ROW<c INT>>",
    ],
)
def test_types(kind: str) -> None:
    check_type(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "TEXT",
        "STRING) WITH ('connector' = 'filesystem'",
        "STRING, evil STRING",
        "STRING -- ",
        "ARRAY<STRING",
        "ARRAY<STRING, INT>",
        "MAP<STRING>",
        "ROW<STRING>",
        "ROW<a>",
        "TIMESTAMP(9)",
        "DECIMAL(10)",
        "ARRAY<" * 50 + "INT" + ">" * 50,
        "",
    ],
)
def test_what_is_no_type(kind: str) -> None:
    with pytest.raises(ValueError, match="is not a type"):
        check_type(kind)


@pytest.mark.parametrize("name", ["a`b", "a b", "1a", "", "a.b", "ä", "a" * 200, "a;"])
def test_what_is_no_column(name: str) -> None:
    with pytest.raises(ValueError, match="is not a column"):
        check_column(name)
