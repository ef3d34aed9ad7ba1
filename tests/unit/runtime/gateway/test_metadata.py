"""What the gateway answers about topics and brokers, and to whom."""

import copy
import json
import socket
import threading
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from tests.kafka_process import ADMIN_USER
from tests.unit.runtime.gateway.conftest import BLUE, JSON, RED, V2, Kafka, Program, StartGateway
from tests.unit.runtime.gateway.consumers_harness import eventually

REPLICAS = [{"broker": 0, "leader": True, "in_sync": True}]


@pytest.fixture(scope="module")
def topic(kafka: Kafka) -> str:
    return kafka.make_topic("red-metadata", 2, cleanup_policy="compact")


def test_callers_come_by_either_family(gateway: Program, topic: str) -> None:
    by_ipv6 = copy.copy(gateway)
    by_ipv6.address = "::1" if socket.has_dualstack_ipv6() else gateway.address
    for each in (gateway, by_ipv6):
        assert each.ask("GET", f"/topics/{topic}", user=RED).status == 200
        assert each.beside("/readyz")[0] == 200


def test_topics_are_those_that_the_user_may_see(kafka: Kafka, gateway: Program, topic: str) -> None:
    other = kafka.make_topic("blue-metadata")
    reply = gateway.ask("GET", "/topics", user=RED)
    assert (reply.status, reply.headers["content-type"]) == (200, V2)
    assert topic in reply.json()
    assert other not in reply.json()
    everything = gateway.ask("GET", "/topics").json()
    assert everything == sorted(everything)
    assert {topic, other} <= set(everything)
    assert not any(name.startswith("__") for name in everything)


def test_topic_has_its_settings_and_partitions(gateway: Program, topic: str) -> None:
    found = gateway.ask("GET", f"/topics/{topic}").json()
    assert found["name"] == topic
    assert found["configs"]["cleanup.policy"] == "compact"
    assert found["partitions"] == [{"partition": number, "leader": 0, "replicas": REPLICAS} for number in range(2)]


def test_settings_are_for_those_who_may_describe_them(kafka: Kafka, gateway: Program, topic: str) -> None:
    found = gateway.ask("GET", f"/topics/{topic}", user=RED).json()
    assert found["configs"] == {}
    assert len(found["partitions"]) == 2
    rule = AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        f"User:{RED}",
        "*",
        AclOperation.DESCRIBE_CONFIGS,
        AclPermissionType.ALLOW,
    )
    kafka.add_rules(rule)
    assert gateway.ask("GET", f"/topics/{topic}", user=RED).json()["configs"]["cleanup.policy"] == "compact"


def test_partitions_and_their_offsets(kafka: Kafka, gateway: Program, topic: str) -> None:
    partition = {"partition": 1, "leader": 0, "replicas": REPLICAS}
    assert gateway.ask("GET", f"/topics/{topic}/partitions", user=RED).json()[1] == partition
    assert gateway.ask("GET", f"/topics/{topic}/partitions/1", user=RED).json() == partition
    producer = Producer(dict(kafka.client()))
    for _ in range(3):
        producer.produce(topic, b"1", b"key", 1)
    producer.flush(120)
    bounds = gateway.ask("GET", f"/topics/{topic}/partitions/1/offsets", user=RED)
    assert (bounds.status, bounds.json()) == (200, {"beginning_offset": 0, "end_offset": 3})
    assert gateway.ask("GET", "/brokers", user=RED).json() == {"brokers": [0]}


@pytest.mark.parametrize("path", ["", "/partitions", "/partitions/0", "/partitions/0/offsets"])
def test_nothing_is_said_to_others(gateway: Program, topic: str, path: str) -> None:
    denied = gateway.ask("GET", f"/topics/{topic}{path}", user=BLUE)
    assert (denied.status, denied.json()["error_code"]) == (403, 40301)
    assert denied.json()["message"] == f"{BLUE} may not DESCRIBE topic {topic}: add it to its `reads` or `writes`."
    stranger = gateway.ask("GET", f"/topics/{topic}{path}", user=None)
    assert (stranger.status, stranger.json()["error_code"]) == (401, 40101)
    absent = gateway.ask("GET", f"/topics/red-absent{path}", user=RED)
    assert (absent.status, absent.json()["error_code"]) == (404, 40401)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/partitions/2", 404, 40402),
        ("/partitions/99999999999", 400, 40001),
        ("/partitions/-1", 400, 40001),
        ("/partitions/two/offsets", 400, 40001),
        ("/partitions/2/offsets", 404, 40402),
        ("?verbose=true", 400, 40001),
    ],
)
def test_misuse(gateway: Program, topic: str, path: str, status: int, code: int) -> None:
    reply = gateway.ask("GET", f"/topics/{topic}{path}", user=RED)
    assert (reply.status, reply.json()["error_code"]) == (status, code), reply.body


def test_many_ask_at_once(gateway: Program, topic: str) -> None:
    answers: list[int] = []
    paths = ["/topics", f"/topics/{topic}", f"/topics/{topic}/partitions/0/offsets", "/brokers"]
    threads = [
        threading.Thread(target=lambda path=path: answers.append(gateway.ask("GET", path, user=RED).status))
        for path in paths * 10
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * len(threads)


@pytest.mark.parametrize(
    ("user", "wanted", "status", "code"),
    [
        (ADMIN_USER, {"topic_name": "made-over-http", "partitions_count": 2, "replication_factor": 1}, 201, None),
        (ADMIN_USER, {"topic_name": "made-over-http"}, 409, 40904),
        (ADMIN_USER, {"topic_name": "wide", "replication_factor": 5}, 422, 42201),
        (ADMIN_USER, {"topic_name": "with blank"}, 422, 42201),
        (ADMIN_USER, {"topic_name": ""}, 422, 42201),
        (ADMIN_USER, {"topic_name": "x", "partitions_count": 0}, 422, 42201),
        (ADMIN_USER, {"name": "x"}, 422, 42201),
        (RED, {"topic_name": "red-made"}, 403, 40301),
    ],
)
def test_making_topics(gateway: Program, user: str, wanted: Any, status: int, code: int | None) -> None:
    reply = gateway.ask("POST", "/admin/topics", wanted, user=user, kind=JSON)
    assert reply.status == status, reply.body
    if code is None:
        assert reply.json() == {}
        path = f"/topics/{wanted['topic_name']}/partitions"
        eventually(lambda: gateway.ask("GET", path).status == 200)
        assert [each["partition"] for each in gateway.ask("GET", path).json()] == list(
            range(wanted["partitions_count"])
        )
    else:
        assert reply.json()["error_code"] == code
        if status == 403:
            assert reply.json()["message"].startswith(f"{RED} may not CREATE topic red-made: ")


def test_root_is_a_page_for_browsers_and_a_version_for_programs(gateway: Program) -> None:
    version = gateway.ask("GET", "/", user=None)
    assert version.headers["content-type"] == "application/json"
    assert list(version.json()) == ["bridge_version"]
    page = gateway.ask("GET", "/", user=None, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == "accept, accept-encoding"  # it is large enough to be compressed
    assert version.headers["vary"] == "accept"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert json.loads(gateway.ask("GET", "/openapi.json", user=None).body)["openapi"] == "3.1.0"


def test_pages_from_elsewhere_may_call_if_the_settings_say_so(start_gateway: StartGateway, topic: str) -> None:
    shop, other = "https://shop.example.com", "https://other.example.com"
    gateway = start_gateway({"cors": [shop]})
    asked = {"origin": shop, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    allowed = gateway.ask("OPTIONS", f"/topics/{topic}", user=None, headers=asked)
    assert (allowed.status, allowed.body) == (204, b"")
    assert "content-length" not in allowed.headers
    assert allowed.headers["access-control-allow-origin"] == shop
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    refused = gateway.ask("OPTIONS", f"/topics/{topic}", user=None, headers={**asked, "origin": other})
    assert "access-control-allow-origin" not in refused.headers
    assert refused.headers["vary"] == "origin"
    for user, status in ((RED, 200), (None, 401)):
        answer = gateway.ask("GET", f"/topics/{topic}", user=user, headers={"origin": shop})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, shop)


def test_pages_from_elsewhere_may_not_call_by_default(gateway: Program, topic: str) -> None:
    asked = {"origin": "https://shop.example.com", "access-control-request-method": "POST"}
    refused = gateway.ask("OPTIONS", f"/topics/{topic}", user=None, headers=asked)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, POST")
    assert not any(name.startswith("access-control") for name in refused.headers)
