"""HttpGateway: what it renders, the graph that it makes, what it refuses."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pulumi
import pytest
from kafka_platform import (
    Exposure,
    GatewayApiExposure,
    HttpGateway,
    HttpGatewayArgs,
    HttpGatewayLimits,
    HttpGatewayPods,
    HttpGatewayResources,
    HttpGatewayTls,
    IngressExposure,
    KafkaConnection,
    LoadBalancerExposure,
    NodePortExposure,
)
from kafka_platform.gateway.controllers import BEHAVIOURS, IngressController, annotations_of, controller_of
from kafka_platform.gateway.objects import (
    autoscaler,
    config_map,
    gateway_json,
    network_policy,
    objects,
    pod_disruption_budget,
    pods_service,
    service,
    stateful_set,
)
from kafka_platform.gateway.settings import GatewaySettings
from kafka_platform.gateway.spec import GatewaySpec, memory_needed
from kafka_platform.gateway.ways_in import (
    gateway,
    http_route,
    ingress,
    load_balancer_service,
    node_port_service,
    tls_route,
)
from kafka_platform.kube.balancers import TrafficPolicy
from kafka_platform.kube.manifests import allowed_port, text_hash
from kafka_platform.kube.objects import Wait
from kafka_platform.kube.routes import RouteVersion
from kafka_platform.values.units import quantity
from kafka_platform_runtime.gateway import settings as program

from tests.specs import taken
from tests.unit.components.graph import Registered, run, value

CONNECTION = KafkaConnection(
    cluster="events",
    namespace="streaming",
    bootstrap_servers="events.streaming.svc:9092",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
)
TLS = HttpGatewayTls(certificate="data-tls", client_authority="callers")
OWN = {
    "app.kubernetes.io/name": "kafka",
    "app.kubernetes.io/instance": "data",
    "app.kubernetes.io/component": "gateway",
}


def settings(**changes: Any) -> GatewaySettings:
    given: dict[str, Any] = {
        "name": "data",
        "namespace": "streaming",
        "connection": CONNECTION,
        "image": "runtime:1",
    }
    return GatewaySettings(spec=taken(GatewaySpec, changes), **(given | changes))


def pod(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = stateful_set(settings(**changes), "hash")["spec"]["template"]["spec"]
    return spec


def container(**changes: Any) -> dict[str, Any]:
    only: dict[str, Any]
    [only] = pod(**changes)["containers"]
    return only


class TestPods:
    def test_a_fixed_number(self) -> None:
        spec = stateful_set(settings(pods=HttpGatewayPods(min=3)), "hash")["spec"]
        assert spec["replicas"] == 3
        assert spec["podManagementPolicy"] == "Parallel"
        assert spec["updateStrategy"] == {"type": "RollingUpdate"}
        assert stateful_set(settings(pods=HttpGatewayPods(min=3, max=3)), "hash")["spec"]["replicas"] == 3
        assert pod_disruption_budget(settings())["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": OWN}}

    def test_an_autoscaler_owns_the_number(self) -> None:
        scaled = settings(pods=HttpGatewayPods(min=2, max=20, requests_in_flight=100))
        # What it begins with; TestGraph shows that it is left alone afterwards.
        assert stateful_set(scaled, "hash")["spec"]["replicas"] == 2
        for each, forced in ((scaled, False), (settings(), True)):
            [pods] = [made for made in objects(each) if made.kind == "StatefulSet"]
            assert pods.forced is forced
        spec = autoscaler(scaled)["spec"]
        assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 20)
        assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "data"}
        assert spec["metrics"] == [
            {
                "resource": {"name": "cpu", "target": {"averageUtilization": 70, "type": "Utilization"}},
                "type": "Resource",
            },
            {
                "pods": {
                    "metric": {"name": "gateway_requests_in_flight"},
                    "target": {"averageValue": "100", "type": "AverageValue"},
                },
                "type": "Pods",
            },
        ]
        assert len(autoscaler(settings(pods=HttpGatewayPods(max=3)))["spec"]["metrics"]) == 1

    def test_they_have_no_rights(self) -> None:
        assert container()["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert pod()["securityContext"]["runAsUser"] == 1000
        assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod()["automountServiceAccountToken"] is False

    def test_they_run_the_program(self) -> None:
        assert container()["command"] == ["python3", "-m", "kafka_platform_runtime.gateway"]
        assert container()["env"] == [
            {"name": "GATEWAY_SETTINGS", "value": "/etc/kafka-platform/config/gateway.json"},
            {"name": "KAFKA_BOOTSTRAP_SERVERS", "value": "events.streaming.svc:9092"},
            {"name": "KAFKA_SECURITY_PROTOCOL", "value": "SASL_PLAINTEXT"},
            {"name": "KAFKA_SASL_MECHANISM", "value": "SCRAM-SHA-512"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ]

    def test_they_hold_no_credentials(self) -> None:
        assert "secretKeyRef" not in json.dumps(pod())
        assert [each["name"] for each in pod()["volumes"]] == ["config", "tmp"]

    def test_they_are_spread(self) -> None:
        keys = [each["topologyKey"] for each in pod()["topologySpreadConstraints"]]
        assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert len(pod(spread="kubernetes.io/hostname")["topologySpreadConstraints"]) == 1

    @pytest.mark.parametrize(
        ("changes", "seconds"), [({}, 45), ({"timeout": "1m", "drain": "0s"}, 70), ({"drain": "500ms"}, 41)]
    )
    def test_they_have_the_time_to_finish(self, changes: dict[str, str], seconds: int) -> None:
        assert pod(limits=HttpGatewayLimits(**changes))["terminationGracePeriodSeconds"] == seconds  # type: ignore[arg-type]

    def test_a_changed_setting_rolls_them(self) -> None:
        before, after = (text_hash(gateway_json(settings(bearer=bearer), "streaming")) for bearer in (False, True))
        assert before != after
        template = stateful_set(settings(), before)["spec"]["template"]
        assert template["metadata"]["annotations"] == {"kafka-platform/config": before}

    def test_probes(self) -> None:
        plain = container()
        assert plain["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 8080}
        assert (
            plain["livenessProbe"]["httpGet"] == plain["startupProbe"]["httpGet"] == {"path": "/healthz", "port": 8080}
        )
        secured = container(tls=HttpGatewayTls(certificate="data-tls"))
        assert secured["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 8080, "scheme": "HTTPS"}

    def test_probes_need_no_certificate_of_a_caller(self) -> None:
        assert container(tls=TLS)["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 9404}

    def test_resources(self) -> None:
        assert container()["resources"] == {
            "limits": {"memory": "1Gi"},
            "requests": {"cpu": "500m", "memory": "1Gi"},
        }
        assert container(resources=HttpGatewayResources(cpu_limit="2"))["resources"]["limits"]["cpu"] == "2"


class TestFiles:
    def test_the_program_takes_its_settings(self) -> None:
        text = gateway_json(settings(), "streaming")
        read = msgspec.json.decode(text, type=program.Settings)
        assert read == program.Settings(peers="data-pods.streaming.svc")
        assert list(config_map(settings(), text)["data"]) == ["gateway.json"]

    def test_the_program_takes_every_setting(self) -> None:
        limits = HttpGatewayLimits(body="2Mi", records=5, bodies="64Mi", callers=7, heartbeat="1500ms", drain="0s")
        proxies = ["10.42.0.0/16", "fd00::/8"]
        full = settings(
            tls=TLS, anonymous="web", bearer=True, recheck="2m", cors=["*"], limits=limits, trusted_proxies=proxies
        )
        read = msgspec.json.decode(gateway_json(full, "streaming"), type=program.Settings)
        assert read.tls == program.Tls(
            certificate="/etc/kafka-platform/tls/tls.crt",
            key="/etc/kafka-platform/tls/tls.key",
            client_authority="/etc/kafka-platform/client-authority/ca.crt",
        )
        assert read.anonymous == program.Anonymous(
            username="web", password_file="/etc/kafka-platform/anonymous/password"
        )
        assert (read.bearer, read.recheck_seconds, read.cors) == (True, 120, ("*",))
        assert read.trusted_proxies == ("10.42.0.0/16", "fd00::/8")
        assert read.limits == program.Limits(
            body_bytes=2 * 2**20, records=5, bytes=64 * 2**20, callers=7, heartbeat_seconds=1.5, drain_seconds=0
        )

    def test_users_who_are_known_by_their_certificates(self) -> None:
        tls = HttpGatewayTls(
            certificate="t",
            client_authority="c",
            users=["till", "A b"],
            user_secrets={"A b": "ab", "till": "till-login"},
        )
        full = settings(tls=tls)
        read = msgspec.json.decode(gateway_json(full, "streaming"), type=program.Settings)
        assert read.tls is not None
        folder = "/etc/kafka-platform/users"
        assert sorted(read.tls.users) == ["A b", "till"]
        assert read.tls.users["till"] == f"{folder}/till"
        pod = stateful_set(full, "hash")["spec"]["template"]["spec"]
        [volume] = [each for each in pod["volumes"] if each["name"] == "users"]
        sources = {each["secret"]["name"]: each["secret"]["items"] for each in volume["projected"]["sources"]}
        assert sources["till-login"] == [{"key": "password", "path": "till"}]
        [item] = sources["ab"]
        assert read.tls.users["A b"] == f"{folder}/{item['path']}"
        [mount] = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "users"]
        assert mount == {"mountPath": folder, "name": "users", "readOnly": True}

    def test_every_file_that_is_named_is_mounted(self) -> None:
        from dataclasses import replace

        changes: dict[str, Any] = {
            "tls": TLS,
            "anonymous": "web",
            "connection": replace(CONNECTION, ca_secret="kafka-tls"),
        }
        text = gateway_json(settings(**changes), "streaming") + json.dumps(container(**changes)["env"])
        mounted = {each["mountPath"]: each["name"] for each in container(**changes)["volumeMounts"]}
        volumes = {each["name"]: each for each in pod(**changes)["volumes"]}
        assert mounted.pop("/tmp") == "tmp"
        files = {
            "/etc/kafka-platform/config/gateway.json": "data-config",
            "/etc/kafka-platform/tls/tls.crt": "data-tls",
            "/etc/kafka-platform/tls/tls.key": "data-tls",
            "/etc/kafka-platform/client-authority/ca.crt": "callers",
            "/etc/kafka-platform/anonymous/password": "web-kafka",
            "/etc/kafka-platform/ca/ca.crt": "kafka-tls",
        }
        for file, source in files.items():
            assert file in text
            folder, _, key = file.rpartition("/")
            volume = volumes[mounted[folder]]
            if source == "data-config":
                assert volume["configMap"] == {"name": source}
            else:
                assert volume["secret"]["secretName"] == source
                assert {"key": key, "path": key} in volume["secret"]["items"]
        assert set(mounted) == {file.rpartition("/")[0] for file in files}


class TestNetwork:
    def test_services(self) -> None:
        assert service(settings())["spec"]["ports"] == [
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
        ]
        assert service(settings(tls=TLS))["spec"]["ports"][0]["port"] == 443
        headless = pods_service(settings())["spec"]
        assert headless["clusterIP"] == "None"
        assert headless["publishNotReadyAddresses"] is True
        assert stateful_set(settings(), "hash")["spec"]["serviceName"] == pods_service(settings())["metadata"]["name"]

    def test_everybody_may_call_unless_told(self) -> None:
        everybody, metrics = network_policy(settings(), [])["spec"]["ingress"]
        assert everybody == {"ports": [{"port": 8080, "protocol": "TCP"}]}
        assert metrics == {"from": [{"namespaceSelector": {}}], "ports": [{"port": 9404, "protocol": "TCP"}]}
        some, _ = network_policy(settings(client_namespaces=["web", "shop"]), [])["spec"]["ingress"]
        names = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop", "web"]}
        assert some["from"] == [{"podSelector": {}}, {"namespaceSelector": {"matchExpressions": [names]}}]
        _, metrics = network_policy(settings(metrics_namespaces=["monitoring"]), [])["spec"]["ingress"]
        assert "monitoring" in str(metrics["from"])

    def test_it_reaches_kafka_names_and_its_peers(self) -> None:
        ports = [allowed_port(9092)]
        names, resolvers, kafka, peers = network_policy(settings(), ports)["spec"]["egress"]
        assert names == {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
        assert resolvers.keys() == {"to"}, "a resolver's pod may listen at any port"
        assert [each["namespaceSelector"]["matchLabels"] for each in resolvers["to"]] == [
            {"kubernetes.io/metadata.name": "kube-system"},
            {"kubernetes.io/metadata.name": "openshift-dns"},
        ]
        assert kafka == {"ports": ports}
        assert peers == {"ports": [{"port": 8080, "protocol": "TCP"}], "to": [{"podSelector": {"matchLabels": OWN}}]}


class TestExposure:
    def test_a_node_port(self) -> None:
        spec = node_port_service(settings(), NodePortExposure(port=30080))["spec"]
        assert spec["type"] == "NodePort"
        assert spec["ports"] == [{"name": "http", "nodePort": 30080, "port": 80, "protocol": "TCP", "targetPort": 8080}]

    def test_a_load_balancer(self) -> None:
        exposure = LoadBalancerExposure(host="data.example.com", source_ranges=["10.0.0.0/8"], annotations={"a": "b"})
        manifest = load_balancer_service(settings(tls=TLS), exposure)
        assert manifest["metadata"]["annotations"] == {
            "a": "b",
            "external-dns.alpha.kubernetes.io/hostname": "data.example.com",
        }
        assert manifest["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
        assert manifest["spec"]["ports"][0]["port"] == 443
        plain = load_balancer_service(settings(), LoadBalancerExposure())
        assert "annotations" not in plain["metadata"]
        assert not {"loadBalancerSourceRanges", "externalTrafficPolicy"} & plain["spec"].keys()

    def test_a_load_balancer_that_shows_callers_addresses(self) -> None:
        exposure = LoadBalancerExposure(external_traffic_policy=TrafficPolicy.LOCAL)
        assert load_balancer_service(settings(), exposure)["spec"]["externalTrafficPolicy"] == "Local"

    def test_a_gateway_of_its_own_may_have_the_port_of_its_controllers_pods(self) -> None:
        exposure = GatewayApiExposure(host="a.b", gateway_class="traefik", certificate="data-tls", port=8443)
        [listener] = gateway(settings(), exposure)["spec"]["listeners"]
        assert (listener["port"], listener["protocol"]) == (8443, "HTTPS")

    def test_a_gateway_of_its_own(self) -> None:
        exposure = GatewayApiExposure(host="data.example.com", gateway_class="envoy", certificate="data-tls")
        own = gateway(settings(), exposure)
        [made] = [each for each in objects(settings(expose=Exposure(gateway_api=exposure))) if each.kind == "Gateway"]
        assert made.wait == Wait(condition="Programmed")
        [listener] = own["spec"]["listeners"]
        assert (listener["hostname"], listener["port"]) == ("data.example.com", 443)
        assert listener["tls"]["certificateRefs"] == [{"group": "", "kind": "Secret", "name": "data-tls"}]
        route = http_route(settings(), exposure)["spec"]
        assert route["hostnames"] == ["data.example.com"]
        assert route["parentRefs"] == [
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": own["metadata"]["name"]}
        ]
        [rule] = route["rules"]
        assert rule["backendRefs"][0] | {"name": "data", "port": 80} == rule["backendRefs"][0]
        assert rule["timeouts"] == {"request": "0s"}

    def test_a_gateway_that_is_there(self) -> None:
        exposure = GatewayApiExposure(host="data.example.com", gateway="infra/public", listener="https")
        [parent] = http_route(settings(), exposure)["spec"]["parentRefs"]
        assert (parent["namespace"], parent["name"], parent["sectionName"]) == ("infra", "public", "https")
        [parent] = http_route(settings(), GatewayApiExposure(host="a.b", gateway="public", listener="https"))["spec"][
            "parentRefs"
        ]
        assert "namespace" not in parent

    def test_a_gateway_that_passes_tls_through(self) -> None:
        way = GatewayApiExposure(host="data.example.com", gateway_class="envoy", passthrough=True)
        expose = Exposure(gateway_api=way)
        found = {each.kind: each for each in objects(settings(tls=TLS, expose=expose))}
        assert "HTTPRoute" not in found
        [listener] = found["Gateway"].manifest["spec"]["listeners"]
        assert (listener["protocol"], listener["tls"]) == ("TLS", {"mode": "Passthrough"})
        route = found["TLSRoute"].manifest
        assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
        assert route["spec"]["hostnames"] == ["data.example.com"]
        [backend] = route["spec"]["rules"][0]["backendRefs"]
        assert (backend["name"], backend["port"]) == ("data", 443)
        older = GatewayApiExposure(
            host="a.b", gateway="infra/public", listener="tls", passthrough=True, route_version=RouteVersion.V1ALPHA2
        )
        route = tls_route(settings(tls=TLS), older)
        assert route["apiVersion"] == "gateway.networking.k8s.io/v1alpha2"
        assert route["spec"]["parentRefs"] == [
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": "public",
                "namespace": "infra",
                "sectionName": "tls",
            }
        ]

    def test_an_ingress(self) -> None:
        exposure = IngressExposure(host="data.example.com", ingress_class="nginx", certificate="data-tls")
        spec = ingress(settings(), exposure)["spec"]
        assert spec["ingressClassName"] == "nginx"
        assert spec["tls"] == [{"hosts": ["data.example.com"], "secretName": "data-tls"}]
        [path] = spec["rules"][0]["http"]["paths"]
        assert path["backend"] == {"service": {"name": "data", "port": {"number": 80}}}
        default = ingress(settings(), IngressExposure(host="data.example.com", ingress_class="nginx"))
        assert default["spec"]["tls"] == [{"hosts": ["data.example.com"]}]


class TestIngressController:
    """Passwords never pass in the clear, streams stay open, and bodies fit: each controller is told in its own words."""

    @pytest.mark.parametrize("controller", [each for each in IngressController if each is not IngressController.OTHER])
    def test_each_is_told_to_encrypt(self, controller: IngressController) -> None:
        told = annotations_of(controller, 2**20)
        encrypted = BEHAVIOURS[controller].encrypted
        assert encrypted.items() <= told.items()
        assert encrypted
        assert not any(BEHAVIOURS[controller].is_plain(value) for value in encrypted.values())

    @pytest.mark.parametrize(
        ("ingress_class", "controller"),
        [
            ("nginx", IngressController.NGINX),
            ("nginx-internal", IngressController.NGINX),
            ("traefik", IngressController.TRAEFIK),
            ("public-haproxy", IngressController.HAPROXY),
            ("alb", IngressController.ALB),
            ("gce-internal", IngressController.GCE),
            ("azure-application-gateway", IngressController.AZURE),
            ("webapprouting.kubernetes.azure.com", IngressController.NGINX),
            ("openshift-default", IngressController.OPENSHIFT),
            ("other", None),
            ("public", None),
            ("nginxlike", None),
            ("nginx-traefik", None),
        ],
    )
    def test_classes_are_known_by_their_names(self, ingress_class: str, controller: IngressController | None) -> None:
        assert controller_of(ingress_class) is controller

    def test_what_is_said_wins_over_the_name(self) -> None:
        exposure = IngressExposure(host="a.b", ingress_class="nginx", controller=IngressController.TRAEFIK)
        assert exposure.served_by is IngressController.TRAEFIK

    def test_an_ingress_of_traefik_is_not_served_on_port_80(self) -> None:
        found = ingress(settings(), IngressExposure(host="a.b", ingress_class="traefik", annotations={"mine": "1"}))
        assert found["metadata"]["annotations"] == {
            "mine": "1",
            "traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
            "traefik.ingress.kubernetes.io/router.tls": "true",
        }

    def test_bodies_of_the_gateway_fit(self) -> None:
        exposure = IngressExposure(host="a.b", ingress_class="nginx")
        large = settings(limits=HttpGatewayLimits(body="4Mi", bodies="64Mi"))
        found = ingress(large, exposure)["metadata"]["annotations"]
        assert found["nginx.ingress.kubernetes.io/proxy-body-size"] == str(4 * 2**20)
        assert found["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"

    def test_yours_win_as_long_as_they_encrypt(self) -> None:
        mine = {
            "traefik.ingress.kubernetes.io/router.entrypoints": "public-tls",
            "nginx.ingress.kubernetes.io/proxy-read-timeout": "60",
        }
        found = ingress(settings(), IngressExposure(host="a.b", ingress_class="traefik", annotations=mine))
        assert mine.items() <= found["metadata"]["annotations"].items()

    @pytest.mark.parametrize(
        ("ingress_class", "key", "value"),
        [
            ("nginx", "nginx.ingress.kubernetes.io/force-ssl-redirect", "False"),
            ("traefik", "traefik.ingress.kubernetes.io/router.entrypoints", "websecure, web"),
            ("traefik", "traefik.ingress.kubernetes.io/router.tls", "false"),
            ("haproxy", "haproxy.org/ssl-redirect", "false"),
            ("alb", "alb.ingress.kubernetes.io/listen-ports", '[{"HTTP":80},{"HTTPS":443}]'),
            ("gce", "kubernetes.io/ingress.allow-http", "true"),
            ("azure", "appgw.ingress.kubernetes.io/ssl-redirect", "false"),
            ("kong", "konghq.com/protocols", "http,https"),
            ("contour", "kubernetes.io/ingress.allow-http", "true"),
        ],
    )
    def test_an_annotation_that_lets_passwords_pass_in_the_clear_is_refused(
        self, ingress_class: str, key: str, value: str
    ) -> None:
        with pytest.raises(ValueError, match=r"^annotations: .* lets passwords pass in the clear: remove it"):
            IngressExposure(host="a.b", ingress_class=ingress_class, annotations={key: value})

    def test_another_controller_is_your_own_word(self) -> None:
        other = IngressExposure(host="a.b", ingress_class="acme", controller=IngressController.OTHER)
        assert ingress(settings(), other)["metadata"].get("annotations", {}) == {}
        with pytest.raises(ValueError, match=r"^controller: missing, the class 'acme' does not say"):
            IngressExposure(host="a.b", ingress_class="acme")
        with pytest.raises(
            ValueError, match=r"^controller: missing, a class that is known only while deploying does not"
        ):
            IngressExposure(host="a.b", ingress_class=pulumi.Output.from_input("nginx"))


def make(expose: Exposure | None = None, **changes: Any) -> tuple[dict[str, Registered], HttpGateway]:
    made: list[HttpGateway] = []
    args = HttpGatewayArgs(connection=CONNECTION, expose=expose or Exposure(), **changes)
    found = run(lambda: made.append(HttpGateway("data", args)))
    return found, made[0]


CHILDREN = [
    "ConfigMap data-config",
    "HttpGateway data",
    "NetworkPolicy data-network",
    "PodDisruptionBudget data-disruption",
    "Service data-pods",
    "Service data-service",
    "StatefulSet data-pods",
]


class TestGraph:
    def test_children(self) -> None:
        found, made = make()
        assert sorted(found) == CHILDREN
        assert all("kafka-platform:index:HttpGateway$" in each.urn for each in found.values() if each.name != "data")
        assert value(made.url) == "http://data.streaming.svc"
        assert value(made.service) == "data"
        assert value(made.namespace) == "streaming"
        file = found["ConfigMap data-config"].inputs["data"]["gateway.json"]
        template = found["StatefulSet data-pods"].inputs["spec"]["template"]
        assert template["metadata"]["annotations"]["kafka-platform/config"] == text_hash(file)
        egress = found["NetworkPolicy data-network"].inputs["spec"]["egress"]
        assert egress[2] == {"ports": [{"port": 9092, "protocol": "TCP"}]}

    def test_in_a_namespace_of_its_own(self) -> None:
        found, made = make(namespace="edge", tls=HttpGatewayTls(certificate="data-tls"))
        namespaces = {each.inputs["metadata"]["namespace"] for each in found.values() if "metadata" in each.inputs}
        assert namespaces == {"edge"}
        assert value(made.url) == "https://data.edge.svc"
        assert '"data-pods.edge.svc"' in found["ConfigMap data-config"].inputs["data"]["gateway.json"]

    @pytest.mark.parametrize(
        ("expose", "more"),
        [
            (Exposure(node_port=NodePortExposure(port=30080)), ["Service data-external"]),
            (Exposure(load_balancer=LoadBalancerExposure()), ["Service data-external"]),
            (Exposure(ingress=IngressExposure(host="a.b", ingress_class="nginx")), ["Ingress data-ingress"]),
            (
                Exposure(gateway_api=GatewayApiExposure(host="a.b", gateway="x", listener="https")),
                ["HTTPRoute data-route"],
            ),
            (
                Exposure(gateway_api=GatewayApiExposure(host="a.b", gateway_class="x", certificate="y")),
                ["Gateway data-gateway", "HTTPRoute data-route"],
            ),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_the_way_in(self, expose: Exposure, more: list[str]) -> None:
        found, _ = make(expose)
        assert sorted(found) == sorted([*CHILDREN, *more])

    def test_scaling(self) -> None:
        found, _ = make(pods=HttpGatewayPods(min=2, max=20))
        assert sorted(found) == sorted([*CHILDREN, "HorizontalPodAutoscaler data-autoscaler"])
        assert found["StatefulSet data-pods"].ignored == ["spec.replicas"]
        assert make()[0]["StatefulSet data-pods"].ignored == []


def args(**changes: Any) -> HttpGatewayArgs:
    return HttpGatewayArgs(connection=CONNECTION, **changes)


MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: HttpGatewayPods(min=0), "min: 0 is out of range: use 1 to 200"),
    (lambda: HttpGatewayPods(min=3, max=2), "max: 2 is out of range: use 3 (min) to 200"),
    (lambda: HttpGatewayPods(max=4, cpu_percent=0), "cpu_percent: 0 is out of range: use 1 to 100"),
    (lambda: HttpGatewayPods(requests_in_flight=9), "requests_in_flight: the number of pods is fixed: write max too"),
    (lambda: HttpGatewayPods(max=3, requests_in_flight=0), "requests_in_flight: 0 is out of range: use 1 to 1000000"),
    (lambda: HttpGatewayResources(memory="64Mi"), "memory: 64Mi is too little for a gateway: use at least 256Mi"),
    (lambda: HttpGatewayResources(cpu="lots"), "cpu: 'lots' is not a Kubernetes quantity: write"),
    (lambda: HttpGatewayResources(cpu="2", cpu_limit="1"), "cpu_limit: 1 is less than cpu (2): raise it"),
    (lambda: HttpGatewayLimits(requests=0), "requests: 0 is out of range: use 1 to 1000000"),
    (lambda: HttpGatewayLimits(body="unlimited"), "body: 'unlimited' is not a size: write one such as 1Mi"),
    (lambda: HttpGatewayLimits(body="big"), "body: 'big' is not a size: write"),
    (lambda: HttpGatewayLimits(body="1Gi", bodies="128Mi"), "bodies: 128Mi is less than two bodies (1Gi each), and"),
    (lambda: HttpGatewayLimits(timeout="forever"), "timeout: 'forever' is not a time to wait: write a duration such"),
    (lambda: HttpGatewayLimits(heartbeat="0s"), "heartbeat: '0s' is not a time to wait: write a duration such as 15s"),
    (
        lambda: HttpGatewayLimits(streams=10, streams_per_caller=1000),
        "streams_per_caller: 1000 is more than all callers together have (10): use less",
    ),
    (lambda: HttpGatewayTls(certificate="Data TLS"), "certificate: 'Data TLS' is not a Kubernetes Secret name: use"),
    (
        lambda: HttpGatewayTls(certificate="a", users=["till"]),
        "users: certificates are not looked at without an authority: write",
    ),
    (
        lambda: HttpGatewayTls(certificate="a", client_authority="b", users=["a:b"]),
        "users: 'a:b' has a colon, which ends",
    ),
    (
        lambda: HttpGatewayTls(certificate="a", client_authority="b", users=["A"]),
        "user_secrets: missing, no Secret can be",
    ),
    (
        lambda: HttpGatewayTls(certificate="a", client_authority="b", users=["till"], user_secrets={"tlil": "x"}),
        "user_secrets: 'tlil' is not among users: did you mean 'till'?",
    ),
    (
        lambda: HttpGatewayTls(certificate="a", client_authority="b", users=[f"u{number}" for number in range(101)]),
        "users: 101 are too many: name up to 100",
    ),
    (
        lambda: GatewaySpec(tls=HttpGatewayTls(certificate="a", client_authority="b", users=["till"]), cors=["*"]),
        "cors: '*' lets the pages of all sites act as the user whose certificate a browser has (tls.users): name",
    ),
    (
        lambda: GatewayApiExposure(host="a.b", gateway_class="x", certificate="y", passthrough=True),
        "certificate: TLS passes through to the pods, which have their own in tls: remove it",
    ),
    (
        lambda: GatewayApiExposure(host="a.b", gateway_class="x", certificate="y", route_version=RouteVersion.V1),
        "route_version: only TLSRoutes have it: write passthrough true, or remove it",
    ),
    (
        lambda: GatewaySpec(
            expose=Exposure(gateway_api=GatewayApiExposure(host="a.b", gateway_class="x", passthrough=True))
        ),
        "tls: missing, the Gateway passes TLS through to the pods, which have to end it: write tls, or",
    ),
    (lambda: NodePortExposure(port=80), "port: 80 is out of range: use 30000 to 32767"),
    (lambda: LoadBalancerExposure(port=0), "port: 0 is out of range: use 1 to 65535"),
    (lambda: LoadBalancerExposure(source_ranges=["10.0.0.1/8"]), "source_ranges: '10.0.0.1/8' is not a network: write"),
    (lambda: GatewayApiExposure(host="a b", gateway="x"), "host: 'a b' is not a Kubernetes host name: use"),
    (lambda: GatewayApiExposure(host="a.b"), "gateway_class: missing: write one, or gateway"),
    (
        lambda: GatewayApiExposure(host="a.b", gateway="x", gateway_class="y"),
        "gateway_class: gateway is given too: keep one of them",
    ),
    (lambda: GatewayApiExposure(host="a.b", gateway_class="x"), "certificate: missing, passwords would pass in the"),
    (
        lambda: GatewayApiExposure(host="a.b", gateway="x", listener="https", certificate="y"),
        "certificate: the existing Gateway has its own: remove it",
    ),
    (
        lambda: GatewayApiExposure(host="a.b", gateway="x", listener="https", port=8443),
        "port: the existing Gateway has its own: remove it",
    ),
    (
        lambda: GatewayApiExposure(host="a.b", gateway_class="x", certificate="y", port=0),
        "port: 0 is out of range: use 1 to 65535",
    ),
    (
        lambda: GatewayApiExposure(host="a.b", gateway_class="x", certificate="y", listener="z"),
        "listener: a Gateway made here has only one: remove it, or name a gateway",
    ),
    (lambda: GatewayApiExposure(host="a.b", gateway="A/b"), "gateway: 'A' is not a Kubernetes namespace: use"),
    (lambda: IngressExposure(host="a.b", ingress_class="N"), "ingress_class: 'N' is not a Kubernetes IngressClass"),
    (
        lambda: Exposure(node_port=NodePortExposure(port=30080), load_balancer=LoadBalancerExposure()),
        "node_port: load_balancer is given too: keep one of them",
    ),
    (lambda: args(namespace="Edge"), "namespace: 'Edge' is not a Kubernetes namespace: use"),
    (lambda: args(anonymous="admin"), "anonymous: 'admin' is a user of the platform itself: choose another name"),
    (lambda: args(recheck="0s"), "recheck: '0s' is not a time to wait: write a duration such as 60s"),
    (
        lambda: args(trusted_proxies=["10.42.0.1/16"]),
        "trusted_proxies: '10.42.0.1/16' is not a network: write one such",
    ),
    (lambda: args(trusted_proxies=["::/0"]), "trusted_proxies: '::/0' is everywhere, so every caller could claim any"),
    (lambda: args(cors=["shop.example.com"]), "cors: 'shop.example.com' is not an origin: write one such as https://"),
    (lambda: args(client_namespaces=["A"]), "client_namespaces: 'A' is not a Kubernetes namespace: use"),
    (
        lambda: args(limits=HttpGatewayLimits(bodies="768Mi")),
        "resources.memory: 1Gi is less than what a pod may take at its limits, 1232Mi (limits.bodies up to 768Mi, ",
    ),
    (
        lambda: args(pods=HttpGatewayPods(max=4, requests_in_flight=2048)),
        "pods.requests_in_flight: a pod takes at most 2048 requests (limits.requests): use less",
    ),
    (
        lambda: args(
            tls=TLS, expose=Exposure(gateway_api=GatewayApiExposure(host="a.b", gateway_class="x", certificate="y"))
        ),
        "tls: what exposes the gateway ends TLS and speaks plain HTTP with the pods: remove tls",
    ),
    (
        lambda: args(client_namespaces=["web"], expose=Exposure(node_port=NodePortExposure(port=30080))),
        "client_namespaces: callers outside Kubernetes come from no namespace: remove it",
    ),
]


@pytest.mark.parametrize(("misuse", "message"), MISUSES, ids=[message[:40] for _, message in MISUSES])
def test_misuse_is_refused(misuse: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the message is compared below
        misuse()
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["Data", "a" * 51, "data.api", "1data"])
def test_a_name_that_cannot_be_a_service_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        run(lambda: HttpGateway(name, args()))


def test_the_name_of_the_kafka_is_refused() -> None:
    with pytest.raises(ValueError, match="name: 'events' is the Kafka's too, and so would be their Services'"):
        run(lambda: HttpGateway("events", args()))


def test_defaults_are_those_of_the_program() -> None:
    assert msgspec.convert(HttpGatewayLimits().settings("1Gi"), program.Limits) == program.Limits()


@pytest.mark.parametrize("memory", ["256Mi", "300Mi", "512Mi", "1Gi", "8Gi"])
@pytest.mark.parametrize("limits", [HttpGatewayLimits(), HttpGatewayLimits(consumers=20, body="2Mi")])
def test_all_bounds_together_fit_into_the_memory(memory: str, limits: HttpGatewayLimits) -> None:
    size = int(quantity(memory))
    needed = memory_needed(limits.costly(size), size)
    assert sum(needed.values()) <= size
    assert args(limits=limits, resources=HttpGatewayResources(memory=memory)).limits is limits
    # The program takes the same shares.
    own = msgspec.convert(limits.settings(memory), program.Limits)
    shares = own.stranger_bytes + own.ahead_bytes + own.written_bytes + own.feed_bytes + own.unpacked_bytes
    assert needed["shares of the memory"] == shares
    assert needed["limits.consumers"] == own.consumers * (650 * 1024 + own.queue_bytes + own.kept_bytes)
    assert own.streams_per_caller <= own.streams
    assert own.consumers_per_caller <= own.consumers


def test_what_is_written_and_does_not_fit_is_refused_with_what_takes_it() -> None:
    with pytest.raises(ValueError, match=r"less than what a pod may take at its limits.*limits.consumers up to"):
        args(limits=HttpGatewayLimits(consumers=256), resources=HttpGatewayResources(memory="256Mi"))
