"""What users and workers of a stack get of its schema registry."""

import base64
import json
from typing import Any

from kafka_platform.kube.place import annotated

from infra.capabilities import rendered
from infra.settings.parsing import parse
from tests.unit.settings.test_rendered import comparable, deployed, key_of

WORKERS = {
    "fraud": {"image": "fraud:1", "tenant": "shop", "reads": ["orders"], "writes": ["alerts"]},
    "audit": {"image": "audit:1", "tenant": "shop", "reads": ["orders"]},
}
STACK: dict[str, Any] = {
    "topics": {"orders": {}, "alerts": {}},
    "tenants": {
        "shop": {"namespace": "shop", "createNamespace": True, "users": {"api": {"writes": ["orders"]}}},
    },
    "workers": WORKERS,
}


def manifests(**changes: Any) -> dict[str, dict[str, Any]]:
    return {each.name: each.object.manifest for each in rendered(parse(STACK | changes))}


def variables(manifest: dict[str, Any]) -> dict[str, Any]:
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_a_worker_gets_the_stacks_registry_with_its_own_login_and_role() -> None:
    found = manifests(registry={"roles": {"fraud": "developer"}})
    for worker in ("fraud", "audit"):
        env = variables(found[f"{worker}-pods"])
        assert env["SCHEMA_REGISTRY_URL"] == "http://schema-registry.streaming.svc/apis/ccompat/v7"
        assert env["SCHEMA_REGISTRY_USERNAME"]["secretKeyRef"]["name"] == f"{worker}-registry"
        assert found[f"{worker}-network"]["spec"]["egress"][-1]["ports"][0]["port"] == 8080
        assert found[f"schema-registry-{worker}-registry"]["metadata"]["namespace"] == "shop"
    assert "auto.register.schemas" not in found["fraud-client"]["data"]["producer.properties"]


def test_an_existing_registry_gives_users_and_workers_its_url_and_workers_a_login_where_one_is_named() -> None:
    registry = {"url": "https://registry.example.com", "secret": "admin"}
    for login in ({}, {"clientSecret": "reader"}):
        found = manifests(registry=registry | login)
        env = variables(found["fraud-pods"])
        assert env["SCHEMA_REGISTRY_URL"] == "https://registry.example.com"
        assert ("SCHEMA_REGISTRY_PASSWORD_FILE" in env) == bool(login)
        data = secret_of(found, "api-kafka")
        for key in ("SCHEMA_REGISTRY_URL", "schema.registry.url"):
            assert base64.b64decode(data[key]).decode() == "https://registry.example.com"
        assert '"admin"' not in json.dumps(found["fraud-pods"])


def test_the_gateway_reads_with_a_login_of_its_own() -> None:
    found = manifests(registry={"roles": {"fraud": "admin"}}, gateway={})
    settings = json.loads(found["gateway-config"]["data"]["gateway.json"])["registry"]
    assert settings == {
        "url": "http://schema-registry.streaming.svc/apis/ccompat/v7",
        "login": "/etc/kafka-platform/registry",
        "caFile": None,
        "enforced": [],
    }
    volumes = found["gateway-pods"]["spec"]["template"]["spec"]["volumes"]
    assert [each["secret"]["secretName"] for each in volumes if each["name"] == "registry"] == ["http-gateway-registry"]
    login = base64.b64decode(found["schema-registry-http-gateway-registry"]["data"]["registry.properties"]).decode()
    assert "auto.register.schemas=false" in login
    users = base64.b64decode(found["schema-registry-users"]["data"]["users.properties"]).decode()
    assert 'roles."http-gateway"=sr-readonly' in users
    egress = found["gateway-network"]["spec"]["egress"][-1]
    assert [each["port"] for each in egress["ports"]] == [8080]
    assert egress["to"][0]["namespaceSelector"]


def test_a_gateway_without_a_registry_is_as_before() -> None:
    found = manifests(gateway={})
    assert "registry" not in json.dumps([each for name, each in found.items() if name.startswith("gateway-")])


def test_what_an_existing_registry_adds_is_judged_as_it_is_deployed() -> None:
    registry = {"url": "https://registry.example.com", "clientSecret": "reader"}
    settings = parse(STACK | {"registry": registry, "gateway": {}})
    found = deployed(settings)
    for each in rendered(settings):
        assert comparable(annotated(each.object)) == comparable(found[key_of(each)].inputs), each.name


def secret_of(found: dict[str, dict[str, Any]], name: str) -> dict[str, str]:
    data: dict[str, str] = next(
        each["data"] for each in found.values() if each["kind"] == "Secret" and each["metadata"]["name"] == name
    )
    return data


def test_nothing_of_it_reaches_a_stack_without_a_registry() -> None:
    found = manifests()
    of_workers = [manifest for name, manifest in found.items() if name.startswith(("fraud-", "audit-"))]
    assert "registry" not in json.dumps(of_workers).lower()
    assert not [key for key in secret_of(found, "api-kafka") if "registry" in key.lower()]
