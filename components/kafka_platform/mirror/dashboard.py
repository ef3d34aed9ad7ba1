"""The dashboard of a mirror, and the limits of its alerts. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

BEHIND = "sum by (topic) (kafka_mirror_lag_records{$source} >= 0)"
"""Records of each topic that are at the source and not yet here: what would be lost with it. Consumers show a topic with dots a second
time, with underscores."""
MOST_BEHIND = 10_000
"""Records at which an alert fires when there are as many for ten minutes: a mirror that keeps up has what one look at the source
brings, some hundreds a partition."""
LATE = "max by (topic) (kafka_mirror_latency_seconds_max{$source})"
"""How long records took from the source to here, at most, in the last half minute with records."""
MOST_LATE_SECONDS = 60
"""Seconds of a record's way at which an alert fires."""
LOOKS = "sum by (job) (rate(kafka_mirror_fetches_total{$source}[5m]))"
"""How often the mirror gets an answer of its source: some times a second, also while nobody writes there."""

IDLE = "absent(kafka_mirror_fetches_total{$source})"
"""Whether no task reads the source."""


def overview() -> Panel:
    """Whether it keeps up."""
    return Panel(
        title="Records that are not mirrored yet",
        description="Of the topic that is most behind. They would be lost if the source were lost now.",
        queries=[Query(expression=f"max({BEHIND}) or vector(0)")],
        shape=Shape.NUMBER,
        bad_from=MOST_BEHIND,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="mirror", title="Mirror", rows=[_row()])


def _row() -> Row:
    return Row(
        title="From the other Kafka to here",
        panels=[
            Panel(
                title="Records that are not mirrored yet",
                description="They would be lost if the source were lost now. While it does not answer, this is what was known last.",
                queries=[Query(expression=BEHIND, legend="{{topic}}")],
                bad_from=MOST_BEHIND,
                alerts=["MirrorBehind"],
            ),
            Panel(
                title="Time on the way",
                description="From when a record was written at its source until it was here, at most.",
                queries=[Query(expression=LATE, legend="{{topic}}")],
                unit=Unit.SECONDS,
                bad_from=MOST_LATE_SECONDS,
                alerts=["MirrorLate"],
            ),
            Panel(
                title="Records mirrored",
                description="A second, of each topic.",
                queries=[
                    Query(
                        expression="sum by (topic) (rate(kafka_mirror_records_total{$source}[5m]))", legend="{{topic}}"
                    )
                ],
                unit=Unit.PER_SECOND,
            ),
            Panel(
                title="Answers of the source",
                description="A second. At none the source is away, or the mirror may not reach it; without a line no task reads it.",
                queries=[Query(expression=LOOKS, legend="answers")],
                unit=Unit.PER_SECOND,
                alerts=["MirrorIdle", "MirrorSourceGone"],
            ),
            Panel(
                title="Time until translated offsets are written",
                description="Of each consumer group, at most.",
                queries=[
                    Query(
                        expression="max by (group) (kafka_mirror_checkpoint_seconds_max{$source})", legend="{{group}}"
                    )
                ],
                unit=Unit.SECONDS,
            ),
        ],
    )
