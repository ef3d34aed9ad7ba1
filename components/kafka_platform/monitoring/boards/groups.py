"""The dashboard of consumer groups and their autoscaling: lag, pods and KEDA's decisions on one time axis. No Pulumi."""

from kafka_platform.exporter.monitoring import LATE_SECONDS
from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit
from kafka_platform.monitoring.limits import SCALER_ERRORS

_HPA = 'horizontalpodautoscaler=~"keda-hpa-.+"'
"""What KEDA calls the autoscalers that it makes; kube-state-metrics tells of them."""
_SCALED = 'scaledObject!=""'
"""Everything that KEDA scales."""
_BY_HPA = "{{namespace}}/{{horizontalpodautoscaler}}"


def overview() -> list[Panel]:
    """How late readers are."""
    return [
        Panel(
            title="Latest group",
            description="How long ago the oldest record was written that a group has not read; of all groups with members.",
            queries=[Query(expression="max(kafka_consumergroup_lag_seconds{$source}) or vector(0)")],
            unit=Unit.SECONDS,
            shape=Shape.NUMBER,
        ),
    ]


def board(*, keda: bool, kube_state: bool) -> Board:
    """Its dashboard.

    Args:
        keda: whether KEDA's metrics are read.
        kube_state: whether those of kube-state-metrics are.
    """
    scaling = [*([_measured()] if keda else []), *([_scaling()] if kube_state else [])]
    return Board(name="groups", title="Kafka groups and scaling", rows=[_lag(), _members(), *scaling])


def _lag() -> Row:
    return Row(
        title="Lag",
        panels=[
            Panel(
                title="Lag in records",
                description="Records that a group has not read, by topic.",
                queries=[
                    Query(
                        expression="sum by (consumergroup, topic) (kafka_consumergroup_lag{$source})",
                        legend="{{consumergroup}} {{topic}}",
                    )
                ],
                alerts=["KafkaConsumerLagGrows"],
            ),
            Panel(
                title="Lag in seconds",
                description="How long ago the oldest record was written that a group has not read.",
                queries=[
                    Query(
                        expression="max by (consumergroup, topic) (kafka_consumergroup_lag_seconds{$source})",
                        legend="{{consumergroup}} {{topic}}",
                    )
                ],
                unit=Unit.SECONDS,
                bad_from=LATE_SECONDS,
                alerts=["KafkaConsumerLate"],
            ),
        ],
    )


def _members() -> Row:
    return Row(
        title="Groups",
        panels=[
            Panel(
                title="Members",
                description="Members of each group.",
                queries=[
                    Query(
                        expression="sum by (consumergroup) (kafka_consumergroup_members{$source})",
                        legend="{{consumergroup}}",
                    )
                ],
            ),
            Panel(
                title="Groups by state",
                description="A group that stays in a rebalance reads nothing.",
                queries=[Query(expression="sum by (state) (kafka_consumergroup_state{$source})", legend="{{state}}")],
            ),
        ],
    )


def _measured() -> Row:
    by = "{{namespace}}/{{scaledObject}}"
    return Row(
        title="What KEDA measures",
        panels=[
            Panel(
                title="Measured load",
                description="What each scaler measures, such as the lag of its group; KEDA divides it by what one pod can do.",
                queries=[
                    Query(
                        expression=f"sum by (namespace, scaledObject, scaler) (keda_scaler_metrics_value{{{_SCALED}}})",
                        legend=by + " {{scaler}}",
                    )
                ],
            ),
            Panel(
                title="Failed looks",
                description="How often KEDA could not measure in ten minutes; the number of pods stays as it is meanwhile.",
                queries=[
                    Query(
                        expression="sum by (namespace, scaledObject) "
                        f"(increase(keda_scaler_detail_errors_total{{{_SCALED}}}[10m]))",
                        legend=by,
                    )
                ],
                bad_from=SCALER_ERRORS,
                alerts=["KedaScalerFails"],
            ),
        ],
    )


def _scaling() -> Row:
    def pods(title: str, description: str, metric: str) -> Panel:
        return Panel(
            title=title,
            description=description,
            queries=[
                Query(
                    expression=f"sum by (namespace, horizontalpodautoscaler) ({metric}{{{_HPA}}})",
                    legend=_BY_HPA,
                )
            ],
        )

    hpa = "kube_horizontalpodautoscaler"
    return Row(
        title="Pods that KEDA scales (kube-state-metrics)",
        panels=[
            pods("Pods", "Pods that there are.", f"{hpa}_status_current_replicas"),
            pods("Pods that KEDA wants", "Pods that the measured load asks for.", f"{hpa}_status_desired_replicas"),
            pods("Most pods", "The bound; a group that is late at its bound stays late.", f"{hpa}_spec_max_replicas"),
        ],
    )
