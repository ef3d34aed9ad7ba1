"""The dashboard of light connectors: what they move, what is refused, and who fails. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Unit

FAILING_SECONDS = 300
"""How long the other system, or Kafka, may fail until somebody looks: most restarts are shorter."""
FAILING = "max by (connector) (kafka_connector_failing_seconds{$source})"
DEAD_LETTERS = "sum by (connector) (increase(kafka_connector_dead_letters_total{$source}[15m]))"
"""Records that were refused in a quarter of an hour."""
_CONNECTOR = "{{connector}}"


def board() -> Board:
    """Its dashboard."""
    return Board(name="light", title="Light connectors", rows=[_records(), _trouble()])


def _records() -> Row:
    return Row(
        title="Records",
        panels=[
            Panel(
                title="Records moved",
                description="Records a second that the other system, or Kafka, has confirmed.",
                queries=[
                    Query(
                        expression="sum by (connector) (rate(kafka_connector_records_total{$source}[5m]))",
                        legend=_CONNECTOR,
                    )
                ],
            ),
            Panel(
                title="Bytes moved",
                description="Bytes a second of their keys and values.",
                queries=[
                    Query(
                        expression="sum by (connector) (rate(kafka_connector_bytes_total{$source}[5m]))",
                        legend=_CONNECTOR,
                    )
                ],
                unit=Unit.BYTES_PER_SECOND,
            ),
        ],
    )


def _trouble() -> Row:
    return Row(
        title="Trouble",
        panels=[
            Panel(
                title="Failing since",
                description="How long the other system, or Kafka, has been failing. Nothing is lost: it is tried again.",
                queries=[Query(expression=FAILING, legend=_CONNECTOR)],
                unit=Unit.SECONDS,
                bad_from=FAILING_SECONDS,
                alerts=["LightConnectorFailing"],
            ),
            Panel(
                title="Dead letters in 15 minutes",
                description="Records that were refused; they are in the dead-letter topic with the reasons.",
                queries=[Query(expression=DEAD_LETTERS, legend=_CONNECTOR)],
                bad_from=1,
                alerts=["LightConnectorDeadLetters"],
            ),
            Panel(
                title="Failed attempts",
                description="Attempts a second that are made again.",
                queries=[
                    Query(
                        expression="sum by (connector) (rate(kafka_connector_errors_total{$source}[5m]))",
                        legend=_CONNECTOR,
                    )
                ],
            ),
        ],
    )
