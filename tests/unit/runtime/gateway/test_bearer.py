"""Bearer tokens: they go to Kafka as OAUTHBEARER, and Kafka says whose they are and what they may do."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kafka_process import QUICK, needed_jars
from tests.unit.runtime.gateway.conftest import BLUE, RED, Kafka, Program, Reply, StartGateway
from tests.unit.runtime.gateway.consumers_harness import first_group

OAUTH = "listener.name.internal.oauthbearer.sasl"
HANDLERS = "org.apache.kafka.common.security.oauthbearer"
PROPERTIES = {
    "listener.name.internal.sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
    # Kafka's own judge of tokens that nobody has signed: it looks at the time and at whose they are.
    f"{OAUTH}.server.callback.handler.class": (
        f"{HANDLERS}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
    ),
    f"{OAUTH}.jaas.config": f'{HANDLERS}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
}


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    with Kafka(jars=needed_jars(), jvm_options=QUICK, properties=PROPERTIES) as cluster:
        for user in (RED, BLUE):
            cluster.make_user(user)
            cluster.allow(user, user)
            cluster.make_topic(f"{user}-orders")
        yield cluster


@pytest.fixture(scope="module")
def gateway(start_gateway: StartGateway) -> Program:
    return start_gateway({"bearer": True})


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def token(user: str, seconds: float = 3600, **claims: Any) -> str:
    """A token without a signature that says it is `user`'s."""
    content = {"sub": user, "iat": time.time() - 5, "exp": time.time() + seconds, **claims}
    return f"{part({'alg': 'none'})}.{part(content)}."


def write(gateway: Program, topic: str, credentials: str) -> Reply:
    records = {"records": [{"value": {"n": 1}}]}
    return gateway.ask("POST", f"/topics/{topic}", records, user=None, headers={"authorization": credentials})


def test_kafka_says_whose_it_is_and_what_he_may(gateway: Program) -> None:
    reply = write(gateway, "red-orders", f"Bearer {token(RED)}")
    assert (reply.status, reply.json()["offsets"][0]["partition"]) == (200, 0)
    denied = write(gateway, "blue-orders", f"bearer {token(RED)}")
    assert denied.status == 403, denied.body
    read = gateway.ask(
        "GET",
        "/topics/red-orders/partitions/0/records?offset=0&timeout=5000",
        user=None,
        headers={"authorization": f"Bearer {token(RED)}"},
    )
    assert [each["value"] for each in read.json()] == [{"n": 1}]


def test_names_and_passwords_go_on(gateway: Program) -> None:
    assert gateway.ask("POST", "/topics/blue-orders", {"records": [{"value": 1}]}, user=BLUE).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        "x",
        "a.b.c",
        token(RED, -3600),
        f"{part({'alg': 'none'})}.{part({'sub': RED, 'exp': 'tomorrow'})}.",
        f"{part({'alg': 'none'})}.{part({'sub': RED, 'exp': [1]})}.",
        f"{part({'alg': 'none'})}.{part({'sub': RED, 'exp': 1e999})}.",
        f"{part({'alg': 'none'})}.{part({'sub': {'a': 1}})}.",
        f"{part({'alg': 'none'})}.{part({'exp': time.time() + 3600})}.",
    ],
    ids=["no-token", "no-json", "expired", "text-as-time", "list-as-time", "never", "object-as-name", "nobody's"],
)
def test_a_wrong_token(gateway: Program, wrong: str) -> None:
    reply = write(gateway, "red-orders", f"Bearer {wrong}")
    assert reply.status == 401, reply.body
    assert reply.headers["www-authenticate"] == 'Bearer realm="kafka"'
    assert reply.json()["error_code"] == 40101
    assert wrong not in gateway.log.read_text()


def test_without_bearer_a_token_is_no_credential(start_gateway: StartGateway) -> None:
    reply = write(start_gateway(pod="gateway-9"), "red-orders", f"Bearer {token(RED)}")
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Basic")


def test_an_instance_belongs_to_the_subject_of_one_issuer(gateway: Program) -> None:
    """Which claim names the user is up to Kafka, so an equal `sub` of another issuer says nothing, nor a user's name."""
    first_group(gateway)
    path = "/consumers/red-owned/instances/mine"

    def status(method: str, target: str, credentials: str | None, **more: Any) -> int:
        headers = {} if credentials is None else {"authorization": credentials}
        user = RED if credentials is None else None
        return gateway.ask(method, target, user=user, headers=headers, **more).status

    def issued(issuer: str, seconds: float = 3600) -> str:
        return f"Bearer {token(RED, seconds, iss=issuer)}"

    assert status("POST", "/consumers/red-owned", issued("a"), body={"name": "mine"}) == 200
    renewed = issued("a", 1800)
    assert [status("GET", path, each) for each in (issued("a"), renewed, renewed.replace("Bearer ", "bearer  "))] == [
        200
    ] * 3
    assert [status("GET", path, each) for each in (issued("b"), f"Bearer {token(RED)}", None)] == [404] * 3
    assert status("POST", "/consumers/red-owned", None, body={"name": "mine"}) == 200
    assert status("DELETE", path, None) == 204
    assert status("DELETE", path, renewed) == 204
