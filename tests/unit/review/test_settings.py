"""Settings of brokers and of clients: which of them open a door, and which change what topics get."""

from typing import Any

import pytest

from tests.unit.review.objects import change, made, said

FILE = {"labels": {"app.kubernetes.io/component": "broker"}}


def properties(content: str) -> dict[str, Any]:
    return made("kafka-config", metadata=FILE, data={"cluster.properties": content})


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("super.users =User:red", "who may do everything: `super.users`: default -> `User:red`"),
        ("\\u0073uper.users=User:red", "who may do everything: `super.users`: default -> `User:red`"),
        ("super\\\n   .users: User:red", "who may do everything: `super.users`: default -> `User:red`"),
        ("early.start.listeners A", "which listeners answer before anybody's rights are known: `early.start.listeners`: "
         "default -> `A`"),
        ("authorizer.class.name=x.Y", "who decides about rights: `authorizer.class.name`: default -> `x.Y`"),
        ("principal.builder.class=x.Y", "who a client is taken for: `principal.builder.class`: default -> `x.Y`"),
        ("delegation.token.secret.key=k", "logins by tokens: `delegation.token.secret.key` changes"),
        ("config.providers=file", "what brokers read into their settings: `config.providers`: default -> `file`"),
        ("listener.name.a.ssl.client.auth=none", "how clients log in: `listener.name.a.ssl.client.auth`: default -> `none`"),
        ("a.plain.sasl.jaas.config=x", "how clients log in: `a.plain.sasl.jaas.config` changes"),
        ("metric.reporters=x.Y", "code that brokers load: `metric.reporters`: default -> `x.Y`"),
        ("broker.rack=${file:/x:y}", "brokers fill in a value from elsewhere: `broker.rack`: default -> `${file:/x:y}`"),
    ],
)  # fmt: skip
def test_a_setting_that_opens_a_door_needs_a_second_look_however_it_is_spelled(line: str, shown: str) -> None:
    sides = [properties("a=1\n"), properties(f"a=1\n{line}\n")]
    assert said(change("ConfigMap", *sides)) == {"Access": [f"! brokers `kafka`: {shown}"]}


def test_comments_and_settings_of_other_kinds_open_nothing() -> None:
    sides = [properties("a=1\n"), properties("#super.users=a\n!super.users=a\na=1\nnum.io.threads=3\n")]
    assert said(change("ConfigMap", *sides)) == {"Other": ["brokers `kafka`: `num.io.threads`: default -> `3`"]}


def test_new_brokers_with_a_setting_that_opens_a_door_need_a_second_look() -> None:
    spec = {"kafka": {"config": {"delegation.token.max.lifetime.ms": 1}, "authorization": {"superUsers": ["root"]}}}
    assert said(change("Kafka", None, made("events", spec)))["Access"] == [
        "! brokers `events`: logins by tokens: `delegation.token.max.lifetime.ms` changes",
        "! Kafka `events`: `root` may do everything",
    ]


def test_a_way_to_log_in_of_ones_own_needs_a_second_look() -> None:
    def listener(value: str) -> dict[str, Any]:
        own = {"type": "custom", "sasl": True, "listenerConfig": {"sasl.enabled.mechanisms": value}}
        entry = {"name": "internal", "type": "internal", "port": 9092, "tls": True, "authentication": own}
        return made("events", {"kafka": {"listeners": [entry]}})

    assert said(change("Kafka", listener("A"), listener("B")))["Access"] == [
        "! Kafka `events`: listener `internal` changes: internal, port 9092, TLS, custom"
    ]


def test_code_that_a_workers_clients_load_needs_a_second_look() -> None:
    def files(line: str) -> dict[str, Any]:
        labels = {"labels": {"app.kubernetes.io/component": "worker"}}
        data = {"consumer.properties": line, "librdkafka-consumer.conf": line}
        return made("fraud-check-client", metadata=labels, data=data)

    found = said(change("ConfigMap", files("a=1\n"), files("a=1\ninterceptor.classes=x.Y\n")))
    assert found["Access"] == [
        "! worker `fraud-check`: code that the client loads: `interceptor.classes`: default -> `x.Y`"
    ]


def test_another_group_of_an_application_with_state_needs_a_second_look() -> None:
    def file(group: str, more: str = "") -> dict[str, Any]:
        labels = {"labels": {"app.kubernetes.io/component": "worker"}}
        return made("totals-client", metadata=labels, data={"streams.properties": f"application.id={group}\n{more}"})

    loaded = "main.consumer.interceptor.classes=x.Y\n"
    found = said(change("ConfigMap", file("totals"), file("totals-app", loaded)))
    assert found["Data at risk"] == [
        "! worker `totals`: group `totals` -> `totals-app`: begins anew without state; topics and offsets of `totals` stay as they are"
    ]
    assert found["Access"] == [
        "! worker `totals`: code that the client loads: `main.consumer.interceptor.classes`: default -> `x.Y`"
    ]
    assert "Data at risk" not in said(change("ConfigMap", file("totals"), file("totals", "a=1\n")))


def test_a_changed_default() -> None:
    sides = [made("events", {"kafka": {"config": {"log.retention.hours": hours}}}) for hours in (168, 24)]
    assert said(change("Kafka", *sides)) == {
        "Data at risk": ["! default of topics in `events`: retention 7d -> 1d: records older than 1d become deletable"],
        "Other": ["brokers `events`: `log.retention.hours`: `168` -> `24`"],
    }
