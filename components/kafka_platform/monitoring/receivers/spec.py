"""The spec of alert receivers. No Pulumi.

Every credential is a key of an existing Secret in the Kafka's namespace; none is in the spec.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from urllib.parse import urlsplit

from kafka_platform.kube.metrics import Severity
from kafka_platform.values.checks import check_field, check_login_url, check_url
from kafka_platform.values.forms import Spec, duration, formed, formed_by, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_pattern, check_subdomain

SLACK_KEY = "url"
"""Key of the Secret with the URL of Slack's incoming webhook."""
PAGERDUTY_KEY = "routing-key"
"""Key of the Secret with the integration key of PagerDuty's Events API v2."""
EMAIL_KEY = "password"
"""Key of the Secret with the password of the mail server's user."""
WEBHOOK_KEY = "token"
"""Key of the Secret with the token that a webhook gets as `Authorization: Bearer`."""

_CHANNEL = re.compile(r"[#@][^\s#@]{1,80}|[CGD][A-Z0-9]{8,20}")
_ADDRESS = re.compile(r"[^\s@<>,;:\"]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_SERVER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?:\d{1,5}")


def _check_channel(channel: str) -> None:
    if not _CHANNEL.fullmatch(channel):
        raise ValueError(f'{channel!r} is not a channel of Slack: write one in quotes, such as "#streaming"')


def _check_address(address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r} is not an email address: write one such as oncall@example.com")


def _check_addresses(addresses: Sequence[str]) -> None:
    if not addresses:
        raise ValueError("none is named: write one such as oncall@example.com")
    for each in addresses:
        _check_address(each)


def _check_server(server: str) -> None:
    if not _SERVER.fullmatch(server) or not 1 <= int(server.rpartition(":")[2]) <= 65535:
        raise ValueError(f"{server!r} is not a mail server: write host and port, such as smtp.example.com:587")


def _check_webhook(url: str) -> None:
    check_url(url)
    parts = urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname}{parts.path}"
        raise ValueError(
            f"only {shown} may be written here, where everybody can read it: put a token into the Secret that `secret` names"
        )


def _severities() -> "Sequence[Severity]":
    return tuple(Severity)


@dataclass(frozen=True, kw_only=True)
class SlackReceiver(Spec):
    """A Slack channel."""

    secret: Input[str] = named(check_subdomain, "Secret name", default=MISSING)
    """Secret whose key `url` is the URL of a Slack incoming webhook."""
    channel: str = formed(MISSING, _check_channel, examples=["#streaming"])
    """The channel, such as `#streaming`, or its id."""
    severities: Sequence[Severity] = field(default_factory=_severities)
    """Severities that it receives. Default: all."""


@dataclass(frozen=True, kw_only=True)
class PagerDutyReceiver(Spec):
    """A PagerDuty service, which pages."""

    secret: Input[str] = named(check_subdomain, "Secret name", default=MISSING)
    """Secret whose key `routing-key` is the integration key of PagerDuty's Events API v2."""
    severities: Sequence[Severity] = (Severity.CRITICAL,)
    """Severities that it receives. Default: critical."""


@dataclass(frozen=True, kw_only=True)
class EmailReceiver(Spec):
    """Email, through a mail server with TLS."""

    to: Sequence[str] = formed(MISSING, _check_addresses, examples=[["oncall@example.com"]])
    """Recipient addresses."""
    sender: str = formed(MISSING, _check_address, examples=["kafka@example.com"])
    """Sender address."""
    smarthost: str = formed(MISSING, _check_server, examples=["smtp.example.com:587"])
    """The mail server, as `host:port`."""
    username: str | None = None
    """User name at the mail server. Default: no login."""
    secret: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret whose key `password` is that user's password. Default: no login."""
    severities: Sequence[Severity] = field(default_factory=_severities)
    """Severities that it receives. Default: all."""

    def check(self) -> None:
        """A user has a password."""
        if self.username is not None and self.secret is None:
            raise ValueError("secret: the user of the mail server needs a password: name the Secret with it")
        if self.secret is not None and self.username is None:
            raise ValueError("username: there is a password and no user: write username, or remove secret")


@dataclass(frozen=True, kw_only=True)
class WebhookReceiver(Spec):
    """A webhook of your own, which receives Alertmanager's JSON by POST."""

    url: str = formed(MISSING, _check_webhook, examples=["https://alerts.example.com/kafka"])
    """Its URL. It is visible to everybody who may read ConfigMaps, so it must not contain a secret."""
    secret: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret whose key `token` is sent as `Authorization: Bearer`. Default: nothing is sent."""
    severities: Sequence[Severity] = field(default_factory=_severities)
    """Severities that it receives. Default: all."""

    def check(self) -> None:
        """A token leaves the cluster by TLS alone."""
        if self.secret is not None:
            check_field("secret", check_login_url, self.url)


Receiver = SlackReceiver | PagerDutyReceiver | EmailReceiver | WebhookReceiver


@dataclass(frozen=True, kw_only=True)
class ReceiversSpec(Spec):
    """Receivers of alerts: all that are set."""

    slack: SlackReceiver | None = None
    """A Slack channel. Default: none."""
    pagerduty: PagerDutyReceiver | None = None
    """A PagerDuty service. Default: none."""
    email: EmailReceiver | None = None
    """Email recipients. Default: none."""
    webhook: WebhookReceiver | None = None
    """A webhook of your own. Default: none."""

    @property
    def named(self) -> Iterator[tuple[str, Receiver]]:
        """Those that are declared, by their keys, in a stable order."""
        for key in ("slack", "pagerduty", "email", "webhook"):
            receiver = getattr(self, key)
            if receiver is not None:
                yield key, receiver

    def check(self) -> None:
        """Every receiver gets some severity."""
        for key, receiver in self.named:
            if not receiver.severities:
                words = ", ".join(each.value for each in Severity)
                raise ValueError(f"{key}.severities: it gets no alert: name some of {words}, or remove {key}")


@dataclass(frozen=True, kw_only=True)
class TenantReceivers(ReceiversSpec):
    """Additional receivers of one tenant's alerts."""

    groups: Sequence[str] = ()
    """Consumer groups whose alerts go to the tenant, such as `payments-*`. Default: in a stack file those of the
    tenant's users and workers, otherwise none."""

    def check(self) -> None:
        """Like all receivers; and the groups are names or prefixes."""
        super().check()
        for each in self.groups:
            check_field("groups", check_pattern, each)


def _check_tenants(tenants: Mapping[str, object]) -> None:
    for name in tenants:
        check_label(name, "name")


@dataclass(frozen=True, kw_only=True)
class Receivers(ReceiversSpec):
    """Receivers of alerts."""

    tenants: Mapping[str, TenantReceivers] = formed_by(dict, _check_tenants)
    """Additional receivers of the alerts about a tenant, by the tenant's name. Default: none."""
    repeat: str = duration("4h", least="5m", most="7d", whole_seconds=True)
    """How often notifications of firing alerts are repeated, 5m to 7d. Default 4h."""

    @property
    def anybody(self) -> bool:
        """Whether there are any receivers."""
        return any(self.named) or any(True for each in self.tenants.values() for _ in each.named)


NOBODY = Receivers()
"""No receivers: alerts are only shown in Prometheus."""
