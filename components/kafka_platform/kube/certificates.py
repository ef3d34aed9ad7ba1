"""Alerts about certificates that end: a ticket while there is time, and a page on the last day. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity

DAY = 86_400
"""Seconds."""
SOON = 14 * DAY
"""How long before its end a certificate should have been renewed: cert-manager renews a month before the end of the usual three."""
LAST = DAY
"""How long before its end a certificate that nobody renewed pages: the time to find somebody who can."""
SERVED = "kafka_certificate_expiration_timestamp_seconds"
"""When the certificates end that a Kafka exporter sees."""
GATEWAY = "gateway_certificate_end_timestamp_seconds"
"""When the certificates end that gateways read."""
ISSUED = "certmanager_certificate_expiration_timestamp_seconds"
"""When the certificates end that cert-manager issues."""


def ending(name: str, left: str, *, subject: str, ticket: str, page: str, soon: float = SOON) -> tuple[Alert, Alert]:
    """The ticket `<name>Expires` and the page `<name>Ends`. Only one of them fires at a time.

    Args:
        name: the beginning of both names.
        left: PromQL for the seconds that are left.
        subject: what ends, as the beginning of a sentence.
        ticket: what it means while there is time.
        page: what it means on the last day, and after it.
        soon: how long before the end the ticket is made.
    """
    last = min(LAST, soon / 2)
    ends = "{{ if gt $value 0.0 }}ends in {{ $value | humanizeDuration }}{{ else }}has ended{{ end }}"
    return (
        Alert(
            name=f"{name}Expires",
            expression=f"({left} < {soon:.0f}) >= {last:.0f}",
            lasting="1h",
            severity=Severity.WARNING,
            summary=f"{subject} ends in {{{{ $value | humanizeDuration }}}} and was not renewed.",
            description=ticket,
        ),
        Alert(
            name=f"{name}Ends",
            expression=f"{left} < {last:.0f}",
            # Certain within hours, and then nobody can connect.
            lasting="10m",
            severity=Severity.CRITICAL,
            summary=f"{subject} {ends} and was not renewed.",
            description=page,
        ),
    )


def unserved(issued: str, namespace: str) -> str:
    """What cert-manager issued, without what is seen to be presented: about that there is an alert already.

    A certificate is the same one if it ends in the same second.

    Args:
        issued: PromQL for when cert-manager's certificates end.
        namespace: of the certificates and of those who present them.
    """
    # Prometheus compares labels of many series with many, but no values: so the values become labels.
    seen = f'count_values by (namespace) ("ends", {{__name__=~"{GATEWAY}|{SERVED}",namespace="{namespace}"}})'
    known = f'count_values by (namespace, name) ("ends", {issued})'
    return f"({issued} unless on (namespace, name) ({known} and on (namespace, ends) {seen}))"
