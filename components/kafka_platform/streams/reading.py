"""What the SQL of a job reads and writes. No Pulumi.

This is no parser of SQL: Flink's own has the last word when the job starts. It finds the tables, and what is certainly wrong.
"""

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kafka_platform.streams.avro import written_of
from kafka_platform.streams.reserved import RESERVED
from kafka_platform.streams.spec import EVENT_TIME, StreamFormat, StreamTable
from kafka_platform.streams.tokens import Kind, SqlFault, Token, tokens, without_comments
from kafka_platform.streams.types import NOT_NULL
from kafka_platform.values.words import suggest

MOST_BYTES = 100_000
MOST_STATEMENTS = 50
_WINDOW = ("window_start", "window_end", "window_time")
"""Columns of windows."""
_NOT_ALIASES = frozenset(
    [
        "AS",
        "ON",
        "USING",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "JOIN",
        "LEFT",
        "RIGHT",
        "FULL",
        "INNER",
        "CROSS",
        "NATURAL",
        "FOR",
        "WINDOW",
        "MATCH_RECOGNIZE",
        "SET",
        "SELECT",
        "VALUES",
        "TABLESAMPLE",
        "OFFSET",
        "FETCH",
        "QUALIFY",
        "WITH",
        "LATERAL",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Read:
    """What SQL says."""

    views: Sequence[str]
    """Its statements that make views, in their order."""
    inserts: Sequence[str]
    """Its statements that write, in their order."""
    sources: Sequence[str]
    """Topics that it reads."""
    sinks: Sequence[str]
    """Topics that it writes."""


def read(sql: str, tables: Mapping[str, StreamTable]) -> Read:
    """What the SQL of a job says of these tables.

    Raises:
        SqlFault: it is none that a job can run, or names what there is not.
    """
    if len(sql.encode()) > MOST_BYTES:
        raise SqlFault(None, f"it has {len(sql.encode()):,} bytes: use up to {MOST_BYTES:,}")
    statements = list(_statements(list(tokens(sql))))
    sql = without_comments(sql)
    if not statements:
        raise SqlFault(None, "there is no statement: write INSERT INTO a topic SELECT ...")
    if len(statements) > MOST_STATEMENTS:
        raise SqlFault(statements[MOST_STATEMENTS][0], f"there are more than {MOST_STATEMENTS} statements")
    views: dict[str, str] = {}
    inserts: list[str] = []
    sources: set[str] = set()
    sinks: set[str] = set()
    for each in statements:
        text = sql[each[0].start : each[-1].end]
        if each[0].says("INSERT"):
            sinks.add(_sink(each, tables))
            inserts.append(text)
        else:
            views[_view(each, tables, views)] = text
        sources |= _sources(each, tables, views)
        if each[0].says("INSERT") and tables[each[2].text].format is StreamFormat.AVRO:
            _check_count(each, _written(each[2], tables[each[2].text]))
    if not inserts:
        raise SqlFault(statements[-1][0], "nothing is written: write INSERT INTO a topic SELECT ...")
    return Read(views=list(views.values()), inserts=inserts, sources=sorted(sources), sinks=sorted(sinks))


def _statements(found: Sequence[Token]) -> Iterator[list[Token]]:
    current: list[Token] = []
    for each in found:
        if not each.says(";"):
            current.append(each)
        elif current:
            yield current
            current = []
    if current:
        yield current


def _sink(statement: Sequence[Token], tables: Mapping[str, StreamTable]) -> str:
    """The topic that a statement writes."""
    if len(statement) < 4 or not statement[1].says("INTO") or not statement[2].is_name:
        raise SqlFault(statement[0], "write INSERT INTO, the name of a topic, and SELECT ...")
    name = statement[2]
    _check_reserved(name)
    if name.text not in tables:
        raise _unknown(name, tables, ())
    if statement[3].says("."):
        raise SqlFault(statement[3], "write the name of a topic alone; one with a dot in it in `backticks`")
    columns = _written(name, tables[name.text])
    if statement[3].says("("):
        _check_listed(statement, columns)
    return name.text


def _written(name: Token, table: StreamTable) -> Mapping[str, str]:
    """The columns of a topic that is written."""
    if table.format is not StreamFormat.AVRO:
        return table.types
    if table.schema is None:
        raise SqlFault(name, f"{name.text!r} has records in Avro: write the schema that they are to have in schema")
    try:
        return written_of(table.schema)
    except ValueError as error:
        raise SqlFault(name, f"the schema of {name.text!r} cannot be written: {error}") from None


def _check_listed(statement: Sequence[Token], columns: Mapping[str, str]) -> None:
    """`INSERT INTO orders (id, amount)`: each is there, and none is missing that every record has."""
    name, listed = statement[2], set[str]()
    for each in statement[4:]:
        if each.says(")"):
            break
        if each.is_name:
            if each.text not in columns:
                message = (
                    f"{each.text!r} is not a column of {name.text!r} that is written: {suggest(each.text, columns)}"
                )
                raise SqlFault(each, message)
            listed.add(each.text)
    for column, kind in columns.items():
        if column not in listed and kind.endswith(NOT_NULL):
            raise SqlFault(name, f"{column!r} is missing, and every record of {name.text!r} has it: write it too")


def _check_count(statement: Sequence[Token], columns: Mapping[str, str]) -> None:
    """As many columns are selected as the topic has, where that can be seen."""
    if not statement[3].says("SELECT"):
        return
    depth, count = 0, 1
    for before, each in itertools.pairwise(statement[3:]):
        if each.says("(", "["):
            depth += 1
        elif each.says(")", "]"):
            depth -= 1
        elif depth == 0 and each.says(","):
            count += 1
        elif depth == 0 and each.says("*") and before.says("SELECT", ",", ".", "DISTINCT", "ALL"):
            return
        elif depth == 0 and each.says("FROM", "UNION", "INTERSECT", "EXCEPT") and not before.says("DISTINCT"):
            break
    if count != len(columns):
        wanted = f"{statement[2].text!r} has {len(columns)}: {', '.join(columns)}"
        raise SqlFault(statement[3], f"it selects {count} columns, and {wanted}")


def _view(statement: Sequence[Token], tables: Mapping[str, StreamTable], views: Mapping[str, str]) -> str:
    """The name of the view that a statement makes."""
    words = [each for each in statement[:3] if not each.says("TEMPORARY")]
    if len(words) < 2 or not words[0].says("CREATE") or not words[1].says("VIEW"):
        shown = statement[0].text
        raise SqlFault(
            statement[0],
            f"{shown[:40]!r} is no statement of a job: use INSERT INTO and CREATE TEMPORARY VIEW; tables follow from the topics",
        )
    name = statement[3] if statement[1].says("TEMPORARY") and len(statement) > 3 else statement[2]
    if not name.is_name or name.says("IF"):
        raise SqlFault(name, "write the name of the view")
    _check_reserved(name)
    if name.text in tables or name.text in views:
        raise SqlFault(name, f"{name.text!r} is a topic or a view already: choose another name")
    return name.text


def _sources(statement: Sequence[Token], tables: Mapping[str, StreamTable], views: Mapping[str, str]) -> set[str]:
    """The topics that a statement reads; its columns are looked at too, where it is certain whose they are."""
    known = {*views, *_common(statement)}
    named = dict(_named(statement))
    for token in named.values():
        _check_reserved(token)
    found: set[str] = set()
    aliases: dict[str, str | None] = {}
    for at, token in named.items():
        if token.text not in tables and token.text not in known:
            raise _unknown(token, tables, known)
        topic = token.text if token.text in tables and token.text not in known else None
        if topic is not None:
            found.add(topic)
        for alias in (token.text, _alias(statement, at)):
            if alias is not None:
                # The same alias in several parts of a statement may mean several tables.
                aliases[alias] = topic if aliases.get(alias, topic) == topic else None
    _check_columns(statement, aliases, tables)
    if len(named) == len(found) == 1 and sum(each.says("SELECT") for each in statement) == 1:
        _check_bare(statement, min(named), tables[min(found)].types)
    return found


def _check_bare(statement: Sequence[Token], begin: int, columns: Mapping[str, str]) -> None:
    """Names without a table, where there is but one: only what is almost a column is certainly meant to be one."""
    known = {*columns, EVENT_TIME, *_WINDOW}
    for before, each in itertools.pairwise(statement):
        if before.says("AS") and each.is_name:
            known.add(each.text)
    select = next(at for at, each in enumerate(statement) if each.says("SELECT"))
    for at in range(select + 1, len(statement) - 1):
        before, each, after = statement[at - 1 : at + 2]
        if _is_reserved(each) or each.kind is not Kind.WORD or each.text in known or at == begin:
            continue
        # A function, an argument's name, an alias, a part of something else, or the unit of an interval.
        named_by = before.kind in (Kind.TEXT, Kind.NUMBER) or (before.is_name and not _is_reserved(before))
        if named_by or after.says("(", "=>", ".") or before.says(".", ")"):
            continue
        close = difflib.get_close_matches(each.text, columns, n=1, cutoff=0.8)
        if close:
            raise SqlFault(each, f"{each.text!r} is not a column: did you mean {close[0]!r}?")


def _common(statement: Sequence[Token]) -> Iterator[str]:
    """Names that `WITH name AS (` gives, also those of columns of it."""
    for at, token in enumerate(statement):
        following = statement[at + 1 : at + 3]
        if token.is_name and len(following) == 2 and following[0].says("AS") and following[1].says("("):
            yield token.text


def _named(statement: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """Where tables are named, and how."""
    # Of each bracket that is open: whether SELECT is in it, and whether the list after FROM goes on.
    levels = [[False, False]]
    for at, token in enumerate(statement):
        before = statement[at - 1] if at else None
        if token.says("("):
            levels.append([False, False])
        elif token.says(")"):
            if len(levels) == 1:
                raise SqlFault(token, "a bracket is closed that was not opened")
            levels.pop()
        elif token.says("SELECT"):
            levels[-1] = [True, False]
        elif token.says("FROM"):
            # EXTRACT(DAY FROM x) and IS DISTINCT FROM name no table.
            levels[-1][1] = levels[-1][0] and not (before is not None and before.says("DISTINCT"))
        elif token.says("WHERE", "GROUP", "HAVING", "ON", "UNION", "ORDER", "WINDOW", "LIMIT"):
            if before is not None and before.says("FROM", "JOIN"):
                _check_reserved(token)
            levels[-1][1] = False
        elif token.is_name and before is not None and _begins_table(statement, at, before, listed=levels[-1][1]):
            following = statement[at + 1] if at + 1 < len(statement) else None
            if following is not None and following.says("."):
                raise SqlFault(token, "write the name of a topic alone; one with a dot in it in `backticks`")
            if following is None or not following.says("("):
                yield at, token
    if len(levels) > 1:
        raise SqlFault(statement[-1], "a bracket is not closed")


def _begins_table(statement: Sequence[Token], at: int, before: Token, *, listed: bool) -> bool:
    token = statement[at]
    if before.says("TABLE"):  # TUMBLE(TABLE orders, ...)
        return at >= 2 and (statement[at - 2].says("(", ",", "=>"))
    if token.kind is Kind.WORD and token.says("TABLE", "LATERAL", "UNNEST", "VALUES"):
        return False
    if before.says("JOIN"):
        return True
    return listed and before.says("FROM", ",")


def _alias(statement: Sequence[Token], at: int) -> str | None:
    rest = statement[at + 1 : at + 3]
    if rest and rest[0].says("AS"):
        rest = rest[1:]
    if rest and rest[0].is_name and not (rest[0].kind is Kind.WORD and rest[0].text.upper() in _NOT_ALIASES):
        return rest[0].text
    return None


def _check_columns(
    statement: Sequence[Token], aliases: Mapping[str, str | None], tables: Mapping[str, StreamTable]
) -> None:
    for table, dot, column in zip(statement, statement[1:], statement[2:], strict=False):
        topic = aliases.get(table.text) if table.is_name and dot.says(".") and column.is_name else None
        if topic is None:
            continue
        columns = {*tables[topic].types, EVENT_TIME, *_WINDOW}
        if column.text not in columns:
            raise SqlFault(
                column, f"{column.text!r} is not a column of {topic!r}: {suggest(column.text, sorted(columns))}"
            )


def _is_reserved(token: Token) -> bool:
    return token.kind is Kind.WORD and token.text.upper() in RESERVED


def _check_reserved(token: Token) -> None:
    if _is_reserved(token):
        raise SqlFault(token, f"{token.text!r} is a word of SQL: write the name of the topic in `backticks`")


def _unknown(token: Token, tables: Mapping[str, StreamTable], known: "set[str] | tuple[str, ...]") -> SqlFault:
    return SqlFault(
        token, f"{token.text!r} is not a topic under tables: {suggest(token.text, sorted({*tables, *known}))}"
    )
