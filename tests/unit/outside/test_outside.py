"""Ways in that contradict what a Kubernetes cluster has: each is one line with the field, the value and the fix."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from kafka_platform.kube.marks import MARK
from kafka_platform.kube.object_id import ObjectId

from infra.outside.check import check_outside
from infra.outside.cluster import id_of
from infra.settings.parsing import parse
from tests.logins import Authority
from tests.unit.settings.test_rendered import POOLS

HEAD = "callers from outside could not come in as this stack declares it:\n"
OWNER = "organization/kafka-platform/prod"
API = "gateway.networking.k8s.io"
HOST = "data.example.com"
Object = dict[str, Any]


class Known:
    """A cluster that has these objects; `may` says whether anybody may look."""

    def __init__(self, *objects: Object, may: bool = True) -> None:
        self.objects = {id_of(each): each for each in objects}
        self.may = may

    def exists(self, wanted: ObjectId) -> bool | None:
        return (self.read(wanted) is not None) if self.may else None

    def read(self, wanted: ObjectId) -> Object | None:
        bare = id_of(
            {
                "apiVersion": wanted.api_version,
                "kind": wanted.kind,
                "metadata": {"name": wanted.name, "namespace": wanted.namespace},
            }
        )
        return self.objects.get(bare) if self.may else None

    def read_all(self, api_version: str, kind: str) -> Sequence[Object] | None:
        found = [each for each in self.objects.values() if (each["apiVersion"], each["kind"]) == (api_version, kind)]
        return found if self.may else None

    def metadata(self, api_version: str, kind: str) -> Mapping[str, Mapping[str, Any]] | None:
        found = self.read_all(api_version, kind)
        return None if found is None else {each["metadata"]["name"]: each["metadata"] for each in found}


def made(
    kind: str, name: str, namespace: str | None = "other", api: str = f"{API}/v1", about: Any = None, **content: Any
) -> Object:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **(about or {})},
        **content,
    }


def faults(declared: Mapping[str, Any], *objects: Object, may: bool = True) -> list[str]:
    told = ""
    try:
        check_outside(parse(declared), Known(*objects, may=may), lambda mark: mark == OWNER)
    except ValueError as error:
        told = str(error)
    assert told == "" or told.startswith(HEAD)
    return [each.strip() for each in told.removeprefix(HEAD).splitlines()]


def exposed(**expose: Any) -> dict[str, Any]:
    return {"gateway": {"expose": expose}}


INGRESS = exposed(ingressClass="nginx", host=HOST)
OWN = exposed(gatewayClass="envoy", host=HOST, certificate="data-tls")
ROUTE = exposed(gateway="infra/public", listener="https", host=HOST)
BALANCER = exposed(loadBalancer={"host": HOST})
SECURE = {"name": "https", "port": 443, "protocol": "HTTPS", "allowedRoutes": {"namespaces": {"from": "All"}}}
CLEAR = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}


def public(*listeners: Object, name: str = "public", of_class: str = "envoy", address: str = "192.0.2.1") -> Object:
    status = {"addresses": [{"value": address}]}
    return made(
        "Gateway", name, "infra", spec={"gatewayClassName": of_class, "listeners": list(listeners)}, status=status
    )


def http_route(
    name: str = "shop", about: Any = None, rules: Sequence[Any] = ({},), host: str = HOST, **parent: Any
) -> Object:
    parents = [{"name": "public", "namespace": "infra", **parent}]
    spec = {"hostnames": [host], "parentRefs": parents, "rules": list(rules)}
    return made("HTTPRoute", name, about=about, spec=spec)


def ingress(host: str = HOST, path: str = "/", of_class: str = "nginx", about: Any = None) -> Object:
    rules = [{"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix"}]}}]
    return made(
        "Ingress", "shop", api="networking.k8s.io/v1", about=about, spec={"ingressClassName": of_class, "rules": rules}
    )


def balancer(hosts: str, about: Any = None) -> Object:
    annotations = {"external-dns.alpha.kubernetes.io/hostname": hosts}
    return made(
        "Service", "shop", api="v1", about={"annotations": annotations, **(about or {})}, spec={"type": "LoadBalancer"}
    )


class TestHosts:
    """Hosts that are served already."""

    @pytest.mark.parametrize(
        ("declared", "others", "key", "by"),
        [
            (INGRESS, [ingress()], "gateway.expose.host", "Ingress/other/shop"),
            (ROUTE, [public(SECURE), http_route(sectionName="https")], "gateway.expose.host", "HTTPRoute/other/shop"),
            (ROUTE, [public(SECURE), http_route()], "gateway.expose.host", "HTTPRoute/other/shop"),
            (BALANCER, [balancer(f"a.example.com,{HOST}")], "gateway.expose.loadBalancer.host", "Service/other/shop"),
        ],
        ids=["ingress", "listener", "every listener", "load balancer"],
    )
    def test_one_that_another_stack_serves_is_refused(
        self, declared: dict[str, Any], others: list[Object], key: str, by: str
    ) -> None:
        assert faults(declared, *others) == [
            f"{key}: '{HOST}' is served by {by} already, and callers reach one of them: use another name, or remove it there first"
        ]

    @pytest.mark.parametrize(
        ("declared", "others"),
        [
            (INGRESS, [ingress("shop.example.com")]),
            (INGRESS, [ingress(path="/shop")]),
            (INGRESS, [ingress(of_class="internal")]),
            (INGRESS, [ingress(about={"annotations": {MARK: OWNER}})]),
            (ROUTE, [public(SECURE, CLEAR), http_route(sectionName="http")]),
            (ROUTE, [public(SECURE), http_route(rules=[{"matches": [{"path": {"value": "/shop"}}]}])]),
            (ROUTE, [public(SECURE), http_route(rules=[{"matches": [{"method": "GET"}]}])]),
            (
                ROUTE,
                [public(SECURE), public(SECURE, name="inside", address="192.0.2.2"), http_route(name="x", host="x.y")],
            ),
            (OWN, [public(SECURE), http_route()]),
            (BALANCER, [ingress()]),
        ],
        ids=["host", "path", "class", "own", "redirect", "route's path", "method", "gateway", "address", "kind"],
    )
    def test_what_takes_nothing_away_may_stay(self, declared: dict[str, Any], others: list[Object]) -> None:
        assert faults(declared, *others) == []

    def test_gateways_of_a_class_may_share_an_address(self) -> None:
        """Traefik does so, and whatever is seen to."""
        mine = exposed(gatewayClass="envoy", host=HOST, certificate="data-tls")
        other = public(SECURE)
        assert faults(mine, other, http_route()) == []
        assert len(faults(mine, other, public(SECURE, name="second"), http_route())) == 1
        traefik = made("GatewayClass", "envoy", None, spec={"controllerName": "traefik.io/gateway-controller"})
        assert len(faults(mine, other, traefik, http_route())) == 1

    def test_brokers_are_told_apart_by_their_names(self) -> None:
        external = {"expose": "tlsRoute", "host": "b-{nodeId}.example.com", "gateway": "infra/public"}
        passing = {**SECURE, "protocol": "TLS", "tls": {"mode": "Passthrough"}}
        route = made(
            "TLSRoute",
            "theirs",
            spec={"hostnames": ["b-1.example.com"], "parentRefs": [{"name": "public", "namespace": "infra"}]},
        )
        for engine in ({"engine": "embedded", "nodes": 3}, {"engine": "strimzi", "pools": POOLS}):
            listeners = {"external": external} | ({"certificate": "brokers"} if engine["engine"] == "embedded" else {})
            [line] = faults({"kafka": {**engine, "listeners": listeners}}, public(passing), route)
            assert line.startswith(
                "kafka.listeners.external.host: 'b-1.example.com' is served by TLSRoute/other/theirs"
            )

    def test_what_strimzi_made_for_this_kafka_is_its_own(self) -> None:
        external = {"expose": "loadBalancer", "host": "b-{nodeId}.example.com"}
        declared = {"kafka": {"engine": "strimzi", "pools": POOLS, "listeners": {"external": external}}}
        theirs = balancer("b-0.example.com")
        assert len(faults(declared, theirs)) == 1
        ours = balancer("b-0.example.com", {"namespace": "streaming", "labels": {"strimzi.io/cluster": "kafka"}})
        assert faults(declared, ours) == []


class TestGateways:
    """Existing Gateways."""

    @pytest.mark.parametrize(
        ("listener", "line"),
        [
            (
                {"name": "web"},
                "gateway.expose.listener: Gateway/infra/public has no listener 'https': use web",
            ),
            (
                {"protocol": "HTTP"},
                "gateway.expose.listener: the listener 'https' of Gateway/infra/public has the protocol HTTP, so passwords would "
                "pass in the clear: name one with HTTPS",
            ),
            (
                {"hostname": "*.example.org"},
                "gateway.expose.listener: the listener 'https' of Gateway/infra/public is for '*.example.org', not for "
                "'data.example.com': correct the host, or name another listener",
            ),
            (
                {"allowedRoutes": {}},
                "gateway.expose.listener: the listener 'https' of Gateway/infra/public takes no routes of the namespace "
                "'streaming': let it in by its allowedRoutes.namespaces, or name another one",
            ),
            (
                {"allowedRoutes": {"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]}},
                "gateway.expose.listener: the listener 'https' of Gateway/infra/public takes only GRPCRoute, not HTTPRoute: add it "
                "to its allowedRoutes.kinds, or name another one",
            ),
        ],
        ids=["name", "clear", "host", "namespace", "kind"],
    )
    def test_a_listener_that_would_not_serve_the_host(self, listener: Object, line: str) -> None:
        assert faults(ROUTE, public({**SECURE, **listener})) == [line]

    @pytest.mark.parametrize("hostname", ["*.example.com", "*.com", HOST, None])
    def test_a_listener_that_serves_it(self, hostname: str | None) -> None:
        assert faults(ROUTE, public({**SECURE, "hostname": hostname})) == []

    @pytest.mark.parametrize(("label", "fits"), [("streaming", True), ("other", False)])
    def test_a_listener_that_selects_namespaces(self, label: str, fits: bool) -> None:
        namespace = made("Namespace", "streaming", None, api="v1")
        selector = {"matchLabels": {"kubernetes.io/metadata.name": label}}
        listener = {**SECURE, "allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector}}}
        assert (faults(ROUTE, public(listener), namespace) == []) is fits

    def test_a_gateway_that_is_not_there(self) -> None:
        assert faults(ROUTE) == [
            "gateway.expose.gateway: Gateway/infra/public does not exist: make it, or correct its name"
        ]
        assert faults(exposed(gateway="public", listener="https", host=HOST)) == [], (
            "the namespace comes with the stack"
        )

    @pytest.mark.parametrize("engine", ["embedded", "strimzi"])
    def test_a_gateway_that_does_not_pass_tls_through(self, engine: str) -> None:
        external = {"expose": "tlsRoute", "host": "b-{nodeId}.example.com", "gateway": "infra/public"}
        kafka = {"engine": engine, "listeners": {"external": external}}
        more = {"pools": POOLS} if engine == "strimzi" else {"nodes": 3}
        if engine == "embedded":
            kafka["listeners"] = {"certificate": "brokers", "external": external}
        assert faults({"kafka": {**kafka, **more}}, public(SECURE)) == [
            "kafka.listeners.external.gateway: the listener 'https' of Gateway/infra/public does not pass TLS through: name a "
            "Gateway with a listener of the protocol TLS and the mode Passthrough"
        ]
        [line] = faults({"kafka": {**kafka, **more}}, public(SECURE, CLEAR))
        assert line.startswith("kafka.listeners.external.gateway: Gateway/infra/public has no listener that passes TLS")

    def test_one_that_should_pass_tls_through_to_the_gateway(self) -> None:
        tls = {"certificate": "pods", "clientAuthority": "callers"}
        expose = {"gateway": "infra/public", "listener": "https", "host": HOST, "passthrough": True}
        declared = {"gateway": {"tls": tls, "expose": expose}}
        [line] = faults(declared, public(SECURE))
        assert line.startswith(
            "gateway.expose.listener: the listener 'https' of Gateway/infra/public does not pass TLS through"
        )
        passing = {**SECURE, "protocol": "TLS", "tls": {"mode": "Passthrough"}}
        assert faults(declared, public(passing)) == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def secret(name: str, certificate: Path, namespace: str = "streaming") -> Object:
    data = {"tls.crt": base64.b64encode(certificate.read_bytes()).decode()}
    return made("Secret", name, namespace, api="v1", data=data)


class TestCertificates:
    """Certificates that clients would refuse."""

    @pytest.mark.parametrize(
        ("names", "told"),
        [
            ("DNS:data.example.com", None),
            ("DNS:*.example.com,DNS:a.b", None),
            ("DNS:DATA.example.com", None),
            ("DNS:example.com,DNS:a.b", "is valid for a.b, example.com, not for data.example.com"),
            ("DNS:*.com", "is valid for *.com, not for data.example.com"),
            ("", "names no host, so not data.example.com"),
        ],
    )
    def test_one_that_has_to_cover_the_host(self, authority: Authority, names: str, told: str | None) -> None:
        certificate, _ = authority.issue("web", f"/CN={HOST}", names)
        wanted = f"gateway.expose.certificate: the certificate in Secret/streaming/data-tls {told}: issue it for that name too, or name another"
        for declared in (OWN, exposed(ingressClass="nginx", host=HOST, certificate="data-tls")):
            assert faults(declared, secret("data-tls", certificate)) == ([] if told is None else [wanted])

    def test_one_that_has_ended(self, authority: Authority) -> None:
        certificate, _ = authority.issue("old", f"/CN={HOST}", f"DNS:{HOST}", days=-1)
        [line] = faults(OWN, secret("data-tls", certificate))
        assert line.startswith("gateway.expose.certificate: the certificate in Secret/streaming/data-tls ended on 2")

    def test_what_is_none(self, tmp_path: Path) -> None:
        nothing = tmp_path / "tls.crt"
        for text in ("none", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            nothing.write_text(text)
            assert faults(OWN, secret("data-tls", nothing)) == [
                "gateway.expose.certificate: the tls.crt of Secret/streaming/data-tls is no certificate in PEM: put one into it"
            ]
        assert faults(OWN, made("Secret", "data-tls", "streaming", api="v1")) == [
            "gateway.expose.certificate: Secret/streaming/data-tls has no tls.crt: name a Secret of the type kubernetes.io/tls"
        ]

    def test_its_names_move_no_cursor(self, authority: Authority) -> None:
        certificate, _ = authority.issue("sly", "/CN=a", "DNS:\x1b[2Jok.example.com")
        [line] = faults(OWN, secret("data-tls", certificate))
        assert "\x1b" not in line
        assert "\\x1b[2jok.example.com" in line

    def test_one_that_cert_manager_issues(self, authority: Authority) -> None:
        """What it is to be counts, not what it still is; and it makes what an annotation asks for."""
        old, _ = authority.issue("before", "/CN=a", "DNS:before.example.com")
        there = secret("data-tls", old)
        issued = made(
            "Certificate",
            "data",
            "streaming",
            api="cert-manager.io/v1",
            spec={"secretName": "data-tls", "dnsNames": [HOST]},
        )
        assert len(faults(OWN, there)) == 1
        assert faults(OWN, there, issued) == []
        issued["spec"]["dnsNames"] = ["b.example.com"]
        assert faults(OWN, issued) == [
            "gateway.expose.certificate: the Certificate streaming/data is valid for b.example.com, not for data.example.com: add it to "
            "its dnsNames, or name another"
        ]
        annotations = {"cert-manager.io/issuer": "acme"}
        assert (
            faults(exposed(ingressClass="nginx", host=HOST, certificate="data-tls", annotations=annotations), there)
            == []
        )

    def test_that_of_an_existing_gateway(self, authority: Authority) -> None:
        certificate, _ = authority.issue("public", "/CN=a", "DNS:*.example.org")
        listener = {**SECURE, "tls": {"certificateRefs": [{"name": "wild"}]}}
        [line] = faults(ROUTE, public(listener), secret("wild", certificate, "infra"))
        assert line.startswith(
            "gateway.expose.listener: the certificate in Secret/infra/wild is valid for *.example.org"
        )

    def test_those_of_pods_and_brokers(self, authority: Authority) -> None:
        inside = "DNS:kafka.streaming.svc,DNS:*.kafka-nodes.streaming.svc"
        external = {"expose": "loadBalancer", "host": "b-{nodeId}.example.com"}
        declared = {
            "kafka": {"engine": "embedded", "nodes": 3, "listeners": {"certificate": "brokers", "external": external}},
            "gateway": {"tls": {"certificate": "pods"}, "expose": {"loadBalancer": {"host": HOST}}},
        }
        pods, _ = authority.issue("pods", "/CN=a", f"DNS:{HOST}")
        brokers, _ = authority.issue("brokers", "/CN=a", f"{inside},DNS:*.example.com")
        assert faults(declared, secret("pods", pods), secret("brokers", brokers)) == []
        few, _ = authority.issue("few", "/CN=a", f"{inside},DNS:b-0.example.com,DNS:b-1.example.com")
        told = faults(declared, secret("pods", few), secret("brokers", few))
        assert [(line.split(":")[0], line.split("not for ")[1].split(":")[0]) for line in told] == [
            ("gateway.tls.certificate", HOST),
            ("kafka.listeners.certificate", "b-2.example.com"),
        ]

    def test_a_gateway_without_a_host_is_called_by_its_service(self, authority: Authority) -> None:
        declared = {"gateway": {"tls": {"certificate": "pods"}}}
        inside, _ = authority.issue("inside", "/CN=a", "DNS:gateway.streaming.svc")
        assert faults(declared, secret("pods", inside)) == []
        public, _ = authority.issue("public", "/CN=a", f"DNS:{HOST}")
        [line] = faults(declared, secret("pods", public))
        assert line.startswith("gateway.tls.certificate: the certificate in Secret/streaming/pods is valid for ")
        assert "not for gateway.streaming.svc" in line

    def test_an_address_counts_as_one(self, authority: Authority) -> None:
        inside = "DNS:kafka.streaming.svc,DNS:*.kafka-nodes.streaming.svc"
        external = {"expose": "nodePort", "host": "192.0.2.7", "port": 30092}
        kafka = {"engine": "embedded", "nodes": 1, "listeners": {"certificate": "brokers", "external": external}}
        right, _ = authority.issue("right", "/CN=a", f"{inside},IP:192.0.2.7")
        assert faults({"kafka": kafka}, secret("brokers", right)) == []
        wrong, _ = authority.issue("wrong", "/CN=a", f"{inside},IP:192.0.2.8")
        assert len(faults({"kafka": kafka}, secret("brokers", wrong))) == 1

    def test_strimzis_certificate_for_clients_outside(self, authority: Authority) -> None:
        external = {"expose": "loadBalancer", "host": "b-{nodeId}.example.com", "certificate": "public"}
        declared = {"kafka": {"engine": "strimzi", "pools": POOLS, "listeners": {"external": external}}}
        right, _ = authority.issue("s", "/CN=a", "DNS:b-3.example.com,DNS:b-bootstrap.example.com")
        assert faults(declared, secret("public", right)) == []
        wrong, _ = authority.issue("t", "/CN=a", "DNS:b-3.example.com")
        [line] = faults(declared, secret("public", wrong))
        assert line.endswith("not for b-bootstrap.example.com: issue it for that name too, or name another")


def test_who_may_not_look_is_not_refused() -> None:
    for declared in (ROUTE, INGRESS, BALANCER, OWN):
        assert faults(declared, ingress(), balancer(HOST), http_route(), may=False) == []


def test_a_stack_without_ways_in_asks_for_nothing() -> None:
    assert faults({}, ingress()) == []
