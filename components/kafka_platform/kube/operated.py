"""The kinds of operators that several capabilities write: their APIs, and how they show that they are ready. No Pulumi."""

from types import MappingProxyType

from kafka_platform.kube.objects import Wait

STRIMZI_VERSION = "1.2.0"
"""The release of Strimzi whose custom resources these are."""
STRIMZI_API = "kafka.strimzi.io/v1"
STRIMZI_CLUSTER_LABEL = "strimzi.io/cluster"
"""The label by which Strimzi finds the Kafka of a topic, a user or a pool, and the Kafka Connect of a connector."""
STRIMZI_KIND_LABEL = "strimzi.io/kind"
"""The label of pods with the kind of the custom resource that they belong to."""
STRIMZI_OPERATOR = MappingProxyType({STRIMZI_KIND_LABEL: "cluster-operator"})
"""The labels that find the pods of Strimzi's operator."""
READY = "Ready"
"""The condition that `pulumi up` waits for. Never on a KafkaNodePool, whose status appears only with its Kafka's, nor on a template."""

KEDA_API = "keda.sh/v1alpha1"
KEDA_READY_SECONDS = 180
"""How long KEDA may take to see its user and the group."""
KEDA_SCALES = Wait(condition=READY, seconds=KEDA_READY_SECONDS)
"""Without it `up` would end well although KEDA is not running or cannot log in."""
