"""The dashboard of Kafka exporters: whether their metrics are current and complete, and when certificates end. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit
from kafka_platform.kube.certificates import LAST, SERVED, SOON

SILENT_SECONDS = 300
"""How long polls of the brokers may fail."""
FAILED_LOOKS = 30
"""Looks at arriving records, or changes for them, that may fail in ten minutes: a broker that restarts takes a few."""
_SINCE = "time() - max(kafka_exporter_last_success_timestamp_seconds{$source})"


def board(*, surges: bool = True) -> Board:
    """Its dashboard; without `surges`, of one that adds no pods."""
    rows = [_looks(), *([_surges()] if surges else []), _certificates()]
    return Board(name="exporter", title="Kafka exporter", rows=rows)


def _looks() -> Row:
    return Row(
        title="Looks at the brokers",
        panels=[
            Panel(
                title="Age of the numbers",
                description="How long ago a look at the brokers last succeeded.",
                queries=[Query(expression=_SINCE)],
                unit=Unit.SECONDS,
                bad_from=SILENT_SECONDS,
                alerts=["KafkaExporterGone"],
            ),
            Panel(
                title="Left out",
                description="Topics, groups and pairs of both beyond the exporter's bounds.",
                queries=[Query(expression="max by (kind) (kafka_exporter_left_out{$source})", legend="{{kind}}")],
                bad_from=1,
                alerts=["KafkaExporterLeavesOut"],
            ),
            Panel(
                title="Time of a look",
                description="How long it takes to ask all brokers.",
                queries=[Query(expression="max(kafka_exporter_look_seconds{$source})")],
                unit=Unit.SECONDS,
            ),
            Panel(
                title="Failed requests",
                description="Requests to brokers that failed, by what was asked.",
                queries=[
                    Query(
                        expression="sum by (what) (rate(kafka_exporter_errors_total{$source}[5m]))", legend="{{what}}"
                    )
                ],
            ),
        ],
    )


def _surges() -> Row:
    return Row(
        title="Pods added at once",
        panels=[
            Panel(
                title="Arriving records",
                description="Records that arrive in a second for workers whose pods the exporter adds: the most of the last minute.",
                queries=[
                    Query(
                        expression="max by (namespace, workload) (kafka_surge_records_per_second{$source})",
                        legend="{{workload}}",
                    )
                ],
            ),
            Panel(
                title="Pods added",
                description="How often the exporter has added pods to a worker.",
                queries=[
                    Query(
                        expression="sum by (namespace, workload) (increase(kafka_surge_raised_total{$source}[5m]))",
                        legend="{{workload}}",
                    )
                ],
            ),
            Panel(
                title="Failures to add pods",
                description="Looks at arriving records, and changes of a number of pods, that failed in ten minutes.",
                queries=[Query(expression="sum(increase(kafka_surge_failures_total{$source}[10m]))")],
                bad_from=FAILED_LOOKS,
                alerts=["KafkaSurgeFails"],
            ),
        ],
    )


def _certificates() -> Row:
    return Row(
        title="Certificates",
        panels=[
            Panel(
                title="Next certificate to end",
                description="Time until the first of them ends. Empty where there is no TLS.",
                queries=[Query(expression=f"min({SERVED}{{$source}}) - time()")],
                unit=Unit.SECONDS,
                shape=Shape.NUMBER,
                bad_below=LAST,
                alerts=["KafkaTlsCertificateEnds"],
            ),
            Panel(
                title="Time until certificates end",
                description="Of brokers and other servers as they present them, of the authority that clients trust brokers by, and of the "
                "exporter's own login.",
                queries=[
                    Query(
                        expression=f"min by (what, server) ({SERVED}{{$source}}) - time()", legend="{{what}} {{server}}"
                    )
                ],
                unit=Unit.SECONDS,
                shape=Shape.TABLE,
                bad_below=SOON,
                alerts=["KafkaTlsCertificateExpires"],
            ),
        ],
    )
