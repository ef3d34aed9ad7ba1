"""The dashboard of schema registries. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

FAILING_SHARE = 0.05
"""Share of requests with a server error (5xx) at which an alert fires."""
FAILING = (
    'sum(rate(rest_requests_seconds_count{$source,status_code_group="5xx"}[5m])) '
    "/ sum(rate(rest_requests_seconds_count{$source}[5m]))"
)
"""That share."""
MOST_FAILED_LOGINS = 100
"""Failed logins in 15 minutes at which an alert fires: a few are typing errors."""
FAILED_LOGINS = 'sum(increase(rest_requests_seconds_count{$source,status_code_group="401"}[15m]))'
"""Their number."""


def overview() -> Panel:
    """Whether it is well."""
    return Panel(
        title="Schema registry",
        description="Pods of the schema registry that answer.",
        queries=[Query(expression="sum(up{$source}) or vector(0)")],
        shape=Shape.NUMBER,
        bad_below=1,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="registry", title="Schema registry", rows=[_requests()])


def _requests() -> Row:
    return Row(
        title="Requests",
        panels=[
            Panel(
                title="Pods that answer",
                description="With none, programs that start fail; those that run go on with the schemas that they know.",
                queries=[Query(expression="sum(up{$source}) or vector(0)", legend="pods")],
                bad_below=1,
                alerts=["SchemaRegistryGone"],
            ),
            Panel(
                title="Requests by status",
                description="Answers a second. Clients ask once for each schema, so few are usual.",
                queries=[
                    Query(
                        expression="sum by (status_code_group) (rate(rest_requests_seconds_count{$source}[5m]))",
                        legend="{{status_code_group}}",
                    )
                ],
                unit=Unit.REQUESTS_PER_SECOND,
            ),
            Panel(
                title="Requests to the registry that fail",
                description="Share of the answers from 500 on.",
                queries=[Query(expression=f"({FAILING}) or vector(0)", legend="500 and above")],
                unit=Unit.SHARE,
                bad_from=FAILING_SHARE,
                alerts=["SchemaRegistryFails"],
            ),
            Panel(
                title="Failed logins in 15 minutes",
                description="Requests without a login, or with a wrong one.",
                queries=[Query(expression=f"({FAILED_LOGINS}) or vector(0)", legend="failed logins")],
                bad_from=MOST_FAILED_LOGINS,
                alerts=["SchemaRegistryLoginsFail"],
            ),
        ],
    )
