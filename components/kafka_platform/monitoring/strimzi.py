"""What Strimzi's operators show of their work, and the alerts about it. No Pulumi.

The cluster operator carries out Kafkas and Kafka Connects; the topic and the user operator, in one pod beside the Kafka, topics
and users. None of them shows when it ran last: each looks at all of its resources every two minutes and counts what came of it.
"""

from collections.abc import Iterator

from kafka_platform.kube.metrics import Alert, Severity
from kafka_platform.monitoring.limits import RECONCILIATIONS_FAILED

OPERATOR_LABEL = "strimzi_operator"
"""Label of the metrics of the two operators beside the Kafka."""
ENTITY_OPERATORS = {"topics": "healthcheck-to", "users": "healthcheck-uo"}
"""Their names in that label, and their ports, which are called like this from Strimzi 1.1 on."""
ENTITY_OPERATOR = {"app.kubernetes.io/name": "entity-operator"}
"""The label that finds their pod."""
FAILED = "strimzi_reconciliations_failed_total"
SUCCEEDED = "strimzi_reconciliations_successful_total"
_OF = "exported_namespace"
"""What Prometheus calls the operators' own label with the namespace of a resource: `namespace` is that of their pod."""


def failing(selected: str, window: str = "15m") -> str:
    """PromQL for how often each kind of resource could not be carried out."""
    return f"sum by (kind) (increase({FAILED}{{{selected}}}[{window}]))"


def alerts(namespace: str, operator_in: str, own: str) -> Iterator[Alert]:
    """Alerts about the operators of a Kafka.

    Args:
        namespace: of the Kafka.
        operator_in: namespace of the cluster operator; nobody in another one may speak for it.
        own: what selects the series of the Kafka's own pods.
    """
    of_cluster = f'namespace="{operator_in}",{_OF}="{namespace}"'
    of_entities = f'{own},{OPERATOR_LABEL}!=""'
    yield Alert(
        name="StrimziReconciliationsFail",
        expression=f"({failing(of_cluster)} or {failing(of_entities)}) > {RECONCILIATIONS_FAILED}",
        # A rolling update, or a Kafka that is away for a while, makes some fail that succeed next time.
        lasting="15m",
        severity=Severity.WARNING,
        summary="Strimzi could not carry out a {{ $labels.kind }} {{ $value | humanize }} times in 15 minutes.",
        description="What the stack declares is not what Kafka has: a topic, a right, a certificate or a change of brokers is missing. The "
        "status of the resource, and the operator's log, say why. Applications go on with what there was before.",
    )
    seen = f"max by ({OPERATOR_LABEL}) (up{{{of_entities}}}) < 1"
    # Of a whole selector alone Prometheus tells what is absent.
    unseen = [f'max by ({OPERATOR_LABEL}) (absent(up{{{own},{OPERATOR_LABEL}="{each}"}}))' for each in ENTITY_OPERATORS]
    yield Alert(
        name="StrimziEntityOperatorGone",
        expression=" or ".join([seen, *unseen]),
        lasting="15m",
        severity=Severity.WARNING,
        summary="Strimzi's operator of {{ $labels.strimzi_operator }} shows nothing.",
        description="Changes of topics or users are not carried out, and users' certificates are not renewed; clients go on. Does its "
        "container in the pod <kafka>-entity-operator run, and may Prometheus reach it?",
    )
