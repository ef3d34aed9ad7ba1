"""The dashboard of topics: traffic, size and under-replicated partitions. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit
from kafka_platform.monitoring.limits import RECONCILIATIONS_FAILED
from kafka_platform.monitoring.strimzi import OPERATOR_LABEL, SUCCEEDED, failing

_MOST = 15
"""Topics that a panel shows: more lines cannot be told apart."""


def board(*, provisioned: bool = False, operated: bool = False) -> Board:
    """Its dashboard.

    Args:
        provisioned: whether runs of the provisioner are shown.
        operated: whether the work of Strimzi's operators is shown.
    """
    runs = [*([_runs()] if provisioned else []), *([_reconciliations()] if operated else [])]
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
                description="1: the last run could not apply what is declared, or none was let in since it is declared; the log of its "
                "Job says why.",
                queries=[
                    Query(
                        expression="max by (resources) (kafka_provisioner_last_run_failed{$source})",
                        legend="{{resources}} failed",
                    ),
                    Query(
                        expression="max by (resources) (kafka_provisioner_unapplied{$source})",
                        legend="{{resources}} not applied",
                    ),
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


def _reconciliations() -> Row:
    # The operator of Kafkas may be in another namespace; all of them tell the namespace of what they carry out.
    own = 'exported_namespace="$namespace"'
    return Row(
        title="As declared?",
        panels=[
            Panel(
                title="What Strimzi could not carry out",
                description="Attempts that failed in the last 15 minutes, by kind. The status of a resource says why.",
                # An operator begins to count when the first attempt fails.
                queries=[Query(expression=f"{failing(own)} or on () vector(0)", legend="{{kind}}")],
                bad_from=RECONCILIATIONS_FAILED,
                alerts=["StrimziReconciliationsFail"],
            ),
            Panel(
                title="What Strimzi carried out",
                description="Attempts that succeeded in the last 15 minutes, by kind: each resource every two minutes. None: the operator "
                "does not work.",
                queries=[
                    Query(expression=f"sum by (kind) (increase({SUCCEEDED}{{{own}}}[15m]))", legend="{{kind}}"),
                ],
            ),
            Panel(
                title="Operators beside the Kafka",
                description="1: Prometheus reads the operator.",
                queries=[
                    Query(
                        expression=f'max by ({OPERATOR_LABEL}) (up{{$source,{OPERATOR_LABEL}!=""}})',
                        legend="{{" + OPERATOR_LABEL + "}}",
                    )
                ],
                bad_below=1,
                alerts=["StrimziEntityOperatorGone"],
            ),
        ],
    )
