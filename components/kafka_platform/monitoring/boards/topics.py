"""The dashboard of topics: traffic, size and under-replicated partitions. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

_MOST = 15
"""Topics that a panel shows: more lines cannot be told apart."""


def board(*, provisioned: bool = False) -> Board:
    """Its dashboard.

    Args:
        provisioned: whether runs of the provisioner are shown.
    """
    runs = [_runs()] if provisioned else []
    return Board(name="topics", title="Kafka topics", rows=[_traffic(), _room(), *runs])


def _largest(title: str, description: str, expression: str, unit: Unit) -> Panel:
    return Panel(
        title=title,
        description=f"{description}, of the {_MOST} largest.",
        queries=[Query(expression=f"topk({_MOST}, {expression})", legend="{{topic}}")],
        unit=unit,
    )


def _traffic() -> Row:
    written = "sum by (topic) (rate(kafka_topic_records_total{$source}[5m]))"
    return Row(
        title="Traffic",
        panels=[
            _largest("Records in by topic", "Records a second that were written", written, Unit.PER_SECOND),
            _largest(
                "Growth by topic",
                "Bytes a second by which a topic grows, all copies",
                "sum by (topic) (deriv(kafka_topic_size_bytes{$source}[1h]))",
                Unit.BYTES_PER_SECOND,
            ),
        ],
    )


def _room() -> Row:
    return Row(
        title="Room and copies",
        panels=[
            _largest(
                "Size by topic", "Bytes, all copies", "sum by (topic) (kafka_topic_size_bytes{$source})", Unit.BYTES
            ),
            _largest(
                "Records by topic",
                "Records that are kept",
                "sum by (topic) (kafka_topic_records{$source})",
                Unit.NUMBER,
            ),
            Panel(
                title="Partitions by topic",
                description="Partitions of each topic.",
                queries=[
                    Query(expression="sort_desc(sum by (topic) (kafka_topic_partitions{$source}))", legend="{{topic}}")
                ],
                shape=Shape.TABLE,
            ),
            Panel(
                title="Topics with partitions that lack copies",
                description="Partitions that have fewer in-sync copies than replicas, by topic.",
                queries=[
                    Query(
                        expression="sum by (topic) (kafka_topic_under_replicated_partitions{$source}) > 0 "
                        "or on () vector(0)",
                        legend="{{topic}}",
                    )
                ],
                bad_from=1,
            ),
        ],
    )


def _runs() -> Row:
    return Row(
        title="As declared?",
        panels=[
            Panel(
                title="Runs of the provisioner that failed",
                description="1: the last run could not apply what is declared; the log of its Job says why.",
                queries=[
                    Query(
                        expression="max by (resources) (kafka_provisioner_last_run_failed{$source})",
                        legend="{{resources}}",
                    )
                ],
                bad_from=1,
                alerts=["KafkaProvisionerFails"],
            ),
            Panel(
                title="What the last run did",
                description="Topics and users by what became of them. Kept: no longer declared, and left with their records.",
                queries=[
                    Query(
                        expression="max by (change) (kafka_provisioner_last_run_changes{$source})", legend="{{change}}"
                    )
                ],
                shape=Shape.TABLE,
            ),
            Panel(
                title="Time since the last run",
                description="Topics and users are applied when what is declared changes.",
                queries=[
                    Query(
                        expression="time() - max by (resources) (kafka_provisioner_last_run_timestamp_seconds{$source})",
                        legend="{{resources}}",
                    )
                ],
                unit=Unit.SECONDS,
            ),
        ],
    )
