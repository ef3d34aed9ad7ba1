"""The annotations that say whose an object is; kafka_platform.kube.ownership puts them on."""

MARK = "kafka-platform/stack"
"""Which stack made an object. Not a label: those are limited to 63 characters, and Strimzi copies the labels of its custom
resources to pods."""
ADOPTED = "kafka-platform/adopted"
"""Of an object that a stack may take over, as its file says."""
CLAIM_MARK = ("spec", "template", "persistentVolumeClaim", "metadata")
"""Where a KafkaNodePool says what its claims carry."""
