"""The dashboard of Kafka Connect and its connectors. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

FAILED = "sum by (connector) (kafka_connect_worker_connector_failed_task_count{$source})"
"""Failed tasks of each connector."""
IDLE = (
    "sum by (connector) (kafka_connect_worker_connector_total_task_count{$source}) "
    "- sum by (connector) (kafka_connect_worker_connector_running_task_count{$source}) "
    "- sum by (connector) (kafka_connect_worker_connector_paused_task_count{$source}) "
    "- sum by (connector) (kafka_connect_worker_connector_failed_task_count{$source})"
)
"""Tasks of each connector that are neither running nor paused nor failed, as while they are moved."""
BEHIND = "max by (connector) (debezium_millisecondsbehindsource{$source}) / 1000"
"""How old the last change was when a source read it, in seconds."""
MOST_BEHIND_SECONDS = 300
"""Seconds behind its database at which an alert fires."""
DEAD_LETTERS = (
    "sum by (connector) (increase(kafka_connect_errors_deadletterqueue_produce_requests_total{$source}[15m]))"
)
"""Records of each sink that went to its dead-letter topic in 15 minutes."""
RESTARTS = "sum by (connector) (increase(connect_restarter_restarts_total{$source}[1h]))"
"""How often each connector was restarted in an hour, because it had failed."""
WITHOUT_TASKS = "max by (connector) (connect_restarter_idle{$source})"
"""Whether each connector runs without a task."""
MOST_RESTARTS = 5
"""Restarts in an hour at which an alert fires: a server that is restarted, or is away for some minutes, costs one to four."""
RESTARTS_SEEN = "max(connect_restarter_last_success_timestamp_seconds{$source})"
"""When the state of all connectors was last known."""
SILENT_SECONDS = 300
"""Seconds since then at which an alert fires."""


KEPT = "max by (connector) (connect_slots_kept_bytes{$source})"
"""Bytes of its log that a database keeps for the slot of a source."""
LIMIT = "max by (connector) (connect_slots_limit_bytes{$source})"
"""How many it keeps at most: -1 without a limit."""
MOST_KEPT = 0.5
"""Share of the limit at which an alert fires: half of the time is left."""
MOST_KEPT_BYTES = 10 * 2**30
"""Bytes at which it fires where there is no limit."""
LOST = "max by (connector) (connect_slots_lost{$source})"
"""Whether the database has removed what a slot has not read."""
SLOTS_SEEN = "max by (connector) (connect_slots_last_success_timestamp_seconds{$source})"
"""When a database last told the state of a slot."""


def overview() -> Panel:
    """Whether it is well."""
    return Panel(
        title="Failed tasks of connectors",
        description="Each stands still until it is restarted.",
        queries=[Query(expression="sum(kafka_connect_worker_connector_failed_task_count{$source}) or vector(0)")],
        shape=Shape.NUMBER,
        bad_from=1,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="connect", title="Kafka Connect", rows=[_states(), _records(), _workers()])


def restarts_board() -> Board:
    """The dashboard of what restarts connectors."""
    return Board(name="restarts", title="Restarts of connectors", rows=[_restarts()])


def slots_board() -> Board:
    """The dashboard of the replication slots of sources."""
    return Board(name="slots", title="Replication slots", rows=[_slots()])


def _slots() -> Row:
    return Row(
        title="Slots of PostgreSQL",
        panels=[
            Panel(
                title="Log that the database keeps for a source",
                description="It is on the database's disk until the source has read it.",
                queries=[Query(expression=KEPT, legend="{{connector}}")],
                unit=Unit.BYTES,
                bad_from=MOST_KEPT_BYTES,
                alerts=["ConnectorSlotGrows"],
            ),
            Panel(
                title="Of what it keeps at most",
                description="Share of max_slot_wal_keep_size, where there is one. At 1 the source needs a new snapshot.",
                queries=[Query(expression=f"{KEPT} / ({LIMIT} > 0)", legend="{{connector}}")],
                unit=Unit.SHARE,
                bad_from=MOST_KEPT,
            ),
            Panel(
                title="Most that it keeps",
                description="max_slot_wal_keep_size. Without a limit, a source that stands still fills the database's disk.",
                queries=[Query(expression=f"{LIMIT} >= 0", legend="{{connector}}")],
                unit=Unit.BYTES,
                alerts=["ConnectorSlotUnlimited"],
            ),
            Panel(
                title="Lost slots",
                description="The database has removed what the source has not read: it needs a new snapshot.",
                queries=[Query(expression=LOST, legend="{{connector}}")],
                bad_from=1,
                alerts=["ConnectorSlotLost"],
            ),
            Panel(
                title="Since the database was last asked",
                description="Every half minute, with the source's own login.",
                queries=[Query(expression=f"time() - {SLOTS_SEEN}", legend="{{connector}}")],
                unit=Unit.SECONDS,
                bad_from=SILENT_SECONDS,
                alerts=["ConnectorSlotUnwatched"],
            ),
        ],
    )


def _restarts() -> Row:
    return Row(
        title="Restarts",
        panels=[
            Panel(
                title="Restarts in an hour",
                description="Of connectors that had failed: after 20 s, then by pauses that double up to five minutes.",
                queries=[Query(expression=RESTARTS, legend="{{connector}}")],
                bad_from=MOST_RESTARTS,
                alerts=["ConnectorFailsAgain"],
            ),
            Panel(
                title="Running without tasks",
                description="Kafka Connect calls such a connector running, and it moves nothing.",
                queries=[Query(expression=WITHOUT_TASKS, legend="{{connector}}")],
                bad_from=1,
                alerts=["ConnectorIdle"],
            ),
            Panel(
                title="Since it last saw all connectors",
                description="It looks every five seconds. What fails while it does not stands still.",
                queries=[Query(expression=f"time() - {RESTARTS_SEEN}")],
                unit=Unit.SECONDS,
                bad_from=SILENT_SECONDS,
                alerts=["ConnectorRestarterGone"],
            ),
        ],
    )


def _states() -> Row:
    return Row(
        title="Connectors",
        panels=[
            Panel(
                title="Failed tasks",
                description="A failed task stands still until it is restarted; its status has the reason.",
                queries=[Query(expression=FAILED, legend="{{connector}}")],
                bad_from=1,
                alerts=["ConnectorTaskFailed"],
            ),
            Panel(
                title="Tasks that wait",
                description="Tasks that no worker runs, as for some seconds after a worker has ended.",
                queries=[Query(expression=IDLE, legend="{{connector}}")],
                bad_from=1,
                alerts=["ConnectorNotRunning"],
            ),
            Panel(
                title="Behind the database",
                description="Age of the last change when a source read it. A source that stands still lets the database's log grow.",
                queries=[Query(expression=BEHIND, legend="{{connector}}")],
                unit=Unit.SECONDS,
                bad_from=MOST_BEHIND_SECONDS,
                alerts=["ConnectorSourceLate"],
            ),
            Panel(
                title="Dead letters in 15 minutes",
                description="Records that a sink could not convert; the headers of each say why.",
                queries=[Query(expression=DEAD_LETTERS, legend="{{connector}}")],
                bad_from=1,
                alerts=["ConnectorDeadLetters"],
            ),
        ],
    )


def _records() -> Row:
    return Row(
        title="Records",
        panels=[
            Panel(
                title="Written to Kafka",
                description="Records a second of each source.",
                queries=[
                    Query(
                        expression="sum by (connector) (rate(kafka_connect_source_source_record_write_total{$source}[5m]))",
                        legend="{{connector}}",
                    )
                ],
                unit=Unit.PER_SECOND,
            ),
            Panel(
                title="Read from Kafka",
                description="Records a second of each sink. The lag of its group, `connect-<name>`, is on the dashboard of groups.",
                queries=[
                    Query(
                        expression="sum by (connector) (rate(kafka_connect_sink_sink_record_read_total{$source}[5m]))",
                        legend="{{connector}}",
                    )
                ],
                unit=Unit.PER_SECOND,
            ),
        ],
    )


def _workers() -> Row:
    return Row(
        title="Workers",
        panels=[
            Panel(
                title="Workers that answer",
                description="With none, nothing moves.",
                queries=[Query(expression="sum(up{$source}) or vector(0)", legend="workers")],
                bad_below=1,
                alerts=["KafkaConnectGone"],
            ),
            Panel(
                title="Tasks by worker",
                description="They are shared evenly, a while after a worker has come or gone.",
                queries=[Query(expression="sum by (pod) (kafka_connect_worker_task_count{$source})", legend="{{pod}}")],
            ),
            Panel(
                title="Memory of Java",
                description="In use by its heap, and besides it.",
                queries=[
                    Query(expression="sum by (pod, area) (jvm_memory_used_bytes{$source})", legend="{{pod}} {{area}}")
                ],
                unit=Unit.BYTES,
            ),
        ],
    )
