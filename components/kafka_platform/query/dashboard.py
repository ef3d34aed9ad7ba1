"""The dashboard of query engines. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

MOST_FAILURES = 5
"""Failures in 15 minutes that no user has caused at which an alert fires."""
FAILURES = 'sum(increase(query_engine_failures_total{$source,kind!="user"}[15m]))'
QUEUED = "sum(query_engine_queries_queued{$source})"


def overview() -> Panel:
    """Whether it is well."""
    return Panel(
        title="Query engine",
        description="Query engines that answer.",
        queries=[Query(expression="sum(query_engine_up{$source}) or vector(0)")],
        shape=Shape.NUMBER,
        bad_below=1,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="query", title="Queries", rows=[_queries(), _work()])


def _queries() -> Row:
    return Row(
        title="Queries",
        panels=[
            Panel(
                title="Engines that answer",
                description="1 if Trino is ready, and has the passwords of its users.",
                queries=[Query(expression="query_engine_up{$source}", legend="{{engine}}")],
                bad_below=1,
                alerts=["QueryEngineGone"],
            ),
            Panel(
                title="Queries that wait",
                description="They wait while as many run as may at a time, of all or of their tenant.",
                queries=[Query(expression=QUEUED, legend="wait")],
                alerts=["QueriesWait"],
            ),
            Panel(
                title="Queries that run",
                description="At this moment.",
                queries=[Query(expression="sum(query_engine_queries_running{$source})", legend="run")],
            ),
            Panel(
                title="Failures in 15 minutes",
                description="By whose fault: that of Trino, of what it reads, or too little memory. Mistakes in SQL are not among them.",
                queries=[Query(expression=f"{FAILURES} or vector(0)", legend="failures")],
                bad_from=MOST_FAILURES,
                alerts=["QueriesFail"],
            ),
        ],
    )


def _work() -> Row:
    return Row(
        title="Work",
        panels=[
            Panel(
                title="Bytes read by queries",
                description="From the brokers. The quota of the engine's Kafka user limits it.",
                queries=[Query(expression="sum(rate(query_engine_input_bytes_total{$source}[5m]))", legend="read")],
                unit=Unit.BYTES_PER_SECOND,
            ),
            Panel(
                title="Memory of queries",
                description="Of what they may use together.",
                queries=[
                    Query(expression="sum(query_engine_memory_bytes{$source})", legend="used"),
                    Query(expression="sum(query_engine_memory_limit_bytes{$source})", legend="limit"),
                ],
                unit=Unit.BYTES,
            ),
            Panel(
                title="Queries ended for memory in 15 minutes",
                description="All memory was in use, and the largest query was ended.",
                queries=[
                    Query(
                        expression="sum(increase(query_engine_killed_for_memory_total{$source}[15m])) or vector(0)",
                        legend="ended",
                    )
                ],
            ),
            Panel(
                title="Bytes put on disk",
                description="What did not fit into memory while a query ran.",
                queries=[
                    Query(expression="sum(rate(query_engine_spilled_bytes_total{$source}[5m]))", legend="spilled")
                ],
                unit=Unit.BYTES_PER_SECOND,
            ),
        ],
    )
