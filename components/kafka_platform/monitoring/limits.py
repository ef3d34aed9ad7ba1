"""Thresholds that alerts and dashboards share. No Pulumi."""

OFFLINE = "max(kafka_controller_kafkacontroller_offlinepartitionscount{$source})"
UNDER_MIN_ISR = "sum(kafka_server_replicamanager_underminisrpartitioncount{$source})"
UNDER_REPLICATED = "sum by (pod) (kafka_server_replicamanager_underreplicatedpartitions{$source})"
"""Partitions that are not well: one of them is one too many."""

ALMOST_FULL = 0.1
"""Share of a volume that is free."""
FULL_SOON = 0.2
"""Share of a volume that is free, below which a fast growth pages."""
FILLING = 0.4
"""Share of free space below which growth opens a ticket: a new topic's first writes do not continue for a day."""
HOURS_TO_ACT = 4
"""How long before a volume is full an alert pages: the time to find the cause, agree on a fix and grow the volume."""
SCALER_ERRORS = 3
"""Failed looks of one of KEDA's scalers in ten minutes, of some twenty, above which it does not mend itself."""
RECONCILIATIONS_FAILED = 3
"""Failures of Strimzi's operators with resources of a kind in 15 minutes, of some seven attempts with each, above which it does not
mend itself."""
