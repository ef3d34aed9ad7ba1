"""The dashboard of HTTP gateways: rate, errors and duration by route, and how close pods are to their limits. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

FAILING_SHARE = 0.05
"""Share of requests with a server error (5xx) at which an alert pages."""
FAILING = (
    'sum(rate(gateway_requests_total{$source,status=~"5.."}[5m])) / sum(rate(gateway_requests_total{$source}[5m]))'
)
"""That share."""


def overview() -> Panel:
    """Whether it is well."""
    return Panel(
        title="HTTP requests that fail",
        description="Share of the requests that the gateway answers with 500 or above.",
        # No request has failed before the first one does.
        queries=[Query(expression=f"({FAILING}) or vector(0)")],
        unit=Unit.SHARE,
        shape=Shape.NUMBER,
        bad_from=FAILING_SHARE,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="gateway", title="HTTP gateway", rows=[_requests(), _users(), _records(), _bounds()])


def _requests() -> Row:
    return Row(
        title="Requests",
        panels=[
            Panel(
                title="Requests by route",
                description="Answers a second, without streams that are still open.",
                queries=[
                    Query(
                        expression="sum by (route) (rate(gateway_requests_total{$source}[5m]))",
                        legend="{{route}}",
                    )
                ],
                unit=Unit.REQUESTS_PER_SECOND,
            ),
            Panel(
                title="Requests that fail",
                description="Share of the answers from 500 on. Those from 400 on are the callers' own faults.",
                queries=[
                    Query(expression=f"({FAILING}) or vector(0)", legend="500 and above"),
                    Query(
                        expression='(sum(rate(gateway_requests_total{$source,status=~"4.."}[5m])) '
                        "/ sum(rate(gateway_requests_total{$source}[5m]))) or vector(0)",
                        legend="400 to 499",
                    ),
                ],
                unit=Unit.SHARE,
                bad_from=FAILING_SHARE,
                alerts=["HttpGatewayFails"],
            ),
            Panel(
                title="Duration by route, 99th percentile",
                description="Time from the head of a request to its answer; streams are left out. A write takes 2 to 10 ms.",
                queries=[
                    Query(
                        expression="histogram_quantile(0.99, sum by (route, le) "
                        "(rate(gateway_request_seconds_bucket{$source}[5m])))",
                        legend="{{route}}",
                    )
                ],
                unit=Unit.SECONDS,
            ),
            Panel(
                title="Answers by status",
                description="Answers a second by their status.",
                queries=[
                    Query(expression="sum by (status) (rate(gateway_requests_total{$source}[5m]))", legend="{{status}}")
                ],
                unit=Unit.REQUESTS_PER_SECOND,
            ),
        ],
    )


def _users() -> Row:
    requests = "sum by (user) (rate(gateway_user_requests_total{$source}[5m]))"
    return Row(
        title="Users (with passwords; a tenant is its users)",
        panels=[
            Panel(
                title="Requests by user",
                description="Answers a second to the fifteen busiest users.",
                queries=[Query(expression=f"topk(15, {requests})", legend="{{user}}")],
                unit=Unit.REQUESTS_PER_SECOND,
            ),
            Panel(
                title="Requests that fail, by user",
                description="Share of a user's requests that are answered with 500 or above.",
                queries=[
                    Query(
                        expression='sum by (user) (rate(gateway_user_requests_total{$source,outcome="failed"}[5m])) '
                        f"/ {requests}",
                        legend="{{user}}",
                    )
                ],
                unit=Unit.SHARE,
                bad_from=FAILING_SHARE,
            ),
            Panel(
                title="Mean duration by user",
                description="Of a user's requests, without streams.",
                queries=[
                    Query(
                        expression="sum by (user) (rate(gateway_user_request_seconds_total{$source}[5m])) "
                        f"/ {requests}",
                        legend="{{user}}",
                    )
                ],
                unit=Unit.SECONDS,
            ),
        ],
    )


def _records() -> Row:
    return Row(
        title="Records",
        panels=[
            Panel(
                title="Records",
                description="Records a second that Kafka acknowledged, that it did not, and that were handed to callers.",
                queries=[
                    Query(expression="sum(rate(gateway_records_written_total{$source}[5m]))", legend="written"),
                    Query(expression="sum(rate(gateway_records_failed_total{$source}[5m]))", legend="failed"),
                    Query(expression="sum(rate(gateway_records_read_total{$source}[5m]))", legend="read"),
                ],
                unit=Unit.PER_SECOND,
            ),
            Panel(
                title="Callers, streams and consumers",
                description="Callers who are logged in to Kafka, open streams, and consumers of groups.",
                queries=[
                    Query(expression="sum(gateway_callers{$source})", legend="callers"),
                    Query(expression="sum(gateway_streams{$source})", legend="streams"),
                    Query(expression="sum(gateway_consumers{$source})", legend="consumers"),
                    Query(expression="sum(gateway_logins_waiting{$source})", legend="logins that wait"),
                ],
            ),
        ],
    )


def _bounds() -> Row:
    return Row(
        title="Pods and bounds",
        panels=[
            Panel(
                title="Pods that answer",
                description="Pods whose metrics Prometheus can read.",
                queries=[Query(expression="sum(up{$source})", legend="pods")],
                bad_below=1,
                alerts=["HttpGatewayGone"],
            ),
            Panel(
                title="Requests in flight by pod",
                description="Requests that have no answer yet.",
                queries=[
                    Query(expression="sum by (pod) (gateway_requests_in_flight{$source})", legend="{{pod}}"),
                    Query(expression='max(gateway_limit{$source,limit="requests"})', legend="bound of each"),
                ],
            ),
            Panel(
                title="Bodies held in memory by pod",
                description="Bytes of requests and answers that a pod holds. At its bound it answers with 503.",
                queries=[
                    Query(expression="sum by (pod) (gateway_bytes{$source})", legend="{{pod}}"),
                    Query(expression='max(gateway_limit{$source,limit="bytes"})', legend="bound of each"),
                ],
                unit=Unit.BYTES,
            ),
        ],
    )
