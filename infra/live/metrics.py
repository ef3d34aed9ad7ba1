"""The metrics of the platform's programs that are read here, by the names under which each shows them."""

BYTES_IN = "kafka_server_brokertopicmetrics_bytesinpersec_total"
BYTES_OUT = "kafka_server_brokertopicmetrics_bytesoutpersec_total"
RECORDS_IN = "kafka_server_brokertopicmetrics_messagesinpersec_total"
"""Of a broker as a whole the series without the label `topic`, of its topics those with it."""
UNDER_REPLICATED = "kafka_server_replicamanager_underreplicatedpartitions"
UNDER_MIN_ISR = "kafka_server_replicamanager_underminisrpartitioncount"
OFFLINE = "kafka_controller_kafkacontroller_offlinepartitionscount"
ACTIVE_CONTROLLER = "kafka_controller_kafkacontroller_activecontrollercount"
THROTTLES = (
    "kafka_server_produce_throttle_time",
    "kafka_server_fetch_throttle_time",
    "kafka_server_request_throttle_time",
)
"""Milliseconds by which clients of a user are held back because of its quotas."""

LAG = "kafka_consumergroup_lag"
LAG_SECONDS = "kafka_consumergroup_lag_seconds"
TOPIC_RECORDS = "kafka_topic_records_total"
TOPIC_SIZE = "kafka_topic_size_bytes"
TOPIC_UNDER_REPLICATED = "kafka_topic_under_replicated_partitions"
KNOWN_BROKERS = "kafka_brokers"

REQUESTS = "gateway_requests_total"
REQUEST_SECONDS = "gateway_request_seconds_bucket"

PROBES_LOST = "kafka_probe_lost_total"
PROBES_READ = "kafka_probe_read_total"
PROBE_ERRORS = "kafka_probe_write_errors_total"
PROBE_OLDEST = "kafka_probe_oldest_unread_seconds"
PROBE_LATENCY = "kafka_probe_latency_seconds_bucket"

SLOT_LIMIT = "connect_slots_limit_bytes"
"""Bytes of its log that a database keeps for the slot of a source at most: -1 without a limit."""
SLOT_KEPT = "connect_slots_kept_bytes"
SLOT_LOST = "connect_slots_lost"

JOB_RUNS = "flink_jobmanager_job_runningState"
JOB_RESTARTS = "flink_jobmanager_job_numRestarts"
JOB_CHECKPOINTS = "flink_jobmanager_job_numberOfCompletedCheckpoints"
JOB_FAILED_CHECKPOINTS = "flink_jobmanager_job_numberOfFailedCheckpoints"
JOB_CHECKPOINT_MILLISECONDS = "flink_jobmanager_job_lastCheckpointDuration"
JOB_CHECKPOINT_AT = "flink_jobmanager_job_lastCheckpointCompletedTimestamp"
"""When the last one was completed, in milliseconds since 1970; below zero before the first."""
JOB_CHECKPOINT_SIZE = "flink_jobmanager_job_lastCheckpointFullSize"
JOB_BUSY = "flink_taskmanager_job_task_busyTimeMsPerSecond"
JOB_HELD_BACK = "flink_taskmanager_job_task_backPressuredTimeMsPerSecond"
"""Of each step of a stream job: milliseconds of a second in which it works, or waits for the next one."""
JOB_WATERMARK = "flink_taskmanager_job_task_currentInputWatermark"
"""Until when a step has seen all records, in milliseconds since 1970; far below zero before the first."""

NAMES = (
    *(
        JOB_RUNS,
        JOB_RESTARTS,
        JOB_CHECKPOINTS,
        JOB_FAILED_CHECKPOINTS,
        JOB_CHECKPOINT_AT,
        JOB_CHECKPOINT_MILLISECONDS,
        JOB_CHECKPOINT_SIZE,
    ),
    *(JOB_BUSY, JOB_HELD_BACK, JOB_WATERMARK),
    *(SLOT_LIMIT, SLOT_KEPT, SLOT_LOST),
    *(BYTES_IN, BYTES_OUT, RECORDS_IN, UNDER_REPLICATED, UNDER_MIN_ISR, OFFLINE, ACTIVE_CONTROLLER, *THROTTLES),
    *(LAG, LAG_SECONDS, TOPIC_RECORDS, TOPIC_SIZE, TOPIC_UNDER_REPLICATED, KNOWN_BROKERS),
    *(REQUESTS, REQUEST_SECONDS),
    *(PROBES_LOST, PROBES_READ, PROBE_ERRORS, PROBE_OLDEST, PROBE_LATENCY),
)
"""All of them."""
