"""The dashboard of object stores. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

ALMOST_FULL = 0.15
"""Share of the volume, or of its files, that is free at which an alert fires."""
FREE = "object_store_volume_available_bytes{$source} / object_store_volume_bytes{$source}"
FREE_FILES = "object_store_volume_available_files{$source} / object_store_volume_files{$source}"


def overview() -> Panel:
    """Whether it is well."""
    return Panel(
        title="Object store",
        description="Whether the object store answers.",
        queries=[Query(expression="sum(object_store_up{$source}) or vector(0)")],
        shape=Shape.NUMBER,
        bad_below=1,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="storage", title="Object store", rows=[_row()])


def _row() -> Row:
    return Row(
        title="Store",
        panels=[
            Panel(
                title="Stores that answer",
                description="Without one, checkpoints fail and connectors wait.",
                queries=[Query(expression="sum(object_store_up{$source}) or vector(0)", legend="stores")],
                bad_below=1,
                alerts=["ObjectStoreGone"],
            ),
            Panel(
                title="Free on the volume",
                description="Share of its bytes, and of the files that it can have. A full store refuses what is written.",
                queries=[
                    Query(expression=FREE, legend="bytes"),
                    Query(expression=FREE_FILES, legend="files"),
                ],
                unit=Unit.SHARE,
                bad_below=ALMOST_FULL,
                alerts=["ObjectStoreAlmostFull"],
            ),
            Panel(
                title="Used on the volume",
                description="Bytes of objects, and of what else is on the volume.",
                queries=[
                    Query(
                        expression="object_store_volume_bytes{$source} - object_store_volume_available_bytes{$source}",
                        legend="used",
                    ),
                    Query(expression="object_store_volume_bytes{$source}", legend="size"),
                ],
                unit=Unit.BYTES,
            ),
            Panel(
                title="Time to answer",
                description="How long a look at the bucket and its policy takes.",
                queries=[Query(expression="object_store_check_seconds{$source}", legend="look")],
                unit=Unit.SECONDS,
            ),
        ],
    )
