"""The dashboard of brokers and controllers: partitions, request latency, and load of the nodes. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit
from kafka_platform.monitoring.limits import OFFLINE, UNDER_MIN_ISR, UNDER_REPLICATED

_CONTROLLERS = "sum(kafka_controller_kafkacontroller_activecontrollercount{$source})"


def overview() -> list[Panel]:
    """Whether partitions can be written and read."""
    return [
        Panel(
            title="Partitions without a leader",
            description="Nobody can write to these partitions or read from them.",
            queries=[Query(expression=OFFLINE)],
            shape=Shape.NUMBER,
            bad_from=1,
        ),
        Panel(
            title="Partitions that refuse writes",
            description="They have fewer in-sync copies than acks=all needs.",
            queries=[Query(expression=UNDER_MIN_ISR)],
            shape=Shape.NUMBER,
            bad_from=1,
        ),
    ]


def board() -> Board:
    """Its dashboard."""
    return Board(name="brokers", title="Kafka brokers", rows=[_partitions(), _traffic(), _requests(), _nodes()])


def _partitions() -> Row:
    return Row(
        title="Partitions and controllers",
        panels=[
            Panel(
                title="Partitions without a leader",
                description="Nobody can write to these partitions or read from them.",
                queries=[Query(expression=OFFLINE)],
                bad_from=1,
                alerts=["KafkaPartitionsOffline"],
            ),
            Panel(
                title="Partitions that refuse writes",
                description="They have fewer in-sync copies than acks=all needs.",
                queries=[Query(expression=UNDER_MIN_ISR)],
                bad_from=1,
                alerts=["KafkaPartitionsUnderMinIsr"],
            ),
            Panel(
                title="Under-replicated partitions by leader",
                description="Partitions that lack in-sync copies. The broker that lags is the one that all named here have in common.",
                queries=[Query(expression=UNDER_REPLICATED, legend="{{pod}}")],
                bad_from=1,
                alerts=["KafkaPartitionsUnderReplicated"],
            ),
            Panel(
                title="Active controllers",
                description="It has to be one. None: no leader is elected, no topic made.",
                queries=[Query(expression=_CONTROLLERS)],
                bad_below=1,
                alerts=["KafkaNoActiveController", "KafkaGone"],
            ),
            Panel(
                title="Copies leaving and joining the in-sync ones",
                description="How often a second. A steady coming and going shows a broker that cannot keep up.",
                queries=[
                    Query(
                        expression="sum by (pod) (rate(kafka_server_replicamanager_isrshrinkspersec_total{$source}[5m]))",
                        legend="{{pod}} shrinks",
                    ),
                    Query(
                        expression="sum by (pod) (rate(kafka_server_replicamanager_isrexpandspersec_total{$source}[5m]))",
                        legend="{{pod}} expands",
                    ),
                ],
                unit=Unit.PER_SECOND,
            ),
        ],
    )


def _traffic() -> Row:
    def by_pod(title: str, metric: str, what: str, unit: Unit) -> Panel:
        # Without a topic: of all of them.
        expression = f'sum by (pod) (rate({metric}{{$source,topic=""}}[5m]))'
        return Panel(
            title=title,
            description=f"{what} by broker.",
            queries=[Query(expression=expression, legend="{{pod}}")],
            unit=unit,
        )

    topics = "kafka_server_brokertopicmetrics"
    return Row(
        title="Traffic",
        panels=[
            by_pod(
                "Bytes in", f"{topics}_bytesinpersec_total", "Bytes a second that clients write", Unit.BYTES_PER_SECOND
            ),
            by_pod(
                "Bytes out", f"{topics}_bytesoutpersec_total", "Bytes a second that clients read", Unit.BYTES_PER_SECOND
            ),
            by_pod(
                "Bytes between brokers",
                f"{topics}_replicationbytesinpersec_total",
                "Bytes a second copied from other brokers",
                Unit.BYTES_PER_SECOND,
            ),
            by_pod(
                "Records in", f"{topics}_messagesinpersec_total", "Records a second that clients write", Unit.PER_SECOND
            ),
        ],
    )


def _requests() -> Row:
    return Row(
        title="Requests",
        panels=[
            Panel(
                title="Requests by type",
                description="Requests a second of the busiest ten types.",
                queries=[
                    Query(
                        expression="topk(10, sum by (request) (rate(kafka_network_requestmetrics_requestspersec_total{$source}[5m])))",
                        legend="{{request}}",
                    )
                ],
                unit=Unit.REQUESTS_PER_SECOND,
            ),
            Panel(
                title="Time of requests, 99th percentile",
                description="Slowest broker, from a request's arrival to its answer. A fetch waits up to half a second for records.",
                queries=[
                    Query(
                        expression="max by (request) (kafka_network_requestmetrics_totaltimems"
                        '{$source,quantile="0.99",request=~"Produce|FetchConsumer|FetchFollower|Metadata"})',
                        legend="{{request}}",
                    )
                ],
                unit=Unit.MILLISECONDS,
            ),
            Panel(
                title="Idle request handlers",
                description="Share of the time in which the threads that answer requests have nothing to do. Below 20% requests wait.",
                queries=[
                    Query(
                        # Nanoseconds, over all threads of the pool.
                        expression="min by (pod) (rate("
                        "kafka_server_kafkarequesthandlerpool_requesthandleravgidlepercent_total{$source}[5m])) / 1e9",
                        legend="{{pod}}",
                    )
                ],
                unit=Unit.SHARE,
                bad_below=0.2,
            ),
        ],
    )


def _nodes() -> Row:
    return Row(
        title="Nodes",
        panels=[
            Panel(
                title="Processor",
                description="Cores that each node uses.",
                queries=[
                    Query(expression="sum by (pod) (rate(process_cpu_seconds_total{$source}[5m]))", legend="{{pod}}")
                ],
            ),
            Panel(
                title="Heap",
                description="Bytes of the heap in use, garbage included.",
                queries=[
                    Query(
                        expression='sum by (pod) (jvm_memory_used_bytes{$source,area="heap"})',
                        legend="{{pod}}",
                    )
                ],
                unit=Unit.BYTES,
            ),
            Panel(
                title="Time in garbage collection",
                description="Share of the time in which a node collects garbage.",
                queries=[
                    Query(
                        expression="sum by (pod) (rate(jvm_gc_collection_seconds_sum{$source}[5m]))",
                        legend="{{pod}}",
                    )
                ],
                unit=Unit.SHARE,
            ),
            Panel(
                title="Partitions by broker",
                description="Copies of partitions that each broker has, and those that it leads.",
                queries=[
                    Query(
                        expression="sum by (pod) (kafka_server_replicamanager_partitioncount{$source})",
                        legend="{{pod}} copies",
                    ),
                    Query(
                        expression="sum by (pod) (kafka_server_replicamanager_leadercount{$source})",
                        legend="{{pod}} leads",
                    ),
                ],
            ),
        ],
    )
