"""What a stack uses and does not make: its cluster is asked for it, and the stack refused, before anything is changed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from kafka_platform.kube.object_id import ObjectId

from infra.api_server import ApiServer
from infra.capabilities import rendered
from infra.check import STACKS
from infra.needed_objects import DEFAULT_CLASS, check_needed, needed
from infra.platform import Platform
from infra.settings.parsing import parse
from infra.settings.stackfile import read, stack_names
from tests.unit.components.graph import run
from tests.unit.settings.test_rendered import POOLS, STACKS_OF_TESTS, settings_of
from tests.unit.test_api_server import Server, server

__all__ = ["server"]

HEAD = "the Kubernetes cluster lacks what this stack uses:\n"
SHOP: dict[str, Any] = {"topics": {"orders": {}}, "tenants": {"shop": {"namespace": "shop"}}}
WORKER: dict[str, Any] = {"image": "a:1", "tenant": "shop", "reads": ["orders"]}


class Known:
    """A cluster that has the objects that are named, and a default StorageClass."""

    def __init__(self, *objects: str, groups: tuple[str, ...] = (), volumes: tuple[str, ...] | None = ()) -> None:
        self.objects = {"StorageClass/standard", *objects}
        self.groups = groups
        self.volumes = volumes
        self.allowed = True

    def serves(self, api_version: str, kind: str) -> bool | None:
        return api_version.partition("/")[0] in self.groups if self.allowed else None

    def exists(self, wanted: ObjectId) -> bool | None:
        return str(wanted) in self.objects if self.allowed else None

    def metadata(self, api_version: str, kind: str) -> Mapping[str, Mapping[str, Any]] | None:
        names = [each.partition("/")[2] for each in self.objects if each.startswith(f"{kind}/")]
        return {each: {"annotations": {DEFAULT_CLASS: str(each == "standard").lower()}} for each in names}

    def classes_of_volumes(self) -> frozenset[str] | None:
        return None if self.volumes is None else frozenset(self.volumes)


def faults(declared: Mapping[str, Any], cluster: Known) -> list[str]:
    told = ""
    try:
        check_needed(parse(declared), cluster)
    except ValueError as error:
        told = str(error)
    assert told == "" or told.startswith(HEAD)
    return [each.strip() for each in told.removeprefix(HEAD).splitlines()]


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (
            SHOP,
            ["tenants.shop: the namespace 'shop' does not exist: make it, or write tenants.shop.createNamespace: true"],
        ),
        (
            {"createNamespace": False},
            ["namespace: the namespace 'streaming' does not exist: make it, or write createNamespace: true"],
        ),
        (
            {"keda": {"install": True, "createNamespace": False}},
            ["keda: the namespace 'keda' does not exist: make it, or write keda.createNamespace: true"],
        ),
        (
            {"podSettings": {"priorityClass": "hihg"}},
            ["PriorityClass 'hihg' does not exist, and StatefulSet kafka needs it: did you mean 'high'?, or make it"],
        ),
        (
            {"kafka": {"storageClass": "fast"}},
            ["StorageClass 'fast' does not exist, and claims of StatefulSet kafka need it: use standard, or make it"],
        ),
        (
            {"kafka": {"engine": "strimzi", "pools": POOLS}},
            [
                "strimzi: the cluster does not know the kind KafkaNodePool (kafka.strimzi.io/v1): install its operator, "
                "or write strimzi: {install: true}"
            ],
        ),
    ],
    ids=["tenant", "platform", "operator", "priority", "storage", "kind"],
)
def test_what_is_not_there_is_said_with_the_fix(declared: dict[str, Any], found: list[str]) -> None:
    assert faults(declared, Known("PriorityClass/high")) == found


def test_a_secret_is_looked_for_where_its_pods_are() -> None:
    declared = SHOP | {"workers": {"w": WORKER | {"secretFiles": ["bank"], "pullSecrets": ["registry"]}}}
    there = ["Namespace/shop", "Secret/shop/registry", "Secret/streaming/bank"]
    sentence = "Secret/shop/bank does not exist, and pods of Deployment w do not start without it: make it, or correct its name"
    assert faults(declared, Known(*there)) == [sentence]
    assert faults(declared, Known(*there, "Secret/shop/bank")) == []


def test_nothing_is_said_of_what_is_in_a_namespace_that_is_not_there() -> None:
    declared = SHOP | {"workers": {"w": WORKER | {"secretFiles": ["bank"]}}}
    [only] = faults(declared, Known())
    assert "the namespace 'shop' does not exist" in only


def test_what_others_put_into_a_namespace_that_the_stack_makes_cannot_be_known() -> None:
    declared = {"podSettings": {"pullSecrets": ["registry"]}}
    assert faults(declared, Known()) == []
    assert len(faults(declared, Known("Namespace/streaming"))) == 1


def test_claims_need_a_default_class_or_volumes_that_somebody_made() -> None:
    cluster = Known("StorageClass/gp2")
    cluster.objects.remove("StorageClass/standard")
    [fault] = faults({}, cluster)
    assert fault == (
        "no StorageClass is the default, and claims of StatefulSet kafka name none: write storageClass there, one of gp2"
    )
    for volumes in (("",), None):
        cluster.volumes = volumes
        assert faults({}, cluster) == []
    assert faults({"kafka": {"storageClass": "local"}}, Known(volumes=("local",))) == []


ROUTES: dict[str, Any] = {
    "certificate": "brokers",
    "external": {"expose": "tlsRoute", "host": "b-{nodeId}.example.com", "gatewayClass": "traefik"},
}


def test_routes_need_their_kinds_and_a_class() -> None:
    declared = {"kafka": {"listeners": ROUTES}}
    group = "gateway.networking.k8s.io"
    there = ("Namespace/streaming", "Secret/streaming/brokers")
    assert faults(declared, Known(*there, "GatewayClass/traefik", groups=(group,))) == []
    [fault] = faults(declared, Known(*there, groups=(group,)))
    assert fault.startswith("GatewayClass 'traefik' does not exist, and Gateway kafka-brokers needs it")
    told = faults(declared, Known(*there, "GatewayClass/traefik"))
    kinds = {"Gateway": "v1", "TLSRoute": "v1"}
    assert told == [
        f"{kind}: the cluster does not know the kind {kind} ({group}/{version}): install the Gateway API with it: "
        "https://gateway-api.sigs.k8s.io/guides"
        for kind, version in kinds.items()
    ]


def test_strimzi_needs_routes_of_any_version() -> None:
    external = {**ROUTES["external"], "gateway": "infra/public"}
    del external["gatewayClass"]
    declared = {"kafka": {"engine": "strimzi", "pools": POOLS, "listeners": {"external": external}}}
    there = Known("Namespace/streaming", groups=("kafka.strimzi.io",))
    assert faults(declared, there) == [
        "TLSRoute: the cluster does not know the kind TLSRoute, which Strimzi makes for the brokers: install the Gateway API with "
        "it: https://gateway-api.sigs.k8s.io/guides"
    ]
    there.groups = (*there.groups, "gateway.networking.k8s.io")
    assert faults(declared, there) == []


def test_routes_of_another_version_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Known("Namespace/streaming", "Secret/streaming/brokers", "GatewayClass/traefik")
    served = {("v1", "Gateway"), ("v1alpha2", "TLSRoute")}
    monkeypatch.setattr(
        cluster, "serves", lambda api_version, kind: (api_version.partition("/")[2], kind) in served, raising=True
    )
    assert faults({"kafka": {"listeners": ROUTES}}, cluster) == [
        "TLSRoute: the cluster does not know the kind TLSRoute (gateway.networking.k8s.io/v1), but serves it as v1alpha2: write "
        "kafka.listeners.external.routeVersion: v1alpha2"
    ]
    external = {**ROUTES["external"], "routeVersion": "v1alpha2"}
    assert faults({"kafka": {"listeners": {**ROUTES, "external": external}}}, cluster) == []


def test_the_gateways_routes_of_another_version_are_named_by_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    tls = {"certificate": "pods", "clientAuthority": "callers"}
    expose = {"gatewayClass": "traefik", "host": "a.example.com", "passthrough": True}
    cluster = Known("Namespace/streaming", "Secret/streaming/pods", "Secret/streaming/callers", "GatewayClass/traefik")
    served = {("v1", "Gateway"), ("v1alpha2", "TLSRoute")}
    monkeypatch.setattr(
        cluster, "serves", lambda api_version, kind: (api_version.partition("/")[2], kind) in served, raising=True
    )
    [line] = faults({"gateway": {"tls": tls, "expose": expose}}, cluster)
    assert line.endswith("but serves it as v1alpha2: write gateway.expose.routeVersion: v1alpha2")


def test_who_may_not_look_is_not_refused() -> None:
    cluster = Known()
    cluster.allowed = False
    declared = SHOP | {"podSettings": {"pullSecrets": ["registry"]}, "kafka": {"engine": "strimzi", "pools": POOLS}}
    assert faults(declared, cluster) == []


@pytest.mark.parametrize("stack", [*stack_names(STACKS), *STACKS_OF_TESTS])
def test_a_stack_needs_what_its_file_names_and_nothing_that_it_makes(stack: str) -> None:
    settings = settings_of(stack)
    found = needed(settings, [each.object.manifest for each in rendered(settings)])
    file = STACKS_OF_TESTS[stack] if stack in STACKS_OF_TESTS else read(STACKS / f"Pulumi.{stack}.yaml")
    assert [
        str(each.wanted) for each in found if each.wanted.name and f'"{each.wanted.name}"' not in json.dumps(file)
    ] == []


@pytest.mark.parametrize(
    "kind", ["PriorityClass/high", "Secret/streaming/registry", "Secret/shop/registry", "StorageClass"]
)
@pytest.mark.parametrize("stack", ["embedded", "strimzi"])
def test_a_stack_needs_all_that_its_pods_name(stack: str, kind: str) -> None:
    settings = settings_of(stack)
    assert kind in {
        str(each.wanted) for each in needed(settings, [each.object.manifest for each in rendered(settings)])
    }


class TestTheApiServer:
    """Answers of a real one, as far as they matter here."""

    SHOP = ObjectId(api_version="v1", kind="Namespace", name="shop")

    def test_says_what_there_is(self, server: Server) -> None:
        api_server = ApiServer(str(server.kubeconfig), None)
        assert api_server.exists(self.SHOP) is False
        server.answers["/api/v1/namespaces/shop"] = (200, {"metadata": {"name": "shop"}})
        assert api_server.exists(self.SHOP) is True
        assert api_server.serves("v1", "Namespace") is True
        assert api_server.serves("keda.sh/v1alpha1", "ScaledObject") is False
        assert server.asked.count("/api/v1") == 1

    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_may_not_say_it(self, server: Server, status: int) -> None:
        server.answers["/api/v1/namespaces/shop"] = (status, {"message": "no"})
        server.answers["/api/v1/persistentvolumes?limit=500"] = (status, {"message": "no"})
        api_server = ApiServer(str(server.kubeconfig), None)
        assert api_server.exists(self.SHOP) is None
        assert api_server.classes_of_volumes() is None

    def test_knows_the_classes_of_volumes(self, server: Server) -> None:
        items = [{"spec": {"storageClassName": "fast"}}, {"spec": {}}]
        server.answers["/api/v1/persistentvolumes?limit=500"] = (200, {"metadata": {}, "items": items})
        assert ApiServer(str(server.kubeconfig), None).classes_of_volumes() == frozenset({"fast", ""})

    def test_refuses_a_stack_before_anything_is_made(self, server: Server) -> None:
        server.answers["/version"] = (200, {"major": "1", "minor": "34"})
        settings = parse(SHOP | {"kubernetes": {"kubeconfig": str(server.kubeconfig)}})
        refused: list[str] = []

        def program() -> None:
            try:
                Platform(settings, {}, deploys=True)
            except ValueError as error:
                refused.append(str(error))

        assert run(program) == {}
        assert "the namespace 'shop' does not exist" in refused[0]
