"""The dashboard of the brokers' volumes: usage, and days until they are full. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit
from kafka_platform.kube.certificates import DAY
from kafka_platform.monitoring.limits import ALMOST_FULL

_CLAIM = "{{persistentvolumeclaim}}"


def overview(volumes: str) -> list[Panel]:
    """Usage of the fullest volume; `volumes` selects those of the nodes."""
    return [
        Panel(
            title="Room on the fullest volume",
            description="Share that is free.",
            queries=[Query(expression=f"min({_free(volumes)})")],
            unit=Unit.SHARE,
            shape=Shape.NUMBER,
            bad_below=ALMOST_FULL,
        ),
    ]


def board(volumes: str, *, exporter: bool) -> Board:
    """Its dashboard; `exporter` is whether the sizes of topics are known."""
    available = f"kubelet_volume_stats_available_bytes{{{volumes}}}"
    falling = f"-(deriv({available}[6h]) < 0)"
    row = Row(
        title="Volumes",
        panels=[
            Panel(
                title="Days until a volume is full",
                description="If it goes on as in the last six hours. A volume that does not grow is not shown.",
                queries=[Query(expression=f"{available} / ({falling}) / {DAY}", legend=_CLAIM)],
                unit=Unit.DAYS,
                bad_below=1,
                alerts=["KafkaVolumeFillsUp", "KafkaVolumeFullSoon"],
            ),
            Panel(
                title="Free share of each volume",
                description="A full volume stops its broker.",
                queries=[Query(expression=_free(volumes), legend=_CLAIM)],
                unit=Unit.SHARE,
                bad_below=ALMOST_FULL,
                alerts=["KafkaVolumeAlmostFull"],
            ),
            Panel(
                title="Size and use of each volume",
                description="Bytes that are used now.",
                queries=[Query(expression=f"kubelet_volume_stats_used_bytes{{{volumes}}}", legend=_CLAIM)],
                unit=Unit.BYTES,
                shape=Shape.TABLE,
            ),
        ],
    )
    return Board(name="capacity", title="Kafka capacity", rows=[row, _growth()] if exporter else [row])


def _growth() -> Row:
    return Row(
        title="What fills them",
        panels=[
            Panel(
                title="Topics that grow most",
                description="Bytes a day by which a topic grows, all copies, as in the last six hours.",
                queries=[
                    Query(
                        expression=f"topk(15, sum by (topic) (deriv(kafka_topic_size_bytes{{$source}}[6h])) * {DAY})",
                        legend="{{topic}}",
                    )
                ],
                unit=Unit.BYTES,
            ),
        ],
    )


def _free(volumes: str) -> str:
    return f"kubelet_volume_stats_available_bytes{{{volumes}}} / kubelet_volume_stats_capacity_bytes{{{volumes}}}"
