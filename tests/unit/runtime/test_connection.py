from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from kafka_platform_runtime.connection import Complaints, Connection, SaslMechanism, SecurityProtocol, tidy
from kafka_platform_runtime.failures import Refused, Rejected, Transient, raise_for, sentence


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "password").write_text("sesame\n")
    (tmp_path / "ca.crt").write_text("certificate")
    return {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_USERNAME": "admin",
        "KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password"),
        "KAFKA_SSL_CA_FILE": str(tmp_path / "ca.crt"),
    }


def test_the_variables_make_both_clients_settings(environment: dict[str, str]) -> None:
    connection = Connection.from_environment(environment)
    assert connection.security_protocol is SecurityProtocol.SASL_SSL
    assert connection.mechanism is SaslMechanism.SCRAM_SHA_512
    settings = connection.confluent(group_id="x")
    assert settings["sasl.password"] == "sesame"
    assert settings["ssl.ca.location"] == environment["KAFKA_SSL_CA_FILE"]
    assert settings["group.id"] == "x"
    other = connection.kafka_python()
    assert other["sasl_plain_password"] == "sesame"
    assert other["ssl_cafile"] == environment["KAFKA_SSL_CA_FILE"]


def test_the_password_is_not_in_its_text_form(environment: dict[str, str]) -> None:
    assert "sesame" not in repr(Connection.from_environment(environment))


def test_a_plain_connection_needs_no_login() -> None:
    connection = Connection.from_environment({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2"})
    assert "sasl.username" not in connection.confluent()
    assert connection.kafka_python()["bootstrap_servers"] == ["a:1", "b:2"]


def test_all_faults_are_told_together(environment: dict[str, str]) -> None:
    environment.update(
        KAFKA_BOOTSTRAP_SERVERS="",
        KAFKA_SASL_MECHANISM="GSSAPI",
        KAFKA_SASL_PASSWORD_FILE="/nowhere/password",
        KAFKA_SSL_CA_FILE="/nowhere/ca.crt",
    )
    with pytest.raises(Refused) as refused:
        Connection.from_environment(environment)
    assert refused.value.faults == (
        "KAFKA_BOOTSTRAP_SERVERS: is not set",
        "KAFKA_SASL_MECHANISM: 'GSSAPI' is not known: use one of SCRAM-SHA-512, SCRAM-SHA-256, PLAIN, OAUTHBEARER",
        "KAFKA_SASL_PASSWORD_FILE: the password file /nowhere/password cannot be read: No such file or directory",
        "KAFKA_SSL_CA_FILE: /nowhere/ca.crt is not a file: mount the CA certificate there",
    )


def test_an_unknown_protocol_is_told() -> None:
    with pytest.raises(Refused, match="KAFKA_SECURITY_PROTOCOL: 'TLS' is not known: use one of PLAINTEXT, SSL"):
        Connection.from_environment({"KAFKA_BOOTSTRAP_SERVERS": "a:1", "KAFKA_SECURITY_PROTOCOL": "TLS"})


def test_connection_errors_lose_the_librarys_notes() -> None:
    text = "sasl_plaintext://h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)"
    assert tidy(KafkaError(KafkaError._TRANSPORT, text)) == "h:1: Connect to 127.0.0.1:1 failed: Connection refused"


def test_complaints_know_a_rejected_login_from_a_broker_that_does_not_answer() -> None:
    complaints = Complaints()
    complaints(KafkaError(KafkaError._TRANSPORT, "refused"))
    complaints(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert complaints.rejection() is None
    assert complaints.reason() == "refused"
    complaints(KafkaError(KafkaError._AUTHENTICATION, "bad password"))
    assert complaints.rejection() == "bad password"


def test_errors_are_sorted_by_whether_another_try_helps() -> None:
    with pytest.raises(Transient, match=r"topic\.a: the cluster did not complete the request in time"):
        raise_for(KafkaError(KafkaError.REQUEST_TIMED_OUT), "topic.a")
    with pytest.raises(Rejected):
        raise_for(KafkaError(KafkaError._AUTHENTICATION, "x"), "topic.a")
    with pytest.raises(Refused, match=r"topic\.a: Unknown topic config name: nope$"):
        raise_for(KafkaError(KafkaError.INVALID_CONFIG, "Unknown topic config name: nope"), "topic.a")


def test_a_lack_of_rights_names_the_user() -> None:
    text = sentence(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED), username="alice")
    assert text.startswith("user 'alice' may not do this")
