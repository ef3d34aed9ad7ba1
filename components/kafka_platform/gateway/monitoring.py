"""Metrics and alerts of an HTTP gateway. No Pulumi."""

from kafka_platform.gateway.dashboard import FAILING, FAILING_SHARE, board, overview
from kafka_platform.gateway.settings import COMPONENT
from kafka_platform.kube.certificates import GATEWAY, ending
from kafka_platform.kube.metrics import Alert, Severity, Source

ALERTS = (
    Alert(
        name="HttpGatewayFails",
        # Of a few requests a night one that fails is a large share.
        expression=f"{FAILING} > {FAILING_SHARE} "
        'and sum(increase(gateway_requests_total{$source,status=~"5.."}[5m])) > 5',
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="{{ $value | humanizePercentage }} of the requests to the gateway fail by its own fault.",
        description="Answers from 500 on: it does not reach the brokers, or is overrun. Its log names the reason of each.",
    ),
    Alert(
        name="HttpGatewayGone",
        expression="absent(up{$source} == 1)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="No pod of the gateway shows metrics.",
        description="All of them are gone, or Prometheus may not reach them (gateway.metricsNamespaces).",
    ),
    *ending(
        "HttpGatewayCertificate",
        # Without TLS there is nothing to expire.
        f"min({GATEWAY}{{$source}}) - time()",
        subject="The gateway's TLS certificate",
        ticket="When it ends callers refuse to connect. Put a new one into its Secret (gateway.tls.certificate); pods read it "
        "without a restart.",
        page="When it ends callers refuse to connect, and so do the pods among themselves. Put a new one into its Secret "
        "(gateway.tls.certificate) today; pods read it without a restart.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the program of that name."""
    return Source(
        name=name, component=COMPONENT, label="gateway", alerts=ALERTS, boards=[board()], overview=[overview()]
    )
