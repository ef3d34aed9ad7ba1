"""The dashboard of log collectors. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

FULL = 0.5
"""Share of a queue that is taken at which an alert fires: a Kafka that answers leaves it almost empty."""
UP = "min by (pod) (up{$source})"
QUEUE = "max by (pod, exporter) (otelcol_exporter_queue_size{$source} / otelcol_exporter_queue_capacity{$source})"
_FAILED = "otelcol_exporter_send_failed_log_records{$source}"
LOST = (
    # A counter that is new has no increase yet.
    f"sum by (pod) ({_FAILED} - ({_FAILED} offset 15m or 0 * {_FAILED}) or "
    "increase(otelcol_receiver_refused_log_records{$source}[15m]))"
)


def overview() -> Panel:
    """Whether they are well."""
    return Panel(
        title="Queues of lines",
        description="How full the fullest queue of lines is that wait for Kafka on a machine.",
        queries=[Query(expression=f"max({QUEUE})")],
        unit=Unit.SHARE,
        shape=Shape.NUMBER,
        bad_from=FULL,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="logs", title="Lines of containers", rows=[_lines(), _collectors()])


def _lines() -> Row:
    return Row(
        title="Lines",
        panels=[
            Panel(
                title="Lines read",
                description="Lines a second that are read, by namespace.",
                queries=[
                    Query(
                        expression="sum by (receiver) (rate(otelcol_receiver_accepted_log_records{$source}[5m]))",
                        legend="{{receiver}}",
                    )
                ],
                unit=Unit.PER_SECOND,
            ),
            Panel(
                title="Lines sent",
                description="Lines a second that Kafka has, by namespace.",
                queries=[
                    Query(
                        expression="sum by (exporter) (rate(otelcol_exporter_sent_log_records{$source}[5m]))",
                        legend="{{exporter}}",
                    )
                ],
                unit=Unit.PER_SECOND,
            ),
            Panel(
                title="Queues on disk",
                description="How full the queue of each namespace is. When it is full, files are not read on.",
                queries=[Query(expression=QUEUE, legend="{{pod}} {{exporter}}")],
                unit=Unit.SHARE,
                bad_from=FULL,
                alerts=["LogsWait"],
            ),
            Panel(
                title="Lines lost in 15 minutes",
                description="Lines that Kafka refused for good, or that were in memory when a collector ended with a full queue.",
                queries=[Query(expression=f"{LOST} or vector(0)", legend="{{pod}}")],
                bad_from=1,
                alerts=["LogsLost"],
            ),
        ],
    )


def _collectors() -> Row:
    return Row(
        title="Collectors",
        panels=[
            Panel(
                title="Collectors that answer",
                description="1 for each machine whose collector shows metrics.",
                queries=[Query(expression=UP, legend="{{pod}}")],
                bad_below=1,
                alerts=["LogCollectorGone"],
            ),
            Panel(
                title="Bytes sent",
                description="Bytes a second, as they are written to Kafka. The quota of the collectors' user limits them.",
                queries=[
                    Query(
                        expression="sum by (topic) (rate(otelcol_kafka_exporter_bytes{$source}[5m]))",
                        legend="{{topic}}",
                    )
                ],
                unit=Unit.BYTES_PER_SECOND,
            ),
            Panel(
                title="Processors",
                description="Processors that a collector keeps busy.",
                queries=[
                    Query(expression="sum by (pod) (rate(otelcol_process_cpu_seconds{$source}[5m]))", legend="{{pod}}")
                ],
            ),
            Panel(
                title="Memory",
                description="Of its limit, 256 MiB by default.",
                queries=[Query(expression="max by (pod) (otelcol_process_memory_rss{$source})", legend="{{pod}}")],
                unit=Unit.BYTES,
            ),
        ],
    )
