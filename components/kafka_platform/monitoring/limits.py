"""From which value on something of a Kafka is wrong: alerts and dashboards have the same limits. No Pulumi."""

DAY = 86_400
"""Seconds."""

OFFLINE = "max(kafka_controller_kafkacontroller_offlinepartitionscount{$source})"
UNDER_MIN_ISR = "sum(kafka_server_replicamanager_underminisrpartitioncount{$source})"
UNDER_REPLICATED = "sum by (pod) (kafka_server_replicamanager_underreplicatedpartitions{$source})"
"""Partitions that are not well: one of them is one too many."""

ALMOST_FULL = 0.1
"""Share of a volume that is free."""
FULL_SOON = 0.2
"""Share of a volume that is free, below which a fast growth pages."""
FILLING = 0.4
"""Share of a volume that is free, below which growth makes a ticket: what a new topic writes in its first hours goes on for
no day."""
HOURS_TO_ACT = 4
"""How long before a volume is full somebody is woken: to find who fills it, agree with them and grow it."""
SCALER_ERRORS = 3
"""Failed looks of one of KEDA's scalers in ten minutes, of some twenty, above which it does not mend itself."""
