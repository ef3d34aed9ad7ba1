"""The dashboard of latency probes: latency by path, and losses. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

SLOW_SECONDS = 0.5
"""From writer to reader, for one record in a hundred; usual are milliseconds."""
STUCK_SECONDS = 60
"""How long an acknowledged record waits before its path is called broken: a restarting broker is bypassed within seconds."""
ERRORS_PER_SECOND = 0.1
"""Probes that cannot be written."""
_PATH = "{{write}} to {{read}}"
SLOWEST = "histogram_quantile(0.99, sum by (write, read, le) (rate(kafka_probe_latency_seconds_bucket{$source}[5m])))"
"""What one record in a hundred takes."""


def overview() -> list[Panel]:
    """Whether records come through in time."""
    return [
        Panel(
            title="Slowest record in a hundred",
            description="Time from writer to reader, on the slowest of all paths.",
            queries=[Query(expression=f"max({SLOWEST})")],
            unit=Unit.SECONDS,
            shape=Shape.NUMBER,
            bad_from=SLOW_SECONDS,
        ),
        Panel(
            title="Records lost in a day",
            description="Probes that Kafka had acknowledged and that nobody could read.",
            queries=[Query(expression="sum(increase(kafka_probe_lost_total{$source}[1d]))")],
            shape=Shape.NUMBER,
            bad_from=1,
        ),
    ]


def board() -> Board:
    """Its dashboard."""
    return Board(name="latency", title="Latency and losses", rows=[_latency(), _losses(), _reach()])


def _latency() -> Row:
    usual = SLOWEST.replace("0.99", "0.5", 1)
    return Row(
        title="Latency",
        panels=[
            Panel(
                title="Latency, 99th percentile",
                description="What one record in a hundred takes at least, from the sending to the reading of a probe.",
                queries=[Query(expression=SLOWEST, legend=_PATH)],
                unit=Unit.SECONDS,
                bad_from=SLOW_SECONDS,
                alerts=["KafkaPathSlow"],
            ),
            Panel(
                title="Latency, median",
                description="What half of the records take at most.",
                queries=[Query(expression=usual, legend=_PATH)],
                unit=Unit.SECONDS,
            ),
            Panel(
                title="Oldest record that waits",
                description="Age of the oldest acknowledged probe that its reader has not been given.",
                queries=[
                    Query(expression="max by (write, read) (kafka_probe_oldest_unread_seconds{$source})", legend=_PATH)
                ],
                unit=Unit.SECONDS,
                bad_from=STUCK_SECONDS,
                alerts=["KafkaPathBroken"],
            ),
        ],
    )


def _losses() -> Row:
    return Row(
        title="Losses",
        panels=[
            Panel(
                title="Records lost",
                description="Acknowledged probes, in ten minutes, that were not read. What was found later is counted apart.",
                queries=[
                    Query(
                        expression="sum by (write, read) (increase(kafka_probe_lost_total{$source}[10m]))",
                        legend=f"lost: {_PATH}",
                    ),
                    Query(
                        expression="sum by (write, read) (increase(kafka_probe_found_total{$source}[10m]))",
                        legend=f"found later: {_PATH}",
                    ),
                ],
                bad_from=1,
                alerts=["KafkaRecordsLost"],
            ),
            Panel(
                title="Records out of order or twice",
                description="Probes, in ten minutes, that came in another order than they were written, or once more.",
                queries=[
                    Query(
                        expression="sum by (write, read) (increase(kafka_probe_out_of_order_total{$source}[10m]))",
                        legend=f"out of order: {_PATH}",
                    ),
                    Query(
                        expression="sum by (write, read) (increase(kafka_probe_duplicated_total{$source}[10m]))",
                        legend=f"twice: {_PATH}",
                    ),
                ],
                bad_from=1,
                alerts=["KafkaRecordsOutOfOrderOrDuplicated"],
            ),
        ],
    )


def _reach() -> Row:
    return Row(
        title="Writing and reading",
        panels=[
            Panel(
                title="Probes written",
                description="Probes a second that Kafka acknowledged. None: the probe is gone.",
                queries=[
                    Query(
                        expression="sum by (write) (rate(kafka_probe_written_total{$source}[5m]))", legend="{{write}}"
                    )
                ],
                unit=Unit.PER_SECOND,
                alerts=["KafkaProbeGone"],
            ),
            Panel(
                title="Probes that cannot be written",
                description="Probes a second whose acknowledgement did not come.",
                queries=[
                    Query(
                        expression="sum by (write) (rate(kafka_probe_write_errors_total{$source}[5m]))",
                        legend="{{write}}",
                    )
                ],
                unit=Unit.PER_SECOND,
                bad_from=ERRORS_PER_SECOND,
                alerts=["KafkaWritesFail"],
            ),
            Panel(
                title="Reading interrupted",
                description="How often a second reading broke off and began anew.",
                queries=[
                    Query(
                        expression="sum by (read) (rate(kafka_probe_read_errors_total{$source}[5m]))",
                        legend="{{read}}",
                    )
                ],
                unit=Unit.PER_SECOND,
            ),
        ],
    )
