"""The dashboard of topics: traffic, size and under-replicated partitions. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

_MOST = 15
"""Topics that a panel shows: more lines cannot be told apart."""


def board() -> Board:
    """Its dashboard."""
    return Board(name="topics", title="Kafka topics", rows=[_traffic(), _room()])


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
