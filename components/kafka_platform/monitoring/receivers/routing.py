"""Routing of alerts to receivers. No Pulumi.

One tree of routes in two forms: Alertmanager's own configuration file, and the AlertmanagerConfig from which the
Prometheus operator builds one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.monitoring.receivers.spec import (
    EMAIL_KEY,
    PAGERDUTY_KEY,
    SLACK_KEY,
    WEBHOOK_KEY,
    EmailReceiver,
    PagerDutyReceiver,
    Receiver,
    Receivers,
    ReceiversSpec,
    SlackReceiver,
)

if TYPE_CHECKING:
    from pulumi import Input

NOBODY = "nobody"
"""The receiver of an alert that no route takes; there has to be one."""
GROUPED_BY = ("alertname", "namespace", "kafka_cluster")
"""Alerts with the same values of these labels are grouped into one message: ten brokers with the same problem are
one."""
_GROUP_WAIT = "30s"
"""How long the first message of a group waits for others of it: an evaluation."""
_GROUP_INTERVAL = "5m"
"""How long until alerts that join a group are sent."""
_SLACK_TITLE = (
    '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] '
    '{{ .GroupLabels.SortedPairs.Values | join " " }}'
)
_SLACK_ALERTS = 20
"""Alerts that a message of Slack spells out: Slack refuses a message that is too long."""
# Anybody who may use a consumer group names one: Slack must not take that for a link, or for a call to everybody.
_SLACK_TEXT = (
    f"{{{{ range $number, $alert := .Alerts }}}}{{{{ if lt $number {_SLACK_ALERTS} }}}}"
    '{{ reReplaceAll `[<>&[:cntrl:]]+` " " $alert.Annotations.summary }}\n{{ end }}{{ end }}'
)
SLACK_TEXTS = {"fallback": _SLACK_TITLE, "text": _SLACK_TEXT, "title": _SLACK_TITLE}
"""What Slack shows, instead of Alertmanager's own, which has all labels in it as they are."""

Config = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """A condition on a label of an alert."""

    label: str
    pattern: str
    regex: bool = False

    def __str__(self) -> str:
        quoted = self.pattern.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{"=~" if self.regex else "="}"{quoted}"'


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route: alerts that match all conditions are sent to a receiver; further routes are tried in any case."""

    receiver: str
    matchers: Sequence[Matcher]


def receivers_of(receivers: Receivers) -> Iterator[tuple[str, Receiver]]:
    """All receivers by name."""
    for owner, each in _owners(receivers):
        yield from ((f"{owner}-{key}", receiver) for key, receiver in each.named)


def routes(receivers: Receivers) -> Iterator[Route]:
    """The routes, in a stable order. An alert follows every route that matches, but reaches no receiver twice."""
    for owner, each in _owners(receivers):
        for key, receiver in each.named:
            words = "|".join(severity.value for severity in receiver.severities)
            severities = Matcher(label="severity", pattern=words, regex=True)
            for conditions in _of_tenant(receivers, owner):
                yield Route(receiver=f"{owner}-{key}", matchers=[*conditions, severities])


_PLATFORM = "platform"


def _owners(receivers: Receivers) -> Iterator[tuple[str, ReceiversSpec]]:
    yield _PLATFORM, receivers
    for tenant, each in sorted(receivers.tenants.items()):
        yield f"tenant-{tenant}", each


def _of_tenant(receivers: Receivers, owner: str) -> Iterator[list[Matcher]]:
    if owner == _PLATFORM:
        yield []
        return
    tenant = owner.removeprefix("tenant-")
    yield [Matcher(label="tenant", pattern=tenant)]
    groups = receivers.tenants[tenant].groups
    if groups:
        unnamed = Matcher(label="tenant", pattern="")
        pattern = "|".join(_regex(each) for each in sorted(groups))
        yield [unnamed, Matcher(label="consumergroup", pattern=pattern, regex=True)]


def _regex(pattern: str) -> str:
    # `.*` alone would also fit alerts that are of no group.
    return f"{re.escape(pattern[:-1])}{'.*' if pattern[:-1] else '.+'}" if pattern.endswith("*") else re.escape(pattern)


def credentials(receivers: Receivers) -> "Iterator[tuple[Input[str], str, str]]":
    """The Secrets with the receivers' credentials: the name of each, the key that is used, and the file it becomes."""
    for name, each in receivers_of(receivers):
        if each.secret is not None:
            yield each.secret, _key(each), f"{name}/{_key(each)}"


def _key(receiver: Receiver) -> str:
    if isinstance(receiver, SlackReceiver):
        return SLACK_KEY
    if isinstance(receiver, PagerDutyReceiver):
        return PAGERDUTY_KEY
    return EMAIL_KEY if isinstance(receiver, EmailReceiver) else WEBHOOK_KEY


def alertmanager_config(receivers: Receivers, folder: str) -> Config:
    """The configuration of an Alertmanager that has the files of `credentials` in a folder."""
    return {
        "receivers": [
            {"name": NOBODY},
            *({"name": name, **_own(each, f"{folder}/{name}")} for name, each in receivers_of(receivers)),
        ],
        "route": {
            "group_by": list(GROUPED_BY),
            "group_interval": _GROUP_INTERVAL,
            "group_wait": _GROUP_WAIT,
            "receiver": NOBODY,
            "repeat_interval": receivers.repeat,
            "routes": [
                {"continue": True, "matchers": [str(matcher) for matcher in each.matchers], "receiver": each.receiver}
                for each in routes(receivers)
            ],
        },
    }


def _own(receiver: Receiver, folder: str) -> Config:
    """A receiver with one integration, whose credential is in a file of the folder."""
    told: Config = {"send_resolved": True}
    if isinstance(receiver, SlackReceiver):
        told |= SLACK_TEXTS | {"api_url_file": f"{folder}/{SLACK_KEY}", "channel": receiver.channel}
        return {"slack_configs": [told]}
    if isinstance(receiver, PagerDutyReceiver):
        return {"pagerduty_configs": [told | {"routing_key_file": f"{folder}/{PAGERDUTY_KEY}"}]}
    if isinstance(receiver, EmailReceiver):
        told |= _mail(receiver, "from", "require_tls")
        if receiver.secret is not None:
            told |= {"auth_password_file": f"{folder}/{EMAIL_KEY}", "auth_username": receiver.username}
        return {"email_configs": [told]}
    if receiver.secret is not None:
        told["http_config"] = {"authorization": {"credentials_file": f"{folder}/{WEBHOOK_KEY}"}}
    return {"webhook_configs": [told | {"url": receiver.url}]}


def _mail(receiver: EmailReceiver, sender: str, tls: str) -> Config:
    return {sender: receiver.sender, "smarthost": receiver.smarthost, tls: True, "to": ", ".join(receiver.to)}


def operated_config(receivers: Receivers) -> Config:
    """The `spec` of an AlertmanagerConfig, of which the Prometheus operator makes the file.

    The operator adds the condition that an alert is of the object's namespace, which all alerts of this platform say.
    """
    return {
        "receivers": [
            {"name": NOBODY},
            *({"name": name, **_operated(each)} for name, each in receivers_of(receivers)),
        ],
        "route": {
            "groupBy": list(GROUPED_BY),
            "groupInterval": _GROUP_INTERVAL,
            "groupWait": _GROUP_WAIT,
            "receiver": NOBODY,
            "repeatInterval": receivers.repeat,
            "routes": [
                {
                    "continue": True,
                    "matchers": [
                        {"matchType": "=~" if each.regex else "=", "name": each.label, "value": each.pattern}
                        for each in route.matchers
                    ],
                    "receiver": route.receiver,
                }
                for route in routes(receivers)
            ],
        },
    }


def _operated(receiver: Receiver) -> Config:
    told: Config = {"sendResolved": True}
    credential = {"key": _key(receiver), "name": receiver.secret}
    if isinstance(receiver, SlackReceiver):
        return {"slackConfigs": [told | SLACK_TEXTS | {"apiURL": credential, "channel": receiver.channel}]}
    if isinstance(receiver, PagerDutyReceiver):
        return {"pagerdutyConfigs": [told | {"routingKey": credential}]}
    if isinstance(receiver, EmailReceiver):
        told |= _mail(receiver, "from", "requireTLS")
        if receiver.secret is not None:
            told |= {"authPassword": credential, "authUsername": receiver.username}
        return {"emailConfigs": [told]}
    if receiver.secret is not None:
        told["httpConfig"] = {"authorization": {"credentials": credential, "type": "Bearer"}}
    return {"webhookConfigs": [told | {"url": receiver.url}]}
